"""Windows of KEDA's cron triggers.

Read in KEDA's pkg/scalers/cron_scaler.go and robfig/cron/v3's spec.go. A trigger is on where its
next end is not later than its next start. Clock times that are skipped never come, so a window
whose end is skipped is off from its start on; clock times that come twice count twice, so one
whose start comes twice is off until the second time. The search for the next time goes in whole
hours: where clocks change by half an hour, it passes by the next time in the first half of an hour,
and takes 02:45 for 01:45 where clocks go forward. Further windows with a date ask for what these
would lose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from heteroplan.schedules.timetable.changes import Change, wall_clock_end
from heteroplan.schedules.timetable.clock_changes import ClockChange, clock_changes
from heteroplan.schedules.timetable.recurrence import PERIODS, Recurrence, cron_fields
from heteroplan.schedules.timetable.timetable import Timetable

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CronWindow:
    """A time at which more replicas are asked for than at least."""

    start: str
    """Five cron fields, as `end`."""
    end: str
    replicas: int


@dataclass(frozen=True, slots=True)
class _Span:
    """One occurrence, on the clock of the zone and without an offset."""

    start: datetime
    end: datetime
    replicas: int

    def window(self, repeats: Recurrence) -> CronWindow:
        fields = cron_fields(self.start, repeats), cron_fields(self.end, repeats)
        return CronWindow(*fields, self.replicas)


ALWAYS = ("0 0 * * *", "59 23 * * *")
"""Start and end where the size never changes, as KEDA wants a trigger."""
NEVER = CronWindow("0 0 29 2 *", "1 0 29 2 *", 1)
"""Where no replica is ever asked for: KEDA takes no trigger for 0 and none without a time."""


def cron_windows(table: Timetable, found: Sequence[Change]) -> tuple[CronWindow, ...]:
    """All times above the least size, in order, then those with a date; at least one window.

    `found` are all `changes` of the timetable. Windows of the first kind do not overlap. Where
    several are on, KEDA takes the greatest.
    """
    base = least(found)
    if all(change.replicas == base for change in found):
        return (CronWindow(*ALWAYS, base),) if base else (NEVER,)
    repeats = table.recurrence
    period = PERIODS.get(repeats)
    last = found[0].at + period if period else wall_clock_end(table)
    ends = [*(change.at for change in found[1:]), last]
    spans = [
        _Span(change.at, end, change.replicas)
        for change, end in zip(found, ends, strict=True)
        if change.replicas > base
    ]
    dated = [
        span.window(Recurrence.DATED)
        for change in clock_changes(table.zone, table.start)
        for span in _lost(spans, change, period)
    ]
    return (*(span.window(repeats) for span in spans), *dict.fromkeys(dated))


def least(found: Sequence[Change]) -> int:
    """The least size on the clock of the zone, had while no window is on, by all `changes`.

    A size that only a doubled hour has is none: clocks show the greatest of both passes.
    """
    return min(change.replicas for change in found)


def _lost(spans: Sequence[_Span], change: ClockChange, period: timedelta | None) -> Iterator[_Span]:
    """What must be asked for again because of a change of clocks, with times that come once."""
    odd = change.odd_minutes * _MINUTE
    twice, once = (change.first, change.end)
    settled = end = change.end
    if change.forward:
        twice, once = (change.first - odd, change.first)
        settled += (_HOUR - odd) if odd else timedelta()
    if odd:
        end += _HOUR if change.forward else odd
    begun_twice = []
    for span in spans:
        for start, stop in _occurrences(span, change, period):
            early = start < twice and stop >= change.first
            late = change.forward and twice <= start < settled and stop >= change.end
            if (early or late) and _missed(stop, change):
                yield _Span(start if early else twice - _MINUTE, end, span.replicas)
            elif twice <= start < once:
                begun_twice.append(span.replicas)
    if begun_twice:
        yield _Span(twice - _MINUTE, end, max(begun_twice))


def _occurrences(
    span: _Span, change: ClockChange, period: timedelta | None
) -> tuple[tuple[datetime, datetime], ...]:
    """Start and end of the last one that begins before or just after the change, and one before."""
    if period is None:
        return ((span.start, span.end),)
    last = (change.end + _HOUR - span.start) // period * period
    return tuple((span.start + by, span.end + by) for by in (last - period, last))


def _missed(clock: datetime, change: ClockChange) -> bool:
    """Whether the search for a clock time, from before the change, finds it on a later day only."""
    if change.forward and change.has(clock):
        return True
    return clock >= change.end and clock.minute < change.odd_minutes
