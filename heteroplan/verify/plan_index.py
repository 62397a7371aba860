"""A plan, and what the rules of `verify` look up in it; plain arithmetic of its own."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property

from heteroplan.entities.capacity import Candidate, queues
from heteroplan.entities.network import Affinity, Leaf
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Objective, Running
from heteroplan.entities.workload import Engine, Loss, Role, Workload
from heteroplan.units import s_to_hours

LEVELS = (Affinity.LEAF, Affinity.SPINE, Affinity.CLUSTER)
"""From narrow to wide."""
TOLERANCE = 2e-6
"""Relative, for sums of floats and what a solver's tolerances leave."""


@dataclass(frozen=True)
class PlanIndex:
    """A plan, and what several rules look up in it."""

    plan: Plan
    gap: float

    @cached_property
    def steps(self) -> range:
        return range(self.plan.scenario.horizon.intervals)

    @cached_property
    def candidates(self) -> dict[tuple[str, str, str, Affinity | None], Candidate]:
        """By workload, engine, node type and span."""
        return {
            (each.workload, each.engine.name, each.node_type, each.span): each
            for each in self.plan.candidates
        }

    @cached_property
    def workloads(self) -> dict[str, Workload]:
        """By name."""
        return {each.name: each for each in self.plan.scenario.workloads}

    @cached_property
    def leaves(self) -> dict[str, Leaf]:
        """By name."""
        return {leaf.name: leaf for leaf in self.plan.scenario.fleet.network.leaves}

    @cached_property
    def ran_before(self) -> list[int] | None:
        """[pool] replicas that ran when the horizon began; None where that is not known."""
        current = self.plan.scenario.current
        if current is None:
            return None
        return [sum(self.is_of(each, pool) for each in current) for pool in self.plan.pools]

    def is_of(self, running: Running, pool: Pool) -> bool:
        """Whether a replica that runs when the horizon begins is one of the pool's."""
        return (running.workload, running.engine, running.node_type) == (
            pool.workload,
            pool.engine,
            pool.node_type,
        ) and self.leaves[running.leaf].domain(pool.level) == pool.domain

    @cached_property
    def spans(self) -> dict[tuple[Affinity, str], Affinity]:
        """How far apart the leaves of each domain stand."""
        network = self.plan.scenario.fleet.network
        return {
            (level, name): network.span(level, name)
            for level in Affinity
            for name in network.domains(level)
        }

    @cached_property
    def moves(self) -> list[int]:
        """[pool] stays that go on from another one."""
        moved = Counter(stay.pool for stay in self.plan.stays if stay.moved)
        return [moved[p] for p in range(len(self.plan.pools))]

    @cached_property
    def held(self) -> list[list[int]]:
        """[pool][interval] GPUs of its running and starting replicas, those that move included."""
        held = [[0] * len(self.steps) for _ in self.plan.pools]
        for stay in self.plan.stays:
            pool = self.plan.pools[stay.pool]
            for t in self.times(stay.first - stay.lead, stay.lead + stay.intervals):
                held[stay.pool][t] += pool.gpus_per_replica
        return held

    def times(self, first: int, count: int) -> list[int]:
        """`count` intervals from `first`; past the ends of a cyclic day they go round.

        Computed once: thousands of replicas of a large fleet serve at the same times.
        """
        if (first, count) not in self._times:
            inside = range(first, first + count)
            if self.plan.scenario.horizon.cyclic:
                self._times[first, count] = [t % len(self.steps) for t in inside]
            else:
                self._times[first, count] = [t for t in inside if t in self.steps]
        return self._times[first, count]

    @cached_property
    def _times(self) -> dict[tuple[int, int], list[int]]:
        return {}

    def candidate(self, pool: Pool) -> Candidate | None:
        """What the pool runs, at the span of its group; None where the scenario has no such."""
        affinity = self.workloads[pool.workload].affinity
        span = self.spans[affinity, self.group_domain(pool)]
        key = (pool.workload, pool.engine, pool.node_type)
        return self.candidates.get((*key, span)) or self.candidates.get((*key, None))

    def used(self, pool: Pool) -> Candidate:
        """What the pool runs. Raises KeyError where the scenario has no such candidate."""
        candidate = self.candidate(pool)
        if candidate is None:
            raise KeyError(name_of(pool))
        return candidate

    @cached_property
    def sizes(self) -> list[tuple[int, ...]]:
        """[pool][interval] replicas among which its requests are routed."""
        total: dict[tuple[object, ...], list[int]] = {}
        for kind, pool in zip(self.kinds, self.plan.pools, strict=True):
            before = total.get(kind, [0] * len(self.steps))
            total[kind] = [a + b for a, b in zip(before, pool.replicas, strict=True)]
        return [tuple(total[kind]) for kind in self.kinds]

    @cached_property
    def kinds(self) -> list[tuple[object, ...]]:
        """[pool] equal for pools among whose replicas the same requests are routed.

        Those of an engine in a group that serve alike, on whatever node types; of a part of a
        divided engine, those on its leaf.
        """
        number = dict(zip(self.candidates, queues(list(self.candidates.values())), strict=True))
        found: list[tuple[object, ...]] = []
        for pool in self.plan.pools:
            own = self.used(pool)
            kind = (pool.group, number[own.workload, own.engine.name, own.node_type, own.span])
            found.append(kind if own.engine.part is None else (*kind, pool.domain))
        return found

    def group_domain(self, pool: Pool) -> str:
        """The domain of the pool's deployment group."""
        return pool.group.removeprefix(f"{pool.workload}@")

    def changes(self, p: int) -> Iterator[tuple[int, int]]:
        """(interval, replicas of pool p more or fewer than before) where the day has a before."""
        replicas = self.plan.pools[p].replicas
        if self.plan.scenario.horizon.cyclic:
            yield 0, replicas[0] - replicas[-1]
        elif self.ran_before is not None:
            yield 0, replicas[0] - self.ran_before[p]
        for t in self.steps[1:]:
            yield t, replicas[t] - replicas[t - 1]

    @cached_property
    def times_changed(self) -> list[int]:
        """[pool] times that it has another size than in the interval before."""
        pools = range(len(self.plan.pools))
        return [sum(change != 0 for _, change in self.changes(p)) for p in pools]

    @cached_property
    def pools_given_up(self) -> set[tuple[str, str, str, str]]:
        """(workload, engine, node type, domain) of pools that ran before and are given up."""
        return {
            (
                each.workload,
                each.engine,
                each.node_type,
                self.leaves[each.leaf].domain(level_of(self.workloads[each.workload], engine)),
            )
            for each, engine in self._given_up()
        }

    @cached_property
    def usage(self) -> tuple[float, float, int]:
        """(GPU-hours, USD, starts) of running, starting and draining; a move is a start.

        With what changes of pool sizes cost where cost is minimised.
        """
        gpu_hours, cost_usd, starts = 0.0, 0.0, 0
        for p, pool in enumerate(self.plan.pools):
            engine = self.used(pool).engine
            up = sum(change for _, change in self.changes(p) if change > 0) + self.moves[p]
            down = sum(-change for _, change in self.changes(p) if change < 0) + self.moves[p]
            replica_hours = (
                sum(pool.replicas) * self.plan.scenario.horizon.interval_hours
                + up * s_to_hours(engine.startup_s)
                + down * s_to_hours(engine.drain_s)
            )
            gpu_hours += replica_hours * pool.gpus_per_replica
            cost_usd += replica_hours * pool.gpus_per_replica * self.price(pool.node_type)
            if self.plan.scenario.objective is Objective.COST:
                change_cost_usd = self.workloads[pool.workload].stability.change_cost_usd
                cost_usd += self.times_changed[p] * change_cost_usd
            starts += up
        for each, engine in self._given_up():
            drained = engine.gpus * s_to_hours(engine.drain_s)
            gpu_hours += drained
            cost_usd += drained * self.price(each.node_type)
        if self.plan.scenario.objective is Objective.COST:
            for workload, *_ in self.pools_given_up:
                cost_usd += self.workloads[workload].stability.change_cost_usd
        return gpu_hours, cost_usd, starts

    @cached_property
    def gpu_hours_on(self) -> dict[str, float]:
        """[leaf] GPU-hours of replicas that serve there, start before and drain after it."""
        horizon, hours = self.plan.scenario.horizon, defaultdict[str, float](float)
        for stay in self.plan.stays:
            pool = self.plan.pools[stay.pool]
            engine = self.used(pool).engine
            seconds: float = stay.intervals * horizon.interval_s
            if not horizon.cyclic:
                seconds += engine.startup_s if stay.first > 0 else 0.0
                seconds += engine.drain_s if stay.first + stay.intervals < len(self.steps) else 0.0
            elif stay.intervals < len(self.steps):
                seconds += engine.startup_s + engine.drain_s
            hours[stay.leaf] += pool.gpus_per_replica * s_to_hours(seconds)
        for each, engine in self._given_up():
            hours[each.leaf] += engine.gpus * s_to_hours(engine.drain_s)
        for p, ran in enumerate(self.ran_before or ()):
            pool = self.plan.pools[p]
            engine, more = self.used(pool).engine, pool.replicas[0] - ran
            changed = self._changed_at_once(p) if more > 0 else -self._changed_at_once(p)
            seconds = abs(more) * (engine.startup_s if more > 0 else engine.drain_s)
            for leaf, count in (+changed).items():
                part = count / (+changed).total()
                hours[leaf] += part * pool.gpus_per_replica * s_to_hours(seconds)
        return hours

    def _changed_at_once(self, p: int) -> Counter[str]:
        """[leaf] replicas of pool p in the first interval, less those that ran before."""
        change = Counter(
            stay.leaf for stay in self.plan.stays if stay.pool == p and stay.first == 0
        )
        change.subtract(
            each.leaf
            for each in self.plan.scenario.current or ()
            if self.is_of(each, self.plan.pools[p])
        )
        return change

    def price(self, node_type: str) -> float:
        """USD per GPU-hour."""
        return self.plan.scenario.fleet.node_type(node_type).usd_per_gpu_hour

    def _given_up(self) -> Iterator[tuple[Running, Engine]]:
        """Replicas that ran before in places where the plan has none, and their engines."""
        for each in self.plan.scenario.current or ():
            kept = any(self.is_of(each, pool) for pool in self.plan.pools)
            if not kept:
                engines = self.workloads[each.workload].profile.engines
                yield each, next(engine for engine in engines if engine.name == each.engine)

    @cached_property
    def present(self) -> list[dict[tuple[str, str], int]]:
        """[interval] GPUs by (leaf, node type), maintenance applied."""
        fleet = self.plan.scenario.fleet
        moments = [at.astimezone(UTC) for at in self.plan.scenario.horizon.boundaries()]
        return [
            {
                (leaf.name, shape.name): shape.gpus
                * fleet.nodes_available(leaf, shape.name, moments[t], moments[t + 1])
                for leaf in fleet.network.leaves
                for shape in fleet.node_types
            }
            for t in self.steps
        ]

    def counts(self, pool: Pool) -> bool:
        """Whether the pool's replicas and flow count for its role: all but second parts."""
        return self.used(pool).engine.counts

    def replicas(self, pools: Iterable[Pool], role: Role, t: int) -> int:
        """Replicas of a role among pools."""
        return sum(pool.replicas[t] for pool in pools if pool.role is role and self.counts(pool))


def level_of(workload: Workload, engine: Engine) -> Affinity:
    """Of the domains that pools of an engine stand in."""
    levels = [workload.affinity]
    if engine.part is not None:
        levels.append(Affinity.LEAF)
    if workload.resilience is not None and workload.resilience.lose is not Loss.NODE:
        levels.append(Affinity(workload.resilience.lose.value))
    return min(levels, key=LEVELS.index)


def name_of(pool: Pool) -> str:
    return f"pool {pool.engine} on {pool.node_type} in {pool.domain} of {pool.group}"


def grouped(pools: Iterable[Pool]) -> Iterator[tuple[str, list[Pool]]]:
    groups: dict[str, list[Pool]] = defaultdict(list)
    for pool in pools:
        groups[pool.group].append(pool)
    yield from groups.items()


def class_demand(index: PlanIndex, workload: str) -> list[list[float]]:
    """[class][interval] requests/s."""
    demand = index.workloads[workload].demand
    classes = range(len(demand[0].classes))
    return [[each.rps * each.classes[k].share for each in demand] for k in classes]


def close(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) + 1e-12
