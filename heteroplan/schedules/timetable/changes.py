"""When a target changes size on the clock of its zone."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from heteroplan.schedules.timetable.recurrence import Recurrence, cron_fields
from heteroplan.schedules.timetable.timetable import Timetable


@dataclass(frozen=True, slots=True)
class Change:
    """A pool's new size."""

    at: datetime
    """Wall clock of the plan's zone, without an offset; only its clock repeats (or weekday)."""
    before: int | None
    """None where nothing is known of the time before."""
    replicas: int

    def cron(self, recurrence: Recurrence) -> str:
        """The five fields: minute, hour, day of month, month, day of week."""
        return cron_fields(self.at, recurrence)


def changes(table: Timetable) -> tuple[Change, ...]:
    """Where the size differs from the minute before, in the order of the wall clock; at least one.

    While clocks show one hour twice the greatest size of both passes holds, because cron daemons
    differ in how often they run a line then.
    """
    zone = ZoneInfo(table.zone)
    clocks = [
        (table.start + timedelta(minutes=m)).astimezone(zone).replace(tzinfo=None)
        for m in range(len(table.asked))
    ]
    sizes = table.asked.tolist()
    twice = {clock for clock, times in Counter(clocks).items() if times > 1}
    held = max((size for c, size in zip(clocks, sizes, strict=True) if c in twice), default=0)
    by_clock = {c: held if c in twice else size for c, size in zip(clocks, sizes, strict=True)}
    ordered = sorted(by_clock.items())
    before = None if table.recurrence is Recurrence.DATED else ordered[-1][1]
    found = []
    for at, size in ordered:
        if size != before:
            found.append(Change(at, before, size))
        before = size
    return tuple(found) or (Change(ordered[0][0], None, ordered[0][1]),)


def wall_clock_end(table: Timetable) -> datetime:
    """When the timetable ends on the clock of its zone, without an offset."""
    return table.end.astimezone(ZoneInfo(table.zone)).replace(tzinfo=None)
