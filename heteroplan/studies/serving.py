"""What the replicas of a plan serve when engines are slower and nodes fail: no new plan is made.

Replicas of a node that failed start again on GPUs of their domain that nobody holds, in the time
that their engine takes to start. Where there are none they are lost until the node is back.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from heteroplan.entities.capacity import mix_rps
from heteroplan.entities.network import Network
from heteroplan.entities.placement import node_name
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.workload import Part, Role
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.studies.engine_errors import MOST_SPREADS, EngineKey, with_slowness
from heteroplan.studies.failures import Failed
from heteroplan.studies.samples import Sample
from heteroplan.verify.plan_index import PlanIndex


def _finite(rows: list[list[float]]) -> NDArray[np.float64]:
    found = np.array(rows, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError("a number is missing")
    return found


type Floats = Annotated[
    NDArray[np.float64],
    PlainValidator(_finite),
    PlainSerializer(lambda array: array.tolist()),
]
type Wholes = Annotated[
    NDArray[np.int64],
    PlainValidator(lambda rows: np.array(rows, dtype=np.int64)),
    PlainSerializer(lambda array: array.tolist()),
]
"""Arrays of two dimensions, lists in files."""

SPREADS = (-MOST_SPREADS, -2.0, -1.0, 0.0, 1.0, 2.0, MOST_SPREADS)
"""Standard deviations of a fit at which capacities are computed; between them on a line."""


@dataclass(frozen=True, slots=True)
class PoolServing:
    """What a pool serves."""

    pool: Pool
    engine: EngineKey
    part: Part | None
    """Where it is a part of a divided engine."""
    startup_s: float
    rates_rps: Floats
    """[spread, T] of a replica, in the interval's mix of classes."""


@dataclass(frozen=True, slots=True)
class NodeSpace:
    """GPUs of the nodes of one type on one leaf that nobody holds."""

    leaf: str
    node_type: str
    nodes: tuple[str, ...]
    gpus: int
    """Of a node."""
    free: Wholes
    """[node, T]"""

    @property
    def place(self) -> tuple[str, str]:
        """Leaf and node type."""
        return self.leaf, self.node_type


@dataclass(frozen=True, slots=True)
class Held:
    """A replica on its nodes."""

    pool: int
    leaf: str
    nodes: tuple[str, ...]
    intervals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Serving:
    """What a plan's replicas serve."""

    workloads: tuple[str, ...]
    interval_s: int
    pools: tuple[PoolServing, ...]
    spreads: tuple[float, ...]
    """Of the rows of `PoolServing.rates_rps`."""
    more: Floats
    """[workload, T] the plan's capacity over that of equal parts of all classes, 1 or more."""
    held: tuple[Held, ...]
    space: tuple[NodeSpace, ...]
    """Of every leaf and node type that has nodes."""
    network: Network

    def capacity_rps(self, sample: Sample) -> Floats:
        """[workload, T] what is served at most, as the sample has engines and nodes."""
        lost = self._lost(sample.failed)
        rates = [
            np.maximum(0.0, np.array(each.pool.replicas) - lost[p])
            * self._rate(each, sample.slowness.get(each.engine, 0.0))
            for p, each in enumerate(self.pools)
        ]
        return _by_workload(self.workloads, self.pools, rates) * self.more

    def _rate(self, pool: PoolServing, spread: float) -> Floats:
        """[T] of a replica that is slower by so many standard deviations."""
        if len(self.spreads) == 1:
            only: Floats = pool.rates_rps[0]
            return only
        above = int(np.clip(np.searchsorted(self.spreads, spread), 1, len(self.spreads) - 1))
        low, high = self.spreads[above - 1], self.spreads[above]
        part = (spread - low) / (high - low)
        found: Floats = (1.0 - part) * pool.rates_rps[above - 1] + part * pool.rates_rps[above]
        return found

    def _lost(self, failed: Sequence[Failed]) -> Floats:
        """[pool, T] replicas that are lost, in the mean over each interval."""
        lost = np.zeros((len(self.pools), self.more.shape[1]))
        if not failed:
            return lost
        space = {each.place: replace(each, free=each.free.copy()) for each in self.space}
        for each in failed:
            there = space[each.leaf, each.node_type]
            away = self._overlap(each.start_s, each.end_s) > 0.0
            there.free[there.nodes.index(each.node), away] = 0
        for replica in self.held:
            gone = [each for each in failed if each.node in replica.nodes]
            if gone:
                lost[replica.pool] += self._lost_of(replica, gone, space)
        return lost

    def _lost_of(
        self,
        replica: Held,
        gone: Sequence[Failed],
        space: Mapping[tuple[str, str], NodeSpace],
    ) -> Floats:
        """[T] share of each interval for which a replica is lost; GPUs it finds are taken."""
        serving = self.pools[replica.pool]
        share = np.zeros(self.more.shape[1])
        mine = np.zeros(len(share), dtype=bool)
        mine[list(replica.intervals)] = True
        for each in gone:
            whole = self._overlap(each.start_s, each.end_s)
            starting = self._overlap(
                each.start_s, min(each.end_s, each.start_s + serving.startup_s)
            )
            for t in np.flatnonzero(mine & (whole > starting)):
                if self._finds_gpus(serving.pool, int(t), space):
                    whole[t] = starting[t]
            share = np.maximum(share, np.where(mine, whole, 0.0))
        return share

    def _finds_gpus(self, pool: Pool, t: int, space: Mapping[tuple[str, str], NodeSpace]) -> bool:
        """Whether nodes of the pool's domain have room for a replica, which it then takes."""
        for leaf in self.network.domains(pool.level)[pool.domain]:
            there = space.get((leaf.name, pool.node_type))
            if there is None:
                continue
            needed = max(1, pool.gpus_per_replica // there.gpus)
            gpus = min(pool.gpus_per_replica, there.gpus)
            found = np.flatnonzero(there.free[:, t] >= gpus)[:needed]
            if len(found) == needed:
                there.free[found, t] -= gpus
                return True
        return False

    def _overlap(self, start_s: float, end_s: float) -> Floats:
        """[T] share of each interval that lies between two moments."""
        begins = np.arange(self.more.shape[1]) * float(self.interval_s)
        inside = np.minimum(end_s, begins + self.interval_s) - np.maximum(start_s, begins)
        found: Floats = np.clip(inside / self.interval_s, 0.0, 1.0)
        return found


def serving_of(plan: Plan, spreads: Mapping[EngineKey, float]) -> Serving:
    """What the plan serves, with engines of which `spreads` says how uncertain they are."""
    index = PlanIndex(plan, 1.0)
    at = SPREADS if spreads else (0.0,)
    rates = [_rates(plan, dict.fromkeys(spreads, spread)) for spread in at]
    models = {each.name: each.profile.model for each in plan.scenario.workloads}
    pools = []
    for p, pool in enumerate(plan.pools):
        engine = index.used(pool).engine
        pools.append(
            PoolServing(
                pool=replace(pool, flow_rps=()),
                engine=(models[pool.workload], engine.name),
                part=engine.part,
                startup_s=engine.startup_s,
                rates_rps=np.array([each[p] for each in rates]),
            )
        )
    names = tuple(each.name for each in plan.workloads)
    middle = at.index(0.0)
    own = _by_workload(
        names, pools, [np.array(each.pool.replicas) * each.rates_rps[middle] for each in pools]
    ).reshape(len(names), -1)
    planned = np.array([each.capacity_rps for each in plan.workloads])
    held = tuple(_held(index))
    return Serving(
        workloads=names,
        interval_s=plan.scenario.horizon.interval_s,
        pools=tuple(pools),
        spreads=at,
        more=np.divide(planned, own, out=np.ones_like(planned), where=own > 0.0).clip(1.0),
        held=held,
        space=_space(plan, index, held),
        network=plan.scenario.fleet.network,
    )


def _rates(plan: Plan, slowness: Mapping[EngineKey, float]) -> list[list[float]]:
    """[pool][T] rate of a replica with engines slower by so many standard deviations."""
    if any(slowness.values()):
        changed = candidates_of(with_slowness(plan.scenario, slowness))
        plan = replace(plan, candidates=tuple(changed))
    index = PlanIndex(plan, 1.0)
    demand = {each.name: each.demand for each in plan.scenario.workloads}
    found = []
    for pool, sizes in zip(plan.pools, index.sizes, strict=True):
        candidate = index.used(pool)
        mixes = [[kind.share for kind in each.classes] for each in demand[pool.workload]]
        found.append(
            [
                mix_rps(zip(shares, candidate.capacity_rps(t, sizes[t]), strict=True))
                for t, shares in enumerate(mixes)
            ]
        )
    return found


def _by_workload(
    workloads: Sequence[str], pools: Sequence[PoolServing], rates: Sequence[Floats]
) -> Floats:
    """[workload, T] the smaller of prefill and decode of each group, and aggregated engines."""
    groups: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in workloads}
    for p, each in enumerate(pools):
        groups[each.pool.workload][each.pool.group].append(p)
    found = []
    for name in workloads:
        total: Floats = np.zeros(len(rates[0]) if rates else 1)
        for members in groups[name].values():
            prefill, decode, alone = (_of_role(pools, members, rates, role) for role in Role)
            total = total + np.minimum(prefill, decode) + alone
        found.append(total)
    return np.array(found)


def _of_role(
    pools: Sequence[PoolServing], members: Sequence[int], rates: Sequence[Floats], role: Role
) -> Floats:
    """[T] of one role in a group; of a divided engine its smaller part on each leaf."""
    total: Floats = np.zeros(len(rates[0]))
    parts: dict[tuple[str, str], list[Floats]] = {}
    for p in members:
        serving = pools[p]
        if serving.pool.role is not role:
            continue
        if serving.part is None:
            total = total + rates[p]
            continue
        divided = (serving.part.of, serving.pool.domain)
        pair = parts.setdefault(divided, [np.zeros(len(total)), np.zeros(len(total))])
        pair[serving.part.index] += rates[p]
    for first, second in parts.values():
        total = total + np.minimum(first, second)
    return total


def _held(index: PlanIndex) -> Iterator[Held]:
    """Of every stay; it holds its nodes while it starts, too, but serves nothing then."""
    for stay in index.plan.stays:
        times = tuple(index.times(stay.first, stay.intervals))
        yield Held(stay.pool, stay.leaf, stay.nodes, times)


def _space(plan: Plan, index: PlanIndex, held: Sequence[Held]) -> tuple[NodeSpace, ...]:
    """GPUs that nobody holds, by leaf and node type."""
    fleet = plan.scenario.fleet
    moments = [each.astimezone(UTC) for each in plan.scenario.horizon.boundaries()]
    found = {}
    for leaf in fleet.network.leaves:
        for shape in fleet.node_types:
            count = leaf.nodes.get(shape.name, 0)
            if count == 0:
                continue
            free = np.zeros((count, len(index.steps)), dtype=np.int64)
            for t in index.steps:
                there = fleet.nodes_available(leaf, shape.name, moments[t], moments[t + 1])
                free[:there, t] = shape.gpus
            names = tuple(node_name(leaf.name, shape.name, i) for i in range(count))
            space = NodeSpace(leaf.name, shape.name, names, shape.gpus, free)
            found[space.place] = space
    for stay in plan.stays:
        pool = plan.pools[stay.pool]
        space = found[stay.leaf, pool.node_type]
        times = list(index.times(stay.first - stay.lead, stay.lead + stay.intervals))
        for node in stay.nodes:
            gpus = min(pool.gpus_per_replica, space.gpus)
            space.free[space.nodes.index(node), times] -= gpus
    return tuple(found.values())
