"""Pools of chosen sizes on small fleets, their plans, and two other ways to place them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.workload import Role
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.program.supply import Places
from heteroplan.placement import Packing, pack
from heteroplan.placement.lifetimes import Lifetime, lifetimes
from heteroplan.placement.nodes import nodes_of
from tests.builders import candidates, engine, fleet, scenario, workload
from tests.plans import plan


@dataclass(frozen=True)
class Case:
    """A program whose pool sizes are given."""

    scenario: Scenario
    candidates: tuple[Candidate, ...]
    problem: Problem
    replicas: Ints

    def packed(self) -> Packing:
        return pack(self.scenario, self.candidates, self.problem, self.replicas)

    def plan(self, packing: Packing) -> Plan:
        """A plan with all pools, empty ones too, and the packing's stays."""
        pools = [
            Pool(
                workload=self.scenario.workloads[spec.workload].name,
                role=spec.role,
                engine=self.candidates[spec.candidate].engine.name,
                node_type=spec.node_type,
                gpus_per_replica=spec.gpus,
                domain=spec.domain,
                level=spec.level,
                group=f"{self.scenario.workloads[spec.workload].name}@{spec.group}",
                replicas=tuple(int(n) for n in sizes),
                flow_rps=((0.0,) * self.problem.intervals,),
            )
            for spec, sizes in zip(self.problem.pools, self.replicas, strict=True)
        ]
        made = plan(self.scenario, pools, considered=self.candidates)
        return replace(made, stays=packing.stays)


@dataclass(frozen=True)
class Sizes:
    """One workload with one engine, and the sizes of its pools by domain."""

    of: Mapping[str, Sequence[int]]
    gpus: int = 8
    affinity: Affinity = Affinity.SPINE
    startup_s: float = 0.0
    """An interval is an hour."""


def case(
    *loads: Sizes,
    on: Fleet | None = None,
    cyclic: bool = True,
    current: Sequence[Running] | None = None,
) -> Case:
    """Workloads `w0`, `w1`, ... with an engine `e` each; domains without sizes have none."""
    intervals = len(next(iter(loads[0].of.values())))
    made = scenario(
        [
            workload(
                f"w{i}",
                rps=(1.0,) * intervals,
                affinity=load.affinity,
                engines=[
                    engine("e", role=Role.AGGREGATED, gpus=load.gpus, startup_s=load.startup_s)
                ],
            )
            for i, load in enumerate(loads)
        ],
        in_fleet=on or fleet(),
        cyclic=cyclic,
    )
    made = replace(made, current=None if current is None else tuple(current))
    engines = candidates(made)
    problem = build_problem(made, engines)
    nothing = (0,) * intervals
    replicas = np.array(
        [loads[pool.workload].of.get(pool.domain, nothing) for pool in problem.pools]
    )
    return Case(made, engines, problem, replicas)


def afresh(of: Case) -> tuple[int, int]:
    """(moves, replicas without room) of packing each interval anew.

    First fit decreasing, running and starting replicas alike; whoever of a pool happens to
    stand where one of it stood before has stayed.
    """
    problem = of.problem
    held = problem.held(of.replicas) // np.array([[pool.gpus] for pool in problem.pools])
    order = sorted(
        range(len(problem.pools)),
        key=lambda p: (list(Affinity).index(problem.pools[p].level), -problem.pools[p].gpus),
    )
    place = Places(of.scenario)
    nodes = {pool.node_type: nodes_of(place, pool.node_type) for pool in problem.pools}
    before: list[Counter[tuple[int, ...]]] | None = None
    first: list[Counter[tuple[int, ...]]] = []
    moves = lost = 0
    for t in range(problem.intervals):
        now: list[Counter[tuple[int, ...]]] = [Counter() for _ in problem.pools]
        for p in order:
            pool = problem.pools[p]
            on = nodes[pool.node_type]
            share, count = min(pool.gpus, on.gpus), max(1, pool.gpus // on.gpus)
            rows = np.arange(len(on.names))[on.rows(pool.level, pool.domain)]
            spots = _first_fits(on.free[t], on.leaf_of, rows, share, count)
            for _, spot in zip(range(int(held[p, t])), spots, strict=False):
                now[p][spot] += 1
            lost += int(held[p, t]) - now[p].total()
        moves += 0 if before is None else _moves(before, now)
        before, first = now, first or now
    if problem.cyclic and before is not None:
        moves += _moves(before, first)
    return moves, lost


def _moves(
    before: Sequence[Counter[tuple[int, ...]]], now: Sequence[Counter[tuple[int, ...]]]
) -> int:
    """Replicas that stand where none of their pool stood, beyond what the pool grew by."""
    return sum(
        (new - old).total() - max(0, new.total() - old.total())
        for old, new in zip(before, now, strict=True)
    )


def _first_fits(
    free: np.ndarray, leaf_of: Ints, rows: Ints, share: int, count: int
) -> Iterator[tuple[int, ...]]:
    """Spots in the order of the nodes, each taken from `free` as it is drawn."""
    if count == 1:
        for node in rows:
            while free[node] >= share:
                free[node] -= share
                yield (int(node),)
        return
    for leaf in np.unique(leaf_of[rows]):
        whole = [int(node) for node in rows if leaf_of[node] == leaf and free[node] >= share]
        for spot in zip(*[iter(whole)] * count, strict=False):
            free[list(spot)] -= share
            yield spot


class TooManyError(Exception):
    """The enumeration would take too long."""


def fewest_moves(of: Case, *, tries: int = 20_000) -> int | None:
    """Fewest moves with which every replica finds room, by trying everything; None where none does.

    Raises TooManyError after `tries` partial assignments.
    """
    ways = sorted((_ways(of, life) for life in lifetimes(of.problem, of.replicas, {})), key=len)
    used: Counter[tuple[int, int]] = Counter()
    best: int | None = None
    tried = 0
    gpus = of.scenario.fleet.node_types[0].gpus

    def go(i: int, moves: int) -> None:
        nonlocal best, tried
        tried += 1
        if tried > tries:
            raise TooManyError
        if i == len(ways):
            best = moves
            return
        for more, taken in ways[i]:
            if best is not None and moves + more >= best:
                break
            if all(used[key] + n <= gpus for key, n in taken.items()):
                used.update(taken)
                go(i + 1, moves + more)
                used.subtract(taken)

    go(0, 0)
    return best


def _ways(of: Case, life: Lifetime) -> list[tuple[int, Counter[tuple[int, int]]]]:
    """(moves, GPUs by (interval, node)) of every way to place a lifetime, fewest moves first."""
    pool, length, cyclic = of.problem.pools[life.pool], of.problem.intervals, of.problem.cyclic
    nodes = nodes_of(Places(of.scenario), pool.node_type)
    rows = range(len(nodes.names))[nodes.rows(pool.level, pool.domain)]
    count, share = max(1, pool.gpus // nodes.gpus), min(pool.gpus, nodes.gpus)
    spots = [
        spot for spot in combinations(rows, count) if len({nodes.leaf_of[n] for n in spot}) == 1
    ]
    found = []
    for stood in product(spots, repeat=life.intervals):
        endless = cyclic and life.intervals == length
        came = [stood[-1] if endless else None, *stood[:-1]]
        times = [
            (t % length, node)
            for i, (old, new) in enumerate(zip(came, stood, strict=True))
            for t in range(life.first + i - (pool.lead if new != old else 0), life.first + i + 1)
            if cyclic or t >= 0
            for node in new
        ]
        taken = Counter({key: share * n for key, n in Counter(times).items()})
        if all(n <= nodes.free[key] for key, n in taken.items()):
            moves = sum(old not in (None, new) for old, new in zip(came, stood, strict=True))
            found.append((moves, taken))
    return sorted(found, key=lambda way: way[0])
