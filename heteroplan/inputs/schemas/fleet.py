"""What fleet.yaml may hold."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from heteroplan.inputs.schemas.base import (
    MAX_COUNT,
    Count,
    Label,
    Name,
    NotNegative,
    Positive,
    Share,
    Stamp,
    Strict,
    Text,
)


class GpuTypeSpec(Strict):
    """A GPU type that is not built in."""

    name: Name
    """Name of the GPU type."""
    memory_gib: Positive
    """Memory of one GPU [GiB]."""


class FailuresSpec(Strict):
    """How often nodes fail, and for how long; studies draw failures from it, sizes add spares."""

    nodes_per_1000_days: Annotated[float, Field(ge=0, le=1000)]
    """Failures a day of 1,000 nodes."""
    repair_hours: Annotated[float, Field(gt=0, le=8760)]
    """Hours until a node that failed serves again."""


class NodeTypeSpec(Strict):
    """A kind of host."""

    name: Label
    """Name of the node type."""
    gpu: Text
    """GPU type: a built-in one or one under gpu_types."""
    gpus: Annotated[int, Field(ge=1, le=1024)]
    """GPUs per node."""
    nic_gbit_per_s: Positive
    """Network bandwidth of a node [Gbit/s]."""
    usd_per_gpu_hour: NotNegative
    """Price of one GPU [USD/h]."""
    failures: FailuresSpec | None = None
    """How often nodes of this type fail; as the fleet's `failures` say by default."""


class LeafSpec(Strict):
    """A leaf switch and the nodes below it."""

    leaf: Label
    """Name of the leaf."""
    nodes: dict[str, Count]
    """Number of nodes by node type."""


class SpineSpec(Strict):
    """A spine and its leaves."""

    spine: Label
    """Name of the spine."""
    leaves: list[LeafSpec] = Field(min_length=1)
    """Leaves below the spine."""


class ClusterSpec(Strict):
    """A cluster and its spines."""

    cluster: Label
    """Name of the cluster."""
    spines: list[SpineSpec] = Field(min_length=1)
    """Spines of the cluster."""
    region: Label | None = None
    """Region in which the cluster stands."""


def _egress_kind(value: Any) -> str:
    return "<regions>" if isinstance(value, dict) else "<number>"


EgressSpec = Annotated[
    Annotated[NotNegative, Tag("<number>")] | Annotated[dict[Label, NotNegative], Tag("<regions>")],
    Discriminator(_egress_kind),
]
"""One price, or one for each region that traffic leaves."""


class LatencySpec(Strict):
    """How far two regions are apart."""

    between: Annotated[list[Label], Field(min_length=2, max_length=2)]
    """Names of the two regions."""
    round_trip_ms: NotNegative
    """Time to the other region and back [ms]."""
    egress_usd_per_gb: EgressSpec | None = None
    """Price of traffic between them [USD per 10^9 bytes]: one for both directions, or for each
    region that of what leaves it, as in {eu: 0.02, us: 0.09}; not known if absent."""

    @property
    def egress(self) -> dict[tuple[str, str], float]:
        """Price of traffic from one of the two to the other; nothing where it is not known."""
        price = self.egress_usd_per_gb
        one, other = self.between
        ways = ((one, other), (other, one))
        if isinstance(price, dict):
            return {way: price[way[0]] for way in ways if way[0] in price}
        return {} if price is None else dict.fromkeys(ways, price)


class BandwidthSpec(Strict):
    """Share of the NIC bandwidth that is available between switches."""

    across_leaves: Share = 0.8
    """Share of the NIC bandwidth available between two leaves of a spine."""
    across_spines: Share = 0.5
    """Share of the NIC bandwidth available between two spines of a cluster."""


class OutageSpec(Strict):
    """Nodes that cannot be used for a while."""

    leaf: Text
    """Leaf of the nodes; the fleet's name if it has no network."""
    node_type: Text
    """Their node type."""
    nodes: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    """Number of nodes that cannot be used."""
    start: Stamp
    """Start, in the scenario's time zone unless it has an offset."""
    end: Stamp
    """End, not included, in the scenario's time zone unless it has an offset."""


class FleetFile(Strict):
    """fleet.yaml."""

    name: Name
    """Name of the fleet."""
    gpu_types: list[GpuTypeSpec] = Field([], max_length=1000)
    """GPU types that are not built in."""
    node_types: list[NodeTypeSpec] = Field(min_length=1, max_length=1000)
    """Kinds of hosts."""
    network: list[ClusterSpec] | None = Field(None, min_length=1)
    """Clusters, spines and leaves with their nodes; or give `nodes`."""
    nodes: dict[str, Count] | None = None
    """Number of nodes by node type, all in one network domain; or give `network`."""
    bandwidth: BandwidthSpec = BandwidthSpec()
    """Share of the NIC bandwidth that is available between switches."""
    unavailable: list[OutageSpec] = Field([], max_length=10_000)
    """Nodes in maintenance or failed, and when."""
    failures: FailuresSpec | None = None
    """How often nodes fail, of every node type without its own `failures`."""
    latency: list[LatencySpec] = Field([], max_length=10_000)
    """Round trips between regions of clusters; within a region they take no time."""

    @field_validator("nodes")
    @classmethod
    def _one_network(
        cls, nodes: dict[str, int] | None, info: ValidationInfo
    ) -> dict[str, int] | None:
        if "network" in info.data and (nodes is None) == (info.data["network"] is None):
            raise ValueError("give either network or nodes, and one of them only")
        return nodes
