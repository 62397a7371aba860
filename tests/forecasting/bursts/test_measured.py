from collections.abc import Sequence

import numpy as np
import pytest

from heteroplan.entities.arrivals import ArrivalsSource
from heteroplan.forecasting.bursts.measured import (
    PERCENTILES,
    SCALES_S,
    Bursts,
    high,
    measured,
    pooled,
    stretches,
)
from tests.forecasting.bursts.made import (
    INTERVAL_S,
    US_PER_S,
    batches,
    exponential,
    planned,
    sample,
)


def of_batches(batch: float, rps: float, hours: int = 6, slower: int = 1) -> Bursts:
    times_s = batches(rps, batch, hours)
    lengths, others = exponential(len(times_s)), exponential(len(times_s), 2)
    one = sample(times_s * slower, lengths, others, INTERVAL_S * slower)
    return measured(one, planned(one, rps / slower), 300 * slower)


def median_over(values: Sequence[float]) -> float:
    return float(np.median(values))


def test_poisson_arrivals_have_a_dispersion_of_about_one() -> None:
    found = of_batches(1.0, rps=4.0)
    assert found.arrivals.source is ArrivalsSource.MEASURED
    assert len(found.arrivals.points) == len(SCALES_S) * len(PERCENTILES)
    points = [each for each in found.arrivals.points if each.percentile > 0.5]
    for values in ([each.prefill for each in points], [each.decode for each in points]):
        assert min(values) >= 1.0
        assert median_over(values) < 1.5
        assert max(values) < 3.0


def test_geometric_batches_have_twice_their_size_less_one() -> None:
    """Batches of 5: 9, of 95 % of the intervals a little more by chance.

    Sequences of exponential length overlap the others of their batch for half of their time.
    """
    found = of_batches(5.0, rps=20.0)
    some = [each for each in found.arrivals.points if 0.2 <= each.scale_s <= 2.0]
    for each in some:
        if each.percentile >= 0.9:
            assert 8.0 < each.prefill < 14.0
    assert median_over([each.decode for each in some]) == pytest.approx(1 + 8.0 / 2, rel=0.3)


def test_slower_arrivals_have_the_dispersion_at_a_longer_scale() -> None:
    quick, slow = of_batches(3.0, 20.0), of_batches(3.0, 20.0, slower=10)
    at = {(each.scale_s, each.percentile): each for each in slow.arrivals.points}
    for each in quick.arrivals.points:
        if 0.5 <= each.scale_s <= 2.0 and each.percentile >= 0.9:
            later = at[10 * each.scale_s, each.percentile]
            assert later.prefill == pytest.approx(each.prefill, rel=1e-3)
            assert later.decode == pytest.approx(each.decode, rel=1e-3)


def test_more_of_what_is_planned_needs_less() -> None:
    times_s = batches(10.0, 3.0, 3)
    one = sample(times_s, exponential(len(times_s)))
    low, high_ = measured(one, planned(one, 10.0), 300), measured(one, planned(one, 15.0), 300)
    for before, after in zip(low.needs, high_.needs, strict=True):
        assert after.prefill <= before.prefill
        assert after.decode <= before.decode


def test_few_requests_are_pooled_and_the_rest_joins_the_last() -> None:
    of_request = np.repeat(np.arange(5), [3, 3, 6, 1, 1])
    assert pooled(of_request, 5).tolist() == [0] * 6 + [1] * 8
    assert pooled(of_request, 100).tolist() == [0] * 14


def test_a_high_value_is_that_of_most_of_the_weight() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 10.0, 89.0])
    assert high(values, weights, 0.95) == 2.0
    assert high(values, weights, 1.0) == 3.0


def test_stretches_go_as_far_as_intervals_follow_each_other() -> None:
    """Intervals 0, 1 and 3 hold requests."""
    one = sample(np.array([1.0, 950.0, 2750.0]))
    begins_us, ends_us = stretches(one)
    interval_us = INTERVAL_S * US_PER_S
    assert begins_us.tolist() == [0, 0, 3 * interval_us]
    assert ends_us.tolist() == [2 * interval_us, 2 * interval_us, 4 * interval_us]
