import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.forecasting.bursts.variance_time import dispersions
from tests.forecasting.bursts.made import batches, exponential, sample

PIECE_S = 300


def test_windows_by_hand() -> None:
    """Of a piece of 300 s, three windows of 100 s hold 3, 0 and 0 requests: a variance of 3, mean
    1."""
    (found,) = dispersions(sample(np.array([1.0, 2.0, 3.0])), PIECE_S, [100.0])
    assert (found.requests, found.prompts, found.answers) == pytest.approx((3.0, 3.0, 3.0))


def test_each_piece_is_measured_around_its_own_mean() -> None:
    """6 requests in one piece and 3 in the next, as many in each window of a piece: no variance."""
    times_s = np.array([*range(0, 300, 50), *range(310, 600, 100)], float)
    (found,) = dispersions(sample(times_s), PIECE_S, [100.0])
    assert found.requests == pytest.approx(0.0)


def test_long_windows_are_measured_around_the_mean_of_the_interval() -> None:
    """Three windows of 300 s in 900 s with 4, 2 and 0: a variance of 4 and a mean of 2."""
    times_s = np.array([0.0, 1.0, 2.0, 3.0, 400.0, 500.0])
    (found,) = dispersions(sample(times_s), PIECE_S, [300.0])
    assert found.requests == pytest.approx(2.0)
    assert dispersions(sample(times_s), PIECE_S, [900.0]) == ()


@pytest.mark.parametrize("batch", [1.0, 4.0])
def test_batches_of_geometric_size_vary_twice_their_size_less_one_at_all_scales(
    batch: float,
) -> None:
    times_s = batches(5.0 * batch, batch, hours=10)
    lengths = exponential(len(times_s))
    for each in dispersions(sample(times_s, lengths, lengths), PIECE_S, [0.1, 1.0, 10.0, 100.0]):
        assert each.requests == pytest.approx(2 * batch - 1, rel=0.15)
        assert each.prompts == pytest.approx(2 * batch - 1, rel=0.2)
        assert each.answers == each.prompts


def test_long_prompts_that_come_together_add_to_the_dispersion_of_work() -> None:
    """Requests in batches of four, all of one batch as long: work varies more than requests do."""
    times_s = np.repeat(batches(1.0, 1.0, hours=10), 4)
    lengths = np.repeat(exponential(len(times_s) // 4), 4)
    (found,) = dispersions(sample(times_s, lengths, lengths), PIECE_S, [1.0])
    assert found.requests == pytest.approx(4.0, rel=0.1)
    assert found.prompts == pytest.approx(4.0 * 2.0 - 1.0, rel=0.1)


@given(st.lists(st.floats(0.0, 89.9), min_size=1, max_size=50), st.sampled_from([2, 5, 10]))
def test_slower_time_scales_the_windows(times_s: list[float], slower: int) -> None:
    """Windows of 1 s around the mean of 30 s, and all of it slower."""
    times = np.sort(np.round(times_s, 3))
    (quick,) = dispersions(sample(times), 30, [1.0])
    (slow,) = dispersions(sample(times * slower), 30 * slower, [1.0 * slower])
    assert slow.requests == pytest.approx(quick.requests, abs=1e-9)
