"""Which hours of the week an interval is like, and what the past tells of the day."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from heteroplan.forecasting.curve.curve import CurveOptions, past
from heteroplan.forecasting.curve.forecast import (
    MEAN_RPS,
    MEDIAN_RPS,
    Forecast,
    hours_touched,
    longest_gap_s,
)
from heteroplan.forecasting.curve.history import RPS
from heteroplan.forecasting.steps.steps import TraceOptions
from tests.forecasting.made_traces import hourly, steady

UTC = ZoneInfo("UTC")
MONDAY = datetime(2026, 11, 2)

type Days = Sequence[Sequence[float | None]]


@pytest.mark.parametrize(
    ("start", "interval_s", "hours"),
    [
        ("00:00:00", 3600, [0]),
        ("00:45:00", 900, [0]),
        ("00:59:30", 30, [0]),
        ("00:59:30", 45, [0, 1]),
        ("00:59:30", 90, [0, 1]),
        ("00:30:00", 7200, [0, 1, 2]),
        ("23:30:00", 3600, [23, 0]),
        ("05:00:00", 86_400, [*range(5, 24), *range(5)]),
        ("05:30:00", 86_400, [*range(5, 24), *range(5)]),
    ],
)
def test_an_interval_touches_hours_of_the_clock(
    start: str, interval_s: int, hours: list[int]
) -> None:
    assert hours_touched(datetime.fromisoformat(f"2026-11-23T{start}"), interval_s) == hours


@pytest.mark.parametrize(
    ("weekdays", "days"),
    [("alike", range(7)), ("weekend", range(5)), ("each", range(1))],
)
def test_like_hours_are_those_of_like_days(tmp_path: Path, weekdays: str, days: range) -> None:
    """09:30 to 10:30 on a Monday: hours 9 and 10 of all days, of workdays, or of Mondays."""
    found = past(
        [hourly(tmp_path, [[1] * 24] * 7)], TraceOptions(step_s=3600, zone=UTC, stamp_zone=UTC)
    )
    forecast = Forecast(found, CurveOptions(interval_s=3600, weekdays=weekdays))
    like = forecast.like_hours(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    assert like == tuple(24 * day + hour for day in days for hour in (9, 10))


@pytest.mark.parametrize(
    ("first", "hours", "gap_h"),
    [("06:00", 24, 0), ("06:00", 20, 4), ("00:00", 20, 4), ("20:00", 20, 4), ("08:00", 1, 23)],
)
def test_the_longest_gap_of_the_day_is_round_the_clock(
    tmp_path: Path, first: str, hours: int, gap_h: int
) -> None:
    path = steady(tmp_path, first=f"2026-11-23T{first}:00", seconds=hours * 3600)
    found = past([path], TraceOptions(step_s=300, zone=UTC, stamp_zone=UTC))
    assert longest_gap_s(found, 3600) == gap_h * 3600
    assert found.days[0] == date(2026, 11, 23)


def test_a_trend_goes_back_no_farther_than_the_past(tmp_path: Path) -> None:
    """Long before its first day the level is that of the first day."""
    found = past(
        [hourly(tmp_path, [[8 + i] * 24 for i in range(14)])],
        TraceOptions(step_s=3600, zone=UTC, stamp_zone=UTC),
    )
    forecast = Forecast(found, CurveOptions(interval_s=3600, weekdays="alike", trend=2.0))
    first, before = (forecast.day_rates(day) for day in (date(2026, 11, 2), date(2025, 11, 3)))
    assert before == pytest.approx(first, nan_ok=True)
    assert (before[0] < forecast.day_rates(date(2026, 11, 15))[0]).all()


def test_means_are_of_days_at_the_level_of_the_last(tmp_path: Path) -> None:
    """8 requests/s on 14 days, at a trend of twice a week: a day k days before counts 2^(k/7)."""
    found = past(
        [hourly(tmp_path, [[8] * 24] * 14)], TraceOptions(step_s=3600, zone=UTC, stamp_zone=UTC)
    )
    forecast = Forecast(found, CurveOptions(interval_s=3600, weekdays="alike", trend=2.0))
    mean = sum(8 * 2 ** (k / 7) for k in range(14)) / 14
    assert forecast.day_rates(date(2026, 11, 15))[MEAN_RPS] == pytest.approx([mean] * 24)


def looked_at(folder: Path, days: Days, **options: Any) -> Forecast:
    """Days of 24 rates each from Monday 2 November 2026 on, None for what is not known."""
    stamps = [MONDAY + timedelta(hours=i) for i in range(24 * len(days))]
    came = [rate for day in days for rate in day]
    rows = [f"{at:%FT%T},{rate},100,10" for at, rate in zip(stamps, came, strict=True)
            if rate is not None]  # fmt: skip
    path = folder / "days.csv"
    path.write_text("\n".join(["interval_start,rps,isl,osl", *rows]))
    found = past([str(path)], TraceOptions(step_s=3600, zone=UTC, stamp_zone=UTC))
    return Forecast(found, CurveOptions(**{"interval_s": 3600, "weekdays": "alike", **options}))


def on(day: int) -> date:
    """Days after that Monday."""
    return MONDAY.date() + timedelta(days=day)


def told(forecast: Forecast, word: str, first: int = 30, last: int = 30) -> list[str]:
    """The notes with a word, planning from one day to another after that Monday."""
    return [note for note in forecast.notes(on(first), on(last)) if word in note]


def test_of_one_day_nothing_is_told_but_that(tmp_path: Path) -> None:
    notes = looked_at(tmp_path, [[4] * 24]).notes(on(20), on(20))
    assert notes == ["one day: planned as recorded, nothing is known of other days"]


@pytest.mark.parametrize(
    ("weekdays", "quantile", "note"),
    [
        ("alike", 0.5, "P50 of 7 days, all are like days"),
        ("weekend", 0.999, "P99.9 of 7 days, workdays and weekends apart"),
        ("each", 0.95, "P95 of 7 days, each weekday apart"),
    ],
)
def test_how_days_are_looked_at_is_told_first(
    tmp_path: Path, weekdays: str, quantile: float, note: str
) -> None:
    forecast = looked_at(tmp_path, [[4] * 24] * 7, weekdays=weekdays, quantile=quantile)
    assert forecast.notes(on(7), on(7))[0] == note


def test_days_of_which_nothing_is_known_do_not_count(tmp_path: Path) -> None:
    forecast = looked_at(tmp_path, [[4] * 24, [None] * 24, [4] * 24])
    assert forecast.days == 2
    assert forecast.notes(on(3), on(3))[0] == "P95 of 2 days, all are like days"


@pytest.mark.parametrize(("after", "notes"), [(14, 0), (15, 1)])
def test_a_trace_that_ended_more_than_two_weeks_before_is_told(
    tmp_path: Path, after: int, notes: int
) -> None:
    forecast = looked_at(tmp_path, [[4] * 24] * 3)
    wanted = [f"the trace ended {after} days before the forecast"] * notes
    assert told(forecast, "ended", 2 + after, 11 + after) == wanted


@pytest.mark.parametrize(
    ("busy", "covered", "worst", "odd"), [(12, "90", "50", False), (13, "89", "46", True)]
)
def test_how_much_is_covered_of_days_that_are_left_out(
    tmp_path: Path, busy: int, covered: str, worst: str, odd: bool
) -> None:
    """Five days of 10 requests/s, the fourth of 30 in some of its hours: of all days together
    (96 + 24 - 12) / 120 are covered. A day of which less than half is was odd: 13 hours make it
    (13 * 30 + 11 * 10) / 240 = 2.1 times the others."""
    days = [[10] * 24, [10] * 24, [10] * 24, [30] * busy + [10] * (24 - busy), [10] * 24]
    forecast = looked_at(tmp_path, days)
    assert told(forecast, "forecasts of each day") == [
        f"forecasts of each day from the others cover {covered} % of the intervals, "
        f"on the worst day (05 Nov) {worst} %"
    ]
    event = "if it was an event, list it under events, so that it does not raise other days"
    wanted = [f"05 Nov had 2.1 times the rate of like days: {event}"] * odd
    assert told(forecast, "rate of like days") == wanted


def test_the_last_seventeen_weeks_are_left_out_one_at_a_time(tmp_path: Path) -> None:
    """119 of 121 days. They have 5 to 15 requests/s in disorder, but 40 on the second day and 30 on
    the third, the first that is left out."""
    days = [[5 + (7 * day + 5 * hour) % 11 for hour in range(24)] for day in range(121)]
    days[1], days[2] = [40] * 24, [30] * 24
    (note,) = told(looked_at(tmp_path, days), "forecasts of each day")
    assert note.endswith("on the worst day (04 Nov) 0 %")


@pytest.mark.parametrize(
    ("weekdays", "levels", "note"),
    [
        ("weekend", [10, 10, 10, 10, 10, 2, 6], "08 Nov had 3.0 times the rate of like days"),
        ("each", [10, 10, 30, 10, 10, 10, 10], "04 Nov had 3.0 times the rate of like days"),
        ("alike", [0, 0, 0, 0, 9], "06 Nov had 1.0 times the rate of like days"),
    ],
)
def test_an_odd_day_is_measured_by_the_others_of_its_class(
    tmp_path: Path, weekdays: str, levels: list[int], note: str
) -> None:
    """By all days where it is alone in it; by nothing where these were idle."""
    forecast = looked_at(tmp_path, [[each] * 24 for each in levels], weekdays=weekdays)
    (found,) = told(forecast, "rate of like days")
    assert found.startswith(note)


def test_an_odd_day_is_measured_by_the_hours_that_it_tells(tmp_path: Path) -> None:
    """Of the third day the morning is known; the others have 10 then and 2 in the afternoon."""
    days: Days = [[10] * 12 + [2] * 12] * 4
    days = [*days[:2], [30] * 12 + [None] * 12, *days[2:]]
    (found,) = told(looked_at(tmp_path, days), "rate of like days")
    assert found.startswith("04 Nov had 3.0 times the rate of like days")


@pytest.mark.parametrize(
    ("trend", "use"),
    [
        (None, "not applied"),
        (1.0, "not applied"),
        (1.25, "continued to 2026-11-16 at +25.0 %"),
        (0.75, "continued to 2026-11-16 at -25.0 %"),
    ],
)
def test_what_is_made_of_a_trend_is_told(tmp_path: Path, trend: float | None, use: str) -> None:
    """Ten days of 10 % more a week are too few to be sure of it."""
    forecast = looked_at(tmp_path, [[1000 * 1.1 ** (i / 7)] * 24 for i in range(10)], trend=trend)
    assert told(forecast, "trend", 10, 14) == [f"trend +10.0 % a week (+10.0 to +10.0 %), {use}"]


def test_a_trend_is_told_with_what_it_may_be_at_least_and_most(tmp_path: Path) -> None:
    """Days alternate by a tenth while they double each week."""
    days = [[1000 * 2 ** (i / 7) * (1.1 if i % 2 else 1.0)] * 24 for i in range(14)]
    (note,) = told(looked_at(tmp_path, days), "trend")
    weekly, low, high = (float(each) for each in re.findall(r"([+-][\d.]+)", note))
    assert low < 100 < high
    assert low < weekly < high


def test_all_rates_of_a_day_follow_the_trend(tmp_path: Path) -> None:
    """Equal days of 8 requests/s up to the 14th, said to double each week: a week later twice what
    they are on the last day. All that is known of it lies in the level of the days before."""
    forecast = looked_at(tmp_path, [[8] * 24] * 14, trend=2.0)
    last, later = (forecast.day_rates(on(day)) for day in (13, 20))
    assert later == pytest.approx(2 * last)
    assert last.shape == (6, 24)


def test_means_are_of_like_days(tmp_path: Path) -> None:
    """Two weeks of 10 and 20 requests/s on workdays, of 2 and 4 on weekends."""
    days = [[(10 if i % 7 < 5 else 2) * (1 + i // 7)] * 24 for i in range(14)]
    forecast = looked_at(tmp_path, days, weekdays="weekend", trend=1.0)
    for day, mean in ((14, 15), (19, 3)):
        assert forecast.day_rates(on(day))[MEAN_RPS] == pytest.approx([mean] * 24)
    alone = looked_at(tmp_path, days[:5], weekdays="weekend", trend=1.0)
    assert alone.day_rates(on(5))[MEAN_RPS] == pytest.approx([10] * 24)


def test_means_of_unknown_hours_are_those_of_other_days_or_lie_between_their_neighbours(
    tmp_path: Path,
) -> None:
    """Workdays do not know hour 5, nobody knows hour 0: it lies between 23:00 and 01:00."""
    work: list[float | None] = [None, *[10 + hour for hour in range(1, 24)]]
    work[5] = None
    days: Days = [work] * 5 + [[None, *[4.0] * 23]] * 2
    mean = looked_at(tmp_path, days, weekdays="weekend").day_rates(on(7))[MEAN_RPS]
    wanted = [(33 + 11) / 2, *[10 + hour for hour in range(1, 24)]]
    wanted[5] = 4.0
    assert mean == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("weekdays", "days"), [("alike", range(7)), ("weekend", (5, 6)), ("each", (6,))]
)
def test_hours_like_those_of_a_sunday(tmp_path: Path, weekdays: str, days: Sequence[int]) -> None:
    forecast = looked_at(tmp_path, [[1] * 24] * 7, weekdays=weekdays)
    like = forecast.like_hours(datetime(2026, 11, 29, 23, tzinfo=UTC))
    assert like == tuple(24 * day + 23 for day in days)


def test_a_trace_that_tells_no_interval_leaves_all_the_day_open(tmp_path: Path) -> None:
    """Ten minutes are less than half of an hour."""
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=600)
    assert (
        longest_gap_s(past([path], TraceOptions(step_s=300, zone=UTC, stamp_zone=UTC)), 3600)
        == 86_400
    )


def test_of_several_gaps_the_longest_counts(tmp_path: Path) -> None:
    """Of three hours, five round midnight, and one."""
    known = [4.0 if 3 <= hour < 22 and hour not in (6, 7, 8, 15) else None for hour in range(24)]
    looked_at(tmp_path, [known] * 2)
    found = past([str(tmp_path / "days.csv")], TraceOptions(step_s=3600, zone=UTC, stamp_zone=UTC))
    assert longest_gap_s(found, 3600) == 5 * 3600
    assert longest_gap_s(found, 7200) == 2 * 7200


def test_days_are_left_out_at_the_level_of_the_last(tmp_path: Path) -> None:
    """Where they double each week, as the trend says, each is as the others let expect it."""
    forecast = looked_at(tmp_path, [[64 * 2 ** (i / 7)] * 24 for i in range(15)], trend=2.0)
    (note,) = told(forecast, "forecasts of each day")
    assert note.startswith("forecasts of each day from the others cover 100 % of")
    assert note.endswith(" 100 %")
    assert told(forecast, "rate of like days") == []


def test_an_odd_day_is_measured_at_its_own_level(tmp_path: Path) -> None:
    """The tenth of days that double each week had three times what it should have."""
    days = [[64 * 2 ** (i / 7) * (3 if i == 9 else 1)] * 24 for i in range(15)]
    (note,) = told(looked_at(tmp_path, days, trend=2.0), "rate of like days")
    assert note.startswith("11 Nov had 3.0 times the rate of like days")


def test_each_class_of_days_and_each_kind_of_rate_has_its_own_plan(tmp_path: Path) -> None:
    """Equal workdays at 10 requests/s and weekends at 2, of 100 + 10 tokens; the median of equal
    days is what they are, and of days at 10 and 20 it is below what is planned for."""
    equal = [[10 if i % 7 < 5 else 2] * 24 for i in range(14)]
    forecast = looked_at(tmp_path, equal, weekdays="weekend", trend=1.0)
    for day, rate in ((14, 10), (19, 2)):
        found = forecast.day_rates(on(day))
        for kind, wanted in enumerate((rate, 100 * rate, 10 * rate, 100 * rate, rate, rate)):
            assert found[kind] == pytest.approx([wanted] * 24)
    unlike = looked_at(tmp_path, [[10] * 24, [20] * 24]).day_rates(on(2))
    assert unlike[RPS] == pytest.approx([15 * (1 + 3**-0.5)] * 24)
    assert unlike[MEDIAN_RPS] == pytest.approx([15] * 24)


def counted(folder: Path, counts: Sequence[Sequence[float]], interval_s: int) -> Forecast:
    """Days of rates in steps of five minutes from that Monday on, planned in `interval_s`."""
    stamps = [MONDAY + timedelta(minutes=5 * i) for i in range(288 * len(counts))]
    rates = [rate for day in counts for rate in day]
    rows = [f"{at:%FT%T},{rate}" for at, rate in zip(stamps, rates, strict=True)]
    path = folder / "steps.csv"
    path.write_text("\n".join(["interval_start,rps", *rows]))
    found = past([str(path)], TraceOptions(step_s=300, zone=UTC, stamp_zone=UTC))
    return Forecast(found, CurveOptions(interval_s=interval_s))


@pytest.mark.parametrize("seed", range(6))
def test_like_days_are_the_same_whatever_the_interval_is(tmp_path: Path, seed: int) -> None:
    """Weekends a little calmer than workdays, within the noise: the choice is a close one."""
    random = np.random.default_rng(seed)
    counts = [random.poisson(8 if day % 7 >= 5 else 10, 288).tolist() for day in range(14)]
    kinds = {counted(tmp_path, counts, interval_s).kind for interval_s in (300, 900, 3600, 14400)}
    assert len(kinds) == 1


def test_the_part_of_a_day_is_no_day_of_its_class(tmp_path: Path) -> None:
    """Monday to Saturday are too few for classes; an hour of the Sunday does not make it a week."""
    days: list[Sequence[float | None]] = [[10] * 24] * 5
    week = [*days, [2] * 24]
    assert looked_at(tmp_path, [*week, [2] * 24], weekdays="auto").kind == "weekend"
    assert looked_at(tmp_path, [*week, [2] + [None] * 23], weekdays="auto").kind == "alike"


def test_the_choice_says_what_the_others_would_plan(tmp_path: Path) -> None:
    """A Sunday of 2 after workdays of 10: as one class, P95 of it is about 10, five times that."""
    weeks = [[10 if i % 7 < 5 else 2] * 24 for i in range(28)]
    forecast = looked_at(tmp_path, weeks, weekdays="auto")
    (note,) = [each for each in forecast.notes(on(34), on(34)) if "like" in each or "apart" in each]
    found = re.fullmatch(
        r"P95 of 28 days, workdays and weekends apart, which forecast past days best; planned "
        r"would be ([\d,.]+) % more with --weekdays alike, as much with --weekdays each",
        note,
    )
    assert found is not None, note
    assert float(found[1]) == pytest.approx(400, rel=0.1)
