"""The JSON of `replay --stress --json` as a type."""

from datetime import datetime
from typing import Literal

from heteroplan import __version__
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.outputs.plan.document.parts import Amount, AmountOrNone, Count, DocumentPart
from heteroplan.outputs.plan.document.plan_document import PlanId
from heteroplan.simulation.stress.results import Cell, Stress, StressLimit, StressRun

SCHEMA_VERSION: Literal[1] = 1


class CellPart(DocumentPart):
    """A workload in an interval, counted from 0."""

    workload: Name
    interval: Count
    requests: Count
    in_time_fraction: Amount


class RunPart(DocumentPart):
    """One replay with one thing not as planned."""

    stressor: Literal["demand", "engine times", "start-up times"]
    factor: Amount
    """On what was planned for; 1 is as planned."""
    requests: Count
    in_time: dict[str, Amount]
    """By workload: share of its requests; without those that had none."""
    short: tuple[str, ...]
    """Workloads below their percentile over the whole replay, the furthest first."""
    intervals: Count
    """Of workloads, with requests."""
    intervals_missed: Count
    first_missed: CellPart | None
    worst: CellPart | None
    gpu_hours: Amount
    unfinished: Count


class LimitPart(DocumentPart):
    """Where the SLO first breaks as one thing gets worse."""

    stressor: Literal["demand", "engine times", "start-up times"]
    criterion: Literal["whole", "interval"]
    """Whether the percentile is reached over the whole replay, or in each interval."""
    holds_factor: AmountOrNone
    """The greatest that was tried below the break and holds; null where none does."""
    breaks_factor: AmountOrNone
    """The least that was tried and breaks it; null where none does."""


class StressDocument(DocumentPart):
    """What `replay --stress --json` prints."""

    schema_version: Literal[1]
    heteroplan_version: Text
    scenario: Name
    plan_id: PlanId | None
    policy: Name
    seed: int
    start: datetime
    """With its offset."""
    timezone: Text
    interval_s: Count
    duration_s: Amount
    percentiles: dict[str, Amount]
    """By workload, of their SLOs."""
    seconds: Amount
    """CPU seconds spent simulating. All that two like runs may differ in."""
    runs: tuple[RunPart, ...]
    """As planned, then the fixed cases."""
    searched: tuple[RunPart, ...]
    """Those of the search for the limits."""
    limits: tuple[LimitPart, ...]
    notes: tuple[str, ...]


def document_of(stress: Stress) -> StressDocument:
    """The test in the fields of its JSON, numbers rounded to 9 digits."""
    return StressDocument(
        schema_version=SCHEMA_VERSION,
        heteroplan_version=__version__,
        scenario=stress.scenario,
        plan_id=stress.plan_id,
        policy=stress.policy,
        seed=stress.seed,
        start=stress.start,
        timezone=str(stress.start.tzinfo),
        interval_s=stress.interval_s,
        duration_s=stress.duration_s,
        percentiles=dict(stress.percentiles),
        seconds=stress.seconds,
        runs=tuple(map(_run, stress.runs)),
        searched=tuple(map(_run, stress.searched)),
        limits=tuple(map(_limit, stress.limits)),
        notes=stress.notes,
    )


def _run(run: StressRun) -> RunPart:
    return RunPart(
        stressor=run.stressor.value,
        factor=run.factor,
        requests=run.requests,
        in_time=dict(run.shares),
        short=run.short,
        intervals=run.intervals,
        intervals_missed=run.missed,
        first_missed=_cell(run.first_missed),
        worst=_cell(run.worst),
        gpu_hours=run.gpu_hours,
        unfinished=run.unfinished,
    )


def _cell(cell: Cell | None) -> CellPart | None:
    if cell is None:
        return None
    return CellPart(
        workload=cell.workload,
        interval=cell.interval,
        requests=cell.requests,
        in_time_fraction=cell.share,
    )


def _limit(limit: StressLimit) -> LimitPart:
    return LimitPart(
        stressor=limit.stressor.value,
        criterion=limit.criterion.value,
        holds_factor=limit.holds,
        breaks_factor=None if limit.breaks is None else limit.breaks.factor,
    )
