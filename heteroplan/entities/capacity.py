"""What one replica of an engine serves: the bridge from profiles to the optimiser."""

from dataclasses import dataclass
from enum import StrEnum

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Engine


class Limit(StrEnum):
    """What keeps a replica from serving more."""

    TTFT = "ttft"
    ITL = "itl"
    KV_MEMORY = "kv_memory"
    MAX_SEQUENCES = "max_sequences"
    KV_TRANSFER = "kv_transfer"
    RANGE = "range"
    GIVEN = "given"
    MEMORY = "memory"
    """The replica's GPUs and the node's do not divide one another."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How one replica runs one request class at the SLO."""

    capacity_rps: float
    """Greatest rate [requests/s]; 0 when the SLO cannot be met."""
    limited_by: Limit
    reason: str = ""
    """Why the capacity is 0; empty otherwise."""
    batch: float | None = None
    """Mean decode batch, or prompts a prefill batch."""
    utilization: float | None = None
    """Busy share of the replica, 0 to 1."""
    ttft_ms: float | None = None
    itl_ms: float | None = None
    extrapolated: bool = False
    """Outside the measured range, as the user allowed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that a workload could run on a node type of the fleet."""

    workload: str
    engine: Engine
    node_type: str
    points: tuple[tuple[OperatingPoint, ...], ...]
    """[interval][class]; equal request shapes share one object."""
    span: Affinity | None = None
    """How far apart the replicas of the groups stand that the points are for; None for all."""

    @property
    def usable(self) -> bool:
        """Whether any class of any interval can be served."""
        return any(point.capacity_rps > 0 for interval in self.points for point in interval)
