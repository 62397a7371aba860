"""A schedule as it must be asked for so that a system does what is planned.

Systems that look at the clock from time to time act up to a minute late, so they are asked a minute
earlier. Those that go through the metric of an HPA are asked for sizes that its tolerance lets it
make. Schedules with dates are on the clock of UTC, on which every time comes once, where objects
have a zone of their own.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Timetable, early
from heteroplan.schedules.timetable.tolerance import followed

REACTION_MINUTES = {
    "aibrix": 1,
    "hpa": 1,
    "keda": 1,
    "kserve": 1,
    "kubernetes-cronjob": 1,
}
"""From the time in a schedule to the new size; formats that are not named act at once."""
ON_UTC = ("hpa", "keda", "kserve", "kubernetes-cronjob")
"""Formats whose dates are in UTC."""
BY_METRIC = ("keda", "kserve")
"""Formats whose sizes are metrics of an HPA."""


@dataclass(frozen=True, slots=True)
class ToleranceCost:
    """What sizes cost that are rounded up for the tolerance of an HPA."""

    gpu_hours: float
    """In one period of a schedule that repeats, else in the whole of it."""
    usd: float | None
    """None where the plan has no prices."""


def prepared(schedule: Schedule, format: str, hpa_tolerance: float) -> Schedule:  # noqa: A002
    """What to write in a format of schedules; `planned` stays as it is."""
    minutes = REACTION_MINUTES.get(format, 0)
    tolerance = hpa_tolerance if format in BY_METRIC else 0.0
    entries = (_prepared(entry, minutes, tolerance) for entry in schedule.entries)
    handover = schedule.handover
    if handover is not None:
        earlier = max(handover.earliest, handover.latest - timedelta(minutes=minutes))
        handover = replace(handover, latest=earlier)
    written = tuple(_on_utc(entry, format) for entry in entries)
    return replace(schedule, entries=written, handover=handover)


def tolerance_cost(schedule: Schedule, format: str, hpa_tolerance: float) -> ToleranceCost:  # noqa: A002
    """By how much `prepared` costs more with a tolerance than without one."""
    gpu_hours, usd = 0.0, 0.0
    exact, rounded = (prepared(schedule, format, each) for each in (0.0, hpa_tolerance))
    given = schedule.document.inputs is not None
    for before, after in zip(exact.entries, rounded.entries, strict=True):
        more = float((after.timetable.asked - before.timetable.asked).sum()) / 60.0
        hours = more * before.pool.gpus_per_replica
        gpu_hours += hours
        if given:
            node_type = schedule.document.given.fleet.node_type(before.pool.node_type)
            usd += hours * node_type.usd_per_gpu_hour
    return ToleranceCost(gpu_hours, usd if given else None)


def _prepared(entry: Entry, minutes: int, tolerance: float) -> Entry:
    table = entry.timetable
    if minutes:
        table = _earlier(table, minutes)
    before = int(table.planned[0]) if table.recurrence is Recurrence.DATED else None
    asked = followed(table.asked, tolerance, before=before)
    return replace(entry, timetable=replace(table, asked=asked))


def _on_utc(entry: Entry, format: str) -> Entry:  # noqa: A002
    table = entry.timetable
    if table.recurrence is Recurrence.DATED and format in ON_UTC:
        return replace(entry, timetable=replace(table, zone="Etc/UTC"))
    return entry


def _earlier(table: Timetable, minutes: int) -> Timetable:
    """One that does not repeat begins earlier, with what there was before it."""
    if table.recurrence is not Recurrence.DATED:
        return replace(table, asked=early(table.asked, minutes, cyclic=True))
    planned, asked = (
        np.concatenate([np.full(minutes, table.planned[0]), sizes])
        for sizes in (table.planned, table.asked)
    )
    return replace(
        table,
        start=table.start - timedelta(minutes=minutes),
        planned=planned,
        asked=early(asked, minutes, cyclic=False),
    )
