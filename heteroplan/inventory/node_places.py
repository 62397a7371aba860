"""Which node of the sources is which node of the fleet: a fleet file only counts nodes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from heteroplan.entities.placement import node_name
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.inventory.fleet_file import natural
from heteroplan.inventory.levels import Place, Placed
from heteroplan.inventory.limits import TypedNode


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlace:
    """Where a node of the sources is in the fleet."""

    node: str
    """Name in the sources."""
    cluster: str
    spine: str
    leaf: str
    node_type: str
    fleet_node: str
    """Name in plans."""
    gpus: int
    out: str
    """Why nothing can be placed on it; empty where it can."""


def node_places(
    nodes: Sequence[TypedNode], placed: Placed, spec: FleetFile
) -> tuple[NodePlace, ...]:
    """The place of each node.

    Plans number the nodes of a leaf and node type; those that are out are the last ones, as plans
    take them to be.
    """
    alike: dict[tuple[Place, str], list[TypedNode]] = defaultdict(list)
    for each in nodes:
        alike[_place(each, placed, spec), each[1].name].append(each)
    return tuple(
        NodePlace(
            node=node.name,
            cluster=at.cluster,
            spine=at.spine,
            leaf=at.leaf,
            node_type=name,
            fleet_node=node_name(at.leaf, name, index),
            gpus=node_type.gpus,
            out=node.out or "",
        )
        for (at, name), group in alike.items()
        for index, (node, node_type) in enumerate(sorted(group, key=_order))
    )


def _place(node: TypedNode, placed: Placed, spec: FleetFile) -> Place:
    """A fleet without a network is one domain of its name."""
    return placed.places[node[0].name] if placed.has_network else Place(*(spec.name,) * 3)


def _order(node: TypedNode) -> tuple[bool, tuple[str | int, ...]]:
    return node[0].out is not None, natural(node[0].name)
