"""`proportional`: HeteroScale's control of both roles by one signal that is linear in load.

Source: arXiv 2508.19559: the signal over its target a replica gives the size of one role, the P/D
ratio that of the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.shared.joint import SEARCHED_JOINT, JointOptions, JointScaler
from heteroplan.simulation.policies.shared.metrics import EIGHT_SIGNALS, METRICS
from heteroplan.simulation.policies.shared.options import Searched, choice
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import ReplicaState, Signals


@dataclass(frozen=True, slots=True)
class ProportionalOptions(JointOptions):
    """Of the control."""

    metric: str = choice("decode_tokens_per_s", EIGHT_SIGNALS)
    """The one signal; HeteroScale recommends decode tokens/s."""


class Proportional:
    """Replicas in proportion to one of the eight signals."""

    name = "proportional"
    SEARCHED: Mapping[str, Searched] = SEARCHED_JOINT

    def __init__(self, setting: PolicySetting, options: ProportionalOptions) -> None:
        self.period_s = options.period_s
        self.window_s = options.window_s
        self.setting = setting
        self._options = options
        self._metric = METRICS[options.metric]
        self.scaler = JointScaler(setting, options, self._metric.leads)

    def wanted(self, signals: Signals, state: ReplicaState) -> Floats:
        """[W] replicas of the leading role at which the signal meets its target.

        A mean says nothing of replicas that still start: they count as loaded to the target where
        the others are loaded less, and as needed where these are loaded more.
        """
        leading = self.scaler.leading
        share = self._options.target_share
        wanted = leading(self._metric.wanted(signals, self.setting, share, state.ready))
        if self._metric.total:
            return wanted
        ready, desired = leading(state.ready), leading(state.desired)
        starting = np.maximum(0.0, desired - ready)
        return np.where(wanted < ready, wanted + starting, np.maximum(wanted, ready + starting))

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Both roles by the signal."""
        return self.scaler.decide(self.wanted(signals, state), state)
