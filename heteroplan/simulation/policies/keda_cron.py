"""`keda_cron`: an exported KEDA manifest, carried out as KEDA and the HPA would.

The rules are those of `keda_rules`. One ScaledObject, and so one HPA, is a pool of the plan; where
a pool has several leaves, replicas go to those on which the plan wants more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import UsageError
from heteroplan.simulation.policies.policy import PoolTargets
from heteroplan.simulation.policies.shared.hpa_rules import SYNC_S
from heteroplan.simulation.policies.shared.keda_rules import (
    CLOSED,
    POLLING_S,
    TOLERANCE,
    Cluster,
    ScaledObject,
    scaled_objects,
)
from heteroplan.simulation.policies.shared.options import Options, Searched, choice, number
from heteroplan.simulation.policies.shared.planned import PlannedPools
from heteroplan.simulation.signals import ReplicaState, Signals


@dataclass(frozen=True, slots=True)
class KedaOptions(Options):
    """Of the cluster."""

    tolerance: float = number(TOLERANCE, 0.0, 1.0)
    """--horizontal-pod-autoscaler-tolerance"""
    tolerance_field: str = choice("off", ("on", "off"))
    """Whether the cluster heeds `tolerance` in the manifest (Kubernetes 1.33: off by default)."""
    period_s: float = number(SYNC_S, 1.0)
    """--horizontal-pod-autoscaler-sync-period"""
    polling_s: float = number(POLLING_S, 1.0)
    """pollingInterval: how often KEDA looks whether to leave or to enter zero replicas."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is carried out."""

    text: str
    """ScaledObjects, as documents of one YAML file."""
    pools: Mapping[str, Sequence[int]]
    """Deployments of each ScaledObject, by its name."""


class KedaCron:
    """The pools that the manifest makes of the clock."""

    name = "keda_cron"
    window_s = 60.0
    SEARCHED: Mapping[str, Searched] = {}

    def __init__(
        self, manifest: Manifest, planned: PlannedPools, start: datetime, options: KedaOptions
    ) -> None:
        """`start` (zone-aware) is time 0. Raises UsageError for a manifest that does not fit."""
        self.period_s = options.period_s
        self._planned = planned
        self._start = start.astimezone(UTC)
        self._have = planned.ordered(0.0, 0.0)
        self._scaled = []
        cluster = Cluster(options.tolerance, options.tolerance_field == "on", options.polling_s)
        for name, spec in scaled_objects(manifest.text).items():
            if name not in manifest.pools:
                raise UsageError(f"KEDA manifest: no pool of the plan is called {name}")
            deployments = list(manifest.pools[name])
            scaled = ScaledObject(name, spec, cluster)
            scaled.replicas = float(self._have[deployments].sum())
            self._scaled.append((scaled, deployments))
        if missing := manifest.pools.keys() - {scaled.name for scaled, _ in self._scaled}:
            raise UsageError(f"KEDA manifest: no ScaledObject is called {min(missing)}")

    def decide(self, signals: Signals, state: ReplicaState) -> PoolTargets:
        """The pools at this time; signals do not matter."""
        at = self._start + timedelta(seconds=state.now_s)
        planned = self._planned.ordered(state.now_s, self.period_s)
        for scaled, deployments in self._scaled:
            is_open = [window.is_open(at) for window, _ in scaled.triggers]
            reported = [
                size if now else CLOSED
                for now, (_, size) in zip(is_open, scaled.triggers, strict=True)
            ]
            replicas = scaled.decide(state.now_s, max(reported), active=any(is_open))
            self._spread(round(replicas), deployments, planned)
        return PoolTargets(self._have.copy())

    def _spread(self, replicas: int, deployments: list[int], planned: NDArray[np.int64]) -> None:
        """Adds or takes replicas one by one, on the leaf that is farthest from the plan."""
        have = self._have
        while (change := replicas - int(have[deployments].sum())) != 0:
            short = planned[deployments] - have[deployments]
            if change > 0:
                have[deployments[int(np.argmax(short))]] += 1
            else:
                short = np.where(have[deployments] > 0, short, np.iinfo(np.int64).max)
                have[deployments[int(np.argmin(short))]] -= 1
