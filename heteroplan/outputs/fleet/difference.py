"""What differs between two fleets: GPUs, node types, leaves, bandwidth, and nodes that are out."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from heteroplan.entities.fleet import Fleet, NodeType, Outage
from heteroplan.entities.network import Leaf
from heteroplan.units import HOURS_PER_DAY

NUMBERS = ("gpus", "nic_gbit_per_s", "usd_per_gpu_hour")
"""Figures of a node type that may differ."""


@dataclass(frozen=True, slots=True)
class Change[V]:
    """A value before and after."""

    before: V
    after: V


type Count = Change[int]
type Figure = Change[float | str | None]
"""None where there is none."""


@dataclass(frozen=True, slots=True)
class TypeChange:
    """A node type that is new, gone or different."""

    node_type: str
    change: str
    """`added`, `removed` or `changed`."""
    nodes: Count
    figures: dict[str, Figure]
    """What differs, by field: gpu and `NUMBERS`."""


@dataclass(frozen=True, slots=True)
class LeafChange:
    """A leaf that is new, gone, elsewhere, or has other nodes."""

    leaf: str
    change: str
    """`added`, `removed`, `moved` or `changed`."""
    place: str
    """Cluster and spine, `a/a-s1`; where it moved, before and after."""
    nodes: dict[str, Count]
    """Nodes that differ, by node type."""


@dataclass(frozen=True, slots=True)
class FleetDifference:
    """Everything that `fleet diff` says."""

    before: str
    """Name of the fleet."""
    after: str
    gpus: dict[str, Count]
    """By GPU type, all of them."""
    usd_per_day: Change[float]
    """Of all GPUs, used or not."""
    node_types: tuple[TypeChange, ...]
    leaves: tuple[LeafChange, ...]
    bandwidth: dict[str, Figure]
    """Shares of the NIC bandwidth that differ."""
    outages_added: tuple[str, ...]
    """Such as `l1: 2 h100x8 from 2026-11-23T00:00+00:00 to ...`."""
    outages_removed: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the fleets differ in nothing but their names."""
        return not (
            self.node_types
            or self.leaves
            or self.bandwidth
            or self.outages_added
            or self.outages_removed
        )


def difference(before: Fleet, after: Fleet) -> FleetDifference:
    """What is new, gone or different in `after`."""
    out_before, out_after = _outages(before), _outages(after)
    gpus_before, gpus_after = _gpus(before), _gpus(after)
    return FleetDifference(
        before=before.name,
        after=after.name,
        gpus={
            gpu: Change(gpus_before[gpu], gpus_after[gpu])
            for gpu in dict.fromkeys((*gpus_before, *gpus_after))
        },
        usd_per_day=Change(_usd_per_day(before), _usd_per_day(after)),
        node_types=tuple(_type_changes(before, after)),
        leaves=tuple(_leaf_changes(before, after)),
        bandwidth={
            name: Change(getattr(before, name), getattr(after, name))
            for name in ("across_leaves", "across_spines")
            if getattr(before, name) != getattr(after, name)
        },
        outages_added=tuple((out_after - out_before).elements()),
        outages_removed=tuple((out_before - out_after).elements()),
    )


def difference_json(found: FleetDifference) -> str:
    """The difference as JSON."""
    return json.dumps({"same": found.same, **asdict(found)}, indent=2) + "\n"


def _type_changes(before: Fleet, after: Fleet) -> Iterator[TypeChange]:
    types_before = {each.name: each for each in before.node_types}
    types_after = {each.name: each for each in after.node_types}
    nodes_before, nodes_after = _nodes(before), _nodes(after)
    for name in dict.fromkeys((*types_before, *types_after)):
        old, new = types_before.get(name), types_after.get(name)
        figures = _figures(old, new)
        nodes = Change(nodes_before[name], nodes_after[name])
        if figures or nodes.before != nodes.after:
            change = "added" if old is None else "removed" if new is None else "changed"
            yield TypeChange(name, change, nodes, figures)


def _figures(old: NodeType | None, new: NodeType | None) -> dict[str, Figure]:
    def of(node_type: NodeType | None, name: str) -> float | str | None:
        if node_type is None:
            return None
        value: float | str = node_type.gpu.name if name == "gpu" else getattr(node_type, name)
        return value

    pairs = {name: Change(of(old, name), of(new, name)) for name in ("gpu", *NUMBERS)}
    return {name: pair for name, pair in pairs.items() if pair.before != pair.after}


def _leaf_changes(before: Fleet, after: Fleet) -> Iterator[LeafChange]:
    leaves_before = {leaf.name: leaf for leaf in before.network.leaves}
    leaves_after = {leaf.name: leaf for leaf in after.network.leaves}
    for name in dict.fromkeys((*leaves_before, *leaves_after)):
        old, new = leaves_before.get(name), leaves_after.get(name)
        types = dict.fromkeys((*(old.nodes if old else ()), *(new.nodes if new else ())))
        counts = {each: Change(_count(old, each), _count(new, each)) for each in types}
        nodes = {each: count for each, count in counts.items() if count.before != count.after}
        places = [f"{leaf.cluster}/{leaf.spine}" for leaf in (old, new) if leaf is not None]
        if old is None:
            yield LeafChange(name, "added", places[0], nodes)
        elif new is None:
            yield LeafChange(name, "removed", places[0], nodes)
        elif places[0] != places[1]:
            yield LeafChange(name, "moved", " to ".join(places), nodes)
        elif nodes:
            yield LeafChange(name, "changed", places[0], nodes)


def _count(leaf: Leaf | None, node_type: str) -> int:
    return 0 if leaf is None else leaf.nodes.get(node_type, 0)


def _nodes(fleet: Fleet) -> Counter[str]:
    """Nodes by node type."""
    found: Counter[str] = Counter()
    for leaf in fleet.network.leaves:
        found.update(leaf.nodes)
    return found


def _gpus(fleet: Fleet) -> Counter[str]:
    """GPUs by GPU type."""
    nodes = _nodes(fleet)
    found: Counter[str] = Counter()
    for each in fleet.node_types:
        found[each.gpu.name] += nodes[each.name] * each.gpus
    return found


def _usd_per_day(fleet: Fleet) -> float:
    nodes = _nodes(fleet)
    hourly = (nodes[each.name] * each.gpus * each.usd_per_gpu_hour for each in fleet.node_types)
    return HOURS_PER_DAY * sum(hourly)


def _outages(fleet: Fleet) -> Counter[str]:
    return Counter(map(outage_text, fleet.outages))


def outage_text(outage: Outage) -> str:
    """Such as `l1: 2 h100x8 from 2026-11-23T00:00+00:00 to 2026-11-24T00:00+00:00`."""
    start, end = (each.isoformat(timespec="minutes") for each in (outage.start, outage.end))
    return f"{outage.leaf}: {outage.nodes} {outage.node_type} from {start} to {end}"
