"""A planned day: by hand where days are constant, and what holds for all days."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from heteroplan.forecasting.curve.season import DayPlan, planned_day, raised_level

NAN = float("nan")
type Floats = NDArray[np.float64]


def plan(days: object, quantile: float, classes: object = None, wanted: int = 0) -> DayPlan:
    values = np.array(days, float)
    given_ = np.zeros(len(values), np.int64) if classes is None else np.array(classes, np.int64)
    return planned_day(values, given_, wanted, quantile)


@st.composite
def some_days(draw: st.DrawFn) -> tuple[Floats, NDArray[np.int64]]:
    """One to nine days of 4, 6 or 24 intervals in one or two classes; NaN here and there."""
    days, intervals = draw(st.integers(1, 9)), draw(st.sampled_from([4, 6, 24]))
    cell = st.one_of(st.integers(0, 100), st.just(NAN))
    row = st.lists(cell, min_size=intervals, max_size=intervals)
    values = np.array(draw(st.lists(row, min_size=days, max_size=days)), float)
    values[0, 0] = draw(st.integers(0, 100))
    classes = draw(st.lists(st.integers(0, 1), min_size=days, max_size=days))
    classes[0] = 0
    return values, np.array(classes, np.int64)


@pytest.mark.parametrize(
    ("quantile", "factor"),
    [(0.0, 1 - 1 / sqrt(3)), (0.25, 1 - 1 / sqrt(3)), (0.5, 1.0), (0.95, 1 + 1 / sqrt(3)),
     (1.0, 1 + 1 / sqrt(3))],
)  # fmt: skip
def test_two_constant_days(quantile: float, factor: float) -> None:
    """Of 10 and 20: their profile is 15 and their ratios 1 -+ 1/3. A profile drawn from two days
    hides a part of their distance, 1/3 * sqrt(2 / 1), and errs about the coming day itself,
    * sqrt(3 / 2): 1 -+ 1/3 * sqrt(3) = 1 -+ 0.577. Half of the pool is the one, half the other.
    """
    found = plan([[10] * 24, [20] * 24], quantile)
    assert found.planned == pytest.approx([15 * factor] * 24)
    assert found.median == pytest.approx([15] * 24)
    assert found.days == 2


def test_equal_days_are_planned_as_they_are() -> None:
    day = [1 + hour % 7 for hour in range(24)]
    found = plan([day] * 40, 0.99)
    assert found.planned == pytest.approx(day)
    assert found.median == pytest.approx(day)


def test_one_day_is_planned_as_recorded_and_its_gaps_as_its_peak() -> None:
    assert plan([[3, NAN, 9, 1]], 0.5).planned.tolist() == [3, 9, 9, 1]


def test_days_without_any_value_do_not_count() -> None:
    found = plan([[3, 4], [NAN, NAN]], 0.95)
    assert (found.planned.tolist(), found.days) == ([3, 4], 1)


def test_no_value_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no day holds a value"):
        plan([[NAN, NAN]], 0.5)


def test_idle_days_are_planned_idle() -> None:
    found = plan([[0] * 24] * 5, 0.95)
    assert found.planned.tolist() == [0] * 24


def test_the_shape_of_the_mean_counts_as_far_as_days_agree_about_it() -> None:
    """Two days of four six-hour intervals, 80 each: their mean is 20 -+ 9, its variance 81. They
    differ by 2 everywhere, a variance of 2, and of the mean of two 1: 80/81 of 9 stays, 20 -+ 80/9.
    Over that they are 9/10, 27/25, 27/26 and 63/65, so their median is 261/260, stretched by
    sqrt(2 / 1 * 3 / 2).
    """
    found = plan([[10, 30, 10, 30], [12, 28, 12, 28]], 0.5)
    middle = 1 + sqrt(3) / 260
    assert found.median == pytest.approx([100 / 9 * middle, 260 / 9 * middle] * 2)


def test_days_that_disagree_about_their_shape_have_a_flat_one() -> None:
    """Their mean is 20 -+ 0.5, which is noise: a flat 20.25. Half of the pool are 10 and 11 over
    that, half 30: a median of 20.5, stretched by sqrt(2 / 1 * 3 / 2)."""
    found = plan([[10, 30, 10, 30], [30, 11, 30, 11]], 0.5)
    assert found.median == pytest.approx([20.25 + 0.25 * sqrt(3)] * 4)


def test_idle_hours_of_busy_days_are_planned_at_a_twentieth_of_the_mean() -> None:
    """Two equal days with a mean of 10: busy hours at their own, 20; idle ones at 0.5."""
    assert plan([[0, 20, 0, 20]] * 2, 0.95).planned == pytest.approx([0.5, 20, 0.5, 20])


@pytest.mark.parametrize(("days", "hours"), [(8, 10), (14, 4), (20, 2), (60, 0)])
def test_the_more_days_the_less_far_they_look_around(days: int, hours: int) -> None:
    """12 hours * (7 / days)^1.5, to the next hour: 9.8, 4.2, 2.5 (less than half an hour is none)
    and 0.5. What one day had at noon is planned for that far around it.
    """
    values = [[8.0] * 24 for _ in range(days)]
    values[3][12] = 40.0
    planned = plan(values, 1.0).planned
    near = [hour for hour in range(24) if planned[hour] > 1.05 * planned[0]]
    assert near == list(range(12 - hours, 13 + hours))


def test_they_look_round_midnight() -> None:
    """What one of fourteen days had at 23:00 is planned for from 19:00 to 03:00."""
    values = [[8.0] * 24 for _ in range(14)]
    values[3][23] = 40.0
    planned = plan(values, 1.0).planned
    assert [hour for hour in range(24) if planned[hour] > 1.05 * planned[12]] == [
        0, 1, 2, 3, 19, 20, 21, 22, 23
    ]  # fmt: skip


@pytest.mark.parametrize("intervals", [4, 5])
@pytest.mark.parametrize("quantile", [0.6, 0.7, 0.8, 0.9])
def test_the_pool_of_few_days_is_of_all_the_day(intervals: int, quantile: float) -> None:
    """So what is planned over the median is the same at all times."""
    days = np.array([[5, 9, 30, 2, 7], [6, 3, 20, 9, 8], [4, 8, 9, 20, 30]])
    found = plan(days[:, :intervals], quantile)
    over = found.planned / found.median
    assert over == pytest.approx([over[0]] * intervals)


@pytest.mark.parametrize(
    ("classes", "planned"),
    [([0, 0, 0], 20 * (1 + 0.5 * sqrt(2))), ([0, 1, 2], 10 * (1 + 0.5 * sqrt(3)))],
)
def test_days_that_are_known_in_part_are_in_the_pool(classes: list[int], planned: float) -> None:
    """10, 20 and 30, each unknown for an hour, so that the mean of all known ones is 20: ratios are
    1/2, 1 and 3/2, stretched by sqrt(3 / 2), and by sqrt((n + 1) / n) for the days of the class."""
    days = [[10.0] * 24, [20.0] * 24, [30.0] * 24]
    days[1][3] = days[0][7] = days[2][7] = NAN
    assert plan(days, 1.0, classes).planned == pytest.approx([planned] * 24)


def test_an_hour_that_one_of_many_days_tells_is_planned_as_it_was() -> None:
    """60 days look at the hour itself, of which one ratio is known."""
    days = [[8.0] * 24 for _ in range(60)]
    for day in days[1:]:
        day[5] = NAN
    assert plan(days, 0.95).planned == pytest.approx([8] * 24)


def test_the_only_day_of_its_class_takes_the_ratios_of_the_others() -> None:
    """It is constant at 5; others of 10 and 20 have ratios 1 -+ 1/3 * sqrt(2), and a profile of
    one day errs by sqrt(2 / 1) more: 1 -+ 2/3."""
    days = [[10] * 24, [20] * 24, [5] * 24]
    found = plan(days, 1.0, [0, 0, 1], wanted=1)
    assert found.planned == pytest.approx([5 * (1 + 2 / 3)] * 24)
    assert (found.median, found.days) == (pytest.approx([5] * 24), 1)


def test_the_only_day_of_its_class_keeps_its_shape() -> None:
    """Four intervals; the ratios are those of constant days at 10 and 20, of which 1 + 2/3."""
    days = [[10] * 4, [20] * 4, [2, 14, 4, 12]]
    planned = plan(days, 1.0, [0, 0, 1], wanted=1).planned
    assert planned == pytest.approx([each * 5 / 3 for each in days[2]])


def test_a_lone_day_is_smoothed_over_an_hour_either_way() -> None:
    """24 at midnight are 8 from 23:00 to 02:00, round the clock; the rest is a twentieth of the
    mean, 1. Ratios are those of the other days, of which 1 + 2/3."""
    days = [[10.0] * 24, [20.0] * 24, [24.0] + [0.0] * 23]
    planned = plan(days, 1.0, [0, 0, 1], wanted=1).planned
    wanted = [8.0 if hour in (23, 0, 1) else 0.05 for hour in range(24)]
    assert planned == pytest.approx([each * 5 / 3 for each in wanted])


@pytest.mark.parametrize(("like", "planned"), [(6, 10 * (1 + 0.5 * sqrt(7 / 3))), (7, 10.0)])
def test_a_class_of_a_week_has_ratios_of_its_own(like: int, planned: float) -> None:
    """Six days of its class take those of 5 and 15 beside them too: 1 + 1/2, stretched by sqrt(2)
    and, as six days tell the profile, by sqrt(7 / 6)."""
    days = [[10.0] * 24] * like + [[5.0] * 24, [15.0] * 24]
    found = plan(days, 1.0, [0] * like + [1, 1])
    assert found.planned == pytest.approx([planned] * 24)


def test_days_of_one_shape_agree_about_it_at_whatever_level() -> None:
    """The one is twice the other: their mean is as it was, and halves of the pool lie as far below
    it as above."""
    found = plan([[10, 30, 20, 60], [20, 60, 40, 120]], 0.5)
    assert found.median == pytest.approx([15, 45, 30, 90])


def test_many_intervals_are_planned_between_those_that_are_looked_at() -> None:
    """Of 576 intervals every other one is, of 14 days: 4.24 hours around it, which are 102. At the
    102nd one day had half more and another half less, so that the mean is 8 everywhere; that is
    in the pools of intervals 0 to 204, and half in that of 205 and of the last, which lies between
    574 and 0.
    """
    days = [[8.0] * 576 for _ in range(14)]
    days[3][102], days[4][102] = 12.0, 4.0
    high = 8 * (1 + 0.5 * sqrt(15 / 13))
    wanted = [high] * 205 + [(8 + high) / 2] + [8.0] * 369 + [(8 + high) / 2]
    assert plan(days, 1.0).planned == pytest.approx(wanted)


def test_days_each_alone_in_their_class_tell_each_other_how_days_differ() -> None:
    """5 and 15 around their mean of 10: ratios 1 -+ 1/2 * sqrt(2) * sqrt(2) = 0 and 2."""
    days = [[5] * 24, [15] * 24]
    assert plan(days, 1.0, [0, 1]).planned == pytest.approx([10] * 24)
    assert plan(days, 0.0, [0, 1], wanted=1).planned == pytest.approx([0] * 24)


def test_a_class_that_never_came_is_planned_from_all_days() -> None:
    days = [[10] * 24, [20] * 24]
    alike, other = plan(days, 0.9), plan(days, 0.9, [0, 1], wanted=7)
    assert other.planned.tolist() == alike.planned.tolist()


def test_an_interval_that_no_day_tells_is_planned_as_its_neighbours() -> None:
    """Constant at 8: the window of an hour around the unknown one holds 8 alone."""
    days = [[8.0] * 24 for _ in range(2)]
    for day in days:
        day[5] = NAN
    assert plan(days, 0.95).planned == pytest.approx([8] * 24)


def test_hours_that_none_of_many_days_tells_are_planned_as_the_day() -> None:
    """60 days look half an hour around; nothing is there from hour 4 to 8, so their mean, 8, and
    the ratios of the whole day count: 15/16, 1 and 17/16 on a third of the days each.
    """
    days = [[7.5 + 0.5 * (i % 3)] * 24 for i in range(60)]
    for day in days:
        day[4:9] = [NAN] * 5
    found = plan(days, 1.0)
    greatest = 1.0 + 1 / 16 * sqrt(60 / 59) * sqrt(61 / 60)
    assert found.planned == pytest.approx([8 * greatest] * 24)
    assert found.median == pytest.approx([8] * 24)


@pytest.mark.parametrize(
    ("days", "quantile", "planned"),
    [
        ([[10] * 24, [20] * 24, [30] * 24], 0.65, 20 * (1 + 0.5 * sqrt(2))),
        ([[10] * 24, [20] * 24, [30] * 24], 0.57, 20),
        ([[10, 20, 30] * 8, [20, 30, 10] * 8, [30, 10, 20] * 8], 0.65, 20),
    ],
)
def test_the_level_is_raised_where_days_differ_as_wholes(
    days: list[list[int]], quantile: float, planned: float
) -> None:
    """A pool of 24 intervals each at ratios 1/2, 1 and 3/2, stretched by sqrt(3 / 2 * 4 / 3) from
    1: below 46/71 it is the middle one, from 48/71 on the greatest. Three constant days raise P65
    to 1 - 0.35 * 3 / (3 + 1.2) = 0.75, and P57 to 1 - 0.43 * 3 / (3 + 0.56) = 0.64. Three days that
    are alike as wholes raise nothing.
    """
    found = plan(days, quantile)
    assert found.planned == pytest.approx([planned] * 24)
    assert found.median == pytest.approx([20] * 24)


@pytest.mark.parametrize(("quantile", "planned"), [(0.6, 20), (0.8, 20 * (1 + 0.5 * sqrt(2)))])
def test_the_level_is_raised_by_the_share_that_whole_days_have(
    quantile: float, planned: float
) -> None:
    """Ratios of 1/2 and 1, 1 and 5/4, 3/2 and 3/4, stretched by sqrt(2): 0.29, 0.65, 1 twice, 1.35
    and 1.71, a sixth of the pool each. Their logs have a variance of 0.327; those of the days have
    means of -0.61, 0.15 and 0.05, a variance of 0.173, so that days tell 0.53 of it. P60 becomes
    1 - 0.4 * 3 / (3 + 0.42) = 0.65, of which 1 is the quantile (to 47/71), and P80 becomes
    1 - 0.2 * 3 / (3 + 1.27) = 0.86, of which 1.71 is (from 60/71 on).
    """
    found = plan([[10, 20] * 12, [20, 25] * 12, [30, 15] * 12], quantile)
    assert found.planned == pytest.approx([planned] * 24)


def test_the_level_is_raised_for_the_days_that_the_quantile_is_of() -> None:
    """One day of its class takes the ratios of the three others, so three days tell P55: 0.60, of
    which the middle one is the quantile. One day would raise it to 1 - 0.45 / 1.4 = 0.68.
    """
    days = [[10] * 24, [20] * 24, [30] * 24, [5] * 24]
    assert plan(days, 0.55, [0, 0, 0, 1], wanted=1).planned == pytest.approx([5] * 24)


def test_with_many_days_it_is_the_plain_quantile_of_like_intervals() -> None:
    """2,000 days at six times of day, each of its own level and spread: within 4 % of numpy's."""
    rng = np.random.default_rng(1)
    levels, spreads = np.array([5, 50, 20, 80, 3, 9]), np.array([0.1, 0.5, 0.3, 0.2, 0.6, 0.4])
    values = levels * np.exp(spreads * rng.standard_normal((2000, 6)))
    for quantile in (0.5, 0.9, 0.95):
        plain = np.quantile(values, quantile, axis=0)
        assert plan(values, quantile).planned == pytest.approx(plain, rel=0.04)


@settings(max_examples=40, deadline=None)
@given(some_days(), st.floats(0, 1), st.floats(0, 1))
def test_it_grows_with_the_quantile_and_is_always_told(
    given_: tuple[Floats, NDArray[np.int64]], one: float, other: float
) -> None:
    values, classes = given_
    low, high = (planned_day(values, classes, 0, each) for each in sorted((one, other)))
    assert (low.planned >= 0).all()
    assert (high.planned >= low.planned - 1e-9).all()
    assert low.median == pytest.approx(high.median)


@settings(max_examples=40, deadline=None)
@given(some_days(), st.floats(0, 1), st.integers(-20, 20))
def test_it_is_in_the_unit_of_the_rates(
    given_: tuple[Floats, NDArray[np.int64]], quantile: float, power: int
) -> None:
    """Rates times a power of two, which rounds nothing: the plan times that."""
    values, classes = given_
    plain = planned_day(values, classes, 0, quantile).planned
    scaled = planned_day(values * 2.0**power, classes, 0, quantile).planned
    assert scaled == pytest.approx(plain * 2.0**power, rel=1e-9, abs=0)


@settings(max_examples=40, deadline=None)
@given(some_days(), st.floats(0, 1), st.randoms(use_true_random=False))
def test_like_days_may_come_in_any_order(
    given_: tuple[Floats, NDArray[np.int64]], quantile: float, rng: object
) -> None:
    values, classes = given_
    order = list(range(len(values)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    plain = planned_day(values, classes, 0, quantile)
    other = planned_day(values[order], classes[order], 0, quantile)
    assert other.planned == pytest.approx(plain.planned, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("days", [1, 2, 7, 1000])
def test_the_level_is_not_raised_at_the_median_nor_at_the_maximum(days: int) -> None:
    assert raised_level(0.5, days, 1.0) == pytest.approx(0.5)
    assert raised_level(0.3, days, 1.0) == pytest.approx(0.3)
    assert raised_level(1.0, days, 1.0) == 1.0
    assert raised_level(0.95, days, 0.0) == pytest.approx(0.95)


def test_the_level_of_few_days_is_raised() -> None:
    """P95 of two days that differ as wholes: 4 * (2 * 0.95 - 1) = 3.6, so 1 - 0.05 * 2 / 5.6."""
    assert raised_level(0.95, 2, 1.0) == pytest.approx(1 - 0.1 / 5.6)
    assert raised_level(0.95, 10**6, 1.0) == pytest.approx(0.95, abs=1e-6)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 100), st.floats(0, 1))
def test_the_level_grows_with_the_quantile(
    one: float, other: float, days: int, share: float
) -> None:
    low, high = (raised_level(each, days, share) for each in sorted((one, other)))
    assert low <= high + 1e-12
    assert max(one, other) - 1e-12 <= high <= 1.0
