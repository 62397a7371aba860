"""A fleet as a tree: how many nodes and GPUs stand where, how scarce a leaf is, and what is out."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from heteroplan.entities.fleet import Fleet, Outage
from heteroplan.entities.network import Affinity, Leaf, Network, SubgroupPriority
from heteroplan.outputs.shared.tables import table_of_names
from heteroplan.outputs.shared.terminal import AnyText, Text, print_trimmed

MOST_LEAVES = 100
"""Leaves that are shown unasked."""
WIDE = 60
"""Columns from which on tables have all that they may."""
FOR_GOOD_YEAR = 2190
"""An outage that ends then or later has no end."""
_STYLES = {
    SubgroupPriority.LOW: "dim",
    SubgroupPriority.MEDIUM: "",
    SubgroupPriority.HIGH: "yellow",
}


@dataclass(frozen=True, slots=True)
class LeafShown:
    """A leaf and what stands on it."""

    cluster: str
    spine: str
    leaf: str
    priority: SubgroupPriority
    spine_priority: SubgroupPriority
    nodes: dict[str, int]
    """By node type."""
    gpus: dict[str, int]
    """By GPU type."""
    out: tuple[str, ...]
    """Such as `2 h100x8 for good`."""


def shown_leaves(fleet: Fleet) -> tuple[LeafShown, ...]:
    """Every leaf, in the order of the fleet."""
    outages: dict[str, list[Outage]] = defaultdict(list)
    for outage in fleet.outages:
        outages[outage.leaf].append(outage)
    of_spine: dict[str, tuple[Fleet, SubgroupPriority]] = {}
    for spine, leaves in fleet.network.domains(Affinity.SPINE).items():
        alone = replace(fleet, network=Network(leaves))
        of_spine[spine] = alone, alone.spine_priority(spine)
    return tuple(
        LeafShown(
            leaf.cluster,
            leaf.spine,
            leaf.name,
            of_spine[leaf.spine][0].leaf_priority(leaf),
            of_spine[leaf.spine][1],
            {name: nodes for name, nodes in leaf.nodes.items() if nodes},
            _gpus(fleet, leaf),
            tuple(map(_out, outages[leaf.name])),
        )
        for leaf in fleet.network.leaves
    )


def fleet_json(fleet: Fleet) -> str:
    """The fleet by leaf as JSON."""
    document = {
        "name": fleet.name,
        "gpus": fleet.gpus,
        "leaves": [asdict(leaf) for leaf in shown_leaves(fleet)],
    }
    return json.dumps(document, indent=2) + "\n"


def render_fleet(fleet: Fleet, console: Console, leaves: bool | None = None) -> None:
    """Node types in a table, then clusters, spines and leaves as a tree.

    Without `leaves` spines are the lowest level; where it is None they are shown if they are few.
    """
    found = shown_leaves(fleet)
    console.print(Text.assemble((fleet.name, "bold"), f"  {sizes(fleet)}"))
    console.print()
    print_trimmed(types_table(fleet, console), console)
    console.print()
    has_leaves = len(found) <= MOST_LEAVES if leaves is None else leaves
    for tree in _trees(found, has_leaves):
        console.print(tree)
    if leaves is None and not has_leaves:
        console.print(f"{len(found):,} leaves: --leaves shows them.")


def _trees(found: Iterable[LeafShown], has_leaves: bool) -> Iterator[Tree]:
    """One for each cluster."""
    by_cluster: dict[str, dict[str, list[LeafShown]]] = {}
    for leaf in found:
        by_cluster.setdefault(leaf.cluster, {}).setdefault(leaf.spine, []).append(leaf)
    for cluster, spines in by_cluster.items():
        below = [leaf for leaves in spines.values() for leaf in leaves]
        tree = Tree(_title(cluster, None, below), guide_style="dim")
        for spine, leaves in spines.items():
            branch = tree.add(_title(spine, leaves[0].spine_priority, leaves))
            for leaf in leaves if has_leaves else ():
                at = branch.add(_title(leaf.leaf, leaf.priority, [leaf]))
                for outage in leaf.out:
                    at.add(Text(f"out: {outage}", style="yellow"))
        yield tree


def _title(name: str, priority: SubgroupPriority | None, leaves: Iterable[LeafShown]) -> AnyText:
    """A domain with its priority, its nodes by type, and how many GPUs these are."""
    below = list(leaves)
    nodes: Counter[str] = Counter()
    for leaf in below:
        nodes.update(leaf.nodes)
    gpus = sum(sum(leaf.gpus.values()) for leaf in below)
    counts = ", ".join(f"{count:,} {node_type}" for node_type, count in nodes.items())
    parts: list[tuple[str, str]] = [(name, "bold")]
    if priority is not None:
        parts.append((f"  {priority}", _STYLES[priority]))
    parts.append((f"  {counts or 'no nodes'}", ""))
    parts.append((f"  {gpus:,} GPUs", "dim"))
    return Text.assemble(*parts)


def types_table(fleet: Fleet, console: Console) -> Table:
    """Node types with their numbers; `out` are nodes that are unavailable without an end."""
    nodes: Counter[str] = Counter()
    for leaf in fleet.network.leaves:
        nodes.update(leaf.nodes)
    out: Counter[str] = Counter()
    for outage in fleet.outages:
        if outage.end.year >= FOR_GOOD_YEAR:
            out[outage.node_type] += outage.nodes
    heads = ["node type", "GPU", ">nodes", ">out", ">GPUs", ">Gbit/s", ">USD/h"]
    rows = [
        [
            each.name,
            each.gpu.name,
            f"{nodes[each.name]:,}",
            f"{out[each.name]:,}" if out[each.name] else "",
            f"{nodes[each.name] * each.gpus:,}",
            f"{each.nic_gbit_per_s:,.6g}",
            f"{each.usd_per_gpu_hour:,.2f}",
        ]
        for each in fleet.node_types
    ]
    shown = len(heads) if console.width >= WIDE else len(heads) - 2
    return table_of_names(console, heads[:shown], [row[:shown] for row in rows])


def sizes(fleet: Fleet) -> str:
    """Such as `96 nodes, 768 GPUs, 2 clusters, 3 spines, 6 leaves`."""
    found = fleet.network.leaves
    nodes = sum(sum(leaf.nodes.values()) for leaf in found)
    counts: Mapping[str, int] = {
        "node": nodes,
        "GPU": fleet.gpus,
        "cluster": len({leaf.cluster for leaf in found}),
        "spine": len({leaf.spine for leaf in found}),
    }
    words = [f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in counts.items()]
    return ", ".join([*words, f"{len(found):,} {'leaf' if len(found) == 1 else 'leaves'}"])


def _gpus(fleet: Fleet, leaf: Leaf) -> dict[str, int]:
    found: Counter[str] = Counter()
    for name, nodes in leaf.nodes.items():
        if nodes:
            node_type = fleet.node_type(name)
            found[node_type.gpu.name] += nodes * node_type.gpus
    return dict(found)


def _out(outage: Outage) -> str:
    what = f"{outage.nodes:,} {outage.node_type}"
    if outage.end.year >= FOR_GOOD_YEAR:
        return f"{what} until further notice"
    start, end = (each.strftime("%Y-%m-%d %H:%M") for each in (outage.start, outage.end))
    return f"{what} from {start} to {end} UTC"
