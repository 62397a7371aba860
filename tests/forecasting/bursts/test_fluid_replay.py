import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from heteroplan.forecasting.bursts.fluid_replay import CAPACITIES, Work, needed


def work(times_s: list[float], seconds: list[float], groups: list[int] | None = None) -> Work:
    """Of one stretch; one group where not said."""
    moments_us = np.round(np.array(times_s) * 1e6).astype(np.int64)
    return Work(
        moments_us,
        np.array(seconds),
        np.arange(len(times_s)) == 0,
        np.array(groups or [0] * len(times_s)),
    )


def waits(of: Work, capacity: float) -> NDArray[np.float64]:
    """By hand: Lindley's recursion."""
    found, left = [], 0.0
    for i in range(len(of.seconds)):
        if i:
            gap_s = (of.moments_us[i] - of.moments_us[i - 1]) / 1e6
            left = max(0.0, left + of.seconds[i - 1] / capacity - gap_s)
        found.append(left)
    return np.array(found)


def test_a_queue_by_hand() -> None:
    """Ten requests of 4 s of work at once: the last one waits 36 s at a capacity of 1.

    The sixth one waits 20 / K, so that 5 of 10 wait longer than 10 s up to a capacity of 1.6, and
    the last one no longer from 3.6 on.
    """
    found = needed(work([0.0] * 10, [4.0] * 10), [10.0], [0.5, 0.95])[0, 0]
    assert found[0] == pytest.approx(2.0, rel=0.15)
    assert found[1] == pytest.approx(3.6, rel=0.2)


def test_the_first_of_a_stretch_finds_nothing() -> None:
    """Of each pair the second one waits 100 / K - 1 seconds: 1 s at K = 50."""
    pairs = work([0.0, 1.0] * 50, [100.0] * 100)
    apart = Work(pairs.moments_us, pairs.seconds, np.arange(100) % 2 == 0, pairs.groups)
    assert needed(apart, [1.0], [0.49])[0, 0, 0] == 1.0
    assert needed(apart, [1.0], [0.51])[0, 0, 0] == pytest.approx(50, rel=0.3)


def test_each_group_has_a_need_of_its_own() -> None:
    """One request at a time needs no more than its rate; ten at once do."""
    times_s = [*map(float, range(100)), *[200.0] * 10]
    found = needed(work(times_s, [1.0] * 110, [0] * 100 + [1] * 10), [0.5], [0.9])[:, 0, 0]
    assert found[0] == 1.0
    assert found[1] > 8.0


@given(st.data(), st.sampled_from([0.5, 0.9]), st.sampled_from([0.3, 2.0]))
def test_the_need_lies_between_the_capacities_that_do_and_do_not(
    data: st.DataObject, percentile: float, wait_s: float
) -> None:
    size = data.draw(st.integers(20, 60))
    times_s = sorted(data.draw(st.lists(st.floats(0, 30), min_size=size, max_size=size)))
    seconds = data.draw(st.lists(st.floats(0.01, 3), min_size=size, max_size=size))
    one = work(times_s, seconds)
    found = float(needed(one, [wait_s], [percentile])[0, 0, 0])
    place = int(np.searchsorted(CAPACITIES, found))
    after = float(CAPACITIES[place])
    allowed = (1.0 - percentile) * size
    assert (waits(one, after) > wait_s + 1e-9).sum() <= allowed + 1e-9
    if found > 1.0:
        before = float(CAPACITIES[max(0, place - 1)])
        assert (waits(one, before) > wait_s - 1e-9).sum() >= allowed - 1e-9


@given(st.integers(0, 20), st.sampled_from([2.0, 10.0]))
def test_slower_time_scales_the_waits(seed: int, slower: float) -> None:
    draws = np.random.default_rng(seed)
    times_s = np.sort(np.round(draws.uniform(0, 100, 200), 3))
    seconds = draws.exponential(0.5, 200)
    quick = needed(work(list(times_s), list(seconds)), [1.0], [0.9])
    slow = needed(work(list(times_s * slower), list(seconds * slower)), [slower], [0.9])
    assert slow == pytest.approx(quick, rel=1e-6)
