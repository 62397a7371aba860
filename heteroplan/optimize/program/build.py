"""A checked scenario -> the arrays of its program."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import Self

import numpy as np

from heteroplan.entities.capacity import Candidate, PoolPoints, busy, queues
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Objective, Running, Scenario
from heteroplan.entities.workload import PAIRED, Engine, Loss, Role, Workload
from heteroplan.numerics.division import quotient
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.program.problem import (
    BalanceSpec,
    Floats,
    Ints,
    PoolSpec,
    Problem,
    ProgramResilience,
    ProgramWorkload,
    on_a_node,
)
from heteroplan.optimize.program.sizes import SizedLoad, reference_load
from heteroplan.optimize.program.supply import Places, hardware_tree, supply_rows
from heteroplan.units import s_to_hours

LARGE = 5_000
"""Pools times intervals beyond which a program is large."""
LOST_LEVELS = {Loss.LEAF: Affinity.LEAF, Loss.SPINE: Affinity.SPINE}
"""Levels whose domains may be lost; a node is none."""
LEAST_LOAD = 1e-6
"""Replicas that any demand keeps busy: a solver that keeps its rows to 1e-6 sees no less."""

type RunningNow = tuple[Running, Engine, int | None]
"""What runs when the horizon starts, its engine and its pool; None where no pool may be."""


def build_problem(scenario: Scenario, candidates: Sequence[Candidate]) -> Problem:
    """The program of a checked scenario.

    A domain counts for a workload when a request can be served inside it from prompt to last
    token: pools without the other role (or part) there are left out.
    """
    place, queue = Places(scenario), queues(candidates)
    workloads: list[ProgramWorkload] = []
    pools: list[PoolSpec] = []
    for w, workload in enumerate(scenario.workloads):
        first = len(pools)
        mine = [
            _Choice.of(c, queue[c], workload, each)
            for c, each in enumerate(candidates)
            if each.workload == workload.name and each.usable
        ]
        stages = _stages(each.candidate for each in mine)
        for group in workload.domains(scenario.fleet.network):
            span = scenario.fleet.network.span(workload.affinity, group)
            here = [
                _pool(place, w, each, stages, group, level, domain)
                for each in mine
                if each.candidate.span in (None, span)
                for level, domain in _standing(place, workload, each.candidate, group)
                if place.gpus(level, domain, each.candidate.node_type).any()
            ]
            pools.extend(_complete(here))
        workloads.append(_work(place, workload, pools, range(first, len(pools)), stages))
    now = running_now(scenario, candidates, pools)
    kept = np.array([p for *_, p in now if p is not None], dtype=np.int64)
    before = np.bincount(kept, minlength=len(pools))
    lost = _lost_pools(scenario, now)
    changing = sum(_change_cost(scenario, scenario.workloads[w]) for w in lost)
    cells = len(pools) * scenario.horizon.intervals
    return Problem(
        intervals=scenario.horizon.intervals,
        hours=scenario.horizon.interval_hours,
        cyclic=scenario.horizon.cyclic,
        workloads=tuple(workloads),
        pools=tuple(pools),
        balances=tuple(_balances(scenario, candidates, workloads, pools)),
        supplies=tuple(supply_rows(place, pools)),
        conflicts=tuple(_conflicts(place, workloads, pools)),
        hardware=tuple(hardware_tree(place, pools)),
        before=None if scenario.current is None else before,
        fixed_cost=_draining_cost(scenario, now) + changing,
        lost_pools=lost,
        large=cells > LARGE,
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    """A candidate and the demand that it keeps its replicas busy with."""

    number: int
    queue: int
    """As PoolSpec has it."""
    candidate: Candidate
    load: Floats
    """[K, T] as PoolSpec has it."""
    by_size: SizedLoad | None

    @classmethod
    def of(cls, number: int, queue: int, workload: Workload, candidate: Candidate) -> Self:
        """The program's load is that of the pool which serves all demand alone."""
        if candidate.by_size is None or candidate.alone is None:
            rates = [[each.capacity_rps for each in row] for row in candidate.points]
            return cls(number, queue, candidate, _busy(workload, rates), None)
        by_size = _by_size(workload, candidate.by_size)
        load = reference_load(by_size, np.array(candidate.alone, dtype=np.int64))
        return cls(number, queue, candidate, load, by_size)


def _by_size(workload: Workload, tables: Sequence[PoolPoints]) -> SizedLoad:
    """Loads by the size of the pool, from a table an interval."""
    last = max(table.sizes[-1] for table in tables)
    rates = {
        id(table): [table.capacity_rps(size) for size in range(1, last + 1)] for table in tables
    }
    loads = [_busy(workload, [rates[id(table)][i] for table in tables]) for i in range(last)]
    return SizedLoad(np.array([loads[0], *loads]))


def _busy(workload: Workload, capacity_rps: Sequence[Sequence[float]]) -> Floats:
    """[K, T] replicas kept busy by each class; where there is demand, at least `LEAST_LOAD` in sum.

    By all classes together [1, T] where the router does not tell them apart.

    `capacity_rps` [T][K] is that of one replica.
    """
    load = np.array(
        [
            [
                busy(demand.rps * demand.classes[k].share, mine[k])
                for demand, mine in zip(workload.demand, capacity_rps, strict=True)
            ]
            for k in range(len(workload.demand[0].classes))
        ]
    )
    total = np.where(np.isfinite(load), load, 0.0).sum(axis=0)
    load = load * np.maximum(1.0, quotient(LEAST_LOAD, total, 1.0))
    return np.asarray(load if workload.route_by_class else load.sum(axis=0, keepdims=True))


def _stages(candidates: Iterable[Candidate]) -> dict[Role, int]:
    """Stages of prefill and of decode: two where an engine of the role is divided."""
    divided = {each.engine.role for each in candidates if each.engine.part is not None}
    return {role: 2 if role in divided else 1 for role in PAIRED}


def _served_stages(candidate: Candidate, stages: dict[Role, int]) -> tuple[int, ...]:
    first = {Role.PREFILL: 0, Role.DECODE: stages[Role.PREFILL]}
    engine = candidate.engine
    if engine.role is Role.AGGREGATED:
        return tuple(range(sum(stages.values())))
    if engine.part is not None:
        return (first[engine.role] + engine.part.index,)
    return tuple(first[engine.role] + i for i in range(stages[engine.role]))


def _standing(
    place: Places, workload: Workload, candidate: Candidate, group: str
) -> Iterable[tuple[Affinity, str]]:
    """Domains inside `group` whose pools are counted apart.

    The group itself; its leaves for parts of a divided engine, which balance there; the
    domains that may be lost where they are narrower.
    """
    level = _level(workload, candidate.engine)
    return dict.fromkeys(
        (level, leaf.domain(level)) for leaf in place.leaves[workload.affinity, group]
    )


def _level(workload: Workload, engine: Engine) -> Affinity:
    """Of the domains that pools of an engine stand in."""
    levels = [workload.affinity]
    if engine.part is not None:
        levels.append(Affinity.LEAF)
    if workload.resilience is not None and workload.resilience.lose in LOST_LEVELS:
        levels.append(LOST_LEVELS[workload.resilience.lose])
    return min(levels, key=list(Affinity).index)


def _lost_pools(scenario: Scenario, now: Sequence[RunningNow]) -> tuple[int, ...]:
    """Workloads of pools that run when the horizon starts and that no plan may keep."""
    number = {workload.name: w for w, workload in enumerate(scenario.workloads)}
    leaves = {leaf.name: leaf for leaf in scenario.fleet.network.leaves}
    lost = {}
    for running, engine, p in now:
        if p is None:
            w = number[running.workload]
            level = _level(scenario.workloads[w], engine)
            domain = leaves[running.leaf].domain(level)
            lost[running.workload, running.engine, running.node_type, domain] = w
    return tuple(lost.values())


def _complete(pools: list[PoolSpec]) -> list[PoolSpec]:
    """Pools of one group that can serve requests from end to end."""
    found = {(pool.domain, pool.engine, pool.part) for pool in pools if pool.part is not None}
    whole = [
        pool
        for pool in pools
        if pool.part is None or (pool.domain, pool.engine, 1 - pool.part) in found
    ]
    roles = {pool.role for pool in whole}
    pair = {Role.PREFILL, Role.DECODE} <= roles
    return [pool for pool in whole if pair or pool.role is Role.AGGREGATED]


def _pool(
    place: Places,
    w: int,
    choice: _Choice,
    stages: dict[Role, int],
    group: str,
    level: Affinity,
    domain: str,
) -> PoolSpec:
    scenario, candidate = place.scenario, choice.candidate
    engine = candidate.engine
    workload, horizon = scenario.workloads[w], scenario.horizon
    shape = scenario.fleet.node_type(candidate.node_type)
    price = _price_per_hour(scenario, engine, candidate.node_type)
    run_cost = np.full(horizon.intervals, price * horizon.interval_hours)
    drain_cost = price * s_to_hours(engine.drain_s)
    if not horizon.cyclic:
        # Σ drained = Σ started + n[0] - n[T-1], or with what ran before instead of n[0].
        run_cost[0] += drain_cost if scenario.current is None else 0.0
        run_cost[-1] -= drain_cost
    together = engine.gpus if engine.gpus > shape.gpus else 1
    room = place.gpus(level, domain, candidate.node_type, together)
    return PoolSpec(
        workload=w,
        candidate=choice.number,
        queue=choice.queue,
        engine=engine.part.of if engine.part is not None else engine.name,
        part=None if engine.part is None else engine.part.index,
        role=engine.role,
        stages=_served_stages(candidate, stages),
        domain=domain,
        level=level,
        group=group,
        node_type=candidate.node_type,
        gpus=engine.gpus,
        scarcity=place.scarcity(level, domain, candidate.node_type),
        plain_cost=price * horizon.interval_hours,
        run_cost=run_cost,
        start_cost=price * s_to_hours(engine.startup_s + engine.drain_s),
        drain_cost=drain_cost,
        lead=ceil(engine.startup_s / horizon.interval_s),
        load=choice.load,
        most=_most_replicas(room // engine.gpus, choice.load, workload, candidate, shape.gpus),
        by_size=choice.by_size,
        change_cost=_change_cost(scenario, workload),
    )


def _change_cost(scenario: Scenario, workload: Workload) -> float:
    """Of a change of a pool's size, objective units: nothing where GPU-hours are minimised."""
    return workload.stability.change_cost_usd if scenario.objective is Objective.COST else 0.0


def _most_replicas(
    room: Ints, load: Floats, workload: Workload, candidate: Candidate, node_gpus: int
) -> Ints:
    """[T] replicas that fit; without a ratio band no more than could ever be of use."""
    part = candidate.engine.part
    if workload.pd_ratio is not None or (part is not None and part.ratio is not None):
        return room
    wanted = workload.min_replicas.get(candidate.engine.role, 0)
    useful = np.where(np.isfinite(load), load, 0.0).sum(axis=0).max(initial=0.0)
    if workload.resilience is not None and workload.resilience.lose is Loss.NODE:
        useful += on_a_node(candidate.engine.gpus, node_gpus)
    return np.minimum(room, max(ceil(useful - COVER_TOLERANCE), wanted)).astype(np.int64)


def _work(
    place: Places,
    workload: Workload,
    pools: Sequence[PoolSpec],
    mine: range,
    stages: dict[Role, int],
) -> ProgramWorkload:
    classes = range(len(workload.demand[0].classes))
    rps = np.array([[d.rps * d.classes[k].share for d in workload.demand] for k in classes])
    return ProgramWorkload(
        name=workload.name,
        rps=rps if workload.route_by_class else rps.sum(axis=0, keepdims=True),
        priority=workload.priority,
        stages=sum(stages.values()),
        min_replicas={role: n for role, n in workload.min_replicas.items() if n > 0},
        max_replicas=dict(workload.max_replicas),
        max_groups=workload.max_groups,
        resilience=_resilience(place, workload, pools, mine),
        pools=tuple(mine),
        source=workload,
        min_run=max(1, ceil(workload.stability.min_run_s / place.scenario.horizon.interval_s)),
        max_changes=workload.stability.max_changes,
    )


def _resilience(
    place: Places, workload: Workload, pools: Sequence[PoolSpec], mine: range
) -> ProgramResilience | None:
    resilience = workload.resilience
    if resilience is None:
        return None
    if resilience.lose is Loss.NODE:
        sizes = {shape.name: shape.gpus for shape in place.scenario.fleet.node_types}
        return ProgramResilience(resilience.serve, (), sizes)
    gone: dict[str, list[int]] = {}
    for p in mine:
        leaf = place.leaves[pools[p].level, pools[p].domain][0]
        gone.setdefault(leaf.domain(LOST_LEVELS[resilience.lose]), []).append(p)
    return ProgramResilience(resilience.serve, tuple(tuple(each) for each in gone.values()), {})


def _balances(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    workloads: Sequence[ProgramWorkload],
    pools: Sequence[PoolSpec],
) -> Iterator[BalanceSpec]:
    """Prefill with decode in each group, part 0 with part 1 on each leaf."""
    for w, work in enumerate(workloads):
        groups: dict[str, list[int]] = {}
        divided: dict[tuple[str, str], list[int]] = {}
        for p in work.pools:
            groups.setdefault(pools[p].group, []).append(p)
            if pools[p].part is not None:
                divided.setdefault((pools[p].domain, pools[p].engine), []).append(p)
        for members in groups.values():
            counted = [p for p in members if pools[p].counts]
            left = tuple(p for p in counted if pools[p].role is Role.PREFILL)
            right = tuple(p for p in counted if pools[p].role is Role.DECODE)
            yield BalanceSpec(w, "", left, right, scenario.workloads[w].pd_ratio)
        for (_, engine), members in divided.items():
            left = tuple(p for p in members if pools[p].part == 0)
            right = tuple(p for p in members if pools[p].part == 1)
            part = candidates[pools[left[0]].candidate].engine.part
            yield BalanceSpec(w, engine, left, right, part.ratio if part else None)


def _conflicts(
    place: Places, workloads: Sequence[ProgramWorkload], pools: Sequence[PoolSpec]
) -> Iterator[tuple[int, str, int, str]]:
    """Overlapping groups of workloads that keep apart, each pair once."""
    number = {work.name: w for w, work in enumerate(workloads)}
    pairs = {
        tuple(sorted((w, number[name])))
        for w, work in enumerate(workloads)
        for name in work.source.anti_affinity
    }
    leaves = [
        {
            group: {leaf.name for leaf in place.leaves[work.source.affinity, group]}
            for group in dict.fromkeys(pools[p].group for p in work.pools)
        }
        for work in workloads
    ]
    for one, two in sorted(pairs):
        for group, other in product(leaves[one], leaves[two]):
            if not leaves[one][group].isdisjoint(leaves[two][other]):
                yield one, group, two, other


def _draining_cost(scenario: Scenario, now: Sequence[RunningNow]) -> float:
    """Of all that runs when the horizon starts, objective units."""
    return sum(
        (
            _price_per_hour(scenario, engine, each.node_type) * s_to_hours(engine.drain_s)
            for each, engine, _ in now
        ),
        start=0.0,
    )


def running_now(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    pools: Sequence[PoolSpec],
    ran: Iterable[Running] | None = None,
) -> list[RunningNow]:
    """All that runs when the horizon starts, which `ran` may say with more of its nodes."""
    engines = {
        (workload.name, engine.name): engine
        for workload in scenario.workloads
        for engine in workload.profile.engines
    }
    leaves = {leaf.name: leaf for leaf in scenario.fleet.network.leaves}
    pool_at = {}
    for p, pool in enumerate(pools):
        own = candidates[pool.candidate]
        pool_at[own.workload, own.engine.name, pool.node_type, pool.level, pool.domain] = p
    found: list[RunningNow] = []
    for each in (scenario.current or ()) if ran is None else ran:
        engine, leaf = engines[each.workload, each.engine], leaves[each.leaf]
        name = (each.workload, each.engine, each.node_type)
        places = ((*name, level, leaf.domain(level)) for level in Affinity)
        found.append((each, engine, next((pool_at[at] for at in places if at in pool_at), None)))
    return found


def _price_per_hour(scenario: Scenario, engine: Engine, node_type: str) -> float:
    """Of one replica, USD or GPU-hours."""
    if scenario.objective is Objective.GPU_HOURS:
        return float(engine.gpus)
    return engine.gpus * scenario.fleet.node_type(node_type).usd_per_gpu_hour
