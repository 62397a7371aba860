"""What a policy is: asked every `period_s`, it says how many replicas each workload should have."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.scenario import Scenario
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import ReplicaState, Signals


@dataclass(frozen=True, slots=True)
class PoolTargets:
    """Desired replicas of each deployment: an engine of a workload on one leaf."""

    replicas: NDArray[np.int64]
    """[deployment of `ServingSystem.deployments`]"""


@dataclass(frozen=True, slots=True)
class RoleTargets:
    """Desired replicas by workload and role; where they stand is decided for all policies alike."""

    replicas: Floats
    """[W, role] reference replicas, 0 or more; rounded up to whole replicas."""
    floor: PoolTargets | None = None
    """Replicas that stand where they are said to stand; they count towards `replicas`, and what
    `replicas` wants beyond them is placed as for all policies."""


type Targets = RoleTargets | PoolTargets


@dataclass(frozen=True, slots=True)
class PolicySetting:
    """What policies know beforehand; arrays [W] or [W, role], roles as `signals.ROLES`."""

    scenario: Scenario
    capacity_rps: Floats
    """[W, role] requests/s of a reference replica at the SLO with the mean request mix; 0 where the
    workload has no engine of the role."""
    split: NDArray[np.bool_]
    """[W] whether the workload is served by prefill and decode replicas, not by aggregated ones."""
    isl: Floats
    """[W] mean input tokens that the scenario expects."""
    missed: Floats
    """[W] mean of them not found in the prefix cache."""
    osl: Floats
    """[W] mean output tokens that the scenario expects."""
    planned_rps: Floats
    """[W, interval] demand that was planned for."""
    min_replicas: Floats
    """[W, role] of the scenario, 1 at least for the roles in use."""
    max_replicas: Floats
    """[W, role] of the scenario or of the fleet, finite."""


class Policy(Protocol):
    """An autoscaler of all workloads of one replay. It may keep state of its own.

    It may have an attribute `linger_s` besides (see the function of that name).
    """

    name: str
    period_s: float
    """Time between two decisions [s]."""
    window_s: float
    """Over which it wants rates [s]."""

    def decide(self, signals: Signals, state: ReplicaState) -> Targets:
        """Desired replicas from `state.now_s` on. Called at 0, period, 2 period, ..."""
        ...


def linger_s(policy: Policy) -> float:
    """How long a replica that is scaled in is kept out of routing, to be restored at once [s].

    0 for policies without an attribute `linger_s`: their replicas drain straight away.
    """
    return float(getattr(policy, "linger_s", 0.0))
