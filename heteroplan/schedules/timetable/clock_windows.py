"""What a schedule that repeats does on the day on which clocks change.

A daily or weekly schedule stands on the wall clock. Where clocks go forward, its minutes in the gap
never come, and a pool that grows after the gap must be asked for before it. Where clocks go back,
an hour comes twice, and systems differ in what they then repeat. So around each clock change of a
year the schedule is silent, and dated changes take its place: those of `Window`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from heteroplan.schedules.timetable.changes import Change
from heteroplan.schedules.timetable.clock_changes import ClockChange, clock_changes
from heteroplan.schedules.timetable.hour_blocks import day_end, in_blocks
from heteroplan.schedules.timetable.on_clock import wall_clock
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.timetable import Ints, Timetable, early

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """The time around a clock change in which dated changes replace those that repeat."""

    first: datetime
    """Wall clock, without an offset."""
    last: datetime
    """Wall clock of the minute from which the schedule that repeats is right again. Its own
    changes of this minute are left out too."""
    before: int
    """Size in the minute before."""
    changes: tuple[Change, ...]
    """In the order of the wall clock, none inside a skipped or doubled hour but at its start."""

    def has(self, at: datetime) -> bool:
        """Whether the wall clock `at` is replaced."""
        return self.first <= at <= self.last


def windows(table: Timetable, *, hourly: bool = False) -> tuple[Window, ...]:
    """Of all clock changes of a year at which the schedule would not be right by itself.

    `hourly` is for systems whose search goes in whole hours (`hour_blocks`).
    """
    if table.recurrence is Recurrence.DATED:
        return ()
    found = []
    for clocks in clock_changes(table.zone, table.start):
        window = _window(table, clocks)
        if hourly and clocks.odd_minutes:
            window = _until_midnight(table, clocks, window)
        if window is not None:
            found.append(window)
    return tuple(found)


def silent_dates(at: datetime, recurrence: Recurrence, around: Sequence[Window]) -> set[date]:
    """Dates on which a change that repeats at the wall clock of `at` is replaced."""
    days = {
        window.first.date() + timedelta(days=days)
        for window in around
        for days in range((window.last.date() - window.first.date()).days + 1)
        if window.has(datetime.combine(window.first.date() + timedelta(days=days), at.time()))
    }
    return {day for day in days if recurrence is Recurrence.DAILY or day.weekday() == at.weekday()}


def by_wall_clock(table: Timetable, sizes: Ints, at: datetime) -> int:
    """Of `sizes` [M] of a table that repeats, the one at the wall clock `at`."""
    passed = at - wall_clock(table.start, table.zone)
    return int(sizes[int(passed / _MINUTE) % len(sizes)])


def _window(table: Timetable, change: ClockChange) -> Window | None:
    """Of a clock change; None where the schedule has one size throughout."""
    moment, old = change.moment, change.before
    doubled = max(timedelta(0), old - change.after)
    begin = moment - max(doubled, table.lead_minutes * _MINUTE)
    end = moment + doubled
    count = int((end - begin) / _MINUTE) + 1
    clocks = [
        wall_clock(begin + m * _MINUTE, table.zone) for m in range(-1, count + table.lead_minutes)
    ]
    planned = [by_wall_clock(table, table.planned, clock) for clock in clocks]
    asked = early(planned, table.lead_minutes, cyclic=False).tolist()[: count + 1]
    clocks = clocks[: count + 1]
    asked[0] = by_wall_clock(table, table.asked, clocks[0])
    span = int((clocks[-1] - clocks[0]) / _MINUTE)
    usual = {
        by_wall_clock(table, table.asked, clocks[0] + m * _MINUTE)
        for m in range(min(span, len(table.asked)) + 1)
    }
    if len({*asked, *usual}) == 1:
        return None
    twice = {clock for clock in clocks if old - doubled <= clock < old}
    by_clock = dict(zip(clocks, asked, strict=True))
    held = max((size for at, size in zip(clocks, asked, strict=True) if at in twice), default=0)
    sizes = sorted((by_clock | dict.fromkeys(twice, held)).items())
    found = [
        Change(at, before, size) for (_, before), (at, size) in pairwise(sizes) if size != before
    ]
    return Window(sizes[1][0], sizes[-1][0], sizes[0][1], tuple(found))


def _until_midnight(table: Timetable, change: ClockChange, inner: Window | None) -> Window | None:
    """Of a clock change by half an hour; `inner` is what a search by minutes would need.

    Where clocks go forward, the search after a time late in the hour before runs on by minutes, and
    finds the same minute of the next hour too. So those times are replaced as well.
    """
    odd, after, old = change.odd_minutes * _MINUTE, change.end, change.before
    first = inner.first if inner else after
    if old < after:
        first = min(first, old - timedelta(hours=1) + odd)
    at, last = first, day_end(after) + odd - _MINUTE
    size = by_wall_clock(table, table.asked, first - _MINUTE)
    replaced = {each.at: each.replicas for each in inner.changes} if inner else {}
    steps = []
    while at <= last:
        if inner and inner.first <= at < inner.last:
            now = replaced.get(at, size)
        else:
            now = by_wall_clock(table, table.asked, at)
        if now != size:
            steps.append(Change(at, size, now))
        at, size = at + _MINUTE, now
    return (
        Window(first, last, steps[0].before or 0, in_blocks(steps, after, odd)) if steps else inner
    )
