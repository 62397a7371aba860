"""`wva`: llm-d's Workload Variant Autoscaler by saturation, for each workload and role.

Source: llm-d workload-variant-autoscaler internal/saturation/analyzer.go,
internal/engines/saturation/engine.go and config/manager/configmap-saturation-scaling.yaml. It looks
at each replica; here they are alike, so that either all of a role are saturated or none is. Its
sizes are carried out at once: the HPA between, whose behaviour users write, is left out. As there,
a replica that finds no GPU blocks its role until it is ready.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.shared.bounds import bounded, in_use
from heteroplan.simulation.policies.shared.metrics import METRICS
from heteroplan.simulation.policies.shared.options import Options, Searched, choice, number
from heteroplan.simulation.replicas.allocation import ROUNDING
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import ReplicaState, Signals

_LEAST_TO_SHRINK = 2.0
"""Replicas that are not saturated, below which none is taken away."""


@dataclass(frozen=True, slots=True)
class WvaOptions(Options):
    """Of the analyser; defaults are those of configmap-saturation-scaling.yaml."""

    metric: str = choice("saturation", ("saturation", "decode_tokens_per_s"))
    """KV cache and queue, or decode tokens/s over what a replica gives at the SLO, in the place of
    the share of the KV cache."""
    kv_threshold: float = number(0.80, 0.01, 10.0)
    """Share of the KV cache in use from which on a replica is saturated."""
    queue_threshold: float = number(5.0, 0.1)
    """Requests waiting at a replica from which on it is saturated."""
    kv_spare: float = number(0.1, 0.0, 1.0)
    """A replica more where less than this is left until the threshold, on average."""
    queue_spare: float = number(3.0, 0.0)
    """A replica more where fewer waiting requests than this are left until the threshold."""
    period_s: float = number(30.0, 1.0)
    """Polling interval of engine.go."""
    window_s: float = number(60.0, 1.0)
    """Over which rates are averaged (our choice)."""


class WorkloadVariantAutoscaler:
    """One replica more, or fewer, at a time; prefill and decode know nothing of each other."""

    name = "wva"
    SEARCHED: Mapping[str, Searched] = {
        "kv_threshold": Searched(0.4, 1.0),
        "queue_threshold": Searched(2.0, 50.0, log=True),
        "kv_spare": Searched(0.02, 0.3),
        "period_s": Searched(10.0, 120.0, log=True),
    }

    def __init__(self, setting: PolicySetting, options: WvaOptions) -> None:
        self.period_s = options.period_s
        self.window_s = options.window_s
        self._setting = setting
        self._options = options

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Each role by its saturation, unless it still changes size."""
        sizes = state.desired.copy()
        used, queued = self._load(signals, state)
        for w, role in zip(*np.nonzero(in_use(self._setting)), strict=True):
            ready = float(state.ready[w, role])
            settled = state.starting[w, role] == 0.0 and ready >= state.desired[w, role] - ROUNDING
            if not settled or ready <= 0.0 or np.isnan(used[w, role]):
                continue
            sizes[w, role] += wva_step(
                float(used[w, role]), float(queued[w, role]), ready, self._options
            )
        return RoleTargets(bounded(self._setting, sizes, state.desired))

    def _load(self, signals: Signals, state: ReplicaState) -> tuple[Floats, Floats]:
        """[W, role] share of what a replica bears, and requests waiting at one."""
        ready = np.where(state.ready > 0.0, state.ready, np.nan)
        if self._options.metric == "saturation":
            return signals.kv_used, signals.waiting / ready
        used = METRICS[self._options.metric].wanted(signals, self._setting, 1.0, ready) / ready
        return used, np.zeros_like(used)


def wva_step(used: float, queued: float, replicas: float, options: WvaOptions) -> float:
    """1, 0 or -1 replica for a mean use of the KV cache and requests waiting at each replica."""
    if used >= options.kv_threshold or queued >= options.queue_threshold:
        return 1.0
    if (
        options.kv_threshold - used < options.kv_spare
        or options.queue_threshold - queued < options.queue_spare
    ):
        return 1.0
    if replicas < _LEAST_TO_SHRINK:
        return 0.0
    grown = replicas / (replicas - 1.0)
    safe = (
        options.kv_threshold - used * grown >= options.kv_spare
        and options.queue_threshold - queued * grown >= options.queue_spare
    )
    return -1.0 if safe else 0.0
