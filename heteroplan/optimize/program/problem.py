"""Sets and coefficients of the integer program, as plain arrays.

What the model multiplies stands here (`build` computes it), so that `model` and the method behind
`solve` read like the equations. Flow is measured in shares of a workload's demand and pools
in replicas, so every coefficient lies near 1.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import RatioBand, Role, Workload
from heteroplan.numerics.division import quotient
from heteroplan.numerics.tolerances import SERVED_TOLERANCE
from heteroplan.optimize.program.sizes import SizedLoad
from heteroplan.optimize.program.transitions import earlier, starts_of
from heteroplan.units import HOURS_PER_DAY, S_PER_HOUR

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PoolSpec:
    """A pool that may be used: one engine of one workload in one domain."""

    workload: int
    candidate: int
    queue: int
    """Equal for pools of candidates that are alike: in one group their replicas are one queue."""
    engine: str
    """Name of the engine; parts of a divided engine share the name of the engine."""
    part: int | None
    """0 or 1 for the parts of a divided engine, which balance in `domain`."""
    role: Role
    stages: tuple[int, ...]
    """Stages of the workload's requests that it serves; see ProgramWorkload."""
    domain: str
    """Where its replicas stand."""
    level: Affinity
    """Of `domain`."""
    group: str
    """Domain at the workload's affinity level, in which prefill and decode balance."""
    node_type: str
    gpus: int
    """GPUs per replica."""
    scarcity: float
    """How scarce its domain's nodes are: 0 on leaves of low priority, 1 medium, 2 high."""
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
    by_size: SizedLoad | None = None
    """What they keep busy in pools of each size, where that makes a difference; `load` is then of
    the pool that serves all demand alone (`sizes`)."""
    change_cost: float = 0.0
    """Of another size than in the interval before, objective units; one for all pools of a
    workload."""

    @cached_property
    def mix_load(self) -> Floats:
        """[T] replicas kept busy by all demand of the workload in its mix of classes."""
        return self.load[0] if len(self.load) == 1 else np.asarray(self.load.sum(axis=0))

    @cached_property
    def mix_share(self) -> Floats:
        """[T] share of the workload's demand, in its mix, that one replica serves at most."""
        return quotient(1.0, self.mix_load)

    @property
    def counts(self) -> bool:
        """Whether its replicas and its flow count for the role: all but second parts."""
        return self.part != 1


@dataclass(frozen=True, slots=True, eq=False)
class ProgramResilience:
    """With any one domain lost, the rest serves `serve` of what is served, in the mix."""

    serve: float
    gone: tuple[tuple[int, ...], ...]
    """Pools that each lost domain takes away; empty where a node may be lost."""
    node_gpus: dict[str, int]
    """GPUs of a node by node type where a node may be lost; empty where a domain may be."""

    @property
    def need(self) -> float:
        """Share of the demand that all pools together must at least have capacity for.

        With S domains, adding up Σ_{d != D} capacity[d] >= serve over all D gives
        (S - 1)·Σ_d capacity[d] >= S·serve.
        """
        domains = len(self.gone)
        return max(1.0, self.serve * domains / (domains - 1)) if domains > 1 else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class ProgramWorkload:
    """A workload's side of the program."""

    name: str
    rps: Floats
    """[K, T] demand of each class [requests/s]."""
    priority: int
    stages: int
    """Of a request: prefill and decode, each two where an engine of it is divided."""
    min_replicas: dict[Role, int]
    max_replicas: dict[Role, int]
    max_groups: int | None
    resilience: ProgramResilience | None
    pools: tuple[int, ...]
    """Indices of its pools, those of a group together."""
    source: Workload
    """The workload as the scenario has it, for rules that need no more of it than a field."""
    min_run: int = 1
    """Intervals that a pool keeps what it has grown to."""
    max_changes: int | None = None
    """Of the size of one pool a day."""

    @property
    def has_stability(self) -> bool:
        """Whether its pools may not change as they like."""
        return self.min_run > 1 or self.max_changes is not None


@dataclass(frozen=True, slots=True, eq=False)
class BalanceSpec:
    """Pools that pass as many requests on as others take: prefill to decode, part to part."""

    workload: int
    engine: str
    """The divided engine whose parts balance; empty for prefill and decode."""
    left: tuple[int, ...]
    """Prefill pools, or pools of part 0."""
    right: tuple[int, ...]
    band: RatioBand | None
    """Replicas on the left / replicas on the right."""


@dataclass(frozen=True, slots=True, eq=False)
class SupplySpec:
    """GPUs of one node type in one domain, and the pools that draw on them."""

    domain: str
    level: Affinity
    node_type: str
    gpus: Ints
    """[T], maintenance applied."""
    pools: tuple[int, ...]
    """Pools in this domain and in the domains below it."""
    unit: int = 1
    """GPUs that must stand together on one leaf: the row counts those that do."""
    free_before: int | None = None
    """GPUs that what ran before left free until the horizon begins; None where that is not known,
    or makes no difference."""


@dataclass(frozen=True, slots=True, eq=False)
class HardwareSpec:
    """Nodes of one type in one domain by the priority of their leaves."""

    node_type: str
    parent: int | None
    """The same node type in the next wider domain; parents stand before their children."""
    gpus: Ints
    """[3, T] on leaves of low, medium and high priority, those of all domains below included."""
    pools: tuple[int, ...]
    """Pools that stand in this very domain."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The whole program. T intervals, K classes (of the workload at hand)."""

    intervals: int
    hours: float
    """Length of an interval [h]."""
    cyclic: bool
    workloads: tuple[ProgramWorkload, ...]
    pools: tuple[PoolSpec, ...]
    balances: tuple[BalanceSpec, ...]
    supplies: tuple[SupplySpec, ...]
    conflicts: tuple[tuple[int, str, int, str], ...] = ()
    """(workload, group, workload, group) that may not both be used (anti-affinity)."""
    hardware: tuple[HardwareSpec, ...] = ()
    """Empty where all leaves have one priority."""
    before: Ints | None = None
    """[P] replicas that run when the horizon starts; None where that is not known."""
    fixed_cost: float = 0.0
    """Of draining those, were none of them kept: what every plan pays, objective units."""
    lost_pools: tuple[int, ...] = ()
    """Workloads of those that no pool may keep, one for each pool that they made up."""
    large: bool = False
    """Whether pools times intervals are more than `build.LARGE`: no MIP of the whole is tried."""
    change_price: float = 0.0
    """Of every change of a pool's size beside what it costs, for searches of fewer changes."""

    @cached_property
    def drawn(self) -> tuple[tuple[int, ...], ...]:
        """For each pool the supply rows that it draws on."""
        drawn: list[list[int]] = [[] for _ in self.pools]
        for r, row in enumerate(self.supplies):
            for p in row.pools:
                drawn[p].append(r)
        return tuple(map(tuple, drawn))

    @cached_property
    def sized(self) -> bool:
        """Whether the capacity of any replica depends on the size of its pool."""
        return any(pool.by_size is not None for pool in self.pools)

    @cached_property
    def change_costs(self) -> Floats:
        """[P] of a change of each pool's size."""
        costs = np.array([pool.change_cost for pool in self.pools], dtype=np.float64)
        return costs + self.change_price

    @cached_property
    def gpus(self) -> Ints:
        """[P] GPUs per replica."""
        return np.array([pool.gpus for pool in self.pools], dtype=np.int64)

    @cached_property
    def leads(self) -> Ints:
        """[P] intervals before its first one in which a starting replica already holds its GPUs."""
        return np.array([pool.lead for pool in self.pools], dtype=np.int64)

    @cached_property
    def own_programs(self) -> dict[int, "Problem"]:
        """Of single workloads, as far as somebody asked for them (`coarser.own_program`)."""
        return {}

    @property
    def cells(self) -> int:
        """Pools times intervals."""
        return len(self.pools) * self.intervals

    def no_replicas(self) -> Ints:
        """[P, T] sizes of pools in which nothing runs."""
        return np.zeros((len(self.pools), self.intervals), dtype=np.int64)

    @property
    def has_stability(self) -> bool:
        """Whether pools of any workload may not change as they like."""
        return any(work.has_stability for work in self.workloads)

    def without_stability(self) -> "Problem":
        """The program whose pools change as they like, at what changes cost."""
        if not self.has_stability:
            return self
        free = (replace(work, min_run=1, max_changes=None) for work in self.workloads)
        return replace(self, workloads=tuple(free))

    def times(self, first: int, count: int) -> list[int]:
        """Intervals of the horizon; past the end of a cyclic day those at its beginning."""
        times = range(first, first + count)
        if self.cyclic:
            return [t % self.intervals for t in times]
        return [t for t in times if 0 <= t < self.intervals]

    def days_of(self) -> Ints:
        """[T] number of the day: the horizon in equal parts of about 24 h."""
        days = max(1, round(self.intervals * self.hours / HOURS_PER_DAY))
        return np.arange(self.intervals) * days // max(1, self.intervals)

    def groups(self, w: int) -> dict[str, list[int]]:
        """Pools of a workload by domain at its affinity level: its possible groups."""
        found: dict[str, list[int]] = {}
        for p in self.workloads[w].pools:
            found.setdefault(self.pools[p].group, []).append(p)
        return found

    def balances_of(self, w: int) -> list[int]:
        """Numbers of the balances of workload w."""
        return [b for b, each in enumerate(self.balances) if each.workload == w]

    def band(self, w: int) -> RatioBand | None:
        """Ratio band of a workload's groups."""
        return next(
            (each.band for each in self.balances if each.workload == w and not each.engine), None
        )

    def members(self, w: int, role: Role) -> list[int]:
        """Pools of a workload whose replicas count for a role."""
        return [
            p
            for p in self.workloads[w].pools
            if self.pools[p].role is role and self.pools[p].counts
        ]

    def finishing(self, w: int) -> list[int]:
        """Pools of a workload whose flow ends requests."""
        return self.members(w, Role.DECODE) + self.members(w, Role.AGGREGATED)

    def used_groups(self, w: int, replicas: Ints) -> set[str]:
        """Groups of a workload with a replica in any interval of a plan [P, T]."""
        return {name for name, pools in self.groups(w).items() if replicas[pools].any()}

    def asked_gpus(self) -> Floats:
        """[W] GPUs that a workload asks for at its peak, in the pool that needs fewest.

        Where none serves all classes, each class in the pool that needs fewest for it; one that no
        pool serves asks for none.
        """
        peak = [float((pool.mix_load * pool.gpus).max()) for pool in self.pools]
        asked = np.array(
            [min((peak[p] for p in work.pools), default=0.0) for work in self.workloads]
        )
        for w in np.flatnonzero(np.isinf(asked)):
            pools = [self.pools[p] for p in self.workloads[w].pools]
            fewest = np.min([pool.load * pool.gpus for pool in pools], axis=0)
            asked[w] = np.where(np.isinf(fewest), 0.0, fewest).sum(axis=0).max()
        return asked

    def starts(self, replicas: Ints) -> Ints:
        """[P, T] replicas started so that they serve from t on."""
        return self.starts_in(range(len(self.pools)), replicas)

    def starts_in[Number: (np.int64, np.float64)](
        self, pools: Sequence[int], counts: NDArray[Number]
    ) -> NDArray[Number]:
        """[*, T] replicas of some pools, counts [*, T], started so that they serve from t on."""
        before = None if self.before is None else self.before[list(pools)]
        return starts_of(counts, before, self.cyclic)

    def changes(self, replicas: Ints) -> NDArray[np.bool_]:
        """[P, T] whether a pool has another size than in the interval before."""
        return self.changes_in(range(len(self.pools)), replicas)

    def changes_in(self, pools: Sequence[int], counts: Ints) -> NDArray[np.bool_]:
        """[*, T] whether some pools, counts [*, T], differ from the interval before.

        Nothing changes into the first where it is not known what ran before.
        """
        before = None if self.before is None else self.before[list(pools)]
        return np.asarray(counts != earlier(counts, before, self.cyclic))

    def held(self, replicas: Ints) -> Ints:
        """[P, T] GPUs of running and of starting replicas."""
        return self.held_by(range(len(self.pools)), replicas)

    def held_by[Number: (np.int64, np.float64)](
        self, pools: Sequence[int], counts: NDArray[Number]
    ) -> NDArray[Number]:
        """[*, T] GPUs of running and of starting replicas of some pools, counts [*, T]."""
        held = counts.copy()
        leads = self.leads[list(pools)]
        longest = int(leads.max(initial=0))
        if not self.cyclic:
            longest = min(longest, self.intervals - 1)
        starts = self.starts_in(pools, counts)
        for ahead in range(1, longest + 1):
            starting = (leads >= ahead) & starts.any(axis=1)
            held[starting] += self.shift(starts[starting], ahead)
        return held * self.gpus[list(pools), None]

    def shift[Number: (np.int64, np.float64)](
        self, values: NDArray[Number], ahead: int
    ) -> NDArray[Number]:
        """[..., T] values of `ahead` intervals later; 0 past the end of a day not cyclic."""
        if not self.cyclic and ahead >= self.intervals:
            return np.zeros_like(values)
        ahead %= self.intervals
        first = values[..., :ahead] if self.cyclic else np.zeros_like(values[..., :ahead])
        return np.concatenate((values[..., ahead:], first), axis=-1)

    def cost(self, replicas: Ints) -> float:
        """Objective of integer pool sizes [P, T]: running, starting, draining and changes."""
        return self.cost_of(range(len(self.pools)), replicas, self.fixed_cost)

    def cost_of(self, pools: Sequence[int], counts: Ints, fixed: float = 0.0) -> float:
        """What some pools of counts [*, T] cost, beside what is `fixed`."""
        if not len(pools):
            return fixed
        specs = [self.pools[p] for p in pools]
        running = sum(float(each.run_cost @ n) for each, n in zip(specs, counts, strict=True))
        started = self.starts_in(pools, counts).sum(axis=1)
        starting = sum(each.start_cost * float(n) for each, n in zip(specs, started, strict=True))
        return fixed + running + starting + self.changing_cost(pools, counts)

    def changing_cost(self, pools: Sequence[int], counts: Ints) -> float:
        """What changes of the sizes of some pools, counts [*, T], cost."""
        costs = self.change_costs[list(pools)]
        return float(costs @ self.changes_in(pools, counts).sum(axis=1)) if costs.any() else 0.0

    def residual(self, replicas: Ints) -> list[Ints]:
        """GPUs left on each supply row [T] when `replicas` [P, T] run and start."""
        held = self.held(replicas)
        return [row.gpus - held[list(row.pools)].sum(axis=0) for row in self.supplies]

    def rows_of(self, pools: Sequence[int]) -> list[int]:
        """Supply rows that some pools draw on."""
        return sorted({r for p in pools for r in self.drawn[p]})

    def residual_of(
        self,
        pools: Sequence[int],
        replicas: Ints,
        beside: Mapping[int, Ints] | None = None,
        *,
        without: Collection[int] = (),
    ) -> dict[int, Ints]:
        """GPUs left [T] on the supply rows of some pools beside a plan [P, T].

        Of what these rows have, or of GPUs `beside` [T] by row. Pools in `without` count as empty.
        """
        rows = self.rows_of(pools)
        members = sorted({p for r in rows for p in self.supplies[r].pools}.difference(without))
        active = [p for p, used in zip(members, replicas[members].any(axis=1), strict=True) if used]
        left = {r: (self.supplies[r].gpus if beside is None else beside[r]).copy() for r in rows}
        for p, held in zip(active, self.held_by(active, replicas[active]), strict=True):
            for r in self.drawn[p]:
                if r in left:
                    left[r] -= held
        return left

    def fits(self, pools: Sequence[int], replicas: Ints) -> bool:
        """Whether the supply rows of some pools hold all that draws on them of a plan [P, T]."""
        return all((left >= 0).all() for left in self.residual_of(pools, replicas).values())


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Integer pool sizes and the flow through them."""

    replicas: Ints
    """[P, T]"""
    flow: tuple[Floats, ...]
    """For each pool [K, T]: share of the class's demand that it handles."""


def on_a_node(gpus: int, node_gpus: int) -> int:
    """Replicas of so many GPUs that a node holds, or one of which it holds a part."""
    return max(1, node_gpus // gpus)


def unserved_requests(problem: Problem, flow: Sequence[Floats]) -> dict[int, float]:
    """Requests left unserved over the horizon by priority class."""
    seconds = problem.hours * S_PER_HOUR
    lost: dict[int, float] = {}
    for work in problem.workloads:
        missing_rps = unserved_by_class(problem, work, flow) * work.rps
        lost[work.priority] = lost.get(work.priority, 0.0) + float(missing_rps.sum() * seconds)
    return lost


def unserved_by_class(problem: Problem, work: ProgramWorkload, flow: Sequence[Floats]) -> Floats:
    """[K, T] share of each class's demand that is left unserved, rounding aside."""
    missing = 1.0 - served_share(problem, work, flow)
    return np.where(missing > SERVED_TOLERANCE, missing, 0.0)


def served_share(problem: Problem, work: ProgramWorkload, flow: Sequence[Floats]) -> Floats:
    """[K, T] share of each class's demand that decode and aggregated pools finish."""
    share = np.zeros_like(work.rps)
    for p in work.pools:
        if problem.pools[p].role is not Role.PREFILL and problem.pools[p].counts:
            share += flow[p]
    share[work.rps == 0.0] = 1.0
    return share
