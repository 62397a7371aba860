"""Every replica on its nodes, node by node, in plain arithmetic.

Shares no code with placement or the optimiser: what a plan says of its stays is computed a
second time, from the fleet and the pools alone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, timedelta
from functools import cached_property
from math import ceil

from heteroplan.entities.placement import Stay, node_names
from heteroplan.entities.plan import Plan, Pool
from heteroplan.verify.plan_index import PlanIndex


def placement_faults(plan: Plan) -> Iterator[str]:
    """Every rule that the plan's stays break, in words; none where all is well.

    Where a stay names what does not exist, or too few or many nodes, only such faults are found.
    """
    index = _PlacementIndex(plan, 1.0)
    strangers = list(check_names(index)) or list(check_shape(index))
    yield from strangers
    for rule in () if strangers else RULES:
        yield from rule(index)


class _PlacementIndex(PlanIndex):
    """What several rules look up of stays besides."""

    @cached_property
    def leads(self) -> list[int]:
        """[pool] intervals that a start of one of its replicas takes."""
        interval_s = self.plan.scenario.horizon.interval_s
        return [ceil(self.used(pool).engine.startup_s / interval_s) for pool in self.plan.pools]

    def pool(self, stay: Stay) -> Pool:
        return self.plan.pools[stay.pool]

    def node_gpus(self, stay: Stay) -> int:
        return self.plan.scenario.fleet.node_type(self.pool(stay).node_type).gpus

    def names(self, leaf: str, node_type: str) -> frozenset[str]:
        """Nodes of one type on a leaf."""
        key = (leaf, node_type)
        if key not in self._names:
            self._names[key] = frozenset(node_names(self.leaves[leaf], node_type))
        return self._names[key]

    @cached_property
    def _names(self) -> dict[tuple[str, str], frozenset[str]]:
        return {}

    def holding(self, stay: Stay) -> list[int]:
        """Intervals of starting and of serving; one twice where a start overlaps itself."""
        return self.times(stay.first - stay.lead, stay.lead + stay.intervals)

    def begins(self, stay: Stay) -> bool:
        """Whether the stay has a beginning: not where it lasts all of a cyclic day."""
        return not self.plan.scenario.horizon.cyclic or stay.intervals < len(self.steps)

    @cached_property
    def stays_of(self) -> dict[tuple[int, str], list[Stay]]:
        """Stays of each replica, by pool and replica_id."""
        found = defaultdict(list)
        for stay in self.plan.stays:
            found[stay.pool, stay.replica_id].append(stay)
        return found


def check_names(index: _PlacementIndex) -> Iterator[str]:
    """Pool, leaf, nodes and times of a stay exist; the nodes are its leaf's, of its pool's type."""
    cyclic = index.plan.scenario.horizon.cyclic
    for stay in index.plan.stays:
        if not 0 <= stay.pool < len(index.plan.pools):
            yield f"{_name(stay)}: there is no pool {stay.pool}"
            continue
        leaf = index.leaves.get(stay.leaf)
        if leaf is None:
            yield f"{_name(stay)}: there is no such leaf"
            continue
        known = index.names(stay.leaf, index.pool(stay).node_type)
        for node in stay.nodes:
            if node not in known:
                yield f"{_name(stay)}: {node} is no {index.pool(stay).node_type} of the leaf"
        fits = stay.first + stay.intervals <= len(index.steps) or cyclic
        if stay.first not in index.steps or not 1 <= stay.intervals <= len(index.steps) or not fits:
            yield f"{_name(stay)}: serves {stay.intervals} intervals, past the horizon"


def check_domain(index: _PlacementIndex) -> Iterator[str]:
    """Each leaf lies in the domain of its pool."""
    for stay in index.plan.stays:
        pool = index.pool(stay)
        if index.leaves[stay.leaf].domain(pool.level) != pool.domain:
            yield f"{_name(stay)}: the leaf is not in {pool.level} {pool.domain}"


def check_shape(index: _PlacementIndex) -> Iterator[str]:
    """A replica shares one node, or has as many different whole nodes as its GPUs fill."""
    for stay in index.plan.stays:
        gpus = index.pool(stay).gpus_per_replica
        nodes = max(1, gpus // index.node_gpus(stay))
        if len(stay.nodes) != nodes or len(set(stay.nodes)) != nodes:
            yield f"{_name(stay)}: stands on {len(stay.nodes)} nodes, {gpus} GPUs are {nodes}"


def check_leads(index: _PlacementIndex) -> Iterator[str]:
    """A start holds its GPUs for ceil(startup_s / interval_s) intervals before it serves.

    Not for those before the horizon, nor where the replica runs all of a cyclic day.
    """
    cyclic = index.plan.scenario.horizon.cyclic
    for stay in index.plan.stays:
        lead = index.leads[stay.pool]
        right = 0 if not index.begins(stay) else lead if cyclic else min(lead, stay.first)
        if stay.lead != right:
            yield f"{_name(stay)}: holds its GPUs {stay.lead} intervals ahead, should be {right}"


def check_room(index: _PlacementIndex) -> Iterator[str]:
    """GPUs of running and of starting replicas <= GPUs of each node, in each interval."""
    held: dict[str, list[int]] = defaultdict(lambda: [0] * len(index.steps))
    size: dict[str, int] = {}
    for stay in index.plan.stays:
        share = index.pool(stay).gpus_per_replica // len(stay.nodes)
        for node in stay.nodes:
            size[node] = index.node_gpus(stay)
            gpus = held[node]
            for t in index.holding(stay):
                gpus[t] += share
    for node, by_time in held.items():
        for t, gpus_held in enumerate(by_time):
            if gpus_held > size[node]:
                yield f"{node}: {gpus_held} GPUs are held at {t}, it has {size[node]}"


def check_maintenance(index: _PlacementIndex) -> Iterator[str]:
    """No replica holds a node that is away; a leaf's last nodes of a type are."""
    fleet, horizon = index.plan.scenario.fleet, index.plan.scenario.horizon
    moments = [moment.astimezone(UTC) for moment in horizon.boundaries()]
    away: set[tuple[str, int]] = set()
    for leaf, node_type in {(outage.leaf, outage.node_type) for outage in fleet.outages}:
        for t in index.steps:
            there = fleet.nodes_available(index.leaves[leaf], node_type, moments[t], moments[t + 1])
            away.update((node, t) for node in node_names(index.leaves[leaf], node_type)[there:])
    for stay in index.plan.stays if away else ():
        for node in stay.nodes:
            for t in index.holding(stay):
                if (node, t) in away:
                    yield f"{_name(stay)}: holds {node} at {t}, which is away"


def check_handover(index: _PlacementIndex) -> Iterator[str]:
    """What starts before the horizon and what ran then <= GPUs of each node, and of each leaf.

    A replica that begins where one of its pool ran goes on there. Of a leaf because it may not be
    known on which of its nodes what ran stands.
    """
    scenario = index.plan.scenario
    if scenario.current is None or scenario.horizon.cyclic:
        return
    begin = scenario.horizon.start.astimezone(UTC)
    before = begin - timedelta(seconds=scenario.horizon.interval_s)
    ran = _ran_before(index)
    for (leaf, node_type), stays in _started_before(index).items():
        size = scenario.fleet.node_type(node_type).gpus
        count = scenario.fleet.nodes_available(index.leaves[leaf], node_type, before, begin)
        there = node_names(index.leaves[leaf], node_type)[:count]
        held, new = ran[leaf, node_type], Counter[str]()
        for stay in stays:
            for node in stay.nodes:
                new[node] += index.pool(stay).gpus_per_replica // len(stay.nodes)
        for node, gpus in new.items():
            room = size if node in there else 0
            if held[node] + gpus > room:
                yield (
                    f"{node}: {gpus} GPUs start before the horizon, {held[node]} are held then, it "
                    f"has {room}"
                )
        if held.total() + new.total() > count * size:
            yield (
                f"{leaf}: {new.total()} GPUs of {node_type} start before the horizon, "
                f"{held.total()} are held then, it has {count * size}"
            )


def _ran_before(index: _PlacementIndex) -> defaultdict[tuple[str, str], Counter[str]]:
    """GPUs by leaf and node type, and by node; under no name where the node is not known."""
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    gpus = index.plan.scenario.replica_gpus()
    for each in index.plan.scenario.current or ():
        for node in each.nodes or ("",):
            share = gpus[each.workload, each.engine] // max(1, len(each.nodes))
            found[each.leaf, each.node_type][node] += share
    return found


def _started_before(index: _PlacementIndex) -> dict[tuple[str, str], list[Stay]]:
    """Stays that begin before the horizon and did not run then, by leaf and node type."""
    running = Counter(
        (each.workload, each.engine, each.node_type, each.leaf, frozenset(each.nodes))
        for each in index.plan.scenario.current or ()
    )
    found: dict[tuple[str, str], list[Stay]] = {}
    for stay in index.plan.stays:
        pool = index.pool(stay)
        place = (pool.workload, pool.engine, pool.node_type, stay.leaf)
        known = next(
            (
                nodes
                for nodes in (frozenset(stay.nodes), frozenset[str]())
                if stay.first == 0 and running[*place, nodes] > 0
            ),
            None,
        )
        if known is not None:
            running[*place, known] -= 1
        elif stay.first < index.leads[stay.pool]:
            found.setdefault((stay.leaf, pool.node_type), []).append(stay)
    return found


def check_sizes(index: _PlacementIndex) -> Iterator[str]:
    """Stays of a pool that serve = its replicas, in each interval."""
    standing = [[0] * len(index.steps) for _ in index.plan.pools]
    for stay in index.plan.stays:
        count = standing[stay.pool]
        for t in index.times(stay.first, stay.intervals):
            count[t] += 1
    for pool, count in zip(index.plan.pools, standing, strict=True):
        for t in index.steps:
            if count[t] != pool.replicas[t]:
                yield (
                    f"{pool.engine} of {pool.group}: {count[t]} replicas stand somewhere "
                    f"at {t}, the pool has {pool.replicas[t]}"
                )


def check_starts(index: _PlacementIndex) -> Iterator[str]:
    """Stays that begin without being a move = what the pool grows by, in each interval."""
    cyclic = index.plan.scenario.horizon.cyclic
    begun = Counter(
        (stay.pool, stay.first)
        for stay in index.plan.stays
        if index.begins(stay) and not stay.moved
    )
    for p, pool in enumerate(index.plan.pools):
        for t in index.steps:
            before = pool.replicas[t - 1] if t or cyclic else 0
            grown = max(0, pool.replicas[t] - before)
            if begun[p, t] != grown:
                yield f"{pool.engine} of {pool.group}: {begun[p, t]} start at {t}, {grown} should"


def check_replica_ids(index: _PlacementIndex) -> Iterator[str]:
    """A replica is of one pool, and nowhere twice at once."""
    pools = Counter(replica_id for _, replica_id in index.stays_of)
    for replica_id, often in pools.items():
        if often > 1:
            yield f"replica {replica_id} belongs to {often} pools"
    for (_, replica_id), stays in index.stays_of.items():
        if len(stays) == 1:
            continue
        serving = Counter(t for stay in stays for t in index.times(stay.first, stay.intervals))
        for t, often in serving.items():
            if often > 1:
                yield f"replica {replica_id} stands in {often} places at {t}"


def check_moves(index: _PlacementIndex) -> Iterator[str]:
    """A stay is a move exactly where another stay of its replica ends as it begins."""
    cyclic = index.plan.scenario.horizon.cyclic
    for stays in index.stays_of.values():
        ends = {
            (stay.first + stay.intervals) % len(index.steps)
            for stay in stays
            if index.begins(stay) and (cyclic or stay.first + stay.intervals < len(index.steps))
        }
        for stay in stays:
            if stay.moved != (stay.first in ends):
                came = "no stay of it ends" if stay.moved else "a stay of it ends, no move is shown"
                yield f"{_name(stay)}: where it begins {came}"


RULES = (
    check_domain,
    check_leads,
    check_room,
    check_maintenance,
    check_handover,
    check_sizes,
    check_starts,
    check_replica_ids,
    check_moves,
)


def _name(stay: Stay) -> str:
    return f"replica {stay.replica_id} on {stay.leaf} at {stay.first}"
