"""What is read of the objects of a cluster. Other fields are let through."""

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from heteroplan.inventory.formats.kubernetes.quantities import Quantity

Resources = dict[str, Quantity]


class ApiModel(BaseModel):
    """Base of all: fields are written in camel case, and one without a value counts as absent."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict) or None not in data.values():
            return data
        return {key: value for key, value in data.items() if value is not None}


class OwnerReference(ApiModel):
    """The object that made another."""

    kind: str
    name: str
    controller: bool = False
    """Whether it is the one that replaces it."""


class Metadata(ApiModel):
    """Of any object."""

    name: str = Field(min_length=1)
    """Name of the object."""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    deletion_timestamp: str = ""
    """Since when it is being deleted; empty where it is not."""


class Taint(ApiModel):
    """What keeps pods away from a node."""

    key: str
    value: str = ""
    effect: str


class Condition(ApiModel):
    """One condition of a node, such as Ready."""

    type: str
    status: str


class Address(ApiModel):
    """One address of a node, such as its host name."""

    type: str
    address: str


class NodeSpec(ApiModel):
    """What is wanted of a node."""

    unschedulable: bool = False
    taints: list[Taint] = []
    provider_id: str = Field(default="", validation_alias="providerID")


class NodeStatus(ApiModel):
    """What a node has."""

    allocatable: Resources = {}
    capacity: Resources = {}
    conditions: list[Condition] = []
    addresses: list[Address] = []


class Node(ApiModel):
    """A node."""

    metadata: Metadata
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ContainerResources(ApiModel):
    """What a container asks for."""

    limits: Resources = {}
    requests: Resources = {}


class Container(ApiModel):
    """One container of a pod."""

    resources: ContainerResources = ContainerResources()
    restart_policy: str = ""
    """`Always` in an init container that runs as long as the pod does."""


class PodClaim(ApiModel):
    """A resource claim that a pod uses."""

    name: str


class PodSpec(ApiModel):
    """What is wanted of a pod."""

    node_name: str = ""
    containers: list[Container] = []
    init_containers: list[Container] = []
    resource_claims: list[PodClaim] = []


class PodStatus(ApiModel):
    """How far a pod is."""

    phase: str = ""


class Pod(ApiModel):
    """A pod."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Attribute(ApiModel):
    """An attribute of a device, of which text alone is read."""

    string: str = ""


class DeviceTaint(ApiModel):
    """What keeps claims away from a device."""

    effect: str


class DeviceFields(ApiModel):
    """What a slice says of a device."""

    attributes: dict[str, Attribute] = {}
    capacity: dict[str, Any] = {}
    """A quantity, or {value: quantity} since v1beta1."""
    taints: list[DeviceTaint] = []


class Device(DeviceFields):
    """A device of a slice."""

    name: str
    basic: DeviceFields = DeviceFields()
    """Holds the fields up to v1beta1; since v1beta2 they are the device's own."""


class Pool(ApiModel):
    """The pool that a slice is a part of."""

    name: str
    generation: int = 0
    """Only slices of the highest one count."""
    resource_slice_count: int = 1
    """Slices of the pool."""


class SliceSpec(ApiModel):
    """What a slice offers."""

    driver: str
    node_name: str = ""
    pool: Pool
    devices: list[Device] = []


class ResourceSlice(ApiModel):
    """Devices that dynamic resource allocation gives out."""

    metadata: Metadata
    spec: SliceSpec


class AllocatedDevice(ApiModel):
    """A device that a claim has."""

    driver: str
    pool: str
    device: str
    admin_access: bool = False
    """Whether others may have it at the same time, as for monitoring."""


class AllocatedDevices(ApiModel):
    """The devices that a claim has."""

    results: list[AllocatedDevice] = []


class Allocation(ApiModel):
    """What a claim has."""

    devices: AllocatedDevices = AllocatedDevices()


class Consumer(ApiModel):
    """An object that may use a claim."""

    resource: str
    name: str


class ClaimStatus(ApiModel):
    """Whether a claim has devices, and who uses it."""

    allocation: Allocation = Allocation()
    reserved_for: list[Consumer] = []


class ResourceClaim(ApiModel):
    """A claim of devices."""

    metadata: Metadata
    status: ClaimStatus = ClaimStatus()


class Level(ApiModel):
    """A level of a topology."""

    node_label: str = Field(min_length=1)
    """Label of nodes whose value names the domain."""


class TopologySpec(ApiModel):
    """The levels, the widest first."""

    levels: list[Level] = Field(min_length=1)
    """The widest first."""


class Topology(ApiModel):
    """Levels of a network, of Kueue or of the KAI scheduler."""

    metadata: Metadata
    spec: TopologySpec


class FlavorSpec(ApiModel):
    """Which nodes are of a flavor."""

    node_labels: dict[str, str] = {}
    topology_name: str = ""


class ResourceFlavor(ApiModel):
    """A kind of node of Kueue's."""

    metadata: Metadata
    spec: FlavorSpec = FlavorSpec()


class ResourceQuota(ApiModel):
    """How much of a resource a queue may use."""

    name: str
    nominal_quota: Quantity
    """Most that the queue uses without borrowing."""


class FlavorQuotas(ApiModel):
    """How much of the nodes of a flavor a queue may use."""

    name: str
    resources: list[ResourceQuota] = []


class ResourceGroup(ApiModel):
    """Flavors that give the same resources."""

    flavors: list[FlavorQuotas] = []


class ClusterQueueSpec(ApiModel):
    """What a queue may use."""

    resource_groups: list[ResourceGroup] = []
    cohort: str = Field(default="", validation_alias=AliasChoices("cohortName", "cohort"))
    """Queues that lend to each other."""
    stop_policy: str = "None"
    """`Hold` and `HoldAndDrain` let nothing new run."""


class ClusterQueue(ApiModel):
    """A queue of Kueue's."""

    metadata: Metadata
    spec: ClusterQueueSpec = ClusterQueueSpec()


class VirtualNodes(ApiModel):
    """Nodes of one type in the values of knavigator's chart virtual-nodes."""

    type: str = Field(min_length=1)
    """Such as dgxh100.80g."""
    count: int = Field(ge=0, le=1_000_000)
    """Number of nodes."""
    labels: dict[str, str] = {}
    resources: Resources = {}


class VirtualCluster(ApiModel):
    """Values of knavigator's chart virtual-nodes."""

    nodes: list[VirtualNodes] = Field(min_length=1)
    """One entry for each type of node."""
