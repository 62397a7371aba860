"""What KEDA and the HPA make of one ScaledObject with cron triggers.

Source: kedacore/keda pkg/scalers/cron_scaler.go (a trigger is an external metric with AverageValue
1: `desiredReplicas` while its window is open, else 1), pkg/scaling/executor/scale_scaledobjects.go
(KEDA itself leaves and enters zero replicas) and the ScaledObject specification; the HPA as in
`hpa_rules`. Of several metrics the HPA takes the greatest result, which is that of the greatest
value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import yaml

from heteroplan.errors import UsageError
from heteroplan.simulation.policies.shared.cron import Cron, Window
from heteroplan.simulation.policies.shared.hpa_rules import (
    DOWN,
    UP,
    Behavior,
    Direction,
    Hpa,
    Rate,
    Select,
    for_total,
)

CLOSED = 1.0
"""What a trigger reports outside its window (defaultDesiredReplicas)."""
POLLING_S = 30.0
"""pollingInterval: how often KEDA looks whether to leave or to enter zero replicas."""
TOLERANCE = 0.1
"""--horizontal-pod-autoscaler-tolerance"""
_MOST_DEFAULT = 100.0
"""maxReplicaCount"""
_COOLDOWN_S = 300.0
"""cooldownPeriod"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a manifest does not say."""

    tolerance: float = TOLERANCE
    heeds_tolerance: bool = True
    """Whether `tolerance` in the manifest counts (Kubernetes 1.33: off by default)."""
    polling_s: float = POLLING_S
    """Where the manifest has no pollingInterval."""


class ScaledObject:
    """One ScaledObject with its HPA. Raises UsageError for a manifest that cannot be read."""

    def __init__(self, name: str, spec: Mapping[str, Any], cluster: Cluster) -> None:
        self.name = name
        self.replicas = 0.0
        self._least = _number(name, spec, "minReplicaCount", 0.0)
        self._most = _number(name, spec, "maxReplicaCount", _MOST_DEFAULT)
        self._idle = _number(name, spec, "idleReplicaCount", self._least)
        self._cooldown_s = _number(name, spec, "cooldownPeriod", _COOLDOWN_S)
        self._polling_s = _number(name, spec, "pollingInterval", cluster.polling_s)
        self.triggers = tuple(_trigger(name, each) for each in spec["triggers"])
        """Window and replicas of each."""
        try:
            self.behavior = _behavior(spec, cluster)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"KEDA manifest: {name}: behavior as HorizontalPodAutoscaler v2 has it; {error}"
            ) from error
        self._hpa = Hpa(max(1.0, self._least), self._most, self.behavior)
        self._polled_s = -np.inf
        self._active_s = -np.inf

    @property
    def memory_s(self) -> float:
        """For how long what happened may matter."""
        ways = (self.behavior.up, self.behavior.down)
        return max(
            self._polling_s + self._cooldown_s,
            *(way.stabilization_s for way in ways),
            *(rate.period_s for way in ways for rate in way.rates),
        )

    def polled(self, at_s: float) -> None:
        """KEDA has looked then, and found nothing to do."""
        self._polled_s = at_s

    def decide(self, now_s: float, value: float, *, active: bool) -> float:
        """Replicas from `now_s` on.

        `value` is the greatest that a trigger reports, `active` whether any window is open.
        """
        if now_s - self._polled_s >= self._polling_s:
            self._polled_s = now_s
            self._poll(now_s, active=active)
        if self.replicas > 0.0:
            wanted = for_total(value, 1.0, self.replicas, self.behavior)
            self.replicas = self._hpa.decide(now_s, self.replicas, wanted)
        return self.replicas

    def _poll(self, now_s: float, *, active: bool) -> None:
        """KEDA itself moves a target between zero and its minimum; the HPA does the rest."""
        if active:
            self._active_s = now_s
            self.replicas = max(self.replicas, max(1.0, self._least))
        elif self._idle == 0.0 and now_s - self._active_s >= self._cooldown_s:
            self.replicas = 0.0
        else:
            self.replicas = max(self.replicas, self._idle)


def scaled_objects(text: str) -> dict[str, Mapping[str, Any]]:
    """`spec` of each ScaledObject, by name. Raises UsageError."""
    try:
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except yaml.YAMLError as error:
        raise UsageError(f"KEDA manifest: not YAML: {error}") from error
    found: dict[str, Mapping[str, Any]] = {}
    for document in documents:
        if not isinstance(document, dict) or document.get("kind") != "ScaledObject":
            continue
        try:
            name, spec = str(document["metadata"]["name"]), document["spec"]
            if not spec["triggers"]:
                raise UsageError(f"KEDA manifest: {name} has no triggers")
        except (KeyError, TypeError) as error:
            raise UsageError(
                "KEDA manifest: a ScaledObject needs metadata.name and spec.triggers"
            ) from error
        if name in found:
            raise UsageError(f"KEDA manifest: two ScaledObjects are called {name}")
        found[name] = spec
    if not found:
        raise UsageError("KEDA manifest: there is no ScaledObject")
    return found


def _number(name: str, spec: Mapping[str, Any], field: str, default: float) -> float:
    """A field of `spec`, 0 or more. Raises UsageError."""
    value = spec.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise UsageError(f"KEDA manifest: {name}: {field}: {value!r} is no number of 0 or more")
    return float(value)


def _trigger(name: str, trigger: Mapping[str, Any]) -> tuple[Window, float]:
    """Window and replicas of a cron trigger. Raises UsageError."""
    if trigger.get("type") != "cron":
        raise UsageError(f"KEDA manifest: {name}: trigger {trigger.get('type')!r} is not cron")
    try:
        metadata = trigger["metadata"]
        zone = ZoneInfo(str(metadata["timezone"]))
        lines = [Cron(str(metadata[key]), zone) for key in ("start", "end")]
        return Window(*lines), float(metadata["desiredReplicas"])
    except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError) as error:
        raise UsageError(
            f"KEDA manifest: {name}: a cron trigger needs timezone (IANA name), start, end and "
            f"desiredReplicas; {error}"
        ) from error


def _behavior(spec: Mapping[str, Any], cluster: Cluster) -> Behavior:
    """That of the HPA, of the manifest where it says so."""
    given = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {})
    return Behavior(
        _direction(given.get("scaleUp", {}), UP, cluster),
        _direction(given.get("scaleDown", {}), DOWN, cluster),
    )


def _direction(given: Mapping[str, Any], default: Direction, cluster: Cluster) -> Direction:
    rates = default.rates
    if given.get("policies"):
        rates = tuple(
            Rate(float(each["value"]), float(each["periodSeconds"]), each["type"] == "Percent")
            for each in given["policies"]
        )
    tolerance = cluster.tolerance
    if cluster.heeds_tolerance:
        tolerance = float(given.get("tolerance", tolerance))
    return replace(
        default,
        stabilization_s=float(given.get("stabilizationWindowSeconds", default.stabilization_s)),
        rates=rates,
        select=Select(given.get("selectPolicy", default.select.value)),
        tolerance=tolerance,
    )
