import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.forecasting.bursts.sample import FEWEST_INTERVALS, Sample, Sampled
from heteroplan.forecasting.steps.opened import PlacedRequests

US_PER_S = 1_000_000


def requests(times_s: list[int], isl: int = 100, osl: int = 10) -> PlacedRequests:
    moments_us = np.array(times_s, np.int64) * US_PER_S
    lengths = np.full(len(times_s), 1, np.int64)
    return PlacedRequests(moments_us, lengths * isl, lengths * osl, None)


def kept(sample: Sample) -> Sampled:
    found = sample.kept()
    assert found is not None
    return found


def test_few_requests_are_all_kept_in_order() -> None:
    sample = Sample(60)
    sample.add(requests([130, 10]), 0)
    sample.add(requests([70]), 0)
    found = kept(sample)
    assert (found.moments_us // US_PER_S).tolist() == [10, 70, 130]
    assert (found.starts_us // US_PER_S).tolist() == [0, 60, 120]
    assert found.span_us == found.interval_us == 60 * US_PER_S


def test_nothing_is_kept_of_nothing() -> None:
    assert Sample(60).kept() is None


def test_prefill_computes_what_no_cache_holds_and_unknown_lengths_are_mean_ones() -> None:
    arrived = PlacedRequests(
        np.array([0, 1, 2], np.int64),
        np.array([100, 300, -1], np.int64),
        np.array([10, 30, 50], np.int64),
        np.array([40, 1000, -1], np.int64),
    )
    sample = Sample(60)
    sample.add(arrived, 0)
    found = kept(sample)
    assert found.prompts.tolist() == [60.0, 1.0, 30.5]
    assert found.answers.tolist() == [10.0, 30.0, 20.0]


def test_of_many_intervals_whole_ones_are_kept_spread_over_the_trace() -> None:
    """A request a second for 1,000 minutes; 6,000 may be kept."""
    sample = Sample(60, most=6000)
    sample.add(requests(list(range(60_000))), 0)
    found = kept(sample)
    intervals, counts = np.unique(found.starts_us, return_counts=True)
    assert 3000 <= len(found.moments_us) <= 6000
    assert (counts == 60).all()
    quarters = np.histogram(intervals, 4, (0, 60_000 * US_PER_S))[0]
    assert quarters.min() > 0.8 * quarters.max()


def test_of_few_intervals_leading_parts_are_kept() -> None:
    sample = Sample(60, most=100)
    sample.add(requests([each // 10 for each in range(600 * 4)]), 0)
    found = kept(sample)
    assert 0 < len(found.moments_us) <= 100
    assert found.span_us < found.interval_us
    assert (found.moments_us - found.starts_us).max() < found.span_us
    assert len(np.unique(found.starts_us)) <= FEWEST_INTERVALS


@given(st.integers(0, 1000), st.integers(1, 50))
def test_what_is_kept_does_not_depend_on_order_and_batches(seed: int, size: int) -> None:
    times = list(range(0, 40_000, 7))
    whole = Sample(60, most=500)
    whole.add(requests(times), 0)
    times = np.random.default_rng(seed).permutation(times).tolist()
    parts = Sample(60, most=500)
    for at in range(0, len(times), 100 * size):
        parts.add(requests(times[at : at + 100 * size]), 0)
    assert kept(parts).moments_us.tolist() == kept(whole).moments_us.tolist()
