"""What a system does with a schedule, compared with the plan.

Replicas need `lead_minutes` from being asked for to serving, and what runs goes on serving. So at a
minute as many are ready as the system has asked for without a break for that long: the least of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.schedules.executors.executor import Executor
from heteroplan.schedules.timetable.on_clock import on_clock
from heteroplan.schedules.timetable.recurrence import PERIODS, Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Ints, Timetable

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_KNOWN = timedelta(days=366)
"""After the start of a schedule that repeats: days on which clocks change."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a schedule is carried out."""

    name: str
    start: datetime
    """UTC."""
    minutes: int
    warm_up_minutes: int = 0
    """Before `start`, in which the system has already worked."""


@dataclass(frozen=True, slots=True, eq=False)
class EntryDeviation:
    """One target."""

    entry: Entry
    minutes: int
    short_minutes: int
    """With fewer replicas ready than planned."""
    over_minutes: int
    """With more replicas asked for than the most that is planned until they would be ready."""
    most_short: int
    """Replicas."""
    most_over: int
    """Replicas."""
    first_short: datetime | None
    """UTC."""


@dataclass(frozen=True, slots=True, eq=False)
class Deviation:
    """All targets in one span."""

    span: Span
    entries: tuple[EntryDeviation, ...]

    @property
    def short_minutes(self) -> int:
        """Of all targets together, as the next."""
        return sum(each.short_minutes for each in self.entries)

    @property
    def over_minutes(self) -> int:
        return sum(each.over_minutes for each in self.entries)

    @property
    def most_short(self) -> int:
        """Replicas of one target, as the next."""
        return max((each.most_short for each in self.entries), default=0)

    @property
    def most_over(self) -> int:
        return max((each.most_over for each in self.entries), default=0)


def deviation(
    text: str, executor: Executor, schedule: Schedule, span: Span, plan: Schedule | None = None
) -> Deviation:
    """What `executor` makes of the text of a schedule. Raises UsageError as the executor does.

    `plan` is the schedule before it was made to ask earlier: what is needed by when. Where it is
    given, what is asked for before the plan begins is not counted as short.
    """
    needed = schedule if plan is None else plan
    entries = zip(schedule.entries, needed.entries, strict=True)
    return Deviation(
        span, tuple(_of_entry(text, executor, e, span, own.timetable.start) for e, own in entries)
    )


def spans(schedule: Schedule) -> tuple[Span, ...]:
    """The whole schedule, or one period; and where it repeats each change of clocks of a year.

    Those last from noon on the day before until the end of the day after.
    """
    tables = [entry.timetable for entry in schedule.entries]
    if not tables:
        return ()
    first = tables[0]
    start = min(table.start for table in tables)
    if first.recurrence is Recurrence.DATED:
        last = max(table.end for table in tables)
        return (Span("plan", start, (last - start) // _MINUTE),)
    period = PERIODS[first.recurrence]
    length = period // _MINUTE
    found = [Span("day" if period == _DAY else "week", start, length, length)]
    for day in _clock_change_days(first.zone, start):
        noon = datetime.combine(day - _DAY, time(12), ZoneInfo(first.zone))
        end = datetime.combine(day + 2 * _DAY, time(), ZoneInfo(first.zone)).astimezone(UTC)
        begin = noon.astimezone(UTC)
        found.append(Span(day.date().isoformat(), begin, (end - begin) // _MINUTE, length))
    return tuple(found)


def planned(table: Timetable, start: datetime, minutes: int) -> Ints:
    """[M] replicas that must serve, by the wall clock where the schedule repeats.

    Outside a schedule that does not repeat there are none.
    """
    if table.recurrence is Recurrence.DATED:
        first = (start - table.start) // _MINUTE
        at = np.arange(first, first + minutes)
        inside = (at >= 0) & (at < len(table.planned))
        return np.where(inside, table.planned[np.where(inside, at, 0)], 0)
    return on_clock(table, table.planned, start, minutes)


def _of_entry(
    text: str, executor: Executor, entry: Entry, span: Span, begins: datetime
) -> EntryDeviation:
    table, lead = entry.timetable, entry.timetable.lead_minutes
    start = span.start - span.warm_up_minutes * _MINUTE
    minutes = span.warm_up_minutes + span.minutes
    wanted = planned(table, start, minutes + lead)
    before = int(wanted[0])
    asked = executor(text, entry, start, minutes, before)
    held = np.concatenate([np.full(lead, before, dtype=np.int64), asked])
    windows = np.lib.stride_tricks.sliding_window_view
    ready = windows(held, lead + 1).min(axis=1)
    most = windows(wanted, lead + 1).max(axis=1)
    short = np.maximum(wanted[:minutes] - ready, 0)[span.warm_up_minutes :]
    if table.recurrence is Recurrence.DATED:
        short[: max(0, (begins - span.start) // _MINUTE)] = 0
    over = np.maximum(asked - most, 0)[span.warm_up_minutes :]
    at = int(np.argmax(short > 0))
    return EntryDeviation(
        entry,
        span.minutes,
        int(np.count_nonzero(short)),
        int(np.count_nonzero(over)),
        int(short.max(initial=0)),
        int(over.max(initial=0)),
        span.start + at * _MINUTE if short.any() else None,
    )


def _clock_change_days(zone: str, start: datetime) -> Iterator[datetime]:
    """Midnights, without an offset, of days on which clocks change, after `start`."""
    info = ZoneInfo(zone)
    day = datetime.combine(start.astimezone(info).date(), time())
    for _ in range(_KNOWN // _DAY):
        following = day + _DAY
        if day.replace(tzinfo=info).utcoffset() != following.replace(tzinfo=info).utcoffset():
            yield day
        day = following
