"""The schedule of a whole plan: a target and a timetable for each pool."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.handover import HandingOver, Handover, Previous, RanBefore
from heteroplan.schedules.timetable.timetable import Timetable, check_minutes, timetable


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
    handover: Handover | None = None
    """Where the schedule goes on from what ran before."""

    @property
    def given_up(self) -> tuple[Entry, ...]:
        """Objects that are no longer planned."""
        return tuple(entry for entry in self.entries if entry.given_up)

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for comments: when the schedule may be applied, objects no longer planned."""
        if self.handover is None:
            return ()
        zone = ZoneInfo(self.document.horizon.timezone)
        starts, earliest, latest = (
            f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
            for moment in (self.handover.starts, self.handover.earliest, self.handover.latest)
        )
        return (
            f"Goes on from what ran before and changes over at {starts}. Apply it between "
            f"{earliest} and {latest} ({self.document.horizon.timezone}): nothing is lost then.",
            *(
                f"No longer planned: {entry.target.kind} {entry.target.name}, "
                f"{int(entry.timetable.planned[-1])} replicas from {starts} on; remove it after "
                "that if it is not needed again."
                for entry in self.given_up
            ),
        )


def schedule_of(
    document: PlanDocument,
    options: ExportOptions,
    previous: Previous | None = None,
    *,
    least_given_up: int = 0,
) -> Schedule:
    """The schedule of a plan; with `previous` it goes on from what ran before.

    Objects that are no longer planned keep `least_given_up` replicas.
    Raises UsageError as `timetable`, `RanBefore.of` and `ExportOptions.targets` do.
    """
    targets = options.targets(document.pools)
    if previous is None:
        return Schedule(
            document,
            tuple(
                Entry(target, pool, timetable(document, pool))
                for target, pool in zip(targets, document.pools, strict=True)
            ),
        )
    check_minutes(document.horizon)
    handing = HandingOver(document, RanBefore.of(document, previous))
    old = options.targets_before(handing.before.pools)
    number = {target: i for i, target in enumerate(old)}
    entries = [
        Entry(target, pool, handing.timetable(pool, number.get(target)))
        for target, pool in zip(targets, document.pools, strict=True)
    ]
    entries += [
        Entry(target, pool, handing.timetable(None, i, least_given_up), given_up=True)
        for i, (target, pool) in enumerate(zip(old, handing.before.pools, strict=True))
        if target not in set(targets)
    ]
    tables = [(entry.timetable, number.get(entry.target)) for entry in entries]
    return Schedule(document, tuple(entries), handing.window(tables))
