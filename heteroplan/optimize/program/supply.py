"""GPUs of every domain over time: supply rows, and hardware by the priority of its leaves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import cached_property
from itertools import pairwise

import numpy as np

from heteroplan.entities.network import Affinity, Leaf, SubgroupPriority
from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.program.problem import HardwareSpec, Ints, PoolSpec, SupplySpec


@dataclass(frozen=True)
class Places:
    """Domains of every level with their leaves, and the GPUs on them over time."""

    scenario: Scenario

    @cached_property
    def leaves(self) -> dict[tuple[Affinity, str], tuple[Leaf, ...]]:
        network = self.scenario.fleet.network
        return {
            (level, name): leaves
            for level in Affinity
            for name, leaves in network.domains(level).items()
        }

    @cached_property
    def on_leaf_before(self) -> dict[tuple[str, str], int]:
        """By (leaf, node type): nodes in the interval before the horizon."""
        fleet, horizon = self.scenario.fleet, self.scenario.horizon
        start = horizon.start.astimezone(UTC)
        begin = start - timedelta(seconds=horizon.interval_s)
        return {
            (leaf.name, shape.name): fleet.nodes_available(leaf, shape.name, begin, start)
            for leaf in fleet.network.leaves
            for shape in fleet.node_types
        }

    def free_before(self, level: Affinity, domain: str, node_type: str, unit: int) -> int | None:
        """GPUs of a node type in a domain that what ran before leaves free until the horizon.

        Of those that stand together in `unit` on one leaf. None where it is not known what ran.
        """
        if self.scenario.current is None:
            return None
        size = self.scenario.fleet.node_type(node_type).gpus
        leaves = {leaf.name for leaf in self.leaves[level, domain]}
        there = sum(self.on_leaf_before[leaf, node_type] * size // unit * unit for leaf in leaves)
        held = sum(
            self._gpus_of[each.workload, each.engine]
            for each in self.scenario.current
            if each.leaf in leaves
            and each.node_type == node_type
            and self._gpus_of[each.workload, each.engine] % unit == 0
        )
        return max(0, there - held)

    @cached_property
    def _gpus_of(self) -> dict[tuple[str, str], int]:
        return self.scenario.replica_gpus()

    @cached_property
    def on_leaf(self) -> dict[tuple[str, str], Ints]:
        """By (leaf, node type): nodes [T], maintenance applied."""
        fleet, horizon = self.scenario.fleet, self.scenario.horizon
        ends = [*pairwise(moment.astimezone(UTC) for moment in horizon.boundaries())]
        outages, found = {(each.leaf, each.node_type) for each in fleet.outages}, {}
        for leaf in fleet.network.leaves:
            for name in (shape.name for shape in fleet.node_types):
                counts = [leaf.nodes.get(name, 0)] * horizon.intervals
                if (leaf.name, name) in outages:
                    counts = [fleet.nodes_available(leaf, name, *each) for each in ends]
                found[leaf.name, name] = np.array(counts, dtype=np.int64)
        return found

    def gpus(self, level: Affinity, domain: str, node_type: str, unit: int = 1) -> Ints:
        """[T] GPUs of a node type in a domain that stand together in `unit` on one leaf.

        Without those that stay free for rolling updates.
        """
        size = self.scenario.fleet.node_type(node_type).gpus
        total = np.zeros(self.scenario.horizon.intervals, dtype=np.int64)
        for leaf in self.leaves[level, domain]:
            kept = self.kept_free[leaf.name, node_type]
            kept = kept if unit == 1 else -(-kept // size) * size
            total += (self.on_leaf[leaf.name, node_type] * size - kept) // unit * unit
        return total

    @cached_property
    def kept_free(self) -> dict[tuple[str, str], Ints]:
        """By (leaf, node type): GPUs [T] that stay free for rolling updates.

        In every spine on the leaves with most nodes of the type.
        """
        found = {}
        for shape in self.scenario.fleet.node_types:
            for leaves in self.scenario.fleet.network.domains(Affinity.SPINE).values():
                left = np.full(self.scenario.horizon.intervals, self.scenario.kept_free(shape.name))
                for leaf in sorted(leaves, key=lambda leaf: -leaf.nodes.get(shape.name, 0)):
                    there = self.on_leaf[leaf.name, shape.name] * shape.gpus
                    found[leaf.name, shape.name] = np.minimum(left, there)
                    left = left - found[leaf.name, shape.name]
        return found

    def by_priority(self, level: Affinity, domain: str, node_type: str) -> Ints:
        """[3, T] GPUs of a node type in a domain on leaves of low, medium and high priority."""
        fleet = self.scenario.fleet
        size = fleet.node_type(node_type).gpus
        total = np.zeros((len(SubgroupPriority), self.scenario.horizon.intervals), dtype=np.int64)
        for leaf in self.leaves[level, domain]:
            rank = list(SubgroupPriority).index(self.priority[leaf.name])
            total[rank] += self.on_leaf[leaf.name, node_type] * size
            total[rank] -= self.kept_free[leaf.name, node_type]
        return total

    def scarcity(self, level: Affinity, domain: str, node_type: str) -> float:
        """Mean rank of the GPUs' priority: 0 low, 1 medium, 2 high."""
        low, medium, high = self.by_priority(level, domain, node_type).sum(axis=1).tolist()
        return float((medium + 2 * high) / max(1, low + medium + high))

    @cached_property
    def priority(self) -> dict[str, SubgroupPriority]:
        """By leaf."""
        fleet = self.scenario.fleet
        return {leaf.name: fleet.leaf_priority(leaf) for leaf in fleet.network.leaves}


def supply_rows(place: Places, pools: Sequence[PoolSpec]) -> Iterator[SupplySpec]:
    """One row for each domain with pools of its own and each node type they use.

    Domains form a tree, so rows at every level that has pools of its own are exactly the
    condition that all GPUs fit on the leaves (a laminar family of capacities). Replicas larger
    than a node need whole nodes of one leaf: a further row counts only GPUs that stand so.
    """
    fleet = place.scenario.fleet
    own = _standing(pools)
    for (level, domain), leaves in place.leaves.items():
        below = list(
            dict.fromkeys((low, leaf.domain(low)) for low in _up_to(level) for leaf in leaves)
        )
        for shape in fleet.node_types:
            if (level, domain, shape.name) not in own:
                continue
            members = sorted(p for key in below for p in own.get((*key, shape.name), ()))
            gpus = place.gpus(level, domain, shape.name)
            free = place.free_before(level, domain, shape.name, 1)
            yield SupplySpec(domain, level, shape.name, gpus, tuple(members), free_before=free)
            for unit in sorted({pools[p].gpus for p in members if pools[p].gpus > shape.gpus}):
                whole = place.gpus(level, domain, shape.name, unit)
                if (whole < gpus).any():
                    large = tuple(p for p in members if pools[p].gpus % unit == 0)
                    free = place.free_before(level, domain, shape.name, unit)
                    yield SupplySpec(domain, level, shape.name, whole, large, unit, free)


def _up_to(level: Affinity) -> list[Affinity]:
    levels = list(Affinity)
    return levels[: levels.index(level) + 1]


def hardware_tree(place: Places, pools: Sequence[PoolSpec]) -> Iterator[HardwareSpec]:
    """The network tree of each node type, from clusters down to leaves, under one root."""
    if len(set(place.priority.values())) <= 1:
        return
    fleet, own = place.scenario.fleet, _standing(pools)
    index: dict[tuple[Affinity, str, str], int] = {}
    for level in reversed(Affinity):
        for domain, leaves in fleet.network.domains(level).items():
            for shape in fleet.node_types:
                wider = [up for up in Affinity if up not in _up_to(level)]
                parent = (wider[0], leaves[0].domain(wider[0]), shape.name) if wider else None
                index[level, domain, shape.name] = len(index)
                yield HardwareSpec(
                    node_type=shape.name,
                    parent=None if parent is None else index[parent],
                    gpus=place.by_priority(level, domain, shape.name),
                    pools=tuple(own.get((level, domain, shape.name), ())),
                )


def _standing(pools: Sequence[PoolSpec]) -> dict[tuple[Affinity, str, str], list[int]]:
    """Pools by where they stand and on which node type."""
    found: dict[tuple[Affinity, str, str], list[int]] = {}
    for p, pool in enumerate(pools):
        found.setdefault((pool.level, pool.domain, pool.node_type), []).append(p)
    return found
