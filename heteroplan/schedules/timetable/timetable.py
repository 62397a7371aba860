"""Sizes of one target at each minute, early enough for its replicas to be ready."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.schedules.timetable.recurrence import Recurrence, recurrence

type Ints = NDArray[np.int64]

_MINUTE_S = 60
_MOST_DAYS = 364
"""A cron line has no year."""


@dataclass(frozen=True, slots=True, eq=False)
class Timetable:
    """Replicas of one target at each of M minutes of elapsed time from `start` on."""

    start: datetime
    """UTC, of the first minute. That of the plan; where nothing repeats, earlier by the lead."""
    zone: str
    """IANA name of the zone on whose clock the schedule is written."""
    recurrence: Recurrence
    """After M minutes a schedule that repeats begins again."""
    planned: Ints
    """[M] that must serve; before the plan begins what ran before, 0 where that is not known."""
    asked: Ints
    """[M] to ask for: the most that is planned from then until `lead_minutes` later."""
    lead_minutes: int
    """From being asked for to serving: the start-up time of the engine, rounded up."""

    @property
    def end(self) -> datetime:
        """UTC, after the last minute."""
        return self.start + timedelta(minutes=len(self.asked))


def timetable(document: PlanDocument, pool: PoolPart) -> Timetable:
    """The sizes of a pool. Raises UsageError where cron cannot say them."""
    horizon = document.horizon
    check_minutes(horizon)
    step = horizon.interval_s // _MINUTE_S
    lead = lead_minutes(document, pool)
    repeats = recurrence(horizon)
    planned = np.repeat(np.array(pool.replicas, dtype=np.int64), step)
    start = horizon.start.astimezone(UTC)
    if repeats is Recurrence.DATED:
        start -= timedelta(minutes=lead)
        planned = np.concatenate([np.zeros(lead, dtype=np.int64), planned])
    asked = early(planned, lead, cyclic=repeats is not Recurrence.DATED)
    return Timetable(start, horizon.timezone, repeats, planned, asked, lead)


def lead_minutes(document: PlanDocument, pool: PoolPart) -> int:
    """From being asked for to serving: the start-up time, no longer than the plan is."""
    planned = document.horizon.interval_s // _MINUTE_S * len(pool.replicas)
    return min(math.ceil(document.startup_s(pool) / _MINUTE_S), planned)


def early(planned: Ints | Sequence[int], lead: int, *, cyclic: bool) -> Ints:
    """[M] the most of `planned` [M] from each minute until `lead` minutes later."""
    values = np.asarray(planned, dtype=np.int64)
    after = np.resize(values, lead) if cyclic else np.full(lead, values[-1])
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([values, after]), lead + 1)
    return np.asarray(windows.max(axis=1))


def check_minutes(horizon: HorizonPart) -> None:
    """Raise UsageError where cron cannot say the times of a plan."""
    if horizon.interval_s % _MINUTE_S or horizon.start.second or horizon.start.microsecond:
        raise UsageError("cron counts whole minutes; plan with intervals of whole minutes")
    if horizon.intervals * horizon.interval_s > _MOST_DAYS * timedelta(days=1).total_seconds():
        raise UsageError("a cron line has no year; plan at most one year, or export csv or json")
