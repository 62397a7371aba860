"""Plans made by hand: consistent enough to show, not the work of a solver."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.placement import Stay, node_name
from heteroplan.entities.plan import (
    Baseline,
    BaselineKind,
    BindingLimit,
    Plan,
    Pool,
    Shortage,
    ShortageKind,
    ShortageReason,
    SolveReport,
    SupplyUse,
    Termination,
    Totals,
    WorkloadPlan,
)
from heteroplan.entities.scenario import Horizon, Objective, Scenario
from heteroplan.entities.workload import DecodeCoefficients, Engine, PrefillCoefficients, Role
from heteroplan.inputs.plan_ids import content_id
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_json import plan_text
from tests.builders import candidates, engine, fleet, node_type, scenario, workload


def horizon(
    intervals: int,
    *,
    interval_s: int = 3600,
    start: datetime = datetime(2026, 11, 23),
    timezone: str = "UTC",
    cyclic: bool = True,
) -> Horizon:
    """`start` is wall clock in `timezone`."""
    zoned = start.replace(tzinfo=ZoneInfo(timezone))
    return Horizon(zoned, intervals, interval_s, timezone, cyclic)


def day_scenario(
    during: Horizon,
    *,
    rps: Sequence[float] | None = None,
    startup_s: float = 0.0,
    name: str = "day",
    workloads: int = 1,
    objective: Objective = Objective.COST,
    leaves: Sequence[str] = ("a-s1-l1",),
) -> Scenario:
    """Workloads `chat-1`, ... over `during`, prefill on H100 and decode on H100 or L40S.

    40 and 20 nodes on each of `leaves`, which are named for their spines.
    """
    made = scenario(
        [
            workload(
                f"chat-{i + 1}",
                rps=rps or [10.0] * during.intervals,
                engines=(
                    engine("h100-tp4-prefill", role=Role.PREFILL, startup_s=startup_s),
                    engine("h100-tp4-decode", startup_s=startup_s),
                    engine("l40s-tp8-decode", gpu="L40S", gpus=8, startup_s=startup_s),
                ),
            )
            for i in range(workloads)
        ],
        in_fleet=fleet(
            {leaf: {"h100x8": 40, "l40sx8": 20} for leaf in leaves},
            node_types=(node_type(), node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=0.8)),
            spines={leaf: leaf.rpartition("-")[0] for leaf in leaves},
        ),
        objective=objective,
    )
    return Scenario(name, made.fleet, during, objective, made.workloads, made.inputs_sha256)


def pool(
    replicas: Sequence[int],
    *,
    of: str = "chat-1",
    role: Role = Role.DECODE,
    engine_name: str = "h100-tp4-decode",
    node: str = "h100x8",
    gpus: int = 4,
    domain: str = "a-s1",
) -> Pool:
    idle = ((0.0,) * len(replicas),)
    return Pool(
        of,
        role,
        engine_name,
        node,
        gpus,
        domain,
        Affinity.SPINE,
        f"{of}@{domain}",
        tuple(replicas),
        idle,
    )


def shortage(
    of: str, interval: int, unserved_rps: float, node_type: str = "h100x8", domain: str = "a-s1"
) -> Shortage:
    """Because GPUs of `node_type` are taken in `domain`."""
    why = ShortageReason(ShortageKind.FULL, node_type=node_type, domains=(domain,))
    return Shortage(of, interval, unserved_rps, (why,))


def measured(made: Plan) -> Plan:
    """A plan with engines of known coefficients instead of a given capacity."""

    def with_figures(of: Engine) -> Engine:
        if of.role is Role.PREFILL:
            return replace(of, capacity_rps=None, prefill=PrefillCoefficients(10.0, 0.1, 0.0))
        return replace(of, capacity_rps=None, decode=DecodeCoefficients(20.0, 0.1, 1e-5))

    loads = tuple(
        replace(
            load,
            profile=replace(load.profile, engines=tuple(map(with_figures, load.profile.engines))),
        )
        for load in made.scenario.workloads
    )
    considered = tuple(replace(each, engine=with_figures(each.engine)) for each in made.candidates)
    return replace(made, scenario=replace(made.scenario, workloads=loads), candidates=considered)


def written(made: Plan) -> dict[str, Any]:
    """The fields of its plan.json."""
    fields: dict[str, Any] = json.loads(plan_text(document_of(made)))
    return fields


def version_1(made: Plan) -> dict[str, Any]:
    """The fields of its plan.json as schema_version 1 had them."""
    fields = {**written(made), "schema_version": 1}
    del fields["plan_id"], fields["inputs"]
    for row in fields["pools"]:
        del row["starting"]
    for row in fields["shortages"]:
        del row["reasons"]
    return {**fields, "plan_id": content_id(json.dumps(fields))}


def stay(
    replica_id: str = "r1",
    *,
    pool: int = 0,
    leaf: str = "a-s1-l1",
    nodes: Sequence[str] | None = None,
    first: int = 0,
    intervals: int = 1,
    lead: int = 0,
    moved: bool = False,
) -> Stay:
    names = nodes if nodes is not None else (node_name(leaf, "h100x8", 0),)
    return Stay(pool, replica_id, leaf, tuple(names), first, intervals, lead, moved)


def stays(of: Sequence[Pool], leaves: Sequence[str]) -> tuple[Stay, ...]:
    """Replica k of a pool on leaf k (in turn), in every interval with more than k replicas.

    A node of its own each, or as many as it takes of 8 GPUs.
    """
    found = []
    for p, each in enumerate(of):
        for k in range(max(each.replicas)):
            leaf, size = leaves[k % len(leaves)], max(1, each.gpus_per_replica // 8)
            nodes = [node_name(leaf, each.node_type, k * size + i) for i in range(size)]
            for first, run in runs([replicas > k for replicas in each.replicas]):
                name = f"{each.workload}-{each.role.value}-{p}-{k + 1:03d}"
                found.append(stay(name, pool=p, leaf=leaf, nodes=nodes, first=first, intervals=run))
    return tuple(found)


def runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """First index and length of each run of true values."""
    found, first = [], 0
    for value, members in groupby(flags):
        length = len(list(members))
        if value:
            found.append((first, length))
        first += length
    return found


def plan(
    of: Scenario,
    pools: Sequence[Pool],
    *,
    shortages: Sequence[Shortage] = (),
    considered: Sequence[Candidate] | None = None,
    savings: Sequence[Baseline] = (),
    termination: Termination = Termination.GAP_REACHED,
    seconds: float = 1.25,
    placed: Sequence[Stay] = (),
    limits: Sequence[BindingLimit] = (),
    gpu_hours_by_priority: Mapping[SubgroupPriority, float] | None = None,
) -> Plan:
    """A plan whose totals follow from `pools`; capacity is demand served plus a fifth.

    All GPU-hours are of high priority unless `gpu_hours_by_priority` says.
    """
    hours = of.horizon.interval_hours
    price = {shape.name: shape.usd_per_gpu_hour for shape in of.fleet.node_types}
    steps = range(of.horizon.intervals)
    held = {
        shape.name: tuple(
            sum(p.replicas[t] * p.gpus_per_replica for p in pools if p.node_type == shape.name)
            for t in steps
        )
        for shape in of.fleet.node_types
    }
    gpu_hours = sum(sum(row) for row in held.values()) * hours
    cost_usd = sum(sum(row) * price[name] for name, row in held.items()) * hours
    objective = cost_usd if of.objective is Objective.COST else gpu_hours
    unserved: Mapping[tuple[str, int], float] = {
        (s.workload, s.interval): s.unserved_rps for s in shortages
    }
    asked = sum(demand.rps for load in of.workloads for demand in load.demand)
    short = sum(unserved.values())
    workloads = []
    for load in of.workloads:
        demand_rps = tuple(demand.rps for demand in load.demand)
        served = tuple(rps - unserved.get((load.name, t), 0.0) for t, rps in enumerate(demand_rps))
        own = [
            (sum(p.replicas) * p.gpus_per_replica * hours, price[p.node_type])
            for p in pools
            if p.workload == load.name
        ]
        workloads.append(
            WorkloadPlan(
                name=load.name,
                priority=load.priority,
                demand_rps=demand_rps,
                served_rps=served,
                capacity_rps=tuple(1.2 * rps for rps in served),
                pd_ratio=(0.5,) * len(demand_rps),
                gpu_hours=sum(gpu_hours for gpu_hours, _ in own),
                cost_usd=sum(gpu_hours * usd for gpu_hours, usd in own),
                team=load.team,
            )
        )
    return Plan(
        scenario=of,
        candidates=tuple(considered) if considered is not None else candidates(of),
        report=SolveReport(
            termination=termination,
            objective=objective,
            bound=objective * 0.992,
            unserved_requests=short * of.horizon.interval_s,
            unserved_requests_bound=short * of.horizon.interval_s,
            seconds=seconds,
        ),
        totals=Totals(
            gpu_hours=gpu_hours,
            cost_usd=cost_usd,
            served_fraction=1.0 - short / asked if asked else 1.0,
            peak_gpus=max(map(sum, zip(*held.values(), strict=True)), default=0),
            starts=sum(
                max(0, b - a)
                for p in pools
                for a, b in zip(p.replicas, p.replicas[1:], strict=False)
            ),
            moves=sum(each.moved for each in placed),
            changes=sum(a != b for p in pools for a, b in pairwise(p.replicas)),
            gpu_hours_by_priority=gpu_hours_by_priority or {SubgroupPriority.HIGH: gpu_hours},
        ),
        utilization=0.81,
        savings=tuple(savings),
        pools=tuple(pools),
        workloads=tuple(workloads),
        shortages=tuple(shortages),
        supply=tuple(
            SupplyUse(
                shape.name,
                (
                    sum(leaf.nodes.get(shape.name, 0) for leaf in of.fleet.network.leaves)
                    * shape.gpus,
                )
                * of.horizon.intervals,
                held[shape.name],
            )
            for shape in of.fleet.node_types
        ),
        stays=tuple(placed),
        limits=tuple(limits),
    )


def baseline(
    of: Plan,
    name: str,
    factor: float,
    *,
    gpu: str = "",
    unserved_requests: float = 0.0,
    stranded_replica_hours: float | None = None,
    gpu_hours_by_priority: Mapping[SubgroupPriority, float] | None = None,
) -> Baseline:
    """A baseline at `factor` times the plan's GPU-hours and cost."""
    return Baseline(
        name=BaselineKind(name),
        gpu_hours=of.totals.gpu_hours * factor,
        cost_usd=of.totals.cost_usd * factor,
        saved_gpu_hours=of.totals.gpu_hours * (factor - 1),
        saved_cost_usd=of.totals.cost_usd * (factor - 1),
        saved_fraction=1 - 1 / factor,
        utilization=of.utilization / factor,
        gpu=gpu,
        unserved_requests=unserved_requests,
        stranded_replica_hours=stranded_replica_hours,
        gpu_hours_by_priority=gpu_hours_by_priority,
    )


def baselines(of: Plan) -> tuple[Baseline, ...]:
    """Those that leave as much unserved at 1.5 and 2 times the plan's cost, and its bound."""
    kind, gap = BaselineKind.LOWER_BOUND, of.report.gap
    bound = Baseline(kind, None, of.report.bound, None, -1.0, -gap, None)
    unserved = of.report.unserved_requests
    return (
        baseline(of, "static_peak", 1.5, unserved_requests=unserved),
        baseline(of, "static_peak_one_gpu_type", 2.0, gpu="H100", unserved_requests=unserved),
        bound,
    )


def greedy_baselines(of: Plan, share_unserved: float = 0.03) -> tuple[Baseline, ...]:
    """Algorithm 4 at 1.2 times the plan's cost, in whole pairs, and the plan without a promise."""
    asked = sum(sum(load.demand_rps) for load in of.workloads) * of.scenario.horizon.interval_s
    high = of.totals.gpu_hours_by_priority[SubgroupPriority.HIGH]
    return (
        baseline(
            of,
            "greedy_topology",
            1.2,
            unserved_requests=share_unserved * asked,
            stranded_replica_hours=24.0,
            gpu_hours_by_priority={SubgroupPriority.HIGH: 3 * high},
        ),
        baseline(
            of,
            "greedy_topology_paired",
            1.25,
            unserved_requests=of.report.unserved_requests,
            stranded_replica_hours=0.0,
            gpu_hours_by_priority={SubgroupPriority.HIGH: 2 * high},
        ),
        baseline(of, "without_resilience", 0.8, unserved_requests=of.report.unserved_requests),
    )


FIGURE_5 = (
    *(0.34, 0.22, 0.13, 0.07, 0.03, 0.01, 0.02, 0.07, 0.17, 0.44, 0.73, 0.87),
    *(0.57, 0.55, 0.73, 0.92, 0.98, 0.93, 0.69, 0.55, 0.55, 0.61, 0.62, 0.51),
)
"""HeteroScale's Figure 5: demand by hour as a share of the peak."""


def shown_plan(
    workloads: int = 2,
    intervals: int = 96,
    *,
    short: bool = False,
    leaves: Sequence[str] = ("a-s1-l1",),
    limits: Sequence[BindingLimit] = (),
    greedy: bool = False,
) -> Plan:
    """A day of Figure 5 in Singapore with three pools a workload and baselines, to look at."""
    per_hour = intervals // 24
    rps = [share * 100 for share in FIGURE_5 for _ in range(per_hour)]
    during = horizon(intervals, interval_s=3600 // per_hour, timezone="Asia/Singapore", cyclic=True)
    of = day_scenario(
        during, rps=rps, startup_s=180.0, name="quickstart", workloads=workloads, leaves=leaves
    )
    pools = []
    for i in range(workloads):
        name = f"chat-{i + 1}"
        prefill = [max(1, round(r / 12)) for r in rps]
        decode = [max(1, round(r / 9)) for r in rps]
        pools += [
            pool(prefill, of=name, role=Role.PREFILL, engine_name="h100-tp4-prefill"),
            pool(decode, of=name),
            pool([2] * intervals, of=name, engine_name="l40s-tp8-decode", node="l40sx8", gpus=8),
        ]
    shortages = [
        shortage("chat-2", t, rps[t] * 0.2) for t in range(intervals) if short and rps[t] > 90
    ]
    made = plan(of, pools, shortages=shortages, placed=stays(pools, leaves), limits=limits)
    savings = (*baselines(made), *(greedy_baselines(made) if greedy else ()))
    return replace(made, savings=savings)
