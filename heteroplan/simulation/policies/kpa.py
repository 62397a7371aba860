"""`kpa`: Knative's Pod Autoscaler, for each workload and role."""

from collections.abc import Mapping
from dataclasses import dataclass

from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.shared.bounds import bounded
from heteroplan.simulation.policies.shared.kpa_rules import Kpa, KpaRules, Windows
from heteroplan.simulation.policies.shared.metrics import METRICS, PER_ROLE, per_target
from heteroplan.simulation.policies.shared.options import Searched, choice, number
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import ReplicaState, Signals


@dataclass(frozen=True, slots=True)
class KpaOptions(KpaRules):
    """Of all the autoscalers."""

    metric: str = choice("concurrency", PER_ROLE)
    """Knative's default metric."""
    target_share: float = number(0.7, 0.01, 10.0)
    """container-concurrency-target-percentage (autoscaler.yaml), of what a replica bears at the
    SLO in the place of container-concurrency."""
    prefill_share_factor: float = number(1.0, 0.1, 10.0)
    """On `target_share` for prefill replicas (our choice)."""


class KnativePodAutoscaler:
    """Each role by its own metric over a stable and a panic window."""

    name = "kpa"
    SEARCHED: Mapping[str, Searched] = {
        "target_share": Searched(0.3, 1.0),
        "prefill_share_factor": Searched(0.5, 2.0, log=True),
        "stable_window_s": Searched(30.0, 600.0, log=True),
        "scale_down_delay_s": Searched(0.0, 900.0),
    }

    def __init__(self, setting: PolicySetting, options: KpaOptions) -> None:
        self.period_s = options.period_s
        self.window_s = options.period_s
        self._setting = setting
        self._metric = METRICS[options.metric]
        self._target = self._metric.targets(
            setting, options.target_share, options.prefill_share_factor
        )
        self._windows = Windows(options)
        self._scaler = Kpa(options)

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Each role by its metric; without a measurement it keeps its size."""
        _, wanted = self._recommended(signals, state)
        return RoleTargets(bounded(self._setting, wanted, state.desired))

    def _recommended(self, signals: Signals, state: ReplicaState) -> tuple[Floats, Floats]:
        """[W, role] load of the stable window in replicas at the target, and replicas wanted."""
        summed = self._metric.summed(signals, self._setting.split, state.ready)
        stable, panic = self._windows.add(per_target(summed, self._target))
        return stable, self._scaler.decide(state.now_s, state.ready, stable, panic)
