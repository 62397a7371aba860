"""Where the replicas of a plan stand: by group and leaf at the peak, by workload at all times."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Leaf, SubgroupPriority
from heteroplan.entities.scenario import Scenario
from heteroplan.outputs.plan.document.plan_document import PlanDocument


@dataclass(frozen=True, slots=True)
class LeafShare:
    """What one deployment group holds of one leaf."""

    group: str
    leaf: str
    gpus: int
    """Of running and of starting replicas."""


@dataclass(frozen=True, slots=True)
class LeafSize:
    """A leaf with a node."""

    name: str
    priority: SubgroupPriority
    gpus: int
    """Present, maintenance applied."""


def peak_interval(document: PlanDocument) -> int:
    """The first interval in which most GPUs are held."""
    held = [sum(use.held[t] for use in document.supply) for t in range(document.horizon.intervals)]
    return held.index(max(held))


def leaf_shares(document: PlanDocument, interval: int) -> tuple[LeafShare, ...]:
    """What each group holds of each leaf in an interval; pools and leaves in their order."""
    gpus: dict[str, dict[str, int]] = {pool.group: {} for pool in document.pools}
    for pool in document.pools:
        held = gpus[pool.group]
        for by_leaf in (pool.leaves, pool.starting):
            for leaf, replicas in by_leaf.items():
                held[leaf] = held.get(leaf, 0) + replicas[interval] * pool.gpus_per_replica
    leaves = [leaf.name for leaf in document.given.fleet.network.leaves]
    return tuple(
        LeafShare(group, leaf, held[leaf])
        for group, held in gpus.items()
        for leaf in leaves
        if held.get(leaf)
    )


type LeafUse = dict[str, dict[str, list[int]]]
"""By leaf and workload: GPUs of running and starting replicas, one number an interval."""


def leaf_use(document: PlanDocument) -> LeafUse:
    """What each workload holds of each leaf that holds any; leaves in the order of the fleet."""
    found: LeafUse = {leaf.name: {} for leaf in document.given.fleet.network.leaves}
    for pool in document.pools:
        for by_leaf in (pool.leaves, pool.starting):
            for leaf, replicas in by_leaf.items():
                if any(replicas):
                    none = [0] * document.horizon.intervals
                    held = found[leaf].setdefault(pool.workload, none)
                    found[leaf][pool.workload] = [
                        gpus + count * pool.gpus_per_replica
                        for gpus, count in zip(held, replicas, strict=True)
                    ]
    return {leaf: held for leaf, held in found.items() if held}


def busiest_leaves(use: LeafUse, most: int) -> list[str]:
    """Those that hold the most GPUs over the time, in their order."""
    held = {leaf: sum(map(sum, gpus.values())) for leaf, gpus in use.items()}
    busiest = sorted(use, key=lambda leaf: -held[leaf])[:most]
    return [leaf for leaf in use if leaf in busiest]


def leaf_supply(scenario: Scenario, leaf: str) -> list[int]:
    """GPUs of a leaf, maintenance applied, one number an interval."""
    (found,) = (each for each in scenario.fleet.network.leaves if each.name == leaf)
    return [
        _gpus(scenario.fleet, found, start, end)
        for start, end in pairwise(scenario.horizon.boundaries())
    ]


def leaf_sizes(scenario: Scenario, interval: int) -> dict[str, LeafSize]:
    """Leaves with a node in the fleet file, in its order."""
    fleet = scenario.fleet
    start, end = scenario.horizon.boundaries()[interval : interval + 2]

    return {
        leaf.name: LeafSize(leaf.name, fleet.leaf_priority(leaf), _gpus(fleet, leaf, start, end))
        for leaf in fleet.network.leaves
        if any(leaf.nodes.values())
    }


def _gpus(fleet: Fleet, leaf: Leaf, start: datetime, end: datetime) -> int:
    return sum(
        fleet.nodes_available(leaf, shape.name, start, end) * shape.gpus
        for shape in fleet.node_types
    )


def fullest(shares: Iterable[LeafShare], sizes: Mapping[str, LeafSize]) -> Sequence[LeafShare]:
    """Those that hold most of their leaf first."""
    return sorted(
        shares, key=lambda share: (-share.gpus / max(1, sizes[share.leaf].gpus), -share.gpus)
    )


def by_group(shares: Iterable[LeafShare]) -> dict[str, dict[str, int]]:
    """{group: {leaf: GPUs}}"""
    groups: dict[str, dict[str, int]] = {}
    for share in shares:
        groups.setdefault(share.group, {})[share.leaf] = share.gpus
    return groups
