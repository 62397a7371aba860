"""Schedules on days on which clocks change, and what is short of them: plain arithmetic."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.formats import SCHEDULE_FORMATS, ExportOptions
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule, schedule_of
from heteroplan.schedules.timetable.timetable import Ints
from tests.plans import day_scenario, horizon, plan, pool

MINUTE = timedelta(minutes=1)
DAY = 1440

type Executor = Callable[[str, Entry, datetime, int, int], Ints]

CHANGES = [
    ("Europe/Berlin", datetime(2027, 3, 28)),
    ("Europe/Berlin", datetime(2027, 10, 31)),
    ("America/New_York", datetime(2027, 3, 14)),
    ("America/New_York", datetime(2027, 11, 7)),
    ("Australia/Lord_Howe", datetime(2027, 4, 4)),
    ("Australia/Lord_Howe", datetime(2027, 10, 3)),
]
"""Days on which clocks go forward or back; by half an hour on Lord Howe."""
ORDINARY = [
    ("Europe/Berlin", datetime(2027, 5, 9)),
    ("America/New_York", datetime(2027, 5, 9)),
    ("Australia/Lord_Howe", datetime(2027, 5, 9)),
]
RECURRENCES = [Recurrence.DAILY, Recurrence.WEEKLY, Recurrence.DATED]


@dataclass(frozen=True, eq=False)
class Case:
    """A pool's schedule that is executed around midnight of `day`."""

    schedule: Schedule
    options: ExportOptions
    zone: str
    day: datetime

    @property
    def entry(self) -> Entry:
        (entry,) = self.schedule.entries
        return entry

    def text(self, form: str) -> str:
        return SCHEDULE_FORMATS[form](self.schedule, self.options)

    def played(self, form: str, executor: Executor) -> "Played":
        """From six hours before the day until its end, or as long as a dated plan is."""
        table = self.entry.timetable
        info = ZoneInfo(self.zone)
        if table.recurrence is Recurrence.DATED:
            start, count, planned, before = table.start, len(table.planned), table.planned, 0
        else:
            start = self.day.replace(tzinfo=info).astimezone(UTC) - timedelta(hours=6)
            count = DAY + 6 * 60
            planned = self._by_wall_clock(table.planned, start, count)
            before = int(self._by_wall_clock(table.asked, start - MINUTE, 1)[0])
        got = executor(self.text(form), self.entry, start, count, before)
        clocks = [(start + m * MINUTE).astimezone(info) for m in range(count)]
        return Played(clocks, got, planned, table.lead_minutes)

    def _by_wall_clock(self, sizes: Ints, start: datetime, count: int) -> Ints:
        """Sizes of a day or week at the clock of each minute."""
        info = ZoneInfo(self.zone)
        table = self.entry.timetable
        begin = table.start.astimezone(info).replace(tzinfo=None)
        passed = [
            int(((start + m * MINUTE).astimezone(info).replace(tzinfo=None) - begin) / MINUTE)
            for m in range(count)
        ]
        return np.array([sizes[each % len(sizes)] for each in passed], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Played:
    """What a system asked for, and what was planned."""

    clocks: list[datetime]
    sizes: Ints
    planned: Ints
    lead_minutes: int

    @property
    def short(self) -> list[str]:
        """Minutes at which fewer replicas are ready than planned."""
        ready = [
            self.sizes[max(0, m - self.lead_minutes) : m + 1].min() for m in range(len(self.sizes))
        ]
        return [
            f"{self.clocks[m]:%F %H:%M %z}: {ready[m]} of {self.planned[m]}"
            for m in range(self.lead_minutes, len(ready))
            if ready[m] < self.planned[m]
        ]

    def over(self) -> int:
        """Minutes with more replicas than any that are planned until they would be ready."""
        most = [self.planned[m : m + self.lead_minutes + 1].max() for m in range(len(self.planned))]
        known = len(most) - self.lead_minutes
        return int((self.sizes > np.array(most))[:known].sum())


def case(zone: str, day: datetime, recurrence: Recurrence, *, lead: int = 7, seed: int = 0) -> Case:
    """A schedule of random sizes by the quarter hour; if it repeats, made months before `day`.

    A weekly one has sizes by the half hour, a dated one is of the day alone.
    """
    draw = random.Random(f"{zone} {day} {recurrence} {lead} {seed}")
    if recurrence is Recurrence.DATED:
        info = ZoneInfo(zone)
        ends = (day + n * timedelta(days=1) for n in (0, 1))
        first, last = (end.replace(tzinfo=info).astimezone(UTC) for end in ends)
        quarters = (last - first) // timedelta(minutes=15)
        during = horizon(quarters, interval_s=900, start=day, timezone=zone, cyclic=False)
    else:
        start = datetime(2026, 11, 25) if day.month < 6 else datetime(2027, 6, 20)
        weekly = recurrence is Recurrence.WEEKLY
        during = horizon(
            7 * 48 if weekly else 96,
            interval_s=1800 if weekly else 900,
            start=start,
            timezone=zone,
        )
    replicas = [draw.randint(0, 5) for _ in range(during.intervals)]
    made = plan(day_scenario(during, startup_s=60.0 * lead), [pool(replicas)])
    options = ExportOptions(name_template="p", namespace="llm")
    found = Case(schedule_of(document_of(made), options), options, zone, day)
    assert found.entry.timetable.recurrence is recurrence
    return found
