"""What hardware there is, where it stands, and when some of it is away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from heteroplan.entities.network import Affinity, Leaf, Network, SubgroupPriority


@dataclass(frozen=True, slots=True)
class GpuType:
    """A kind of accelerator."""

    name: str
    memory_gib: float
    memory_bytes_per_s: float | None = None
    """Bandwidth of its memory [bytes/s]; None where it is not known."""
    peak_per_s: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Dense operations a second by precision, such as bf16; none that it lacks or nobody states."""
    power_w: float | None = None
    """Thermal design power [W]; None where its vendor does not state it."""


@dataclass(frozen=True, slots=True)
class Failures:
    """How often nodes fail, and for how long."""

    nodes_per_1000_days: float
    """Failures a day of 1,000 nodes."""
    repair_hours: float
    """Until a node that failed serves again [h]."""


@dataclass(frozen=True, slots=True)
class NodeType:
    """A purchasable shape of host."""

    name: str
    gpu: GpuType
    gpus: int
    """GPUs per node."""
    nic_gbit_per_s: float
    """Network bandwidth of a node [Gbit/s]."""
    usd_per_gpu_hour: float
    failures: Failures | None = None
    """None where the fleet does not say."""

    @property
    def nic_gbit_per_s_per_gpu(self) -> float:
        """A GPU's share of its node's network bandwidth [Gbit/s]."""
        return self.nic_gbit_per_s / self.gpus


@dataclass(frozen=True, slots=True)
class Outage:
    """Nodes that are away (maintenance, failure) for a while."""

    leaf: str
    node_type: str
    nodes: int
    start: datetime
    """Zone-aware, inclusive."""
    end: datetime
    """Zone-aware, exclusive."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Node types, the network they stand in, and planned absences."""

    name: str
    node_types: tuple[NodeType, ...]
    network: Network
    outages: tuple[Outage, ...]
    across_leaves: float
    """Share of NIC bandwidth left to traffic between two leaves of a spine."""
    across_spines: float
    """Share of NIC bandwidth left to traffic between two spines of a cluster."""
    regions: Mapping[str, str] = field(default_factory=dict, hash=False)
    """By cluster; clusters without one are left out."""
    latency_ms: Mapping[frozenset[str], float] = field(default_factory=dict, hash=False)
    """Round trips between two regions [ms]."""
    egress_usd_per_gb: Mapping[tuple[str, str], float] = field(default_factory=dict, hash=False)
    """Price of traffic from one region to another [USD per 10^9 bytes]; none where unknown."""

    def has_round_trip(self, one: str, other: str) -> bool:
        """Whether it is known how far two regions are apart."""
        return one == other or frozenset((one, other)) in self.latency_ms

    def round_trip_ms(self, one: str, other: str) -> float:
        """Between two regions [ms]; 0 within one. Raises KeyError."""
        return 0.0 if one == other else self.latency_ms[frozenset((one, other))]

    def node_type(self, name: str) -> NodeType:
        """The node type called `name`. Raises KeyError."""
        for node_type in self.node_types:
            if node_type.name == name:
                return node_type
        raise KeyError(name)

    @property
    def gpus(self) -> int:
        """GPUs of all nodes, those away for maintenance included."""
        return sum(
            nodes * self.node_type(name).gpus
            for leaf in self.network.leaves
            for name, nodes in leaf.nodes.items()
        )

    def gpu_names(self, leaves: Iterable[Leaf]) -> set[str]:
        """GPU types with at least one node on the leaves."""
        gpu = {shape.name: shape.gpu.name for shape in self.node_types}
        return {gpu[name] for leaf in leaves for name, nodes in leaf.nodes.items() if nodes > 0}

    def leaf_priority(self, leaf: Leaf) -> SubgroupPriority:
        """High where the leaf mixes GPU types, medium where only its spine does."""
        if len(self.gpu_names([leaf])) > 1:
            return SubgroupPriority.HIGH
        return min(self.spine_priority(leaf.spine), SubgroupPriority.MEDIUM, key=_scarcity)

    def spine_priority(self, spine: str) -> SubgroupPriority:
        """Low with one GPU type, high where a leaf below mixes them, medium between."""
        leaves = self.network.domains(Affinity.SPINE)[spine]
        if len(self.gpu_names(leaves)) <= 1:
            return SubgroupPriority.LOW
        mixed = any(len(self.gpu_names([leaf])) > 1 for leaf in leaves)
        return SubgroupPriority.HIGH if mixed else SubgroupPriority.MEDIUM

    def bandwidth_factor(self, level: Affinity) -> float:
        """Share of NIC bandwidth that KV transfer can count on inside a domain of `level`."""
        return {
            Affinity.LEAF: 1.0,
            Affinity.SPINE: self.across_leaves,
            Affinity.CLUSTER: self.across_spines,
        }[level]

    def nodes_available(self, leaf: Leaf, node_type: str, start: datetime, end: datetime) -> int:
        """Fewest nodes of `node_type` on `leaf` at any moment of [start, end).

        Outages that touch the interval all count as if they overlapped one another: never
        more than there is, and less only where two short outages share one interval.
        """
        away = sum(
            outage.nodes
            for outage in self.outages
            if outage.leaf == leaf.name
            and outage.node_type == node_type
            and outage.start < end
            and outage.end > start
        )
        return max(0, leaf.nodes.get(node_type, 0) - away)


def _scarcity(priority: SubgroupPriority) -> int:
    return list(SubgroupPriority).index(priority)
