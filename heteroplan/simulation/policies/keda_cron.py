"""`keda_cron`: an exported KEDA manifest, carried out as KEDA and the HPA would.

Source: kedacore/keda pkg/scalers/cron_scaler.go (a trigger is an external metric with AverageValue
1: `desiredReplicas` while its window is open, else 1) and KEDA's ScaledObject specification; the
HPA as in `hpa_rules`. One ScaledObject, and so one HPA, is a pool of the plan; where a pool has
several leaves, replicas go to those on which the plan wants more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import yaml
from numpy.typing import NDArray

from heteroplan.errors import UsageError
from heteroplan.simulation.policies.policy import PoolTargets
from heteroplan.simulation.policies.shared.cron import Cron, Window
from heteroplan.simulation.policies.shared.hpa_rules import (
    DOWN,
    SYNC_S,
    UP,
    Behavior,
    Direction,
    Hpa,
    Rate,
    Select,
    for_total,
)
from heteroplan.simulation.policies.shared.options import Options, Searched, choice, number
from heteroplan.simulation.policies.shared.planned import PlannedPools
from heteroplan.simulation.signals import ReplicaState, Signals

_CLOSED = 1.0
"""What a trigger reports outside its window (defaultDesiredReplicas)."""
_MOST_DEFAULT = 100.0
"""maxReplicaCount"""
_COOLDOWN_S = 300.0
"""cooldownPeriod"""


@dataclass(frozen=True, slots=True)
class KedaOptions(Options):
    """Of the cluster."""

    tolerance: float = number(0.1, 0.0, 1.0)
    """--horizontal-pod-autoscaler-tolerance"""
    tolerance_field: str = choice("off", ("on", "off"))
    """Whether the cluster heeds `tolerance` in the manifest (Kubernetes 1.33: off by default)."""
    period_s: float = number(SYNC_S, 1.0)
    """--horizontal-pod-autoscaler-sync-period"""
    polling_s: float = number(30.0, 1.0)
    """pollingInterval: how often KEDA looks whether to leave or to enter zero replicas."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is carried out."""

    text: str
    """ScaledObjects, as documents of one YAML file."""
    pools: Mapping[str, Sequence[int]]
    """Deployments of each ScaledObject, by its name."""


class KedaCron:
    """The pools that the manifest makes of the clock."""

    name = "keda_cron"
    window_s = 60.0
    SEARCHED: Mapping[str, Searched] = {}

    def __init__(
        self, manifest: Manifest, planned: PlannedPools, start: datetime, options: KedaOptions
    ) -> None:
        """`start` (zone-aware) is time 0. Raises UsageError for a manifest that does not fit."""
        self.period_s = options.period_s
        self._planned = planned
        self._start = start.astimezone(UTC)
        self._have = planned.ordered(0.0, 0.0)
        self._scaled = []
        for name, spec in _scaled_objects(manifest.text).items():
            if name not in manifest.pools:
                raise UsageError(f"KEDA manifest: no pool of the plan is called {name}")
            deployments = list(manifest.pools[name])
            scaled = _ScaledObject(name, spec, options)
            scaled.replicas = float(self._have[deployments].sum())
            self._scaled.append((scaled, deployments))
        if missing := manifest.pools.keys() - {scaled.name for scaled, _ in self._scaled}:
            raise UsageError(f"KEDA manifest: no ScaledObject is called {min(missing)}")

    def decide(self, signals: Signals, state: ReplicaState) -> PoolTargets:
        """The pools at this time; signals do not matter."""
        at = self._start + timedelta(seconds=state.now_s)
        planned = self._planned.ordered(state.now_s, self.period_s)
        for scaled, deployments in self._scaled:
            self._spread(round(scaled.decide(state.now_s, at)), deployments, planned)
        return PoolTargets(self._have.copy())

    def _spread(self, replicas: int, deployments: list[int], planned: NDArray[np.int64]) -> None:
        """Adds or takes replicas one by one, on the leaf that is farthest from the plan."""
        have = self._have
        while (change := replicas - int(have[deployments].sum())) != 0:
            short = planned[deployments] - have[deployments]
            if change > 0:
                have[deployments[int(np.argmax(short))]] += 1
            else:
                short = np.where(have[deployments] > 0, short, np.iinfo(np.int64).max)
                have[deployments[int(np.argmin(short))]] -= 1


class _ScaledObject:
    """One ScaledObject with its HPA."""

    def __init__(self, name: str, spec: Mapping[str, Any], options: KedaOptions) -> None:
        self.name = name
        self.replicas = 0.0
        self._options = options
        self._least = _number(name, spec, "minReplicaCount", 0.0)
        self._most = _number(name, spec, "maxReplicaCount", _MOST_DEFAULT)
        self._cooldown_s = _number(name, spec, "cooldownPeriod", _COOLDOWN_S)
        self._triggers = [_trigger(name, each) for each in spec["triggers"]]
        try:
            self._behavior = _behavior(spec, options)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"KEDA manifest: {name}: behavior as HorizontalPodAutoscaler v2 has it; {error}"
            ) from error
        self._hpa = Hpa(max(1.0, self._least), self._most, self._behavior)
        self._polled_s = -np.inf
        self._active_s = 0.0

    def decide(self, now_s: float, at: datetime) -> float:
        """Replicas from `now_s` on, when the clock is at `at`."""
        open_now = [window.is_open(at) for window, _ in self._triggers]
        if now_s - self._polled_s >= self._options.polling_s:
            self._polled_s = now_s
            self._poll(now_s, any(open_now))
        if self.replicas > 0.0:
            values = [
                size if is_open else _CLOSED
                for is_open, (_, size) in zip(open_now, self._triggers, strict=True)
            ]
            wanted = max(for_total(value, 1.0, self.replicas, self._behavior) for value in values)
            self.replicas = self._hpa.decide(now_s, self.replicas, wanted)
        return self.replicas

    def _poll(self, now_s: float, active: bool) -> None:
        """KEDA itself moves a pool between zero and one replica; the HPA does the rest."""
        if active:
            self._active_s = now_s
            self.replicas = max(self.replicas, max(1.0, self._least))
        elif self._least == 0.0 and now_s - self._active_s >= self._cooldown_s:
            self.replicas = 0.0


def _scaled_objects(text: str) -> dict[str, Mapping[str, Any]]:
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


def _behavior(spec: Mapping[str, Any], options: KedaOptions) -> Behavior:
    """That of the HPA, of the manifest where it says so."""
    given = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior", {})
    return Behavior(
        _direction(given.get("scaleUp", {}), UP, options),
        _direction(given.get("scaleDown", {}), DOWN, options),
    )


def _direction(given: Mapping[str, Any], default: Direction, options: KedaOptions) -> Direction:
    rates = default.rates
    if given.get("policies"):
        rates = tuple(
            Rate(float(each["value"]), float(each["periodSeconds"]), each["type"] == "Percent")
            for each in given["policies"]
        )
    tolerance = options.tolerance
    if options.tolerance_field == "on":
        tolerance = float(given.get("tolerance", tolerance))
    return replace(
        default,
        stabilization_s=float(given.get("stabilizationWindowSeconds", default.stabilization_s)),
        rates=rates,
        select=Select(given.get("selectPolicy", default.select.value)),
        tolerance=tolerance,
    )
