"""The network tree and the domains that deployment groups live in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Affinity(StrEnum):
    """How far apart the prefill and decode replicas of a group may be."""

    LEAF = "leaf"
    SPINE = "spine"
    CLUSTER = "cluster"


class SubgroupPriority(StrEnum):
    """How scarce the leaf of a node is (HeteroScale's RDMA subgroups)."""

    LOW = "low"
    """A spine with one GPU type."""
    MEDIUM = "medium"
    """A spine with several GPU types, each leaf of one."""
    HIGH = "high"
    """A leaf with several GPU types."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One S1 switch and the nodes below it."""

    name: str
    spine: str
    cluster: str
    nodes: Mapping[str, int]
    """Nodes by node type name."""

    def domain(self, level: Affinity) -> str:
        """Name of the domain at `level` that this leaf belongs to."""
        return {
            Affinity.LEAF: self.name,
            Affinity.SPINE: self.spine,
            Affinity.CLUSTER: self.cluster,
        }[level]


@dataclass(frozen=True, slots=True)
class Network:
    """Leaves in the order of the fleet file; spines and clusters are what they name."""

    leaves: tuple[Leaf, ...]

    def domains(self, level: Affinity) -> dict[str, tuple[Leaf, ...]]:
        """Domains at `level`, each with the leaves below it, in file order."""
        found: dict[str, list[Leaf]] = {}
        for leaf in self.leaves:
            found.setdefault(leaf.domain(level), []).append(leaf)
        return {name: tuple(leaves) for name, leaves in found.items()}

    def span(self, level: Affinity, domain: str) -> Affinity:
        """Narrowest level at which one domain holds every leaf of `domain` at `level`."""
        if level is Affinity.LEAF:
            return level
        leaves = self.domains(level)[domain]
        return next(
            narrow for narrow in Affinity if len({leaf.domain(narrow) for leaf in leaves}) == 1
        )
