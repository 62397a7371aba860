"""What lines of a schedule that repeats do wrong around a change of clocks, and what sets it right.

Lines in a skipped hour do not run, those in a doubled hour run twice, and a search by hours of
elapsed time, robfig/cron's, passes over times or finds them twice where clocks change by half an
hour. So they are gone through from before the change until two days after it, and wherever the size
is not the one that is wanted, it is said again, at a moment with a date.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.schedules.timetable.changes import Change
from heteroplan.schedules.timetable.clock_changes import ClockChange, clock_changes
from heteroplan.schedules.timetable.on_clock import on_clock
from heteroplan.schedules.timetable.recurrence import PERIODS
from heteroplan.schedules.timetable.timetable import Timetable, early
from heteroplan.simulation.policies.shared.cron import NEVER, Cron

_MINUTE = timedelta(minutes=1)
_MINUTE_S = 60
_AFTER_MINUTES = 8 * 24 * 60
"""Until every weekly line has run once again."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A size that is said at one moment."""

    at: datetime
    """UTC, without an offset."""
    replicas: int


def repairs(table: Timetable, times: Sequence[Change]) -> tuple[Repair, ...]:
    """For all changes of clocks within a year, where `times` run as robfig/cron has it.

    A line that runs in the very minute of a repair would have the last word or not; the repair then
    comes a minute later.
    """
    if table.recurrence not in PERIODS:
        return ()
    found = (_around(table, times, each) for each in clock_changes(table.zone, table.start))
    return tuple(repair for of in found for repair in of)


def _around(table: Timetable, times: Sequence[Change], clocks: ClockChange) -> Iterator[Repair]:
    lead = _lead_minutes(table)
    moment = _moment(clocks, table.zone)
    start = moment - (lead + 1) * _MINUTE
    minutes = lead + 1 + _AFTER_MINUTES
    wanted = np.maximum(
        on_clock(table, table.asked, start, minutes),
        early(on_clock(table, table.planned, start, minutes), lead, cyclic=False),
    )
    runs = defaultdict(list)
    for change in times:
        line = Cron(change.cron(table.recurrence), ZoneInfo(table.zone))
        for minute in _runs(line, round(start.timestamp()), minutes):
            runs[minute].append(change.replicas)
    size = int(on_clock(table, table.asked, start, 1)[0])
    for m in range(minutes):
        size = min(runs[m]) if m in runs else size
        if size != wanted[m] and m not in runs:
            size = int(wanted[m])
            yield Repair((start + m * _MINUTE).replace(tzinfo=None), size)


def _lead_minutes(table: Timetable) -> int:
    """How much earlier than planned sizes are asked for: by a minute more than replicas need, or
    not.
    """
    longer = table.lead_minutes + 1
    same = np.array_equal(early(table.planned, longer, cyclic=True), table.asked)
    return longer if same else table.lead_minutes


def _moment(clocks: ClockChange, zone: str) -> datetime:
    """UTC, the first minute on the new clock."""
    new = clocks.after.replace(tzinfo=ZoneInfo(zone), fold=0 if clocks.forward else 1)
    return new.astimezone(UTC)


@lru_cache(maxsize=4096)
def _runs(line: Cron, start_s: int, minutes: int) -> tuple[int, ...]:
    """Minutes after `start_s` at which a line runs, each searched from the one before."""
    found, at_s = [], start_s - 8 * 24 * 60 * _MINUTE_S
    while (at_s := line.next_s(at_s)) != NEVER and at_s < start_s + minutes * _MINUTE_S:
        if at_s >= start_s:
            found.append((at_s - start_s) // _MINUTE_S)
    return tuple(found)
