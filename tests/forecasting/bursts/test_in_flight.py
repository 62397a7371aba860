import numpy as np
import pytest

from heteroplan.forecasting.bursts.in_flight import seen
from tests.forecasting.bursts.made import batches

Triple = tuple[float, float, float]


def others(times_s: list[float], stay_s: list[float], planned: float = 1.0) -> Triple:
    """Seen at the median, P90 and P99 of tokens, from the first arrival to 1,000 s."""
    moments_us = np.round(np.array(times_s) * 1e6).astype(np.int64)
    size = len(times_s)
    stretches = np.zeros(size, np.int64) - 10**9, np.full(size, 10**9)
    (found,) = seen(
        moments_us,
        np.array(stay_s),
        np.full(size, planned),
        stretches,
        np.zeros(size, np.int64),
        (0.5, 0.9, 0.99),
    )
    return float(found[0]), float(found[1]), float(found[2])


def test_one_at_a_time_sees_no_other() -> None:
    assert others([0.0, 10.0, 20.0], [5.0, 5.0, 5.0]) == (0.0, 0.0, 0.0)


def test_ten_together_see_nine() -> None:
    """And where 3 are planned, 3 times as many."""
    assert others([0.0] * 10, [5.0] * 10) == pytest.approx((9.0, 9.0, 9.0), rel=0.02)
    assert others([0.0] * 10, [5.0] * 10, 3.0) == pytest.approx((3.0, 3.0, 3.0), rel=0.02)


def test_moments_count_as_often_as_tokens_come_in_them() -> None:
    """8 s of one alone, 1 s of two: a fifth of the tokens see another one."""
    low, high, highest = others([0.0, 8.0], [9.0, 1.0])
    assert low == 0.0
    assert (high, highest) == pytest.approx((1.0, 1.0), rel=0.02)


def test_poisson_arrivals_see_a_poisson_number_whatever_the_lengths() -> None:
    """20 on average: P95 of Poisson is 28."""
    times_s = batches(10.0, 1.0, hours=2)
    stays = np.random.default_rng(3).exponential(2.0, len(times_s))
    moments_us = (times_s * 1e6).astype(np.int64)
    size = len(times_s)
    whole = np.zeros(size, np.int64), np.full(size, 7200 * 10**6)
    (found,) = seen(
        moments_us, stays, np.full(size, 20.0), whole, np.zeros(size, np.int64), (0.95,)
    )
    assert found[0] * 20 == pytest.approx(28, abs=1.5)
