"""What AIBrix makes of the schedules of its PodAutoscalers.

Source: vllm-project/aibrix pkg/utils/paschedules/schedules.go and pkg/controller/podautoscaler. On
the clock of its zone a schedule holds from `startTime` until before `endTime`, on the days that it
names; the bounds of the object hold where none does, and they do not start a target that is at 0.
The controller looks every 10 s. Between bounds the metric decides; it is taken to want the least.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.schedules.executors.documents import missing, of_kind, scales
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints

_KIND = "PodAutoscaler"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60


def sizes(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """An `Executor` of PodAutoscalers."""
    spec = _spec(text, entry.target)
    base = int(spec.get("minReplicas", 1))
    zone = ZoneInfo(str(spec["schedules"][0].get("timezone", "UTC")))
    scheduled = _scheduled(spec)
    found, size = np.empty(minutes, dtype=np.int64), before
    for m in range(minutes):
        clock = (start + timedelta(minutes=m)).astimezone(zone)
        least = int(scheduled[clock.weekday(), clock.hour * 60 + clock.minute])
        wanted = least
        if least < 0:
            wanted = base if size else 0
        found[m], size = min(size, wanted), wanted
    return found


def _spec(text: str, target: Target) -> Mapping[str, Any]:
    for document in of_kind(text, _KIND, target):
        role = document["spec"].get("subTargetSelector", {}).get("roleName", "")
        if scales(document, target) and role == target.component:
            spec: Mapping[str, Any] = document["spec"]
            return spec
    raise missing(_KIND, target)


def _scheduled(spec: Mapping[str, Any]) -> Ints:
    """[weekday, minute of the day] the least size that a schedule sets; -1 where there is none."""
    found = np.full((len(_DAYS), _DAY_MINUTES), -1, dtype=np.int64)
    for each in spec["schedules"]:
        named = [day.lower() for day in each.get("daysOfWeek", _DAYS)]
        first, end = (_minute(each[key]) for key in ("startTime", "endTime"))
        least = each.get("minReplicas", spec.get("minReplicas", 1))
        found[[_DAYS.index(day) for day in named], first:end] = least
    return found


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)
