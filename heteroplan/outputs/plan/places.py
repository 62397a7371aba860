"""Where the replicas of a plan stand: by pool and leaf, and by group and leaf at the peak."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from heteroplan.entities.network import Leaf, SubgroupPriority
from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Scenario
from heteroplan.outputs.plan.plan_document import PlanDocument


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


@dataclass(frozen=True, slots=True)
class LeafReplicas:
    """Replicas of one pool by leaf, in the order of the fleet, one number an interval."""

    serving: dict[str, tuple[int, ...]]
    """Every leaf with a replica at any time."""
    starting: dict[str, tuple[int, ...]]
    """Replicas that hold GPUs before they serve; leaves with any."""


def leaf_replicas(plan: Plan) -> tuple[LeafReplicas, ...]:
    """Where the replicas of each pool stand."""
    horizon = plan.scenario.horizon
    intervals = horizon.intervals
    serving: list[dict[str, list[int]]] = [{} for _ in plan.pools]
    starting: list[dict[str, list[int]]] = [{} for _ in plan.pools]
    for stay in plan.stays:
        row = serving[stay.pool].setdefault(stay.leaf, [0] * (intervals + 1))
        _add(row, stay.first, stay.intervals)
        before = intervals - stay.intervals if horizon.cyclic else stay.first
        if lead := min(stay.lead, before):
            row = starting[stay.pool].setdefault(stay.leaf, [0] * (intervals + 1))
            _add(row, stay.first - lead, lead)
    leaves = [leaf.name for leaf in plan.scenario.fleet.network.leaves]
    return tuple(
        LeafReplicas(*(_rows(changes, leaves) for changes in of_pool))
        for of_pool in zip(serving, starting, strict=True)
    )


def _add(changes: list[int], first: int, length: int) -> None:
    """One more replica over `length` intervals, which go round the ends of a cyclic day.

    `changes` [T + 1] are the differences from the interval before.
    """
    intervals = len(changes) - 1
    first %= intervals
    end = first + length
    changes[first] += 1
    changes[min(end, intervals)] -= 1
    if end > intervals:
        changes[0] += 1
        changes[end - intervals] -= 1


def _rows(
    changes: Mapping[str, Sequence[int]], leaves: Iterable[str]
) -> dict[str, tuple[int, ...]]:
    return {leaf: tuple(accumulate(changes[leaf][:-1])) for leaf in leaves if leaf in changes}


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
