"""What KEDA and the HPA make of ScaledObjects, and of KServe objects that hold their fields.

The rules are those of `heteroplan.simulation.policies.shared.keda_rules`. The HPA looks every 15 s
and KEDA every 30 s unless told, at moments that nobody chooses: here as late as they may be, 14 s
and 29 s after a minute begins. A tolerance in `behavior` counts; else it is 0.1.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.workload import Role
from heteroplan.schedules.executors.documents import missing, of_kind, scales
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints
from heteroplan.simulation.policies.shared.hpa_rules import SYNC_S
from heteroplan.simulation.policies.shared.keda_rules import CLOSED, Cluster, ScaledObject

_MINUTE_S = 60
_LOOKS_S = tuple(SYNC_S * (n + 1) - 1.0 for n in range(round(_MINUTE_S / SYNC_S)))
"""Seconds of a minute at which the HPA looks; KEDA at every other one."""
_PREFILL = "prefill"


def sizes(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """An `Executor` of ScaledObjects."""
    return _carried_out(_scaled_object(text, entry.target), start, minutes, before)


def kserve_sizes(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """An `Executor` of LLMInferenceServices."""
    part = entry.target.component or (_PREFILL if entry.pool.role is Role.PREFILL else "")
    return _carried_out(_service_part(text, entry.target, part), start, minutes, before)


def _scaled_object(text: str, target: Target) -> ScaledObject:
    for document in of_kind(text, "ScaledObject", target):
        if scales(document, target):
            return ScaledObject(document["metadata"]["name"], document["spec"], Cluster())
    raise missing("ScaledObject", target)


def _service_part(text: str, target: Target, part: str) -> ScaledObject:
    """KServe makes a ScaledObject of `scaling`, of prefill below `prefill`, of others at `spec`."""
    for document in of_kind(text, target.kind, target):
        if document["metadata"]["name"] == target.name:
            spec = document["spec"]
            scaling = (spec[_PREFILL] if part == _PREFILL else spec)["scaling"]
            fields: Mapping[str, Any] = {
                **scaling["keda"],
                "minReplicaCount": scaling.get("minReplicas", 1),
                "maxReplicaCount": scaling["maxReplicas"],
            }
            return ScaledObject(target.name, fields, Cluster())
    raise missing(target.kind, target)


def _carried_out(scaled: ScaledObject, start: datetime, minutes: int, before: int) -> Ints:
    """[M] the least size of each minute.

    Where nothing has changed for longer than the HPA remembers, time passes at once until so long
    before the next change.
    """
    start_s = round(start.timestamp())
    values, active = _reported(scaled, start_s, minutes)
    scaled.replicas = float(before)
    scaled.polled(start_s - _MINUTE_S + _LOOKS_S[-1])
    found = np.empty(minutes, dtype=np.int64)
    events = [*(np.flatnonzero((np.diff(values) != 0) | np.diff(active)) + 1), minutes]
    memory = math.ceil(scaled.memory_s / _MINUTE_S) + 1
    m, following, since = 0, 0, 0
    while m < minutes:
        was = least = scaled.replicas
        for at_s in _LOOKS_S:
            least = min(least, scaled.replicas)
            scaled.decide(start_s + _MINUTE_S * m + at_s, values[m], active=bool(active[m]))
        found[m] = round(least)
        while events[following] <= m:
            following += 1
            since = m
        if scaled.replicas != was:
            since = m
        m += 1
        wake = int(events[following]) - (memory if following < len(events) - 1 else 0)
        if m - since > memory and wake > m:
            found[m:wake] = round(scaled.replicas)
            m = wake
            scaled.polled(start_s + _MINUTE_S * (m - 1) + _LOOKS_S[-1])
    return found


def _reported(
    scaled: ScaledObject, start_s: int, minutes: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """[M] the greatest value of all triggers, and whether any is open."""
    is_open = np.stack([window.open(start_s, minutes) for window, _ in scaled.triggers])
    wanted = np.array([size for _, size in scaled.triggers])
    return np.where(is_open, wanted[:, None], CLOSED).max(axis=0), is_open.any(axis=0)
