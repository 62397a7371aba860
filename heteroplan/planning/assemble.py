"""The solver's arrays -> a plan of pools, workloads and shortages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from heteroplan.baselines.usage import (
    busy_share,
    hours_by_priority,
    spent,
    supply_use,
)
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.placement import Stay
from heteroplan.entities.plan import Plan, Pool, Shortage, SolveReport, Totals, WorkloadPlan
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.optimize.program.mix import part_pairs
from heteroplan.optimize.program.problem import Floats, Ints, Problem, Solution, unserved_by_class
from heteroplan.optimize.program.sizes import together
from heteroplan.optimize.solve import Outcome
from heteroplan.planning.flow import exact_flow
from heteroplan.planning.limits import binding_limits
from heteroplan.planning.shortage import reasons


def assemble(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    outcome: Outcome,
    stays: Sequence[Stay],
) -> Plan:
    """The plan that `outcome` and `stays` (pools of the problem) describe, without its baselines.

    A share of demand that only rounding leaves unserved counts as served.
    """
    replicas = outcome.solution.replicas
    solution = Solution(replicas, exact_flow(problem, outcome.solution))
    unserved = [unserved_by_class(problem, work, solution.flow) for work in problem.workloads]
    shortages = _shortages(scenario, candidates, problem, replicas, unserved)
    lost = sum(short.unserved_rps for short in shortages) * scenario.horizon.interval_s
    asked = sum(float(work.rps.sum()) for work in problem.workloads) * scenario.horizon.interval_s
    supply = supply_use(scenario, problem, stays)
    used = _used_pools(problem, replicas)
    total, by_workload = spent(scenario, candidates, problem, replicas, stays)
    return Plan(
        scenario=scenario,
        candidates=tuple(candidates),
        report=SolveReport(
            termination=outcome.termination,
            objective=outcome.objective,
            bound=outcome.bound,
            unserved_requests=lost,
            unserved_requests_bound=min(lost, outcome.least_unserved),
            seconds=outcome.seconds,
            calming=outcome.calming,
        ),
        totals=Totals(
            **total,
            served_fraction=min(1.0, max(0.0, (asked - lost) / asked)) if asked else 1.0,
            peak_gpus=max(map(sum, zip(*(row.held for row in supply), strict=True)), default=0),
            gpu_hours_by_priority=hours_by_priority(scenario, candidates, problem, stays),
        ),
        utilization=busy_share(problem, replicas, solution.flow),
        savings=(),
        pools=tuple(_pool(candidates, problem, solution, p) for p in used),
        workloads=tuple(
            _workload_plan(
                scenario, candidates, problem, w, replicas, unserved[w], by_workload[work.name]
            )
            for w, work in enumerate(problem.workloads)
        ),
        shortages=shortages,
        supply=supply,
        stays=tuple(replace(stay, pool=used.index(stay.pool)) for stay in stays),
        limits=binding_limits(problem, replicas, shortages),
    )


class SizedPool(Protocol):
    """A pool of a plan, or of a plan's document."""

    @property
    def workload(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def node_type(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def replicas(self) -> Sequence[int]: ...


def sizes_of(problem: Problem, candidates: Sequence[Candidate], pools: Sequence[SizedPool]) -> Ints:
    """[P, T] sizes of the problem's pools that another plan has as well; the rest are empty.

    All are empty where the plan has other intervals.
    """
    sizes = problem.no_replicas()
    of_other = {
        (pool.workload, pool.engine, pool.node_type, pool.domain): pool.replicas
        for pool in pools
        if len(pool.replicas) == problem.intervals
    }
    for p, pool in enumerate(problem.pools):
        work, engine = problem.workloads[pool.workload], candidates[pool.candidate].engine
        sizes[p] = of_other.get((work.name, engine.name, pool.node_type, pool.domain), 0)
    return sizes


def _used_pools(problem: Problem, replicas: Ints) -> list[int]:
    """By workload, role, engine, node type and domain, in the order of the files."""
    order = list(Role)
    return sorted(
        (p for p in range(len(problem.pools)) if replicas[p].any()),
        key=lambda p: (
            problem.pools[p].workload,
            order.index(problem.pools[p].role),
            problem.pools[p].candidate,
            p,
        ),
    )


def _pool(candidates: Sequence[Candidate], problem: Problem, solution: Solution, p: int) -> Pool:
    pool = problem.pools[p]
    work = problem.workloads[pool.workload]
    rates_rps = solution.flow[p] * work.rps
    if not work.source.route_by_class:
        shares = [[kind.share for kind in each.classes] for each in work.source.demand]
        rates_rps = rates_rps * np.array(shares).T
    return Pool(
        workload=work.name,
        role=pool.role,
        engine=candidates[pool.candidate].engine.name,
        node_type=pool.node_type,
        gpus_per_replica=pool.gpus,
        domain=pool.domain,
        level=pool.level,
        group=f"{work.name}@{pool.group}",
        replicas=tuple(solution.replicas[p].tolist()),
        flow_rps=tuple(tuple(row) for row in rates_rps.tolist()),
    )


def _workload_plan(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    w: int,
    replicas: Ints,
    unserved: Floats,
    used: tuple[float, float],
) -> WorkloadPlan:
    """`used` are GPU-hours and USD."""
    work = problem.workloads[w]
    demand = np.array([each.rps for each in scenario.workloads[w].demand])
    served = demand - (unserved * work.rps).sum(axis=0)
    capacity = _capacity_rps(scenario, candidates, problem, w, replicas)
    in_mix = (1.0 - unserved).min(axis=0) * demand
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
        gpu_hours=used[0],
        cost_usd=used[1],
        team=scenario.workloads[w].team,
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
    mine = problem.workloads[w].pools
    for p, sizes in zip(mine, together(problem, mine, replicas[list(mine)]), strict=True):
        candidate = candidates[problem.pools[p].candidate]
        each = np.zeros(problem.intervals)
        for t, demand in enumerate(workload.demand):
            capacity = candidate.capacity_rps(t, int(sizes[t]))
            if all(capacity):
                busy_s = sum(k.share / r for k, r in zip(demand.classes, capacity, strict=True))
                each[t] = 1.0 / busy_s
        own[p] = replicas[p] * each
    total = np.zeros(problem.intervals)
    for pools in problem.groups(w).values():
        prefill, decode, alone = (_role_rps(problem, pools, own, role) for role in Role)
        total += np.minimum(prefill, decode) + alone
    return total


def _role_rps(problem: Problem, pools: Sequence[int], own: dict[int, Floats], role: Role) -> Floats:
    """[T] rate of one role in a group; of a divided engine that of its smaller part."""
    mine = [p for p in pools if problem.pools[p].role is role]
    total = np.zeros(problem.intervals)
    for p in mine:
        if problem.pools[p].part is None:
            total += own[p]
    for pair in part_pairs(problem, mine):
        total += np.minimum(*(np.sum([own[p] for p in part], axis=0) for part in pair))
    return total


def _shortages(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    replicas: Ints,
    unserved: Sequence[Floats],
) -> tuple[Shortage, ...]:
    residual = problem.residual(replicas)
    missing = [share * work.rps for share, work in zip(unserved, problem.workloads, strict=True)]
    return tuple(
        Shortage(
            workload=work.name,
            interval=t,
            unserved_rps=float(missing[w][:, t].sum()),
            reasons=reasons(
                scenario, candidates, problem, w, t, replicas, residual, missing[w][:, t]
            ),
        )
        for w, work in enumerate(problem.workloads)
        for t in np.flatnonzero(missing[w].any(axis=0)).tolist()
    )
