"""Where every replica stands: leaf and nodes, for every interval that it serves."""

from dataclasses import dataclass

from heteroplan.entities.network import Leaf


def node_name(leaf: str, node_type: str, index: int) -> str:
    """Name of a node; the fleet file only counts them. `index` runs from 0."""
    return f"{leaf}-{node_type}-{index + 1:03d}"


def node_names(leaf: Leaf, node_type: str) -> tuple[str, ...]:
    """Names of a leaf's nodes of one type. Those away for maintenance are the last ones."""
    return tuple(node_name(leaf.name, node_type, i) for i in range(leaf.nodes.get(node_type, 0)))


@dataclass(frozen=True, slots=True)
class Stay:
    """One replica on its nodes, from its first interval there to its last."""

    pool: int
    """Index of its pool."""
    replica_id: str
    """Shared by all stays of a replica that moves."""
    leaf: str
    nodes: tuple[str, ...]
    """A replica smaller than a node shares one; a larger one has whole nodes of one leaf."""
    first: int
    """First interval that it serves here."""
    intervals: int
    """How many it serves here; past the end of a cyclic day it goes on at its start."""
    lead: int
    """Intervals before `first` in which it already holds its GPUs."""
    moved: bool
    """It served elsewhere until `first`: a start that the pool's size does not show."""
