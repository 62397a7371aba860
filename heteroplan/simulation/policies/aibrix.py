"""`apa` and `aibrix_kpa`: AIBrix's PodAutoscaler, for each workload and role.

Source: vllm-project/aibrix pkg/controller/podautoscaler/{podautoscaler_controller,autoscaler}.go,
algorithm/{apa,kpa}.go, context/context.go and metrics/client.go, and its samples/autoscaling.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.policies.kpa import KnativePodAutoscaler, KpaOptions
from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.shared.bounds import bounded
from heteroplan.simulation.policies.shared.metrics import METRICS, PER_ROLE, per_target
from heteroplan.simulation.policies.shared.options import Options, Searched, choice, number
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import ReplicaState, Signals

_ROUNDING = 1e-9
_DOWN_PICKS = ("least", "greatest")


@dataclass(frozen=True, slots=True)
class ApaOptions(Options):
    """Of APA, which scales on the mean of the replicas."""

    metric: str = choice("kv_used", PER_ROLE)
    """samples/autoscaling/apa.yaml"""
    target_share: float = number(0.5, 0.01, 10.0)
    """Load that a replica should bear, of that which it bears at the SLO; of the KV cache the share
    itself (apa.yaml)."""
    prefill_share_factor: float = number(1.0, 0.1, 10.0)
    """On `target_share` for prefill replicas (our choice)."""
    tolerance_up: float = number(0.1, 0.0, 10.0)
    """UpFluctuationTolerance (context.go)"""
    tolerance_down: float = number(0.1, 0.0, 1.0)
    """DownFluctuationTolerance (context.go)"""
    most_up_rate: float = number(2.0, 1.01)
    """MaxScaleUpRate (context.go)"""
    most_down_rate: float = number(2.0, 1.01)
    """MaxScaleDownRate (context.go)"""
    cooldown_down_s: float = number(300.0, 0.0)
    """ScaleDownCooldownWindow (context.go)"""
    down_picks: str = choice("least", _DOWN_PICKS)
    """Recommendation of the cooldown that holds on the way down: the least, as
    stabilizeRecommendation of podautoscaler_controller.go has it, or the greatest, as the HPA."""
    period_s: float = number(10.0, 1.0)
    """Resync interval (podautoscaler_controller.go)"""
    window_s: float = number(30.0, 1.0)
    """Over which the metric is averaged (apa.yaml)"""


@dataclass(frozen=True, slots=True)
class AibrixKpaOptions(KpaOptions):
    """Of AIBrix's KPA; defaults of context.go and metrics/client.go."""

    metric: str = choice("kv_used", PER_ROLE)
    """samples/autoscaling/kpa.yaml"""
    target_share: float = number(0.5, 0.01, 10.0)
    """Load that a replica should bear, of that which it bears at the SLO; of the KV cache the share
    itself (kpa.yaml)."""
    stable_window_s: float = number(180.0, 1.0)
    """DefaultStableWindowDuration"""
    panic_window_s: float = number(60.0, 1.0)
    """DefaultPanicWindowDuration"""
    most_up_rate: float = number(2.0, 1.01)
    """MaxScaleUpRate"""
    cooldown_down_s: float = number(300.0, 0.0)
    """ScaleDownCooldownWindow"""
    down_picks: str = choice("least", _DOWN_PICKS)
    """Recommendation of the cooldown that holds on the way down: the least, as
    stabilizeRecommendation of podautoscaler_controller.go has it, or the greatest, as the HPA."""
    period_s: float = number(10.0, 1.0)
    """Resync interval"""


class _Cooldown:
    """What the controller makes of a recommendation, given those of the time before."""

    def __init__(self, cooldown_s: float, picks: str) -> None:
        self._cooldown_s = cooldown_s
        self._pick = np.fmin if picks == "least" else np.fmax
        self._recent: deque[tuple[float, Floats]] = deque()

    def stabilised(self, now_s: float, wanted: Floats, current: Floats) -> Floats:
        """[W, role] `wanted` where it grows or stays; one of the cooldown's where it shrinks."""
        self._recent.append((now_s, wanted))
        while self._recent[0][0] <= now_s - self._cooldown_s and len(self._recent) > 1:
            self._recent.popleft()
        picked = wanted
        for _, earlier in self._recent:
            picked = self._pick(picked, earlier)
        return np.where(wanted < current, picked, wanted)


class AibrixPodAutoscaler:
    """`apa`: replicas in proportion to the mean of a metric, at most double or half at a time."""

    name = "apa"
    SEARCHED: Mapping[str, Searched] = {
        "target_share": Searched(0.2, 1.0),
        "prefill_share_factor": Searched(0.5, 2.0, log=True),
        "cooldown_down_s": Searched(15.0, 1800.0, log=True),
    }

    def __init__(self, setting: PolicySetting, options: ApaOptions) -> None:
        self.period_s = options.period_s
        self.window_s = options.window_s
        self._setting = setting
        self._options = options
        self._metric = METRICS[options.metric]
        self._target = self._metric.targets(
            setting, options.target_share, options.prefill_share_factor
        )
        self._cooldown = _Cooldown(options.cooldown_down_s, options.down_picks)

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Each role by its metric; without a measurement it keeps its size."""
        options, current = self._options, state.desired
        value = self._metric.per_replica(signals, self._setting.split, state.ready)
        ratio = per_target(value, self._target)
        wanted = apa_size(ratio, current, options)
        wanted = without_pending(ratio, wanted, current, state.ready)
        wanted = self._cooldown.stabilised(state.now_s, wanted, current)
        return RoleTargets(bounded(self._setting, wanted, current))


def apa_size(ratio: Floats, current: Floats, options: ApaOptions) -> Floats:
    """[...] replicas where the mean is `ratio` times the target; NaN where that is NaN."""
    fill = np.ceil(_times(ratio, current) - _ROUNDING)
    most = np.ceil(options.most_up_rate * current - _ROUNDING)
    least = np.floor(current / options.most_down_rate + _ROUNDING)
    sizes = np.where(ratio > 1.0 + options.tolerance_up, np.minimum(fill, most), current)
    sizes = np.where(ratio < 1.0 - options.tolerance_down, np.maximum(fill, least), sizes)
    return np.where(np.isnan(ratio), np.nan, sizes)


def without_pending(ratio: Floats, wanted: Floats, current: Floats, ready: Floats) -> Floats:
    """[W, role] `wanted`, less hasty while replicas start (applyPendingReplicaGuard).

    They count as without load on the way up, and as loaded to the target on the way down.
    """
    pending = np.maximum(0.0, current - ready)
    loaded = _times(ratio, ready)
    up = np.minimum(np.maximum(np.ceil(loaded - _ROUNDING), current), wanted)
    down = np.maximum(np.minimum(np.ceil(loaded + pending - _ROUNDING), current), wanted)
    guarded = np.where(wanted > current, up, np.where(wanted < current, down, wanted))
    return np.where((pending > 0.0) & ~np.isnan(wanted), guarded, wanted)


def _times(ratio: Floats, replicas: Floats) -> Floats:
    """`ratio`, which may be infinite, times `replicas`, which may be 0."""
    return np.where(replicas > 0.0, ratio, 1.0) * replicas


class AibrixKnativeAutoscaler(KnativePodAutoscaler):
    """`aibrix_kpa`: Knative's algorithm with AIBrix's windows, rates and cooldown."""

    name = "aibrix_kpa"
    SEARCHED: Mapping[str, Searched] = {
        "target_share": Searched(0.2, 1.0),
        "prefill_share_factor": Searched(0.5, 2.0, log=True),
        "stable_window_s": Searched(30.0, 600.0, log=True),
        "cooldown_down_s": Searched(15.0, 1800.0, log=True),
    }

    def __init__(self, setting: PolicySetting, options: AibrixKpaOptions) -> None:
        super().__init__(setting, options)
        self._cooldown = _Cooldown(options.cooldown_down_s, options.down_picks)

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Each role by its metric; without a measurement it keeps its size."""
        stable, wanted = self._recommended(signals, state)
        ratio = per_target(stable, state.ready)
        wanted = without_pending(ratio, wanted, state.desired, state.ready)
        wanted = self._cooldown.stabilised(state.now_s, wanted, state.desired)
        return RoleTargets(bounded(self._setting, wanted, state.desired))
