"""What HorizontalPodAutoscalers make of bounds that CronJobs set.

Source: kubernetes pkg/controller/podautoscaler/horizontal.go. A size outside the bounds becomes
the nearer bound at the next look (15 s), whatever metrics, tolerance and policies say; a target at
0 is left alone. Within the bounds the metric decides: where policies forbid it to make the target
smaller the size stays, else it is taken to want the least.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from heteroplan.schedules.executors.cronjob import (
    Command,
    after_commands,
    kubectl_name,
    runs,
)
from heteroplan.schedules.executors.documents import missing, of_kind, scales
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints


def sizes(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """An `Executor` of HPAs and of the CronJobs that patch them."""
    autoscaler = _autoscaler(text, entry.target)
    spec = autoscaler["spec"]
    held = _never_shrinks(spec)
    target, own = kubectl_name(entry.target), _name(autoscaler)
    now = [int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])]

    def looked(size: int) -> int:
        if size == 0:
            return 0
        return min(max(size, now[0]), now[1]) if held else now[0]

    def after(size: int, command: Command) -> int:
        if command.object == own:
            now[:] = command.least, command.most
        elif command.object == target:
            size = command.least
        return looked(size)

    by_minute = runs(text, entry.target, start, minutes, {own, target})
    return after_commands(by_minute, after, minutes, looked(before))


def _autoscaler(text: str, target: Target) -> Mapping[str, Any]:
    for document in of_kind(text, "HorizontalPodAutoscaler", target):
        if scales(document, target):
            return document
    raise missing("HorizontalPodAutoscaler", target)


def _name(autoscaler: Mapping[str, Any]) -> str:
    group = str(autoscaler["apiVersion"]).partition("/")[0]
    return f"horizontalpodautoscaler.{group}/{autoscaler['metadata']['name']}"


def _never_shrinks(spec: Mapping[str, Any]) -> bool:
    down = spec.get("behavior", {}).get("scaleDown", {})
    return bool(down.get("selectPolicy") == "Disabled")
