"""The JSON of `replay --json` as a type: what is written, and its JSON Schema."""

from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from heteroplan import __version__
from heteroplan.entities.scenario import Objective
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.outputs.plan.document.parts import (
    Amount,
    AmountOrNone,
    Amounts,
    AmountsOrNone,
    AttainmentPart,
    Count,
    Counts,
    DocumentPart,
    Number,
    NumberOrNone,
)
from heteroplan.outputs.plan.document.plan_document import PlanId
from heteroplan.outputs.replay.rows import interval_count
from heteroplan.simulation.results import (
    Attainment,
    IntervalTable,
    Percentiles,
    PolicyReplay,
    Replay,
)

SCHEMA_VERSION: Literal[1] = 1


class PercentilesPart(DocumentPart):
    """Of finished requests [ms]; null where there are none."""

    p50: AmountOrNone
    p90: AmountOrNone
    p95: AmountOrNone
    p99: AmountOrNone


class ClassAttainmentPart(DocumentPart):
    """How many requests of a class kept the SLO, or one of several."""

    workload: Name
    name: Name
    """`all` where no class has an SLO of its own."""
    slo: Count | None = Field(None, exclude_if=lambda value: value is None)
    """Number of the SLO, from 1, where several hold at once."""
    percentile: Amount
    """Share that is to keep both, of the classes with this percentile together."""
    requests: Count
    attained_both: Count


class WorkloadIntervalsPart(DocumentPart):
    """One workload under one policy, one value an interval.

    A request belongs to the interval in which it arrived; latencies are null where none finished.
    """

    name: Name
    requests: Counts
    """Arrived, rejected ones included."""
    finished: Counts
    attained_ttft: Counts
    attained_itl: Counts
    attained_both: Counts
    ttft_p50_ms: AmountsOrNone
    ttft_percentile_ms: AmountsOrNone
    """At the percentile of the SLO."""
    itl_p50_ms: AmountsOrNone
    itl_percentile_ms: AmountsOrNone
    """At the percentile of the SLO."""
    capacity_rps: AmountsOrNone
    """Of the ready replicas at the SLO."""
    prefill_replicas: AmountsOrNone
    """Mean number ready."""
    decode_replicas: AmountsOrNone
    aggregated_replicas: AmountsOrNone
    gpus: AmountsOrNone
    """Mean number held: ready, starting and draining."""
    waiting: AmountsOrNone
    """Mean number of requests in queues."""


class PolicyPart(DocumentPart):
    """One policy on the requests; `finished + sum(rejected) + unfinished` are all of them."""

    policy: Name
    options: dict[str, Number | str]
    """Its parameters, units in the names."""
    gpu_hours: Amount
    cost_usd: Amount
    saved_fraction: NumberOrNone
    """Of the objective against `static_peak`; null where that was not replayed."""
    attainment: AttainmentPart
    intervals_met: AmountOrNone
    """Share of workload-intervals with requests in which `both` reaches the percentile."""
    finished: Count
    rejected: dict[str, Count]
    """By reason."""
    unfinished: Count
    starts: Count
    utilization: dict[str, AmountOrNone]
    """Busy share of ready replicas by role, weighted by GPUs."""
    ttft_ms: PercentilesPart
    itl_ms: PercentilesPart
    e2e_ms: PercentilesPart
    notes: tuple[str, ...]
    classes: tuple[ClassAttainmentPart, ...]
    """Of workloads with several SLOs or some by class."""
    workloads: tuple[WorkloadIntervalsPart, ...]


class ReplayWorkloadPart(DocumentPart):
    """A workload: its SLO and what was planned for it."""

    name: Name
    percentile: Amount
    ttft_ms: AmountOrNone
    """Null where it is relative to the request alone."""
    itl_ms: AmountOrNone
    """Null where it is relative to the request alone."""
    planned_rps: Amounts
    """One an interval."""


class ReplayHorizonPart(DocumentPart):
    """The intervals of the replay."""

    start: datetime
    """With its offset."""
    timezone: Text
    interval_s: Annotated[int, Field(ge=1)]
    intervals: Count
    duration_s: Amount
    """The last interval may be cut short."""


class ReplayDocument(DocumentPart):
    """What `replay --json` prints."""

    schema_version: Literal[1]
    heteroplan_version: Text
    scenario: Name
    objective: Objective
    """What `saved_fraction` is of."""
    plan_id: PlanId | None
    """Of the plan that was replayed."""
    level: Literal["requests", "fluid"]
    requests: Count
    """Asked for, by all workloads."""
    seconds: Amount
    """CPU seconds spent simulating. With `requests_per_s` all that two like runs may differ in."""
    requests_per_s: Amount
    """Requests x policies over `seconds`."""
    seed: int
    horizon: ReplayHorizonPart
    workloads: tuple[ReplayWorkloadPart, ...]
    notes: tuple[str, ...]
    policies: tuple[PolicyPart, ...]


def document_of(replay: Replay) -> ReplayDocument:
    """The replay in the fields of its JSON, numbers rounded to 9 digits."""
    return ReplayDocument(
        schema_version=SCHEMA_VERSION,
        heteroplan_version=__version__,
        scenario=replay.scenario,
        objective=Objective(replay.objective),
        plan_id=replay.plan_id,
        level=replay.level,  # type: ignore[arg-type]
        requests=replay.requests,
        seconds=replay.seconds,
        requests_per_s=replay.requests_per_s,
        seed=replay.seed,
        horizon=ReplayHorizonPart(
            start=replay.start,
            timezone=str(replay.start.tzinfo),
            interval_s=replay.interval_s,
            intervals=interval_count(replay),
            duration_s=replay.duration_s,
        ),
        workloads=tuple(
            ReplayWorkloadPart(
                name=name,
                percentile=replay.percentiles[w],
                ttft_ms=or_none(replay.ttft_slo_ms[w]),
                itl_ms=or_none(replay.itl_slo_ms[w]),
                planned_rps=_values(replay.planned_rps[w]),
            )
            for w, name in enumerate(replay.workloads)
        ),
        notes=replay.notes,
        policies=tuple(_policy(replay, each) for each in replay.policies),
    )


def _policy(replay: Replay, policy: PolicyReplay) -> PolicyPart:
    several = [
        any(each.workload == w and each.item for each in policy.classes)
        for w in range(len(replay.workloads))
    ]
    return PolicyPart(
        policy=policy.policy,
        options=dict(policy.options),
        gpu_hours=policy.gpu_hours,
        cost_usd=policy.cost_usd,
        saved_fraction=policy.saved_fraction,
        attainment=AttainmentPart(**known(policy.attainment)),
        intervals_met=or_none(policy.intervals_met),
        finished=policy.finished,
        rejected=dict(policy.rejected),
        unfinished=policy.unfinished,
        starts=policy.starts,
        utilization={role: or_none(share) for role, share in policy.utilization.items()},
        ttft_ms=PercentilesPart(**known(policy.ttft_ms)),
        itl_ms=PercentilesPart(**known(policy.itl_ms)),
        e2e_ms=PercentilesPart(**known(policy.e2e_ms)),
        notes=policy.notes,
        classes=tuple(
            ClassAttainmentPart(
                workload=replay.workloads[each.workload],
                name=each.name or "all",
                slo=each.item + 1 if several[each.workload] else None,
                percentile=each.percentile,
                requests=each.requests,
                attained_both=each.attained_both,
            )
            for each in policy.classes
        ),
        workloads=tuple(
            WorkloadIntervalsPart(
                name=name,
                **{
                    column.name: _values(getattr(policy.intervals, column.name)[w])
                    for column in fields(IntervalTable)
                },
            )
            for w, name in enumerate(replay.workloads)
        ),
    )


def known(figures: Attainment | Percentiles) -> dict[str, float | None]:
    """By name, None for what is not known."""
    return {each.name: or_none(getattr(figures, each.name)) for each in fields(figures)}


def or_none(value: float) -> float | None:
    """None for what is not known."""
    return float(value) if np.isfinite(value) else None


def _values(row: NDArray[Any]) -> tuple[Any, ...]:
    """One an interval, None for what is not known."""
    if np.issubdtype(row.dtype, np.integer):
        return tuple(row.tolist())
    return tuple(value if np.isfinite(value) else None for value in row.tolist())
