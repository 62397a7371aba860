import numpy as np

from heteroplan.forecasting.bursts.steadiness import steadiness
from tests.forecasting.bursts.made import batches, exponential, planned, sample


def test_random_arrivals_are_steady() -> None:
    times_s = batches(3.0, 1.0, hours=2)
    one = sample(times_s, exponential(len(times_s)))
    assert steadiness(one, None, 300) == []
    assert steadiness(one, planned(one, 3.0), 300) == []


def test_batches_that_come_in_the_second_half_alone_are_told() -> None:
    """Poisson for an hour, then batches of 20 at the same rate."""
    times_s = np.concatenate([batches(3.0, 1.0, hours=1), 3600 + batches(3.0, 20.0, hours=1)])
    one = sample(times_s, exponential(len(times_s)))
    (note,) = steadiness(one, None, 300)
    assert note.startswith("the trace is not steady: a part of it needs ")
    assert steadiness(one, planned(one, 3.0), 300) == [note] or steadiness(
        one, planned(one, 3.0), 300
    )


def test_what_came_before_covers_what_comes_after() -> None:
    times_s = np.concatenate([batches(3.0, 20.0, hours=1), 3600 + batches(3.0, 1.0, hours=1)])
    one = sample(times_s, exponential(len(times_s)))
    assert steadiness(one, None, 300) == []


def test_a_rise_that_the_forecast_knows_is_steady() -> None:
    times_s = np.concatenate([batches(3.0, 1.0, hours=1), 3600 + batches(9.0, 1.0, hours=1)])
    one = sample(times_s, exponential(len(times_s)))
    rates = planned(one, 3.0)
    later = rates.starts_us >= 3600 * 1_000_000
    rates.prompts[later] *= 3.0
    assert steadiness(one, None, 300) != []
    assert steadiness(one, rates, 300) == []


def test_a_short_trace_tells_nothing() -> None:
    assert steadiness(sample(np.array([0.0, 1.0])), None, 300) == []
