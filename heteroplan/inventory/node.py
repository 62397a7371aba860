"""What one file says of the nodes of a fleet, whatever system wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """What one file says of one node; None is what the file does not say."""

    name: str
    """Name of the node, by which files are joined."""
    aliases: tuple[str, ...] = ()
    """Other names that files know it by, such as a cloud's instance ID or a host name."""
    gpu: str | None = None
    """GPU type as the file writes it, such as `NVIDIA-H100-80GB-HBM3` or `h100`."""
    gpu_memory_mib: float | None = None
    """Memory of one whole GPU [MiB]."""
    gpus: int | None = None
    """Whole GPUs that may be planned; 0 where all are divided or there are none."""
    gpus_left_out: int = 0
    """GPUs that are divided (MIG, time slicing) or otherwise not whole; told, not planned."""
    instance_type: str | None = None
    """Machine or instance type, such as `p5.48xlarge`."""
    path: tuple[str, ...] | None = None
    """Network domains above the node, the widest first and the closest last."""
    nvlink_domain: str | None = None
    """NVLink domain of several nodes (a GB200 rack), which becomes a leaf."""
    cluster: str | None = None
    """Region, zone or cluster, which becomes a cluster of the fleet."""
    nic_gbit_per_s: float | None = None
    """Network bandwidth of the node [Gbit/s]."""
    out: str | None = None
    """Why nothing can be placed on it now (`cordoned`, `not ready`, `DRAIN`); None where it can."""
    reserved: str | None = None
    """State by which a reservation keeps it from being used now, such as `RESERVED`.

    What reservations tell of the node counts instead, where a source has some.
    """
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Labels that quotas select nodes by."""
    line: int = 0
    """Line of the file, 0 where none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """GPUs of some nodes that may be used at most."""

    name: str
    """Of the quota, such as `ClusterQueue team-a`."""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Labels of the nodes that it is about; none: all."""
    gpus: int
    """Most GPUs of these nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Nodes that others have for a while, or for good."""

    name: str
    nodes: tuple[str, ...]
    """Names of the nodes."""
    start: datetime | None = None
    """Zone-aware; None: since ever."""
    end: datetime | None = None
    """Zone-aware, not included; None: for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRecord:
    """A pod that holds GPUs of a node now."""

    name: str
    namespace: str
    node: str
    gpus: int
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    owner: str = ""
    """Kind and name of the object that replaces it, such as `ReplicaSet/chat-5d4f8`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one file says."""

    format: str
    """Name of its format."""
    file: str
    """Path as the user wrote it."""
    nodes: tuple[NodeRecord, ...] = ()
    level_labels: tuple[str, ...] = ()
    """Labels of nodes that are the network levels, the widest first (a Kueue Topology)."""
    quotas: tuple[Quota, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    pods: tuple[PodRecord, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out or assumed, one sentence each."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was opened and read whole."""

    name: str
    """Path as the user wrote it."""
    text: str
    document: object | None
    """Its content where it is JSON (one value); None otherwise. Readers parse YAML."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the user says of sources."""

    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    """`--map`: column of a table by field (node, gpu, gpus, leaf, spine, cluster, ...)."""
    zone: ZoneInfo | None = None
    """`--timezone`: of times that a file gives without one, such as Slurm's reservations."""
    tolerated: frozenset[str] = frozenset()
    """Keys of taints, or `key=value`, that the planned pods tolerate."""


class SourceFormat(Protocol):
    """A kind of file that tells of nodes."""

    def fits(self, file: SourceFile) -> bool:
        """Whether the content is of this format; cheap."""
        ...

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        """Its content. Raises InputError with all problems."""
        ...
