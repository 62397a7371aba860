"""The algorithm of Kubernetes' Horizontal Pod Autoscaler, of one scale target.

Source: kubernetes pkg/controller/podautoscaler/{horizontal,replica_calculator}.go and
pkg/apis/autoscaling/v2/defaults.go. A replica that was asked for and is not ready counts as a pod
whose metrics are missing.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from heteroplan.simulation.policies.shared.bounds import whole

SYNC_S = 15.0
"""Between two decisions (--horizontal-pod-autoscaler-sync-period)."""


class Select(StrEnum):
    """Which of several rates holds (selectPolicy)."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Rate:
    """A scaling policy: how much may change in a time."""

    value: float
    """Pods, or percent of the pods at the beginning of the time."""
    period_s: float
    percent: bool


@dataclass(frozen=True, slots=True)
class Direction:
    """Behaviour of scaling up, or of scaling down."""

    stabilization_s: float
    rates: tuple[Rate, ...]
    select: Select = Select.MAX
    tolerance: float = 0.1
    """Share by which a metric may miss its target without effect
    (--horizontal-pod-autoscaler-tolerance)."""


UP = Direction(0.0, (Rate(100.0, 15.0, percent=True), Rate(4.0, 15.0, percent=False)))
"""Defaults of scaling up (defaults.go)."""
DOWN = Direction(300.0, (Rate(100.0, 15.0, percent=True),))
"""Defaults of scaling down (defaults.go)."""


@dataclass(frozen=True, slots=True)
class Behavior:
    """Both directions."""

    up: Direction = UP
    down: Direction = DOWN

    def within(self, ratio: float) -> bool:
        """Whether a ratio of value to target has no effect."""
        return 1.0 - self.down.tolerance <= ratio <= 1.0 + self.up.tolerance


def for_total(total: float, target: float, current: float, behavior: Behavior) -> float:
    """Replicas for an external metric with a target a replica (AverageValue)."""
    if current > 0.0 and behavior.within(total / (target * current)):
        return current
    return whole(total / target)


def for_average(
    value: float, target: float, current: float, ready: float, behavior: Behavior
) -> float:
    """Replicas for a metric of pods, `value` being its mean over the `ready` ones.

    The others of the `current` ones count as 0 on the way up and as at the target on the way down;
    where that turns the direction round, nothing changes.
    """
    if ready <= 0.0:
        return current
    ratio, missing = value / target, max(0.0, current - ready)
    if missing == 0.0:
        return current if behavior.within(ratio) else whole(ratio * ready)
    counted = ready + missing
    again = (ratio * ready + (missing if ratio < 1.0 else 0.0)) / counted
    if behavior.within(again) or (ratio < 1.0 < again) or (again < 1.0 < ratio):
        return current
    return whole(again * counted)


@dataclass(slots=True)
class Hpa:
    """One HorizontalPodAutoscaler: what it has recommended and what it has changed."""

    least: float
    most: float
    behavior: Behavior = field(default_factory=Behavior)
    _recommended: deque[tuple[float, float]] = field(default_factory=deque)
    """(when [s], replicas), the oldest first."""
    _changes: deque[tuple[float, float]] = field(default_factory=deque)
    """(when [s], replicas more or fewer), the oldest first."""

    def decide(self, now_s: float, current: float, wanted: float) -> float:
        """Replicas from now on, where the metrics want `wanted`: stabilised, at the allowed rate.

        `wanted` may be infinite.
        """
        up, down = self.behavior.up, self.behavior.down
        if not self._recommended:
            self._recommended.append((now_s, current))
        wanted = min(wanted, self.most)
        stable = wanted
        if wanted >= current:
            stable = min([stable, *_since(self._recommended, now_s - up.stabilization_s)])
        else:
            stable = max([stable, *_since(self._recommended, now_s - down.stabilization_s)])
        self._recommended.append((now_s, wanted))
        keep_s = max(up.stabilization_s, down.stabilization_s)
        while self._recommended[0][0] <= now_s - keep_s and len(self._recommended) > 1:
            self._recommended.popleft()

        if stable > current:
            size = min(stable, max(current, self._limit(now_s, current, up, growing=True)))
        elif stable < current:
            size = max(stable, min(current, self._limit(now_s, current, down, growing=False)))
        else:
            size = current
        size = min(max(size, self.least), self.most)
        if size != current:
            self._changes.append((now_s, size - current))
        return size

    def _limit(self, now_s: float, current: float, way: Direction, *, growing: bool) -> float:
        """The most, or the least, that the rates allow now."""
        if way.select is Select.DISABLED:
            return current
        longest_s = max(
            rate.period_s for each in (self.behavior.up, self.behavior.down) for rate in each.rates
        )
        while self._changes and self._changes[0][0] <= now_s - longest_s:
            self._changes.popleft()
        limits = []
        for rate in way.rates:
            before = current - sum(_since(self._changes, now_s - rate.period_s))
            change = before * rate.value / 100.0 if rate.percent else rate.value
            if growing:
                limits.append(whole(before + change))
            else:
                limits.append(float(int(before - change + 1e-9)))
        largest = way.select is Select.MAX
        return max(limits) if growing is largest else min(limits)


def _since(records: Iterable[tuple[float, float]], at_s: float) -> list[float]:
    """Values recorded later than `at_s`."""
    return [value for when, value in records if when > at_s]
