"""What ran before a plan begins, and timetables that lead from there into the plan.

The file that comes of them may be applied at any minute of a window: until the new plan begins it
asks for what ran before anyway, but for replicas that start for the new plan.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.entities.scenario import Running
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.outputs.plan.document.running_pools import running_pools
from heteroplan.schedules.timetable.recurrence import Recurrence, recurrence
from heteroplan.schedules.timetable.timetable import (
    Ints,
    Timetable,
    check_minutes,
    early,
    lead_minutes,
)

KNOWN = timedelta(days=1)
"""How long before the new plan begins the file says what ran before, at most."""
REPEATS = 2
"""Times that the day of a plan that repeats is written down: should the next plan come late, pools
go on as on the day before."""
_MINUTE = timedelta(minutes=1)

type Previous = PlanDocument | Sequence[Running]
"""The plan that was in force, or the replicas that run, which stay until the new plan begins."""


@dataclass(frozen=True, slots=True, eq=False)
class Handover:
    """When a schedule may be applied that goes on from what ran before."""

    starts: datetime
    """UTC, when the new plan begins."""
    earliest: datetime
    """UTC, from which on the schedule says what ran before."""
    latest: datetime
    """UTC, the first minute in which the schedule asks for more than what ran before would have
    had: applied later, some replicas are late."""


@dataclass(frozen=True)
class RanBefore:
    """Pools that ran before, and their sizes at any minute."""

    pools: tuple[PoolPart, ...]
    leads: tuple[int, ...]
    """[pool] minutes from being asked for to serving."""
    plan: PlanDocument | None
    """None where every pool keeps the one size that it has."""

    @classmethod
    def of(cls, document: PlanDocument, previous: Previous) -> "RanBefore":
        """What ran before `document`. Raises UsageError where that does not come before it."""
        if not isinstance(previous, PlanDocument):
            if document.inputs is None:
                raise UsageError("--current: the plan is of version 1 and has no fleet; plan again")
            pools = running_pools(document, previous)
            return cls(pools, tuple(lead_minutes(document, pool) for pool in pools), None)
        check_minutes(previous.horizon)
        if previous.horizon.start >= document.horizon.start:
            raise UsageError(
                f"--previous: that plan begins at {previous.horizon.start.isoformat()}, not before "
                f"the new one, at {document.horizon.start.isoformat()}; give the plan that was in "
                "force before"
            )
        leads = tuple(lead_minutes(previous, pool) for pool in previous.pools)
        return cls(previous.pools, leads, previous)

    def known_from(self, starts: datetime) -> datetime:
        """UTC, from which on sizes before `starts` are written down."""
        first = starts - KNOWN
        return first if self.plan is None else max(first, _utc(self.plan.horizon.start))

    def sizes(self, pool: int, times: "Minutes") -> Ints:
        """[M] sizes if nothing else came: the plan's, as it repeats, or else its last ones."""
        sizes = np.array(self.pools[pool].replicas, dtype=np.int64)
        if self.plan is None:
            return np.resize(sizes, times.count)
        return np.asarray(sizes[times.intervals_of(self.plan)])


@dataclass(frozen=True)
class Minutes:
    """Minutes of elapsed time."""

    start: datetime
    """UTC."""
    count: int

    def intervals_of(self, plan: PlanDocument) -> Ints:
        """[M] the interval of a plan that is in force, on the wall clock where it repeats."""
        horizon = plan.horizon
        if recurrence(horizon) is Recurrence.DATED:
            since = np.arange(self.count) + (self.start - _utc(horizon.start)) // _MINUTE
        else:
            zone = ZoneInfo(horizon.timezone)
            first = horizon.start.astimezone(zone).replace(tzinfo=None)
            since = np.array([(at - first) // _MINUTE for at in self._clocks(zone)], dtype=np.int64)
            since %= horizon.intervals * horizon.interval_s // 60
        return np.clip(since * 60 // horizon.interval_s, 0, horizon.intervals - 1)

    def _clocks(self, zone: ZoneInfo) -> list[datetime]:
        return [
            (self.start + m * _MINUTE).astimezone(zone).replace(tzinfo=None)
            for m in range(self.count)
        ]


@dataclass(frozen=True)
class HandingOver:
    """Timetables of a plan's pools from before it begins until it ends."""

    document: PlanDocument
    before: RanBefore

    @cached_property
    def starts(self) -> datetime:
        """UTC, when the new plan begins."""
        return _utc(self.document.horizon.start)

    @cached_property
    def minutes(self) -> Minutes:
        """All that are written down; replicas of the first interval may start in them."""
        leads = [lead_minutes(self.document, pool) for pool in self.document.pools]
        longest = max([*leads, *self.before.leads], default=0)
        begin = min(self.before.known_from(self.starts), self.starts - longest * _MINUTE)
        begin = self.starts - math.ceil((self.starts - begin) / _MINUTE) * _MINUTE
        return Minutes(begin, (self.starts - begin) // _MINUTE + self._planned_minutes)

    @cached_property
    def _planned_minutes(self) -> int:
        horizon = self.document.horizon
        repeats = REPEATS if recurrence(horizon) is not Recurrence.DATED else 1
        return horizon.intervals * horizon.interval_s // 60 * repeats

    def timetable(self, pool: PoolPart | None, ran: int | None, least: int = 0) -> Timetable:
        """Of a pool of the plan that goes on from pool number `ran` of those before, or either.

        Of a pool that only ran before `least` replicas are left once the plan begins.
        """
        old = np.zeros(self.minutes.count, dtype=np.int64)
        leads = [0]
        if ran is not None:
            old = self.before.sizes(ran, self.minutes)
            leads.append(self.before.leads[ran])
        new = np.full(self._planned_minutes, least, dtype=np.int64)
        if pool is not None:
            sizes = np.array(pool.replicas, dtype=np.int64)
            new = np.resize(np.repeat(sizes, self.document.horizon.interval_s // 60), len(new))
            leads.append(lead_minutes(self.document, pool))
        planned = np.concatenate([old[: len(old) - len(new)], new])
        zone, lead = self.document.horizon.timezone, max(leads)
        asked = early(planned, lead, cyclic=False)
        return Timetable(self.minutes.start, zone, Recurrence.DATED, planned, asked, lead)

    def window(self, tables: Sequence[tuple[Timetable, int | None]]) -> Handover:
        """When the file of all timetables may be applied, each with the pool that it goes on from.

        Until a target is asked for more than it would have had without the file.
        """
        late = self.minutes.count
        for table, ran in tables:
            had = np.zeros_like(table.asked)
            if ran is not None:
                had = early(self.before.sizes(ran, self.minutes), table.lead_minutes, cyclic=False)
            more = np.flatnonzero(table.asked > had)
            late = min([late, *more[:1].tolist()])
        begin = self.minutes.start
        return Handover(self.starts, begin, begin + late * _MINUTE)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
