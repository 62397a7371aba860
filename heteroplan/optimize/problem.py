"""Sets and coefficients of the integer program, as plain arrays.

Everything the model multiplies is computed here, so that `model` and the method behind
`solve` read like the equations. Flow is measured in shares of a workload's demand and pools
in replicas, so every coefficient lies near 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity, Leaf
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.entities.workload import RatioBand, Role, Workload
from heteroplan.units import S_PER_HOUR, s_to_hours

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

COVER_TOLERANCE = 1e-9
"""Share of demand that our own sums may miss by rounding."""
SERVED_TOLERANCE = 2e-6
"""Share of a class's demand that counts as served: the solver keeps its rows to 1e-6.

In order: what we place (1e-9), what the solver returns, this, what the bound lets go.
"""


@dataclass(frozen=True, slots=True, eq=False)
class PoolSpec:
    """A pool that may be used: one engine of one workload in one domain."""

    workload: int
    candidate: int
    domain: str
    """Where its replicas stand."""
    level: Affinity
    """Of `domain`."""
    group: str
    """Domain at the workload's affinity level, in which prefill and decode balance."""
    role: Role
    part: int | None
    """0 or 1 for the halves of a divided engine, which balance in `domain`."""
    node_type: str
    gpus: int
    """GPUs a replica."""
    plain_cost: float
    """Of one running replica, USD or GPU-hours an interval."""
    run_cost: Floats
    """[T] the same; at the ends of a day that is not cyclic with the drains they carry."""
    start_cost: float
    """Of starting one replica and of draining it later, USD or GPU-hours."""
    drain_cost: float
    """The draining part of it."""
    lead: int
    """Intervals before its first one in which a starting replica already holds its GPUs."""
    load: Floats
    """[K, T] replicas kept busy by all demand of a class; inf where it cannot be served."""
    most: Ints
    """[T] replicas that supply leaves room for, and that could be of use."""

    @property
    def mix_load(self) -> Floats:
        """[T] replicas kept busy by all demand of the workload in its mix of classes."""
        return np.asarray(self.load.sum(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class WorkSpec:
    """A workload's side of the program."""

    name: str
    rps: Floats
    """[K, T] demand of each class [requests/s]."""
    priority: int
    pd_ratio: RatioBand | None
    min_replicas: dict[Role, int]
    max_replicas: dict[Role, int]
    pools: tuple[int, ...]
    """Indices of its pools, grouped by domain."""


@dataclass(frozen=True, slots=True, eq=False)
class SupplySpec:
    """GPUs of one node type in one domain, and the pools that draw on them."""

    domain: str
    node_type: str
    gpus: Ints
    """[T], maintenance applied."""
    pools: tuple[int, ...]
    """Pools in this domain and in the domains below it."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The whole program. T intervals, K classes (of the workload at hand)."""

    intervals: int
    hours: float
    """Length of an interval [h]."""
    cyclic: bool
    works: tuple[WorkSpec, ...]
    pools: tuple[PoolSpec, ...]
    supplies: tuple[SupplySpec, ...]

    def groups(self, w: int) -> dict[str, list[int]]:
        """Pools of a workload by domain: its possible deployment groups."""
        found: dict[str, list[int]] = {}
        for p in self.works[w].pools:
            found.setdefault(self.pools[p].domain, []).append(p)
        return found

    def starts(self, replicas: Ints) -> Ints:
        """[P, T] replicas started so that they serve from t on.

        Where the day is not cyclic, what serves in the first interval was running before.
        """
        before = np.roll(replicas, 1, axis=1)
        if not self.cyclic:
            before[:, 0] = replicas[:, 0]
        return np.asarray(np.maximum(0, replicas - before))

    def held(self, replicas: Ints) -> Ints:
        """[P, T] GPUs of running and of starting replicas."""
        starts = self.starts(replicas)
        total = replicas.copy()
        for p, pool in enumerate(self.pools):
            for ahead in range(1, pool.lead + 1):
                total[p] += self.shift(starts[p], ahead)
        gpus = np.array([pool.gpus for pool in self.pools], dtype=np.int64)
        return np.asarray(total * gpus[:, None])

    def shift(self, values: NDArray[np.int64], ahead: int) -> NDArray[np.int64]:
        """[T] values of `ahead` intervals later; 0 past the end of a day that is not cyclic."""
        moved = np.roll(values, -ahead)
        if not self.cyclic:
            moved[max(0, self.intervals - ahead) :] = 0
        return moved

    def cost(self, replicas: Ints) -> float:
        """Objective of integer pool sizes [P, T]: running, starting and draining."""
        if not self.pools:
            return 0.0
        running = sum(float(pool.run_cost @ replicas[p]) for p, pool in enumerate(self.pools))
        started = self.starts(replicas).sum(axis=1)
        return running + sum(
            pool.start_cost * float(started[p]) for p, pool in enumerate(self.pools)
        )

    def residual(self, replicas: Ints) -> list[Ints]:
        """GPUs left on each supply row [T] when `replicas` [P, T] run and start."""
        held = self.held(replicas)
        return [row.gpus - held[list(row.pools)].sum(axis=0) for row in self.supplies]

    def restricted(self, works: Sequence[int], supplies: Sequence[Ints]) -> "Problem":
        """The program of some workloads alone, with `supplies` GPUs left on each row."""
        kept = [p for w in works for p in self.works[w].pools]
        index = {p: i for i, p in enumerate(kept)}
        number = {w: i for i, w in enumerate(works)}
        return replace(
            self,
            works=tuple(
                replace(self.works[w], pools=tuple(index[p] for p in self.works[w].pools))
                for w in works
            ),
            pools=tuple(
                replace(self.pools[p], workload=number[self.pools[p].workload]) for p in kept
            ),
            supplies=tuple(
                replace(row, gpus=left, pools=tuple(index[p] for p in row.pools if p in index))
                for row, left in zip(self.supplies, supplies, strict=True)
                if any(p in index for p in row.pools)
            ),
        )

    def window(self, times: Sequence[int]) -> "Problem":
        """The program of some intervals in a row, whose first and last the caller holds still."""
        at = list(times)
        return replace(
            self,
            intervals=len(at),
            cyclic=False,
            works=tuple(replace(work, rps=work.rps[:, at]) for work in self.works),
            pools=tuple(
                replace(pool, run_cost=pool.run_cost[at], load=pool.load[:, at], most=pool.most[at])
                for pool in self.pools
            ),
            supplies=tuple(replace(row, gpus=row.gpus[at]) for row in self.supplies),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Integer pool sizes and the flow through them."""

    replicas: Ints
    """[P, T]"""
    flow: tuple[Floats, ...]
    """For each pool [K, T]: share of the class's demand that it handles."""


def build_problem(scenario: Scenario, candidates: Sequence[Candidate]) -> Problem:
    """The program of a checked scenario.

    A domain counts for a workload when a request can be served inside it from prompt to last
    token: pools whose other half is missing there are left out.
    """
    by_workload: dict[str, list[int]] = {}
    for c, candidate in enumerate(candidates):
        if candidate.usable:
            by_workload.setdefault(candidate.workload, []).append(c)
    works: list[WorkSpec] = []
    pools: list[PoolSpec] = []
    for w, workload in enumerate(scenario.workloads):
        first = len(pools)
        for domain in scenario.fleet.network.domains(workload.affinity):
            supply = domain_supply(scenario, workload.affinity, domain)
            here = [
                _pool(scenario, w, c, candidates[c], domain, supply)
                for c in by_workload.get(workload.name, ())
                if supply[candidates[c].node_type].any()
            ]
            pools.extend(_complete(here))
        works.append(_work(workload, range(first, len(pools))))
    return Problem(
        intervals=scenario.horizon.intervals,
        hours=scenario.horizon.interval_hours,
        cyclic=scenario.horizon.cyclic,
        works=tuple(works),
        pools=tuple(pools),
        supplies=_supplies(scenario, pools),
    )


def domain_supply(scenario: Scenario, level: Affinity, domain: str) -> dict[str, Ints]:
    """GPUs of each node type in a domain [T], maintenance applied."""
    fleet = scenario.fleet
    moments = [moment.astimezone(UTC) for moment in scenario.horizon.boundaries()]
    leaves = fleet.network.domains(level)[domain]
    supply = {}
    for shape in fleet.node_types:
        nodes = np.full(
            scenario.horizon.intervals, sum(le.nodes.get(shape.name, 0) for le in leaves)
        )
        if any(outage.node_type == shape.name for outage in fleet.outages):
            nodes = _nodes_over_time(fleet, leaves, shape.name, moments)
        supply[shape.name] = (nodes * shape.gpus).astype(np.int64)
    return supply


def _nodes_over_time(
    fleet: Fleet, leaves: Sequence[Leaf], node_type: str, moments: Sequence[datetime]
) -> Ints:
    return np.array(
        [
            sum(fleet.nodes_available(leaf, node_type, start, end) for leaf in leaves)
            for start, end in pairwise(moments)
        ],
        dtype=np.int64,
    )


def _complete(pools: list[PoolSpec]) -> list[PoolSpec]:
    roles = {pool.role for pool in pools}
    pair = {Role.PREFILL, Role.DECODE} <= roles
    return [pool for pool in pools if pair or pool.role is Role.AGGREGATED]


def _pool(
    scenario: Scenario,
    w: int,
    c: int,
    candidate: Candidate,
    domain: str,
    supply: dict[str, Ints],
) -> PoolSpec:
    workload, horizon, engine = scenario.workloads[w], scenario.horizon, candidate.engine
    shape = scenario.fleet.node_type(candidate.node_type)
    price = engine.gpus * (shape.usd_per_gpu_hour if scenario.objective is Objective.COST else 1.0)
    load = np.array(
        [
            [
                _busy_replicas(demand.rps * demand.classes[k].share, points[k].capacity_rps)
                for demand, points in zip(workload.demand, candidate.points, strict=True)
            ]
            for k in range(len(workload.demand[0].classes))
        ]
    )
    lead = ceil(engine.startup_s / horizon.interval_s)
    run_cost = np.full(horizon.intervals, price * horizon.interval_hours)
    start_cost = price * s_to_hours(engine.startup_s + engine.drain_s)
    drain_cost = price * s_to_hours(engine.drain_s)
    if not horizon.cyclic:
        # Σ drained = Σ started + n[0] - n[T-1]: the ends of the day carry the difference.
        run_cost[0] += drain_cost
        run_cost[-1] -= drain_cost
    return PoolSpec(
        workload=w,
        candidate=c,
        domain=domain,
        level=workload.affinity,
        group=domain,
        role=engine.role,
        part=None if engine.part is None else engine.part.index,
        node_type=candidate.node_type,
        gpus=engine.gpus,
        plain_cost=price * horizon.interval_hours,
        run_cost=run_cost,
        start_cost=start_cost,
        drain_cost=drain_cost,
        lead=lead,
        load=load,
        most=_most_replicas(
            supply[candidate.node_type] // engine.gpus, load, workload, engine.role
        ),
    )


def _busy_replicas(rps: float, capacity_rps: float) -> float:
    if rps == 0.0:
        return 0.0
    return rps / capacity_rps if capacity_rps > 0.0 else float("inf")


def _most_replicas(room: Ints, load: Floats, workload: Workload, role: Role) -> Ints:
    """[T] replicas that fit; without a ratio band no more than could ever be of use."""
    if workload.pd_ratio is not None:
        return room
    wanted = workload.min_replicas.get(role, 0)
    useful = np.where(np.isfinite(load), load, 0.0).sum(axis=0).max(initial=0.0)
    return np.minimum(room, max(ceil(useful - COVER_TOLERANCE), wanted)).astype(np.int64)


def _work(workload: Workload, pools: range) -> WorkSpec:
    classes = range(len(workload.demand[0].classes))
    return WorkSpec(
        name=workload.name,
        rps=np.array([[d.rps * d.classes[k].share for d in workload.demand] for k in classes]),
        priority=workload.priority,
        pd_ratio=workload.pd_ratio,
        min_replicas={role: n for role, n in workload.min_replicas.items() if n > 0},
        max_replicas=dict(workload.max_replicas),
        pools=tuple(pools),
    )


def _supplies(scenario: Scenario, pools: Sequence[PoolSpec]) -> tuple[SupplySpec, ...]:
    """One row for each domain with pools of its own and each node type they use.

    Domains form a tree, so rows at every level that has pools of its own are exactly the
    condition that all pools fit on the leaves (a laminar family of capacities).
    """
    network = scenario.fleet.network
    rows = []
    for level in Affinity:
        own = {
            (pool.domain, pool.node_type)
            for pool in pools
            if scenario.workloads[pool.workload].affinity is level
        }
        for domain, leaves in network.domains(level).items():
            if not any(place == domain for place, _ in own):
                continue
            supply = domain_supply(scenario, level, domain)
            below = {
                (lower, leaf.domain(lower))
                for leaf in leaves
                for lower in list(Affinity)[: list(Affinity).index(level) + 1]
            }
            for shape in scenario.fleet.node_types:
                if (domain, shape.name) not in own:
                    continue
                members = tuple(
                    p
                    for p, pool in enumerate(pools)
                    if pool.node_type == shape.name
                    and (scenario.workloads[pool.workload].affinity, pool.domain) in below
                )
                rows.append(SupplySpec(domain, shape.name, supply[shape.name], members))
    return tuple(rows)


def unserved_requests(problem: Problem, flow: Sequence[Floats]) -> dict[int, float]:
    """Requests left unserved over the horizon by priority class."""
    seconds = problem.hours * S_PER_HOUR
    lost: dict[int, float] = {}
    for work in problem.works:
        missing = np.clip(1.0 - served_share(problem, work, flow), 0.0, None)
        missing[missing <= SERVED_TOLERANCE] = 0.0
        lost[work.priority] = lost.get(work.priority, 0.0) + float(
            (missing * work.rps).sum() * seconds
        )
    return lost


def served_share(problem: Problem, work: WorkSpec, flow: Sequence[Floats]) -> Floats:
    """[K, T] share of each class's demand that decode and aggregated pools finish."""
    share = np.zeros_like(work.rps)
    for p in work.pools:
        if problem.pools[p].role is not Role.PREFILL:
            share += flow[p]
    share[work.rps == 0.0] = 1.0
    return share
