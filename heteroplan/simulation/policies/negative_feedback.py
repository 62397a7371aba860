"""`negative_feedback`: HeteroScale's guard on TTFT and TBT over proportional control.

Source: arXiv 2508.19559: +10 % replicas where latency is moderately too high, +20 % where it is
severely; both roles together. Latency is flat over most loads, so it says little of when to scale
in: the paper combines it with a proportional policy, as we do by default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.proportional import Proportional, ProportionalOptions
from heteroplan.simulation.policies.shared.joint import SEARCHED_JOINT
from heteroplan.simulation.policies.shared.metrics import METRICS
from heteroplan.simulation.policies.shared.options import Searched, choice, number
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import ReplicaState, Signals


@dataclass(frozen=True, slots=True)
class NegativeFeedbackOptions(ProportionalOptions):
    """Of the guard; the steps are the paper's, all other defaults are our choice."""

    moderate_step: float = number(0.1, 0.0, 10.0)
    """Share of replicas to add where latency is moderately too high (arXiv 2508.19559)."""
    severe_step: float = number(0.2, 0.0, 10.0)
    """Share of replicas to add where latency is severely too high (arXiv 2508.19559)."""
    ttft_share: float = number(0.5, 0.01, 10.0)
    """Where mean TTFT should stay, of the SLO's target at its percentile."""
    itl_share: float = number(0.95, 0.01, 10.0)
    """Where mean TBT should stay, of the SLO's target."""
    severe_at: float = number(1.5, 1.0, 100.0)
    """Latency over where it should stay from which on it is severe."""
    guard_cooldown_s: float = number(180.0, 0.0)
    """After an addition, until the next one: time for replicas to start."""
    way_in: str = choice("proportional", ("proportional", "latency"))
    """What scales in: the proportional policy, or latency itself where it is low."""
    calm_at: float = number(0.5, 0.0, 1.0)
    """With `way_in` latency: latency over where it should stay below which replicas go."""
    calm_step: float = number(0.1, 0.0, 1.0)
    """With `way_in` latency: share of replicas to take away."""


SEARCHED_GUARD = SEARCHED_JOINT | {
    "ttft_share": Searched(0.1, 1.0, log=True),
    "itl_share": Searched(0.6, 1.0),
    "severe_at": Searched(1.1, 3.0, log=True),
    "guard_cooldown_s": Searched(15.0, 600.0, log=True),
}


class NegativeFeedback:
    """Proportional control that latency overrules upwards."""

    name = "negative_feedback"
    SEARCHED: Mapping[str, Searched] = SEARCHED_GUARD

    def __init__(self, setting: PolicySetting, options: NegativeFeedbackOptions) -> None:
        self.period_s = options.period_s
        self.window_s = options.window_s
        self._options = options
        if options.way_in == "latency":
            options = replace(options, in_threshold=0.0)
        self._proportional = Proportional(setting, options)
        self._guarded_s = np.full(len(setting.split), -np.inf)

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Both roles by the signal, and at least as many as latency asks for."""
        scaler, options = self._proportional.scaler, self._options
        last = scaler.leading(state.desired)
        strain = self._strain(signals)
        if options.way_in == "proportional":
            wanted = self._proportional.wanted(signals, state)
        else:
            fewer = np.floor(last * (1.0 - options.calm_step))
            wanted = np.where(strain < options.calm_at, fewer, last)
        high = strain > 1.0
        step = np.where(strain > options.severe_at, options.severe_step, options.moderate_step)
        due = high & (state.now_s - self._guarded_s >= options.guard_cooldown_s)
        self._guarded_s = np.where(due, state.now_s, self._guarded_s)
        at_least = np.where(due, last * (1.0 + step), np.where(high, last, np.nan))
        return scaler.decide(wanted, state, at_least)

    def _strain(self, signals: Signals) -> Floats:
        """[W] the worse of TTFT and TBT over where it should stay; NaN where neither is known."""
        setting, options = self._proportional.setting, self._options
        ttft = signals.ttft_ms / (
            options.ttft_share * METRICS["ttft_ms"].at_capacity(setting)[:, 0]
        )
        itl = signals.itl_ms / (options.itl_share * METRICS["itl_ms"].at_capacity(setting)[:, 0])
        return np.fmax(ttft, itl)
