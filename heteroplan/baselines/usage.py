"""What pool sizes and stays use: GPU-hours, USD, GPUs held by node type."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.placement import Stay
from heteroplan.entities.plan import SupplyUse
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.optimize.program.build import running_now
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.program.sizes import true_loads
from heteroplan.optimize.program.supply import Places
from heteroplan.units import s_to_hours


def busy_share(problem: Problem, replicas: Ints, flow: Sequence[Floats]) -> float:
    """Busy GPU-time / GPU-time of replicas [P, T] that serve; 0 where there is none."""
    busy, present = 0.0, 0.0
    for work in problem.workloads:
        loads = true_loads(problem, work.pools, replicas[list(work.pools)])
        for p, load in zip(work.pools, loads, strict=True):
            gpus = problem.pools[p].gpus
            busy += gpus * float((np.where(flow[p] > 0, load, 0.0) * flow[p]).sum())
            present += gpus * float(replicas[p].sum())
    return busy / present if present else 0.0


def hours_by_priority(
    scenario: Scenario, candidates: Sequence[Candidate], problem: Problem, stays: Sequence[Stay]
) -> dict[SubgroupPriority, float]:
    """The GPU-hours of `spent` by priority of the leaf where they are held."""
    leaves = {leaf.name: leaf for leaf in scenario.fleet.network.leaves}
    hours = dict.fromkeys(SubgroupPriority, 0.0)
    for name, gpu_hours in (
        *_hours_of_stays(candidates, problem, stays),
        *_hours_at_start(scenario, candidates, problem, stays),
    ):
        hours[scenario.fleet.leaf_priority(leaves[name])] += gpu_hours
    return hours


def _hours_of_stays(
    candidates: Sequence[Candidate], problem: Problem, stays: Iterable[Stay]
) -> Iterator[tuple[str, float]]:
    """Leaf and GPU-hours of each stay, with the start before it and the drain after it.

    Not those at the ends of a day that is not cyclic.
    """
    for stay in stays:
        pool = problem.pools[stay.pool]
        engine = candidates[pool.candidate].engine
        whole = problem.cyclic and stay.intervals == problem.intervals
        begins = not whole and (problem.cyclic or stay.first > 0)
        ends = not whole and (problem.cyclic or stay.first + stay.intervals < problem.intervals)
        hours = stay.intervals * problem.hours
        hours += s_to_hours(begins * engine.startup_s + ends * engine.drain_s)
        yield stay.leaf, pool.gpus * hours


def _hours_at_start(
    scenario: Scenario, candidates: Sequence[Candidate], problem: Problem, stays: Iterable[Stay]
) -> Iterator[tuple[str, float]]:
    """Leaf and GPU-hours of what drains or starts at once where it is known what ran before.

    A pool that shrinks drains where more of it ran than stays, one that grows starts where more
    stays than ran; where its replicas change leaves besides, each such leaf has its part.
    """
    change: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for running, engine, p in running_now(scenario, candidates, problem.pools):
        if p is None:
            yield running.leaf, engine.gpus * s_to_hours(engine.drain_s)
        else:
            change[p][running.leaf] -= 1
    if problem.before is None:
        return
    for stay in stays:
        change[stay.pool][stay.leaf] += stay.first == 0
    for p, on_leaf in change.items():
        engine = candidates[problem.pools[p].candidate].engine
        grown = sum(on_leaf.values())
        each_s = engine.startup_s if grown > 0 else engine.drain_s
        alike = {leaf: n for leaf, n in on_leaf.items() if n * grown > 0}
        for leaf, n in alike.items():
            yield leaf, engine.gpus * s_to_hours(each_s) * abs(grown) * n / sum(alike.values())


def supply_use(
    scenario: Scenario, problem: Problem, stays: Iterable[Stay]
) -> tuple[SupplyUse, ...]:
    """GPUs present of each node type, and held by stays (pools of the problem).

    While they start and serve.
    """
    place, clusters = Places(scenario), scenario.fleet.network.domains(Affinity.CLUSTER)
    none = np.zeros(problem.intervals, dtype=np.int64)
    held = {shape.name: none.copy() for shape in scenario.fleet.node_types}
    for stay in stays:
        pool = problem.pools[stay.pool]
        times = np.arange(stay.first - stay.lead, stay.first + stay.intervals)
        if problem.cyclic:
            np.add.at(held[pool.node_type], times % problem.intervals, pool.gpus)
        else:
            inside = times[(times >= 0) & (times < problem.intervals)]
            held[pool.node_type][inside] += pool.gpus
    return tuple(
        SupplyUse(
            node_type=name,
            supply=tuple(
                sum(
                    (place.gpus(Affinity.CLUSTER, each, name) for each in clusters), start=none
                ).tolist()
            ),
            held=tuple(gpus.tolist()),
        )
        for name, gpus in held.items()
    )


class Spent(TypedDict):
    """What running, starting and draining replicas take, whatever the objective."""

    gpu_hours: float
    cost_usd: float
    gpu_hours_by_type: dict[str, float]
    """In the order of the fleet."""
    starts: int
    moves: int
    changes: int


def spent(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    replicas: Ints,
    stays: Sequence[Stay] = (),
) -> tuple[Spent, dict[str, tuple[float, float]]]:
    """What replicas [P, T] take, and the moves among `stays` (pools of the problem).

    In all, and GPU-hours and cost [USD] by workload. What changes of sizes cost is part of the
    cost.
    """
    moves = Counter(stay.pool for stay in stays if stay.moved)
    hours_by_type = {shape.name: 0.0 for shape in scenario.fleet.node_types}
    hours = {work.name: 0.0 for work in problem.workloads}
    cost_usd = {
        work.name: problem.changing_cost(work.pools, replicas[list(work.pools)])
        + _lost_cost(scenario, w) * problem.lost_pools.count(w)
        for w, work in enumerate(problem.workloads)
    }
    for name, node_type, used in _hours_used(scenario, candidates, problem, replicas, moves):
        hours_by_type[node_type] += used
        hours[name] += used
        cost_usd[name] += used * scenario.fleet.node_type(node_type).usd_per_gpu_hour
    total = Spent(
        gpu_hours=sum(hours.values()),
        cost_usd=sum(cost_usd.values()),
        gpu_hours_by_type=hours_by_type,
        starts=int(problem.starts(replicas).sum()) + sum(moves.values()),
        moves=sum(moves.values()),
        changes=int(problem.changes(replicas).sum()) + len(problem.lost_pools),
    )
    return total, {name: (hours[name], cost_usd[name]) for name in hours}


def _lost_cost(scenario: Scenario, workload: int) -> float:
    """Of a pool that ran before and may not go on: one change [USD]."""
    if scenario.objective is not Objective.COST:
        return 0.0
    return scenario.workloads[workload].stability.change_cost_usd


def _hours_used(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    replicas: Ints,
    moves: Counter[int],
) -> list[tuple[str, str, float]]:
    """Workload, node type and GPU-hours of each pool, and of what runs before and drains."""
    starts = problem.starts(replicas).sum(axis=1)
    used = []
    for p, pool in enumerate(problem.pools):
        engine = candidates[pool.candidate].engine
        started = int(starts[p]) + moves[p]
        drained = started
        if not problem.cyclic:
            ran = replicas[p, 0] if problem.before is None else problem.before[p]
            drained += int(ran - replicas[p, -1])
        hours = (
            int(replicas[p].sum()) * problem.hours
            + started * s_to_hours(engine.startup_s)
            + drained * s_to_hours(engine.drain_s)
        )
        name = problem.workloads[pool.workload].name
        used.append((name, pool.node_type, pool.gpus * hours))
    used += [
        (running.workload, running.node_type, engine.gpus * s_to_hours(engine.drain_s))
        for running, engine, p in running_now(scenario, candidates, problem.pools)
        if p is None
    ]
    return used
