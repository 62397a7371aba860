"""The algorithm of Knative's Pod Autoscaler, for all workloads and roles at once.

Source: knative/serving pkg/autoscaler/scaling/autoscaler.go and
config/core/configmaps/autoscaler.yaml. Arrays are [W, role].
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from heteroplan.simulation.policies.shared.options import Options, number
from heteroplan.simulation.requests import Floats

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class KpaRules(Options):
    """Of the algorithm; defaults are those of autoscaler.yaml unless said otherwise."""

    stable_window_s: float = number(60.0, 1.0)
    """stable-window"""
    panic_window_s: float = number(6.0, 1.0)
    """panic-window-percentage, 10 % of the stable window"""
    panic_threshold: float = number(2.0, 1.1)
    """panic-threshold-percentage: wanted over ready replicas from which on nothing shrinks"""
    most_up_rate: float = number(1000.0, 1.01)
    """max-scale-up-rate: wanted over ready replicas at most"""
    most_down_rate: float = number(2.0, 1.01)
    """max-scale-down-rate: ready over wanted replicas at most"""
    scale_down_delay_s: float = number(0.0, 0.0)
    """scale-down-delay: a size holds so long before a lower one does"""
    period_s: float = number(2.0, 0.5)
    """tick-interval"""


@dataclass(slots=True)
class Kpa:
    """The autoscalers' state: since when they panic, and the most they wanted meanwhile."""

    rules: KpaRules
    _panic_s: Floats | None = None
    """When panic was last renewed; minus infinity where there is none [s]."""
    _most: Floats | None = None
    _delayed: deque[tuple[float, Floats]] = field(default_factory=deque)

    def decide(self, now_s: float, ready: Floats, stable: Floats, panic: Floats) -> Floats:
        """Replicas from now on.

        `stable` and `panic` are the replicas that the metric over either window would fill to the
        target, not rounded; NaN, where nothing was measured, gives NaN.
        """
        rules = self.rules
        if self._panic_s is None or self._most is None:
            self._panic_s = np.where(ready > 1.0, now_s, -np.inf)
            self._most = np.where(ready > 1.0, ready, 0.0)
        pods = np.maximum(1.0, ready)
        most = np.ceil(rules.most_up_rate * pods - _ROUNDING)
        least = np.floor(pods / rules.most_down_rate + _ROUNDING)
        slow = np.ceil(stable - _ROUNDING)
        quick = np.ceil(panic - _ROUNDING)
        over = quick / pods >= rules.panic_threshold
        ended = ~over & (self._panic_s + rules.stable_window_s < now_s)
        self._panic_s = np.where(over, now_s, np.where(ended, -np.inf, self._panic_s))
        slow = np.minimum(np.maximum(slow, least), most)
        quick = np.minimum(np.maximum(quick, least), most)
        panicking = np.isfinite(self._panic_s)
        self._most = np.where(panicking, np.fmax(self._most, np.fmax(slow, quick)), 0.0)
        sizes = np.where(panicking, self._most, slow)
        return self._held(now_s, np.where(np.isnan(stable), np.nan, sizes))

    def _held(self, now_s: float, sizes: Floats) -> Floats:
        """The greatest size of the delay before scaling down."""
        delay_s = self.rules.scale_down_delay_s
        if delay_s == 0.0:
            return sizes
        self._delayed.append((now_s, sizes))
        while self._delayed[0][0] <= now_s - delay_s:
            self._delayed.popleft()
        held = sizes
        for _, earlier in self._delayed:
            held = np.fmax(held, earlier)
        return np.where(np.isnan(sizes), np.nan, held)


class Windows:
    """Means of a metric over two windows, from its means over each period."""

    def __init__(self, rules: KpaRules) -> None:
        self._stable = max(1, round(rules.stable_window_s / rules.period_s))
        self._panic = min(self._stable, max(1, round(rules.panic_window_s / rules.period_s)))
        self._sums = np.zeros((0,))
        self._counts = np.zeros((0,))
        self._added = 0

    def add(self, values: Floats) -> tuple[Floats, Floats]:
        """Means over the stable and over the panic window, `values` the latest of both.

        Periods without a measurement (NaN) are left out; all of them give NaN.
        """
        if self._added == 0:
            self._sums = np.zeros((self._stable, *values.shape))
            self._counts = np.zeros_like(self._sums)
        row = self._added % self._stable
        measured = ~np.isnan(values)
        self._sums[row] = np.where(measured, values, 0.0)
        self._counts[row] = measured
        self._added += 1
        latest = (row - np.arange(self._panic)) % self._stable
        return (
            _mean(self._sums, self._counts),
            _mean(self._sums[latest], self._counts[latest]),
        )


def _mean(sums: Floats, counts: Floats) -> Floats:
    measured = counts.sum(axis=0)
    means: Floats = sums.sum(axis=0) / np.where(measured > 0.0, measured, np.nan)
    return means
