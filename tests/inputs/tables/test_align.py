from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.scenario import Horizon
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.inputs.tables.align import AlignedDemand, aligned
from heteroplan.inputs.tables.demand_csv import DemandSeries

START = datetime(2026, 11, 23, tzinfo=ZoneInfo("UTC"))


def series(step_s: int, *rps: float, isl: tuple[float, ...] | None = None) -> DemandSeries:
    shapes = (
        None if isl is None else tuple((StepShape("default", 1.0, each, each),) for each in isl)
    )
    return DemandSeries(int(START.timestamp()), step_s, rps, shapes)


def horizon(interval_s: int, intervals: int) -> Horizon:
    return Horizon(START, intervals, interval_s, "UTC", cyclic=True)


def rates(of: DemandSeries, over: Horizon) -> list[float]:
    return [each.rps for each in aligned(of, over)]


def test_a_coarser_interval_takes_the_greatest_rate_it_overlaps() -> None:
    assert rates(series(900, 1, 4, 2, 3, 5, 0, 0, 6), horizon(3600, 2)) == [4, 6]


def test_a_finer_interval_takes_the_rate_of_its_step() -> None:
    assert rates(series(3600, 1, 4), horizon(1800, 4)) == [1, 1, 4, 4]


def test_an_interval_across_steps_takes_the_greater_one() -> None:
    """Steps of 10 min, intervals of 15: [0, 15) overlaps steps 0 and 1, [15, 30) steps 1 and 2."""
    assert rates(series(600, 1, 2, 5, 3, 0, 0), horizon(900, 4)) == [2, 5, 3, 0]


def test_a_horizon_inside_the_file_takes_its_part() -> None:
    later = Horizon(START.replace(hour=2), 1, 3600, "UTC", cyclic=True)
    assert rates(series(3600, 1, 2, 3, 4), later) == [3]


def test_lengths_are_means_over_requests() -> None:
    """10 min at 1/s of 1000 tokens and 5 min at 4/s of 400 tokens are 600 and 1200 requests.

    (600 * 1000 + 1200 * 400) / 1800 = 600 tokens.
    """
    of = series(600, 1, 4, 1, isl=(1000, 400, 100))
    assert next(aligned(of, horizon(900, 2))) == AlignedDemand(
        4, (StepShape("default", 1.0, 600, 600),)
    )


def test_lengths_of_an_idle_interval_are_means_over_time() -> None:
    of = series(600, 0, 0, 1, isl=(1000, 400, 100))
    shapes = next(aligned(of, horizon(900, 2))).shapes
    assert shapes is not None
    assert shapes[0].isl == pytest.approx((600 * 1000 + 300 * 400) / 900)


def test_classes_keep_their_work_across_steps() -> None:
    """Two steps of 450 requests each, shares 0.2 and 0.6 of 100 and 300 tokens, no spread.

    Share 0.4; mean (0.2 * 100 + 0.6 * 300) / 0.8 = 250. Half of the first step's tokens are cached:
    computed are 50 and 300, on average (0.2 * 50 + 0.6 * 300) / 0.8 = 237.5 (a hit rate of 0.05),
    squares (0.2 * 50^2 + 0.6 * 300^2) / 0.8 = 68,125: spread sqrt(68,125 / 237.5^2 - 1) = 0.4558.
    Contexts by output tokens: (0.2 * 10 * 105 + 0.6 * 30 * 315) / (0.2 * 10 + 0.6 * 30) = 294.
    """
    steps = (
        (StepShape("a", 0.2, 100, 10, 0.0, 0.5, 105), StepShape("b", 0.8, 1, 1, 0.0, 0.0)),
        (StepShape("a", 0.6, 300, 30, 0.0, 0.0, 315), StepShape("b", 0.4, 1, 1, 0.0, 0.0)),
    )
    of = DemandSeries(int(START.timestamp()), 450, (1.0, 1.0), steps)
    shapes = next(aligned(of, horizon(900, 1))).shapes
    assert shapes is not None
    first = shapes[0]
    assert (first.share, first.isl, first.osl) == pytest.approx((0.4, 250, 25))
    assert (first.isl_cv, first.prefix_hit_rate) == pytest.approx((0.4558, 0.05), abs=1e-4)
    assert first.context == pytest.approx(294)
    assert sum(each.share for each in shapes) == pytest.approx(1.0)


@given(
    st.lists(st.floats(0, 100), min_size=12, max_size=12),
    st.sampled_from([300, 600, 700, 900, 1200, 1800]),
)
def test_every_moment_of_the_file_is_covered(rps: list[float], interval_s: int) -> None:
    """Second by second, the interval's rate is at least the step's and one of the steps'."""
    of = series(600, *rps)
    found = rates(of, horizon(interval_s, 7200 // interval_s))
    for second in range(0, len(found) * interval_s, 100):
        assert found[second // interval_s] >= rps[second // 600]
    assert set(found) <= set(rps)
