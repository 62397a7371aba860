"""What one replica of an engine serves: the bridge from profiles to the optimiser."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

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


def busy(rps: float, capacity_rps: float) -> float:
    """Replicas that a rate keeps busy; infinitely many where one of them serves nothing."""
    if rps == 0.0:
        return 0.0
    return rps / capacity_rps if capacity_rps > 0.0 else inf


@dataclass(frozen=True, slots=True)
class PoolPoints:
    """Operating points of a replica by the size of its pool: larger ones never serve less."""

    sizes: tuple[int, ...]
    """Replicas of the pool, rising from 1."""
    points: tuple[tuple[OperatingPoint, ...], ...]
    """[size][class]"""

    def capacity_rps(self, replicas: int) -> tuple[float, ...]:
        """[class] capacity of each of so many replicas.

        Between two sizes its inverse is a straight line, which capacities that grow ever less lie
        above; beyond the last it is that of the last.
        """
        at = bisect_right(self.sizes, max(1, replicas)) - 1
        low = [point.capacity_rps for point in self.points[at]]
        if at + 1 == len(self.sizes) or replicas <= self.sizes[at]:
            return tuple(low)
        high = [point.capacity_rps for point in self.points[at + 1]]
        part = (replicas - self.sizes[at]) / (self.sizes[at + 1] - self.sizes[at])
        return tuple(
            1.0 / ((1.0 - part) / one + part / two) if one > 0.0 < two else 0.0
            for one, two in zip(low, high, strict=True)
        )


def mix_rps(classes: Iterable[tuple[float, float]]) -> float:
    """Rate of a mix that a replica serves, from the share of each class and the rate of it alone.

    0 where one of them is not served, or there are none [requests/s].
    """
    shares, busy_s = 0.0, 0.0
    for share, rate_rps in classes:
        if rate_rps <= 0.0:
            return 0.0
        shares += share
        busy_s += share / rate_rps
    return shares / busy_s if busy_s > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that a workload could run on a node type of the fleet."""

    workload: str
    engine: Engine
    node_type: str
    points: tuple[tuple[OperatingPoint, ...], ...]
    """[interval][class]; equal request shapes share one object. Where capacity depends on the size
    of the pool, those of the smallest one that serves the workload's whole demand alone."""
    span: Affinity | None = None
    """How far apart the replicas of the groups stand that the points are for; None for all."""
    by_size: tuple[PoolPoints, ...] | None = None
    """[interval] operating points by the size of the pool: the replicas of the candidate in one
    group, with those of candidates that are `alike`. None where it makes no difference."""
    alone: tuple[int, ...] | None = None
    """[interval] replicas of the pool that `points` are for."""

    @property
    def usable(self) -> bool:
        """Whether any class of any interval can be served."""
        return any(point.capacity_rps > 0 for interval in self.points for point in interval)

    def capacity_rps(self, interval: int, replicas: int) -> tuple[float, ...]:
        """[class] capacity of each of so many replicas of one group."""
        if self.by_size is None:
            return tuple(point.capacity_rps for point in self.points[interval])
        return self.by_size[interval].capacity_rps(replicas)

    def alike(self, other: "Candidate") -> bool:
        """Whether replicas of both are one queue where they stand in one group.

        They run the same engine and serve the same: their node types differ in name and price.
        """
        return (
            self.workload == other.workload
            and self.engine == other.engine
            and self.alone == other.alone
            and self.points == other.points
            and self.by_size == other.by_size
        )


def queues(candidates: Sequence[Candidate]) -> tuple[int, ...]:
    """For each candidate the number of the first one that is alike."""
    of_engine: dict[tuple[str, str], list[int]] = {}
    found = []
    for number, each in enumerate(candidates):
        known = of_engine.setdefault((each.workload, each.engine.name), [])
        first = next((other for other in known if each.alike(candidates[other])), number)
        if first == number:
            known.append(number)
        found.append(first)
    return tuple(found)


def queue_place(candidate: Candidate, group: str, domain: str) -> str:
    """Where pools of alike candidates are one queue: in their group, or for parts of divided
    engines, whose two parts stand on one leaf, in their domain."""
    return group if candidate.engine.part is None else domain
