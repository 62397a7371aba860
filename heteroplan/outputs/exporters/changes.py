"""When a pool changes size on the clock of its zone, starting early enough to be ready."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart

_DAY = timedelta(days=1)
_MINUTE_S = 60
_MOST_DAYS = 364
"""A cron line has no year."""


class Recurrence(StrEnum):
    """How a schedule repeats."""

    DAILY = "every day"
    WEEKLY = "every week"
    DATED = "once"


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


@dataclass(frozen=True, slots=True)
class PoolSchedule:
    """A pool's sizes over one period, in time order."""

    recurrence: Recurrence
    lead_minutes: int
    """How much earlier than planned a pool grows: the engine's start-up time, rounded up."""
    changes: tuple[Change, ...]
    """At least one; a pool that never changes has one."""
    end: datetime
    """Wall clock at which the period ends."""


def cron_fields(at: datetime, recurrence: Recurrence) -> str:
    """Five cron fields for the wall clock `at`."""
    days = {
        Recurrence.DAILY: "* * *",
        Recurrence.WEEKLY: f"* * {at.isoweekday() % 7}",
        Recurrence.DATED: f"{at.day} {at.month} *",
    }
    return f"{at.minute} {at.hour} {days[recurrence]}"


def recurrence(horizon: HorizonPart) -> Recurrence:
    """Daily or weekly where the plan is a cyclic day or week without a clock change; or once."""
    moments = horizon.boundaries()
    steady = len({moment.utcoffset() for moment in moments}) == 1
    length = moments[-1].astimezone(UTC) - moments[0].astimezone(UTC)
    if horizon.cyclic and steady and length == _DAY:
        return Recurrence.DAILY
    if horizon.cyclic and steady and length == 7 * _DAY:
        return Recurrence.WEEKLY
    return Recurrence.DATED


def pool_schedule(document: PlanDocument, pool: PoolPart) -> PoolSchedule:
    """The pool's sizes on the wall clock, never below the plan.

    A pool that is to grow does so earlier by its engine's start-up time; a dip that is shorter
    than that is bridged. While clocks show one hour twice the greatest size of both passes
    holds, because cron daemons differ in how often they run a line then.

    Raises UsageError where cron cannot say it: times with seconds, more than a year.
    """
    _check_minutes(document.horizon)
    step = document.horizon.interval_s // _MINUTE_S
    lead = min(math.ceil(document.startup_s(pool) / _MINUTE_S), step * len(pool.replicas))
    repeats = recurrence(document.horizon)
    cyclic = repeats is not Recurrence.DATED
    first = 0 if cyclic else -lead
    clocks = _wall_clocks(document.horizon, first)
    sizes = _sizes(pool.replicas, step, lead, first, cyclic)
    return PoolSchedule(
        recurrence=repeats,
        lead_minutes=lead,
        changes=_changes(clocks[:-1], sizes, cyclic),
        end=clocks[-1],
    )


def _check_minutes(horizon: HorizonPart) -> None:
    if horizon.interval_s % _MINUTE_S or horizon.start.second or horizon.start.microsecond:
        raise UsageError("cron counts whole minutes; plan with intervals of whole minutes")
    if horizon.intervals * horizon.interval_s > _MOST_DAYS * _DAY.total_seconds():
        raise UsageError("a cron line has no year; plan at most one year, or export csv or json")


@lru_cache(maxsize=8)
def _wall_clocks(horizon: HorizonPart, first: int) -> tuple[datetime, ...]:
    """Wall clock of each minute from `first` (0 is the horizon's start) to its end, inclusive."""
    start = horizon.start.astimezone(UTC)
    zone = ZoneInfo(horizon.timezone)
    minutes = horizon.intervals * horizon.interval_s // _MINUTE_S
    return tuple(
        (start + timedelta(minutes=m)).astimezone(zone).replace(tzinfo=None)
        for m in range(first, minutes + 1)
    )


def _sizes(
    replicas: Sequence[int], step: int, lead: int, first: int, cyclic: bool
) -> tuple[int, ...]:
    """Size at each minute: the most that is planned from then until `lead` minutes later."""
    n = len(replicas)

    def size(minute: int) -> int:
        intervals = range(minute // step, (minute + lead) // step + 1)
        if cyclic:
            return max(replicas[i % n] for i in intervals[:n])
        return max(replicas[min(max(i, 0), n - 1)] for i in intervals)

    return tuple(size(minute) for minute in range(first, n * step))


def _changes(clocks: Sequence[datetime], sizes: Sequence[int], cyclic: bool) -> tuple[Change, ...]:
    """Where the size differs from the minute before."""
    twice = {clock for clock, times in Counter(clocks).items() if times > 1}
    held = max((size for c, size in zip(clocks, sizes, strict=True) if c in twice), default=0)
    by_clock = {c: held if c in twice else size for c, size in zip(clocks, sizes, strict=True)}
    ordered = sorted(by_clock.items())
    before = ordered[-1][1] if cyclic else None
    found = []
    for at, size in ordered:
        if size != before:
            found.append(Change(at, before, size))
        before = size
    return tuple(found) or (Change(ordered[0][0], None, ordered[0][1]),)
