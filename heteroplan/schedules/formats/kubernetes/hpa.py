"""HorizontalPodAutoscalers whose least and greatest size CronJobs set.

Read in Kubernetes (pkg/controller/podautoscaler/horizontal.go). An HPA with both bounds at one
size makes that size at once: it looks at metrics, tolerance and policies between the bounds only.
It leaves a target at 0 alone, and no bound may be 0. So a pool that is at 0 at times, or may be
before a schedule with dates begins, is also scaled by kubectl. Until the first job has run the
bounds are the least and the greatest size of the plan, and the size stays what it is, because the
behavior lets no metric change it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.kubernetes.cron_jobs import (
    Order,
    Orders,
    Permission,
    cron_jobs,
    kubectl_name,
    scale_permissions,
    with_access,
)
from heteroplan.schedules.formats.kubernetes.dated import dated_notes
from heteroplan.schedules.formats.kubernetes.kubernetes_cronjob import PRUNE
from heteroplan.schedules.formats.kubernetes.manifests import (
    check_whole_objects,
    metadata,
    object_names,
    pool_annotations,
    scale_target_ref,
    yaml_text,
)
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.changes import Change
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule

_GROUP = "autoscaling"
_CPU_PERCENT = 80
"""The HPA's own default metric: one is needed, and with equal bounds none counts."""


def hpa(schedule: Schedule, options: ExportOptions) -> str:
    """One HorizontalPodAutoscaler a pool, and the CronJobs and the Role that set its bounds.

    Raises UsageError for no pools, and for targets without a scale subresource.
    """
    document, entries = schedule.document, schedule.entries
    check_whole_objects(entries, "an HPA")
    names = dict(zip(map(id, entries), object_names(entries), strict=True))
    objects = [
        *(_autoscaler(document, entry, names[id(entry)]) for entry in entries),
        *with_access(document, entries, lambda entry: _allowed(entry, names[id(entry)])),
        *cron_jobs(document, entries, _orders(names), options),
    ]
    notes = [PRUNE, *dated_notes(entries), extrapolated_in_use(document), shares_needed(document)]
    return yaml_text(objects, notes)


def _autoscaler(document: PlanDocument, entry: Entry, name: str) -> dict[str, Any]:
    asked = entry.timetable.asked
    target = {"type": "Utilization", "averageUtilization": _CPU_PERCENT}
    return {
        "apiVersion": f"{_GROUP}/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(document, name, entry.target, pool_annotations(entry)),
        "spec": {
            "scaleTargetRef": scale_target_ref(entry.target),
            "minReplicas": max(1, int(asked.min())),
            "maxReplicas": max(1, int(asked.max())),
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {
                "scaleUp": {"selectPolicy": "Disabled"},
                "scaleDown": {"selectPolicy": "Disabled"},
            },
        },
    }


def _at_zero_at_times(entry: Entry) -> bool:
    table = entry.timetable
    return table.recurrence is Recurrence.DATED or not table.asked.all()


def _allowed(entry: Entry, name: str) -> Iterable[Permission]:
    plural = "horizontalpodautoscalers"
    yield from (Permission(_GROUP, plural, name, verb) for verb in ("get", "patch"))
    if _at_zero_at_times(entry):
        yield from scale_permissions(entry.target)


def _orders(names: dict[int, str]) -> Orders:
    """The patch of the bounds, and the size itself where it is 0 at times."""

    def of(entry: Entry, change: Change) -> Sequence[Order]:
        size = change.replicas
        bounds = json.dumps({"spec": {"minReplicas": size, "maxReplicas": size}})
        name = f"horizontalpodautoscaler.{_GROUP}/{names[id(entry)]}"
        patch = Order(("patch", "--type=merge", f"--patch={bounds}"), name)
        scale = Order(("scale", f"--replicas={size}"), kubectl_name(entry.target))
        if size == 0:
            return (scale,)
        return (patch, scale) if _at_zero_at_times(entry) else (patch,)

    return of
