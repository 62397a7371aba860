"""`soft_scale_in`: HeteroScale's proportional control with scale-in that can be taken back.

Source: arXiv 2508.19559: a replica first leaves service discovery and keeps running; latency and
load are watched, then it is terminated or restored.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.proportional import Proportional, ProportionalOptions
from heteroplan.simulation.policies.shared.joint import SEARCHED_JOINT
from heteroplan.simulation.policies.shared.options import Searched, number
from heteroplan.simulation.signals import ReplicaState, Signals


@dataclass(frozen=True, slots=True)
class SoftScaleInOptions(ProportionalOptions):
    """Of the control and of the time between."""

    linger_s: float = number(300.0, 0.0)
    """How long a replica out of routing is kept (our choice)."""


class SoftScaleIn:
    """Proportional control whose replicas linger."""

    name = "soft_scale_in"
    SEARCHED: Mapping[str, Searched] = SEARCHED_JOINT | {
        "linger_s": Searched(60.0, 1200.0, log=True)
    }

    def __init__(self, setting: PolicySetting, options: SoftScaleInOptions) -> None:
        self._proportional = Proportional(setting, options)
        self.period_s = options.period_s
        self.window_s = options.window_s
        self.linger_s = options.linger_s

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Both roles by the signal."""
        return self._proportional.decide(signals, state)
