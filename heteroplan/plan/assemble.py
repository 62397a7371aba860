"""The solver's arrays -> a plan in the user's words."""

from collections.abc import Sequence

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import (
    Plan,
    Pool,
    Shortage,
    SolveReport,
    SupplyUse,
    Totals,
    WorkloadPlan,
)
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.optimize.mix import halves_of
from heteroplan.optimize.problem import Floats, Ints, Problem, Solution
from heteroplan.optimize.solve import Outcome
from heteroplan.optimize.supply import domain_supply
from heteroplan.plan.flow import exact_flow, unserved_share
from heteroplan.plan.shortage import limits
from heteroplan.units import s_to_hours


def assemble(
    scenario: Scenario, candidates: Sequence[Candidate], problem: Problem, outcome: Outcome
) -> Plan:
    """The plan that `outcome` describes, without its baselines.

    A share of demand that only rounding leaves unserved counts as served.
    """
    replicas = outcome.solution.replicas
    solution = Solution(replicas, exact_flow(problem, outcome.solution))
    unserved = [unserved_share(problem, work, solution.flow) for work in problem.works]
    shortages = _shortages(scenario, candidates, problem, replicas, unserved)
    lost = sum(short.unserved_rps for short in shortages) * scenario.horizon.interval_s
    asked = sum(float(work.rps.sum()) for work in problem.works) * scenario.horizon.interval_s
    supply = _supply_use(scenario, problem, replicas)
    return Plan(
        scenario=scenario,
        candidates=tuple(candidates),
        report=SolveReport(
            termination=outcome.termination,
            objective=outcome.objective,
            bound=outcome.bound,
            unserved_requests=lost,
            unserved_requests_bound=min(lost, sum(outcome.unserved_bound.values())),
            seconds=outcome.seconds,
        ),
        totals=_totals(scenario, candidates, problem, replicas, supply, lost, asked),
        utilization=busy_share(problem, replicas, solution.flow),
        savings=(),
        pools=_pools(scenario, candidates, problem, solution),
        workloads=tuple(
            _workload_plan(scenario, candidates, problem, w, replicas, unserved[w])
            for w in range(len(problem.works))
        ),
        shortages=shortages,
        supply=supply,
        stays=(),
        limits=(),
    )


def busy_share(problem: Problem, replicas: Ints, flow: Sequence[Floats]) -> float:
    """Busy GPU-time / GPU-time of replicas [P, T] that serve; 0 where there is none."""
    busy, present = 0.0, 0.0
    for p, pool in enumerate(problem.pools):
        load = np.where(flow[p] > 0, pool.load, 0.0)
        busy += pool.gpus * float((load * flow[p]).sum())
        present += pool.gpus * float(replicas[p].sum())
    return busy / present if present else 0.0


def _pools(
    scenario: Scenario, candidates: Sequence[Candidate], problem: Problem, solution: Solution
) -> tuple[Pool, ...]:
    """By workload, role, engine, node type and domain, in the order of the files."""
    order = list(Role)
    used = [p for p in range(len(problem.pools)) if solution.replicas[p].any()]
    used.sort(
        key=lambda p: (
            problem.pools[p].workload,
            order.index(problem.pools[p].role),
            problem.pools[p].candidate,
            p,
        )
    )
    pools = []
    for p in used:
        pool = problem.pools[p]
        work = problem.works[pool.workload]
        pools.append(
            Pool(
                workload=work.name,
                role=pool.role,
                engine=candidates[pool.candidate].engine.name,
                node_type=pool.node_type,
                gpus_per_replica=pool.gpus,
                domain=pool.domain,
                level=pool.level,
                group=f"{work.name}@{pool.group}",
                replicas=tuple(solution.replicas[p].tolist()),
                flow_rps=tuple(tuple(row) for row in (solution.flow[p] * work.rps).tolist()),
            )
        )
    return tuple(pools)


def _workload_plan(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    w: int,
    replicas: Ints,
    unserved: Floats,
) -> WorkloadPlan:
    work = problem.works[w]
    demand = np.array([each.rps for each in scenario.workloads[w].demand])
    served = demand - (unserved * work.rps).sum(axis=0)
    capacity = _capacity_rps(scenario, candidates, problem, w, replicas)
    asked = work.rps > 0
    in_mix = np.where(asked, 1.0 - unserved, 1.0).min(axis=0) * demand
    counts = {
        role: replicas[problem.members(w, role)].sum(axis=0) for role in (Role.PREFILL, Role.DECODE)
    }
    return WorkloadPlan(
        name=work.name,
        priority=work.priority,
        demand_rps=tuple(demand.tolist()),
        served_rps=tuple(served.tolist()),
        capacity_rps=tuple(np.maximum(capacity, in_mix).tolist()),
        pd_ratio=tuple(
            float(prefill / decode) if decode else None
            for prefill, decode in zip(counts[Role.PREFILL], counts[Role.DECODE], strict=True)
        ),
    )


def _capacity_rps(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    w: int,
    replicas: Ints,
) -> Floats:
    """[T] rate that the replicas serve when each takes the interval's mix of classes.

    In each domain the smaller of prefill and decode, and what aggregated engines add.
    """
    workload = scenario.workloads[w]
    own: dict[int, Floats] = {}
    for p in problem.works[w].pools:
        points = candidates[problem.pools[p].candidate].points
        each = np.zeros(problem.intervals)
        for t, demand in enumerate(workload.demand):
            rates = [point.capacity_rps for point in points[t]]
            if all(rates):
                busy_s = sum(k.share / r for k, r in zip(demand.classes, rates, strict=True))
                each[t] = 1.0 / busy_s
        own[p] = replicas[p] * each
    total = np.zeros(problem.intervals)
    for pools in problem.groups(w).values():
        prefill, decode, alone = (_role_rps(problem, pools, own, role) for role in Role)
        total += np.minimum(prefill, decode) + alone
    return total


def _role_rps(problem: Problem, pools: Sequence[int], own: dict[int, Floats], role: Role) -> Floats:
    """[T] rate of one role in a group; of a divided engine that of its smaller half."""
    mine = [p for p in pools if problem.pools[p].role is role]
    total = np.zeros(problem.intervals)
    for p in mine:
        if problem.pools[p].part is None:
            total += own[p]
    for halves in halves_of(problem, mine):
        total += np.minimum(*(np.sum([own[p] for p in half], axis=0) for half in halves))
    return total


def _shortages(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    replicas: Ints,
    unserved: Sequence[Floats],
) -> tuple[Shortage, ...]:
    residual = problem.residual(replicas)
    missing = [share * work.rps for share, work in zip(unserved, problem.works, strict=True)]
    return tuple(
        Shortage(
            workload=work.name,
            interval=t,
            unserved_rps=float(missing[w][:, t].sum()),
            limited_by=limits(
                scenario, candidates, problem, w, t, replicas, residual, missing[w][:, t]
            ),
        )
        for w, work in enumerate(problem.works)
        for t in np.flatnonzero(missing[w].any(axis=0)).tolist()
    )


def _supply_use(scenario: Scenario, problem: Problem, replicas: Ints) -> tuple[SupplyUse, ...]:
    held = problem.held(replicas)
    clusters = [
        domain_supply(scenario, Affinity.CLUSTER, cluster)
        for cluster in scenario.fleet.network.domains(Affinity.CLUSTER)
    ]
    rows = []
    for shape in scenario.fleet.node_types:
        members = [p for p, pool in enumerate(problem.pools) if pool.node_type == shape.name]
        present = sum(
            (cluster[shape.name] for cluster in clusters),
            start=np.zeros(problem.intervals, dtype=np.int64),
        )
        rows.append(
            SupplyUse(
                node_type=shape.name,
                supply=tuple(present.tolist()),
                held=tuple(held[members].sum(axis=0).tolist()),
            )
        )
    return tuple(rows)


def _totals(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    replicas: Ints,
    supply: Sequence[SupplyUse],
    lost: float,
    asked: float,
) -> Totals:
    """GPU-hours and cost of running, starting and draining replicas, whatever the objective."""
    starts = problem.starts(replicas)
    gpu_hours, cost_usd = 0.0, 0.0
    for p, pool in enumerate(problem.pools):
        engine = candidates[pool.candidate].engine
        started = int(starts[p].sum())
        drained = started
        if not problem.cyclic:
            ran = replicas[p, 0] if problem.before is None else problem.before[p]
            drained += int(ran - replicas[p, -1])
        hours = pool.gpus * (
            int(replicas[p].sum()) * problem.hours
            + started * s_to_hours(engine.startup_s)
            + drained * s_to_hours(engine.drain_s)
        )
        gpu_hours += hours
        cost_usd += hours * scenario.fleet.node_type(pool.node_type).usd_per_gpu_hour
    return Totals(
        gpu_hours=gpu_hours,
        cost_usd=cost_usd,
        served_fraction=min(1.0, max(0.0, (asked - lost) / asked)) if asked else 1.0,
        peak_gpus=max(map(sum, zip(*(row.held for row in supply), strict=True)), default=0),
        starts=int(starts.sum()),
        moves=0,
        gpu_hours_by_priority={},
    )
