"""What a schedule that repeats does on the day on which clocks change.

A daily or weekly schedule stands on the wall clock. Where clocks go forward, its minutes in the gap
never come, and a pool that grows after the gap must be asked for before it. Where clocks go back,
an hour comes twice, and systems differ in what they then repeat. So around each clock change of a
year the schedule is silent, and dated changes take its place: those of `Window`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from heteroplan.schedules.timetable.changes import Change
from heteroplan.schedules.timetable.hour_blocks import day_end, in_blocks
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.timetable import Ints, Timetable, early

_MINUTE = timedelta(minutes=1)
COVERED = timedelta(days=366)
"""After the start of a schedule: clock changes that it is written for."""


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
    """Of all clock changes within `COVERED` at which the schedule would not be right by itself.

    `hourly` is for systems whose search goes in whole hours (`hour_blocks`).
    """
    if table.recurrence is Recurrence.DATED:
        return ()
    found = []
    for moment in clock_changes(table.start, table.zone):
        window = _window(table, moment)
        if hourly and odd_minutes(moment, table.zone):
            window = _until_midnight(table, moment, window)
        if window is not None:
            found.append(window)
    return tuple(found)


def odd_minutes(moment: datetime, zone: str) -> int:
    """Minutes beyond whole hours by which clocks change at `moment`."""
    shift = wall_clock(moment, zone) - wall_clock(moment - _MINUTE, zone) - _MINUTE
    return int(abs(shift) / _MINUTE) % 60


def clock_end(moment: datetime, zone: str) -> datetime:
    """Wall clock after the times that are skipped or come twice because of a change of clocks."""
    return max(wall_clock(moment, zone), wall_clock(moment - _MINUTE, zone) + _MINUTE)


def silent_dates(at: datetime, recurrence: Recurrence, around: Sequence[Window]) -> set[date]:
    """Dates on which a change that repeats at the wall clock of `at` is replaced."""
    days = {
        window.first.date() + timedelta(days=days)
        for window in around
        for days in range((window.last.date() - window.first.date()).days + 1)
        if window.has(datetime.combine(window.first.date() + timedelta(days=days), at.time()))
    }
    return {day for day in days if recurrence is Recurrence.DAILY or day.weekday() == at.weekday()}


def wall_clock(at: datetime, zone: str) -> datetime:
    """Without an offset."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@lru_cache(maxsize=16)
def wall_clocks(start: datetime, minutes: int, zone: str) -> tuple[datetime, ...]:
    """Of each of the minutes of elapsed time from `start` on."""
    return tuple(wall_clock(start + m * _MINUTE, zone) for m in range(minutes))


def by_wall_clock(table: Timetable, sizes: Ints, at: datetime) -> int:
    """Of `sizes` [M] of a table that repeats, the one at the wall clock `at`."""
    passed = at - wall_clock(table.start, table.zone)
    return int(sizes[int(passed / _MINUTE) % len(sizes)])


@lru_cache(maxsize=64)
def clock_changes(start: datetime, zone: str) -> tuple[datetime, ...]:
    """UTC, the first minutes at which the offset of `zone` is another, within `COVERED`."""
    info = ZoneInfo(zone)
    found = []
    at = start.astimezone(UTC)
    while at < start + COVERED:
        after = at + timedelta(days=1)
        if at.astimezone(info).utcoffset() != after.astimezone(info).utcoffset():
            found.append(_first_minute(at, after, info))
        at = after
    return tuple(found)


def _first_minute(before: datetime, after: datetime, info: ZoneInfo) -> datetime:
    """By halving: `before` has the old offset, `after` the new one."""
    old = before.astimezone(info).utcoffset()
    while after - before > _MINUTE:
        middle = before + (after - before) // _MINUTE // 2 * _MINUTE
        if middle.astimezone(info).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def _window(table: Timetable, moment: datetime) -> Window | None:
    """Of the clock change at `moment`; None where the schedule has one size throughout."""
    old = wall_clock(moment - _MINUTE, table.zone) + _MINUTE
    doubled = max(timedelta(0), old - wall_clock(moment, table.zone))
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


def _until_midnight(table: Timetable, moment: datetime, inner: Window | None) -> Window | None:
    """Of a clock change by half an hour; `inner` is what a search by minutes would need.

    Where clocks go forward, the search after a time late in the hour before runs on by minutes, and
    finds the same minute of the next hour too. So those times are replaced as well.
    """
    odd = odd_minutes(moment, table.zone) * _MINUTE
    after, old = clock_end(moment, table.zone), wall_clock(moment - _MINUTE, table.zone) + _MINUTE
    first = inner.first if inner else after
    if old < after:
        first = min(first, old - timedelta(hours=1) + odd)
    at, last = first, day_end(after) + odd - _MINUTE
    size = by_wall_clock(table, table.asked, first - _MINUTE)
    replaced = {change.at: change.replicas for change in inner.changes} if inner else {}
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
