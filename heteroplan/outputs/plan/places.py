"""Where the replicas of a plan stand: by pool and leaf, and by group and leaf at the peak."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from heteroplan.entities.network import Leaf, SubgroupPriority
from heteroplan.entities.placement import Stay
from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Scenario


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


def peak_interval(plan: Plan) -> int:
    """The first interval in which most GPUs are held."""
    held = [sum(use.held[t] for use in plan.supply) for t in range(plan.scenario.horizon.intervals)]
    return held.index(max(held))


def leaf_replicas(plan: Plan) -> tuple[dict[str, list[int]], ...]:
    """For each pool its leaves, in the order of the fleet, with the replicas an interval there."""
    intervals = plan.scenario.horizon.intervals
    changes: list[dict[str, list[int]]] = [{} for _ in plan.pools]
    for stay in plan.stays:
        row = changes[stay.pool].setdefault(stay.leaf, [0] * (intervals + 1))
        for first, end in _serving(stay, intervals):
            row[first] += 1
            row[end] -= 1
    return tuple(
        {
            leaf.name: list(accumulate(rows[leaf.name][:-1]))
            for leaf in plan.scenario.fleet.network.leaves
            if leaf.name in rows
        }
        for rows in changes
    )


def leaf_shares(plan: Plan, interval: int) -> tuple[LeafShare, ...]:
    """What each group holds of each leaf in an interval; pools and leaves in their order."""
    horizon = plan.scenario.horizon
    gpus: dict[tuple[str, str], int] = defaultdict(int)
    for stay in plan.stays:
        ahead = interval - (stay.first - stay.lead)
        if horizon.cyclic:
            ahead %= horizon.intervals
        if 0 <= ahead < stay.lead + stay.intervals:
            pool = plan.pools[stay.pool]
            gpus[pool.group, stay.leaf] += pool.gpus_per_replica
    groups = dict.fromkeys(pool.group for pool in plan.pools)
    leaves = [leaf.name for leaf in plan.scenario.fleet.network.leaves]
    return tuple(
        LeafShare(group, leaf, gpus[group, leaf])
        for group in groups
        for leaf in leaves
        if (group, leaf) in gpus
    )


def leaf_sizes(scenario: Scenario, interval: int) -> dict[str, LeafSize]:
    """Leaves with a node in the fleet file, in its order."""
    fleet = scenario.fleet
    start, end = scenario.horizon.boundaries()[interval : interval + 2]

    def gpus(leaf: Leaf) -> int:
        return sum(
            fleet.nodes_available(leaf, shape.name, start, end) * shape.gpus
            for shape in fleet.node_types
        )

    return {
        leaf.name: LeafSize(leaf.name, fleet.leaf_priority(leaf), gpus(leaf))
        for leaf in fleet.network.leaves
        if any(leaf.nodes.values())
    }


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


def _serving(stay: Stay, intervals: int) -> list[tuple[int, int]]:
    """Half-open ranges of intervals; two where a stay goes on at the start of a cyclic day."""
    end = stay.first + stay.intervals
    if end <= intervals:
        return [(stay.first, end)]
    return [(stay.first, intervals), (0, end - intervals)]
