"""A timetable as cron lines that are right on days on which clocks change too."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from heteroplan.schedules.timetable.changes import Change, changes
from heteroplan.schedules.timetable.clock_changes import YEAR_DAYS, clock_changes
from heteroplan.schedules.timetable.clock_windows import silent_dates, windows
from heteroplan.schedules.timetable.hour_blocks import in_blocks
from heteroplan.schedules.timetable.on_clock import wall_clock
from heteroplan.schedules.timetable.recurrence import Recurrence, cron_fields
from heteroplan.schedules.timetable.timetable import Timetable

_MONTHS = range(1, 13)
_LEAP_YEAR = 2028
"""Any: its days are all days that a cron line can name."""


@dataclass(frozen=True, slots=True)
class CronLine:
    """When a target gets a size."""

    fields: str
    """Minute, hour, day of month, month, day of week: numbers, lists of them or *."""
    change: Change
    recurrence: Recurrence
    """DATED for a line of a day on which clocks change, whatever the timetable is."""


def cron_lines(table: Timetable, *, hourly: bool = False) -> tuple[CronLine, ...]:
    """A line or more for each change, then those of days on which clocks change.

    `hourly` is for systems whose search for the next time goes in whole hours (`hour_blocks`).

    Cron reads a day of month and a day of week as either of them. So a weekly line that is silent
    on a date names the dates of a year on which it runs.
    """
    around = windows(table, hourly=hourly)
    usual = changes(table)
    if hourly and table.recurrence is Recurrence.DATED:
        usual = _said_by_hours(table, usual)
    repeated = [
        CronLine(fields, change, table.recurrence)
        for change in usual
        for fields in _fields(table, change, silent_dates(change.at, table.recurrence, around))
    ]
    dated = [
        CronLine(cron_fields(change.at, Recurrence.DATED), change, Recurrence.DATED)
        for window in around
        for change in window.changes
    ]
    return (*repeated, *dated)


def _said_by_hours(table: Timetable, found: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes of a dated timetable."""
    for clocks in clock_changes(table.zone, table.start):
        if clocks.odd_minutes:
            found = in_blocks(found, clocks.end, timedelta(minutes=clocks.odd_minutes))
    return found


def covered_until(table: Timetable) -> date | None:
    """Up to when lines for clock changes are right; None where there are none."""
    if not windows(table):
        return None
    return (wall_clock(table.start, table.zone) + timedelta(days=YEAR_DAYS)).date()


def _fields(table: Timetable, change: Change, silent: set[date]) -> list[str]:
    if not silent:
        return [cron_fields(change.at, table.recurrence)]
    at, days = change.at, defaultdict(set)
    if table.recurrence is Recurrence.DAILY:
        year = [date(_LEAP_YEAR, 1, 1) + timedelta(days=d) for d in range(YEAR_DAYS)]
        left_out = {(day.month, day.day) for day in silent}
    else:
        first = at.date()
        year = [first + timedelta(days=d) for d in range(0, YEAR_DAYS, 7)]
        left_out = {(day.month, day.day) for day in silent}
    for day in year:
        if (day.month, day.day) not in left_out:
            days[day.month].add(day.day)
    whole = [
        month
        for month in _MONTHS
        if table.recurrence is Recurrence.DAILY and month not in {m for m, _ in left_out}
    ]
    found = [f"{at.minute} {at.hour} * {_list(whole)} *"] if whole else []
    return found + [
        f"{at.minute} {at.hour} {_list(days[month])} {month} *"
        for month in _MONTHS
        if month not in whole and days[month]
    ]


def _list(numbers: Iterable[int]) -> str:
    """Such as 1-24,26-31."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)
