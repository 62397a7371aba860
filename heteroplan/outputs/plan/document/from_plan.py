"""Plan -> PlanDocument: the one place where a plan is put into the fields of plan.json."""

import json
import math
from collections.abc import Iterable, Mapping

from heteroplan import __version__
from heteroplan.entities.capacity import Candidate, OperatingPoint, busy, mix_rps
from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.plan import Baseline, BaselineRemark, Plan, Pool, Shortage
from heteroplan.entities.workload import IntervalDemand, Workload
from heteroplan.inputs.plan_ids import content_id
from heteroplan.outputs.plan.document.egress import egress_part
from heteroplan.outputs.plan.document.leaf_rows import leaf_replicas
from heteroplan.outputs.plan.document.parts import HorizonPart, nine_digits
from heteroplan.outputs.plan.document.plan_document import (
    SCHEMA_VERSION,
    BaselinePart,
    EnginePart,
    HoursByPriority,
    LimitPart,
    PlanDocument,
    PoolPart,
    PromiseCostPart,
    ReasonPart,
    ShortagePart,
    SolverPart,
    SourcePart,
    SupplyPart,
    TotalsPart,
    WorkloadPart,
)
from heteroplan.outputs.plan.document.plan_inputs import PlanInputs
from heteroplan.outputs.plan.document.reasons import reasons_text
from heteroplan.outputs.shared.words import candidate_notes
from heteroplan.planning.flow import finishing_pools
from heteroplan.text import percent

_ALIKE = 1e-5
"""What the shares of two classes may differ in by the tolerance of a solver."""
_REMARKS = {
    BaselineRemark.NO_SIZE: "no constant size covers the demand",
    BaselineRemark.NO_GPU_TYPE: "no GPU type alone covers the demand",
    BaselineRemark.NOT_COMPARED: "no comparison, the plan leaves demand unserved",
    BaselineRemark.NOT_FOUND: "none found in the time allowed",
    BaselineRemark.INTERRUPTED: "not computed, interrupted",
    BaselineRemark.NO_TIME: "not computed, no time was left",
    BaselineRemark.NO_RESILIENCE: "not resilient",
}


def document_of(plan: Plan) -> PlanDocument:
    """The plan in the fields of plan.json, numbers rounded to 9 digits, with its id."""
    scenario = plan.scenario
    horizon = HorizonPart.model_validate(scenario.horizon)
    workloads = {load.name: load for load in scenario.workloads}
    document = PlanDocument(
        schema_version=SCHEMA_VERSION,
        heteroplan_version=__version__,
        scenario=scenario.name,
        inputs_sha256=scenario.inputs_sha256,
        objective=scenario.objective,
        covered=plan.covered,
        coverage=plan.coverage,
        horizon=horizon,
        solver=SolverPart.model_validate(plan.report),
        totals=_totals(plan),
        savings={each.name.value: _baseline(each) for each in plan.savings},
        easier=tuple(map(PromiseCostPart.model_validate, plan.easier)),
        egress=egress_part(plan),
        shortages=tuple(_shortage(each, horizon) for each in plan.shortages),
        limits=tuple(map(LimitPart.model_validate, plan.limits)),
        supply=tuple(map(SupplyPart.model_validate, plan.supply)),
        engines=tuple(_engine(workloads[each.workload], each) for each in plan.candidates),
        workloads=tuple(map(WorkloadPart.model_validate, plan.workloads)),
        pools=_pools(plan),
        inputs=PlanInputs.of(scenario),
    )
    content = json.dumps(document.model_dump(mode="json", by_alias=True))
    return document.model_copy(update={"plan_id": content_id(content)})


def _totals(plan: Plan) -> TotalsPart:
    hours = _by_priority(plan.totals.gpu_hours_by_priority)
    return TotalsPart.from_entity(
        plan.totals, utilization=plan.utilization, gpu_hours_by_priority=hours
    )


def _baseline(baseline: Baseline) -> BaselinePart:
    hours = baseline.gpu_hours_by_priority
    return BaselinePart.from_entity(
        baseline,
        note=baseline_note(baseline),
        gpu_hours_by_priority=None if hours is None else _by_priority(hours),
    )


def baseline_note(baseline: Baseline) -> str:
    """Which GPU type, how near the cheapest, and why there is no figure or what it leaves out."""
    within = f"cheapest to within {percent(baseline.excess)}" if baseline.excess else ""
    sizes = ", ".join(filter(None, (baseline.gpu, within)))
    return "; ".join(filter(None, (sizes, *(_REMARKS[each] for each in baseline.remarks))))


def _shortage(shortage: Shortage, horizon: HorizonPart) -> ShortagePart:
    reasons = tuple(map(ReasonPart.model_validate, shortage.reasons))
    return ShortagePart.from_entity(
        shortage, limited_by=reasons_text(reasons, horizon), reasons=reasons
    )


def _engine(workload: Workload, candidate: Candidate) -> EnginePart:
    """One candidate, used or not."""
    capacities = tuple(
        _mix_capacity_rps(demand, points)
        for demand, points in zip(workload.demand, candidate.points, strict=True)
    )
    kind, point = _operating_point(workload, candidate)
    engine = candidate.engine
    extrapolated = any(each.extrapolated for row in candidate.points for each in row)
    return EnginePart.from_entity(
        candidate,
        engine=engine.name,
        role=engine.role,
        part=None if engine.part is None else engine.part.name,
        gpus_per_replica=engine.gpus,
        capacity_rps=capacities[0] if len(set(capacities)) == 1 else capacities,
        pool_sizes=candidate.alone,
        request_class=kind,
        batch=_finite(point.batch),
        utilization=_finite(point.utilization),
        ttft_ms=_finite(point.ttft_ms),
        itl_ms=_finite(point.itl_ms),
        limited_by=point.limited_by,
        reason=point.reason,
        notes=candidate_notes([candidate]),
        startup_s=engine.startup_s,
        drain_s=engine.drain_s,
        source=SourcePart.from_entity(engine.source, extrapolated=extrapolated),
    )


def _pools(plan: Plan) -> tuple[PoolPart, ...]:
    served = {load.name: load.served_rps for load in plan.workloads}
    by_class = {load.name: _class_shares(plan, load) for load in plan.scenario.workloads}
    return tuple(
        PoolPart.from_entity(
            pool,
            leaves=placed.serving,
            starting=placed.starting,
            share=_share(pool, served[pool.workload]),
            class_share=by_class.get(pool.workload, {}).get(id(pool), {}),
        )
        for pool, placed in zip(plan.pools, leaf_replicas(plan), strict=True)
    )


def _class_shares(plan: Plan, workload: Workload) -> dict[int, dict[str, tuple[float, ...]]]:
    """By id of the pool and class, of the class's served requests, by interval.

    Empty where every pool serves the same part of all classes.
    """
    names = [kind.name for kind in workload.demand[0].classes]
    pools = [pool for pool in plan.pools if pool.workload == workload.name]
    if len(names) == 1 or not pools:
        return {}
    finishing = list(finishing_pools(workload, pools))
    served = [
        tuple(map(sum, zip(*(pool.flow_rps[k] for pool in finishing), strict=True)))
        for k in range(len(names))
    ]
    found = {
        id(pool): {
            name: tuple(map(_of_served, flow, total))
            for name, flow, total in zip(names, pool.flow_rps, served, strict=True)
        }
        for pool in pools
    }
    taken_alike = all(
        max(taken) - min(taken) <= _ALIKE
        for shares in found.values()
        for each, rates in zip(
            zip(*shares.values(), strict=True), zip(*served, strict=True), strict=True
        )
        if (taken := [share for share, rps in zip(each, rates, strict=True) if rps > 0])
    )
    return {} if taken_alike else found


def _of_served(rps: float, served_rps: float) -> float:
    return min(1.0, rps / served_rps) if served_rps > 0 else 0.0


def _share(pool: Pool, served_rps: Iterable[float]) -> tuple[float, ...]:
    """Of the workload's served requests, by interval."""
    flows = map(sum, zip(*pool.flow_rps, strict=True))
    return tuple(_of_served(flow, served) for flow, served in zip(flows, served_rps, strict=True))


def _by_priority(hours: Mapping[SubgroupPriority, float]) -> HoursByPriority:
    """All three, or none where nothing was placed."""
    return {each: nine_digits(hours.get(each, 0.0)) for each in SubgroupPriority} if hours else {}


def _mix_capacity_rps(demand: IntervalDemand, points: Iterable[OperatingPoint]) -> float:
    """A replica's rate with the interval's mix [requests/s]."""
    shares = (kind.share for kind in demand.classes)
    rates = (point.capacity_rps for point in points)
    rate_rps: float = nine_digits(mix_rps(zip(shares, rates, strict=True)))
    return rate_rps


def _operating_point(workload: Workload, candidate: Candidate) -> tuple[str, OperatingPoint]:
    """Class name and point of the class that keeps a replica busiest, at the greatest demand."""
    busiest = workload.busiest
    kind, point = max(
        zip(workload.demand[busiest].classes, candidate.points[busiest], strict=True),
        key=lambda pair: busy(pair[0].share, pair[1].capacity_rps),
    )
    return kind.name, point


def _finite(value: float | None) -> float | None:
    """None for what JSON cannot say."""
    return None if value is None or not math.isfinite(value) else value
