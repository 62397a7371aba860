"""The schedule of a whole plan: a target and a timetable for each pool."""

from dataclasses import dataclass

from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.timetable import Timetable, timetable


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One pool."""

    target: Target
    pool: PoolPart
    """Of the previous plan where the new one gives it up."""
    timetable: Timetable
    given_up: bool = False
    """Whether only the previous plan has the pool."""


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """What formats write down."""

    document: PlanDocument
    entries: tuple[Entry, ...]


def schedule_of(document: PlanDocument, options: ExportOptions) -> Schedule:
    """Raises UsageError as `timetable` and `ExportOptions.targets` do."""
    targets = options.targets(document.pools)
    return Schedule(
        document,
        tuple(
            Entry(target, pool, timetable(document, pool))
            for target, pool in zip(targets, document.pools, strict=True)
        ),
    )
