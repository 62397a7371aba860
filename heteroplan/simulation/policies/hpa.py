"""`hpa`: Kubernetes' Horizontal Pod Autoscaler, one for each workload and role."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.shared.bounds import bounded, in_use
from heteroplan.simulation.policies.shared.hpa_rules import (
    DOWN,
    SYNC_S,
    UP,
    Behavior,
    Direction,
    Hpa,
    for_average,
    for_total,
)
from heteroplan.simulation.policies.shared.metrics import METRICS, PER_ROLE
from heteroplan.simulation.policies.shared.options import Options, Searched, choice, number
from heteroplan.simulation.signals import ReplicaState, Signals


@dataclass(frozen=True, slots=True)
class HpaOptions(Options):
    """Of all the autoscalers."""

    metric: str = choice("gpu_utilization", PER_ROLE)
    """GPU utilization in the place of CPU utilization, the only metric of autoscaling/v1."""
    target_share: float = number(0.8, 0.01, 10.0)
    """Load that a replica should bear, of that which it bears at the SLO; of utilization the share
    itself (80 %: DefaultCPUUtilization of defaults.go)."""
    prefill_share_factor: float = number(1.0, 0.1, 10.0)
    """On `target_share` for prefill replicas (our choice)."""
    tolerance: float = number(0.1, 0.0, 1.0)
    """--horizontal-pod-autoscaler-tolerance"""
    stabilization_up_s: float = number(0.0, 0.0, 3600.0)
    """behavior.scaleUp.stabilizationWindowSeconds (defaults.go)"""
    stabilization_down_s: float = number(300.0, 0.0, 3600.0)
    """behavior.scaleDown.stabilizationWindowSeconds (defaults.go)"""
    period_s: float = number(SYNC_S, 1.0)
    """--horizontal-pod-autoscaler-sync-period"""
    window_s: float = number(60.0, 1.0)
    """Over which the metric is averaged (our choice)."""


class HorizontalPodAutoscaler:
    """Each role by its own metric; prefill and decode know nothing of each other."""

    name = "hpa"
    SEARCHED: Mapping[str, Searched] = {
        "target_share": Searched(0.3, 1.0),
        "prefill_share_factor": Searched(0.5, 2.0, log=True),
        "stabilization_down_s": Searched(15.0, 1800.0, log=True),
    }

    def __init__(self, setting: PolicySetting, options: HpaOptions) -> None:
        self.period_s = options.period_s
        self.window_s = options.window_s
        self._setting = setting
        self._metric = METRICS[options.metric]
        self._target = self._metric.targets(
            setting, options.target_share, options.prefill_share_factor
        )
        self._behavior = Behavior(
            Direction(options.stabilization_up_s, UP.rates, tolerance=options.tolerance),
            Direction(options.stabilization_down_s, DOWN.rates, tolerance=options.tolerance),
        )
        self._scalers = {
            (int(w), int(role)): Hpa(
                float(setting.min_replicas[w, role]),
                float(setting.max_replicas[w, role]),
                self._behavior,
            )
            for w, role in zip(*np.nonzero(in_use(setting)), strict=True)
        }

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Each role by its metric; without a measurement it keeps its size."""
        values = self._metric.read(signals, self._setting.split)
        sizes = state.desired.copy()
        for (w, role), scaler in self._scalers.items():
            value, target = float(values[w, role]), float(self._target[w, role])
            current, ready = float(state.desired[w, role]), float(state.ready[w, role])
            if np.isnan(value):
                continue
            if target <= 0.0:
                wanted = np.inf if value > 0.0 else current
            elif self._metric.total:
                wanted = for_total(value, target, current, self._behavior)
            else:
                wanted = for_average(value, target, current, ready, self._behavior)
            sizes[w, role] = scaler.decide(state.now_s, current, float(wanted))
        return RoleTargets(bounded(self._setting, sizes, state.desired))
