"""A scenario: the question that a plan answers."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.targets import TargetRule
from heteroplan.entities.workload import Workload
from heteroplan.units import s_to_hours


class Objective(StrEnum):
    """What is minimised after unserved demand."""

    COST = "cost"
    GPU_HOURS = "gpu_hours"


@dataclass(frozen=True, slots=True)
class Horizon:
    """The time that is planned, in equal steps of elapsed time."""

    start: datetime
    """Zone-aware, in `timezone`."""
    intervals: int
    interval_s: int
    timezone: str
    """IANA name."""
    cyclic: bool
    """The first interval follows the last one."""

    @property
    def interval_hours(self) -> float:
        """Length of an interval [h]."""
        return s_to_hours(self.interval_s)

    def boundaries(self) -> tuple[datetime, ...]:
        """The intervals + 1 moments between intervals, in `timezone`.

        Steps are elapsed time, so a day on which clocks change has 23 or 25 hours.
        """
        first = self.start.astimezone(UTC)
        step = timedelta(seconds=self.interval_s)
        zone = ZoneInfo(self.timezone)
        return tuple((first + step * t).astimezone(zone) for t in range(self.intervals + 1))


@dataclass(frozen=True, slots=True)
class Running:
    """A replica that runs when the horizon starts."""

    workload: str
    engine: str
    node_type: str
    leaf: str
    nodes: tuple[str, ...]
    """Its nodes; empty where the user does not say."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Fleet, horizon and workloads, checked and complete."""

    name: str
    fleet: Fleet
    horizon: Horizon
    objective: Objective
    workloads: tuple[Workload, ...]
    inputs_sha256: str
    """Over every input file as read and every override."""
    current: tuple[Running, ...] | None = None
    """What runs when the horizon starts; None where nothing is known (or the day is cyclic)."""
    targets: tuple[TargetRule, ...] = ()
    """Which objects of the cluster stand for pools; the first rule that fits counts."""
    surge: tuple[tuple[str, int], ...] = ()
    """(node type, GPUs) that stay free in each spine for rolling updates."""

    def kept_free(self, node_type: str) -> int:
        """GPUs of a node type that stay free in each spine; all of a spine that has fewer."""
        return dict(self.surge).get(node_type, 0)

    def scaled(self, factor: float) -> Self:
        """The same with all demand times a factor."""
        return replace(self, workloads=tuple(each.scaled(factor) for each in self.workloads))

    def replica_gpus(self) -> dict[tuple[str, str], int]:
        """GPUs of a replica, by workload and engine."""
        return {
            (workload.name, engine.name): engine.gpus
            for workload in self.workloads
            for engine in workload.profile.engines
        }
