"""What can run where: engines on node types, deployments of them on leaves, and GPUs there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Engine
from heteroplan.simulation.requests import Floats


@dataclass(frozen=True, slots=True)
class EngineOption:
    """An engine of a workload on a node type."""

    workload: int
    role: int
    """Index in `signals.ROLES`."""
    engine: Engine
    other: Engine | None
    """Second half of a divided engine, whose first half is `engine`."""
    node_type: str
    usd_per_hour: float
    """Of one replica."""
    capacity_rps: float
    """Of one replica at the SLO with the workload's mean request mix [requests/s]."""
    bytes_per_s: float
    """NIC share of a replica [bytes/s]."""
    reference_replicas: float
    """Its capacity over that of the workload's reference engine of the role."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Replicas of one option on one leaf."""

    option: int
    leaf: int
    """Index in the fleet's leaves."""
    group: int
    """Deployment group: index in `ServingSystem.groups`."""


@dataclass(frozen=True, slots=True)
class ServingSystem:
    """The fleet as the simulator and all policies see it."""

    scenario: Scenario
    options: tuple[EngineOption, ...]
    """By workload and role, the least cost for a request first; the first is the reference."""
    groups: tuple[tuple[int, str], ...]
    """(workload, domain) of each deployment group."""
    deployments: tuple[Deployment, ...]
    supply: NDArray[np.int64]
    """[leaf, node type, interval] GPUs, maintenance applied."""
    planned_rps: Floats
    """[W, interval]"""
