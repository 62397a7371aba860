from datetime import date, timedelta
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from heteroplan.forecasting.curve.weekdays import Trend, chosen, classes_of, trend_of

MONDAY = date(2026, 11, 2)


def days(count: int, first: date = MONDAY) -> list[date]:
    return [first + timedelta(days=i) for i in range(count)]


def constant(*levels: float) -> NDArray[np.float64]:
    """A day of four intervals at each level."""
    return np.repeat(np.array(levels, float)[:, None], 4, axis=1)


def told(values: NDArray[np.float64], kind: str = "alike") -> Trend:
    found = trend_of(values, classes_of(days(len(values)), kind))
    assert found is not None
    return found


def test_classes_of_a_week_from_thursday_on() -> None:
    """Thursday is 3, Saturday 5, Sunday 6."""
    week = days(7, date(2026, 11, 5))
    assert classes_of(week, "alike").tolist() == [0] * 7
    assert classes_of(week, "weekend").tolist() == [0, 0, 1, 1, 0, 0, 0]
    assert classes_of(week, "each").tolist() == [3, 4, 5, 6, 0, 1, 2]


@pytest.mark.parametrize("count", [7, 10, 28])
def test_a_clear_weekend_is_found_from_a_week_on(count: int) -> None:
    values = constant(*(10 if i % 7 < 5 else 2 for i in range(count)))
    assert chosen(values, days(count), 0.95) == "weekend"


def test_fewer_days_than_a_week_are_alike() -> None:
    """Wednesday to Monday, the weekend among them."""
    values = constant(10, 10, 10, 2, 2, 10)
    assert chosen(values, days(6, date(2026, 11, 4)), 0.95) == "alike"


def test_a_single_weekend_day_is_no_class() -> None:
    """Sunday to the Sunday after has two Sundays and a Saturday, Monday to Saturday one only."""
    values = constant(10, 10, 10, 10, 10, 2)
    assert chosen(values, days(6), 0.95) == "alike"
    assert chosen(constant(2, 10, 10, 10, 10, 10, 2, 2), days(8, date(2026, 11, 1)), 0.95) == (
        "weekend"
    )


def test_weekdays_that_all_differ_are_told_apart_from_four_weeks_on() -> None:
    values = constant(*(10 + 10 * (i % 7) for i in range(28)))
    assert chosen(values, days(28), 0.95) == "each"
    assert chosen(values[:27], days(27), 0.95) != "each"


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.95, 1.0])
def test_equal_days_are_alike(quantile: float) -> None:
    assert chosen(constant(*[10] * 28), days(28), quantile) == "alike"
    assert chosen(constant(*[0] * 28), days(28), quantile) == "alike"
    assert chosen(constant(10), days(1), quantile) == "alike"


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 2.0), st.integers(7, 35), st.sampled_from(["alike", "weekend", "each"]))
def test_an_exact_trend_is_found_within_whatever_classes(
    weekly: float, count: int, kind: str
) -> None:
    """Levels are weekly^(day / 7), weekends a fifth of that where they are told apart."""
    level: dict[str, list[float]] = {
        "alike": [1.0] * 7,
        "weekend": [1.0] * 5 + [0.2] * 2,
        "each": [1, 2, 3, 4, 5, 6, 7],
    }
    values = constant(*(level[kind][i % 7] * weekly ** (i / 7) for i in range(count)))
    if kind == "each" and count == 7:
        assert trend_of(values, classes_of(days(count), kind)) is None
        return
    found = told(values, kind)
    assert (found.weekly, found.low, found.high) == pytest.approx((weekly,) * 3, rel=1e-6)
    assert found.days == count


def test_a_flat_past_has_no_trend() -> None:
    found = told(constant(*[10] * 28))
    assert (found.weekly, found.holds) == (pytest.approx(1.0), False)


def test_a_trend_needs_a_week_to_be_told_and_three_to_be_reckoned_with() -> None:
    values = constant(*(1.1 ** (i / 7) for i in range(28)))
    assert trend_of(values[:6], classes_of(days(6), "alike")) is None
    assert [told(values[:count]).holds for count in (7, 27, 28)] == [False, False, True]


def test_days_that_are_missing_do_not_move_the_others() -> None:
    """Of five weeks at +10 % a week one is missing: still +10 %, from 28 days."""
    values = constant(*(1.1 ** (i / 7) for i in range(35)))
    values[7:14] = np.nan
    found = told(values)
    assert (found.weekly, found.days, found.holds) == (pytest.approx(1.1), 28, True)


def test_hours_that_are_missing_are_not_read_as_idle() -> None:
    """The last week lacks its busiest quarter: flat all the same."""
    values = np.tile([1.0, 2.0, 3.0, 10.0], (28, 1))
    values[21:, 3] = np.nan
    assert told(values).weekly == pytest.approx(1.0)


def test_the_interval_holds_the_true_trend_in_most_pasts() -> None:
    """100 pasts of 28 days at +5 % a week, days apart by chance (20 %): in 90 of them at least."""
    rng = np.random.default_rng(3)
    rises = exp(log(1.05) / 7) ** np.arange(28)
    found = [told(constant(*(rises * np.exp(0.2 * rng.standard_normal(28))))) for _ in range(100)]
    assert sum(each.low <= 1.05 <= each.high for each in found) >= 90


def test_a_trend_holds_only_where_it_is_surely_not_flat() -> None:
    assert Trend(1.1, 1.01, 1.2, 28).holds
    assert Trend(0.9, 0.8, 0.99, 28).holds
    assert not Trend(1.1, 0.99, 1.2, 28).holds
    assert not Trend(1.1, 1.01, 1.2, 27).holds


def test_days_that_differ_by_chance_are_alike() -> None:
    """Four weeks of days apart by 20 %: some kind always fits them better, but not surely so."""
    rng = np.random.default_rng(7)
    found = [
        chosen(constant(*np.exp(0.2 * rng.standard_normal(28))), days(28), 0.9) for _ in range(10)
    ]
    assert found.count("alike") >= 9


def test_the_last_seventeen_weeks_tell_which_days_are_alike() -> None:
    """Weekends are quiet in them; before them they were not, and P95 of all is a busy one."""
    values = constant(*[2 if i >= 49 and i % 7 >= 5 else 10 for i in range(49 + 119)])
    assert chosen(values, days(49 + 119), 0.95) == "weekend"


def levels(count: int, memory: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Logarithms with a deviation of 0.2, each like the one before by `memory`."""
    found = np.empty(count)
    found[0] = rng.standard_normal()
    for i in range(1, count):
        found[i] = memory * found[i - 1] + (1 - memory**2) ** 0.5 * rng.standard_normal()
    return 0.2 * found


def test_the_interval_is_about_as_wide_as_chance_makes_it() -> None:
    """Of 28 days with a deviation of 0.2 a slope has one of 0.2 / sqrt(28 * (28^2 - 1) / 12) a day,
    of 0.0328 a week, of which 99 % of Student's t with 26 degrees of freedom lie within 2.78:
    0.091. It allows for some likeness of neighbours, which may be there by chance."""
    rng = np.random.default_rng(11)
    found = [told(constant(*np.exp(levels(28, 0.0, rng)))) for _ in range(100)]
    reaches = [log(each.high / each.low) / 2 for each in found]
    assert 0.091 < float(np.median(reaches)) < 0.13
    for each in found:
        assert each.weekly**2 == pytest.approx(each.low * each.high)


def test_the_interval_is_wider_where_days_resemble_the_day_before() -> None:
    """A likeness of 0.6 makes a slope err twice as much, sqrt((1 + 0.6) / (1 - 0.6)): no trend is
    inside the interval all the same, in 95 of 100 pasts of eight weeks at least."""
    rng = np.random.default_rng(5)
    found = [told(constant(*np.exp(levels(56, 0.6, rng)))) for _ in range(100)]
    assert sum(each.low <= 1.0 <= each.high for each in found) >= 95
    plain = 2.67 * 0.2 / (56 * (56**2 - 1) / 12) ** 0.5 * 7
    reaches = [log(each.high / each.low) / 2 for each in found]
    assert 1.5 < float(np.median(reaches)) / plain < 3.0
