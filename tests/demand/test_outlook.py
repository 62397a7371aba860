"""Which hours of the week an interval is like, and what the past tells of the day."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from heteroplan.demand.curve import CurveOptions, past
from heteroplan.demand.outlook import MEAN_RPS, Outlook, hours_touched, longest_gap_s
from heteroplan.demand.steps import TraceOptions
from tests.demand.traces import hourly, steady

UTC = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("start", "interval_s", "hours"),
    [
        ("00:00:00", 3600, [0]),
        ("00:45:00", 900, [0]),
        ("00:59:30", 30, [0]),
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
    found = past([hourly(tmp_path, [[1] * 24] * 7)], TraceOptions(3600, UTC, UTC))
    outlook = Outlook(found, CurveOptions(interval_s=3600, weekdays=weekdays))
    like = outlook.like_hours(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    assert like == tuple(24 * day + hour for day in days for hour in (9, 10))


@pytest.mark.parametrize(
    ("first", "hours", "gap_h"),
    [("06:00", 24, 0), ("06:00", 20, 4), ("00:00", 20, 4), ("20:00", 20, 4), ("08:00", 1, 23)],
)
def test_the_longest_gap_of_the_day_is_round_the_clock(
    tmp_path: Path, first: str, hours: int, gap_h: int
) -> None:
    path = steady(tmp_path, first=f"2026-11-23T{first}:00", seconds=hours * 3600)
    found = past([path], TraceOptions(300, UTC, UTC))
    assert longest_gap_s(found, 3600) == gap_h * 3600
    assert found.days[0] == date(2026, 11, 23)


def test_a_trend_goes_back_no_farther_than_the_past(tmp_path: Path) -> None:
    """Long before its first day the level is that of the first day."""
    found = past(
        [hourly(tmp_path, [[8 + i] * 24 for i in range(14)])], TraceOptions(3600, UTC, UTC)
    )
    outlook = Outlook(found, CurveOptions(interval_s=3600, weekdays="alike", trend=2.0))
    first, before = (outlook.day_rates(day) for day in (date(2026, 11, 2), date(2025, 11, 3)))
    assert before == pytest.approx(first, nan_ok=True)
    assert (before[0] < outlook.day_rates(date(2026, 11, 15))[0]).all()


def test_means_are_of_days_at_the_level_of_the_last(tmp_path: Path) -> None:
    """8 requests/s on 14 days, at a trend of twice a week: a day k days before counts 2^(k/7)."""
    found = past([hourly(tmp_path, [[8] * 24] * 14)], TraceOptions(3600, UTC, UTC))
    outlook = Outlook(found, CurveOptions(interval_s=3600, weekdays="alike", trend=2.0))
    mean = sum(8 * 2 ** (k / 7) for k in range(14)) / 14
    assert outlook.day_rates(date(2026, 11, 15))[MEAN_RPS] == pytest.approx([mean] * 24)
