"""KEDA ScaledObjects with cron triggers.

Source: KEDA 2.17 documentation, cron scaler and ScaledObject specification. Several triggers
act as a maximum, `start` must differ from `end`, and outside every window the pool falls to
`minReplicaCount`. KEDA wants at least one trigger (with an empty list a default CPU target would
steer the pool, kedacore/keda issue 5520), so a pool that never changes gets a window that asks
for its only size.
"""

from typing import Any

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.manifests import yaml_text
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.changes import changes, wall_clock_end
from heteroplan.schedules.timetable.recurrence import Recurrence, cron_fields
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Timetable


def keda(schedule: Schedule, options: ExportOptions) -> str:
    """One ScaledObject a pool, as documents of one YAML file. Raises UsageError for no pools."""
    document = schedule.document
    if not schedule.entries:
        raise UsageError("the plan has no pools: there is nothing for KEDA to scale")
    objects = [_scaled_object(document, entry) for entry in schedule.entries]
    return yaml_text(objects, [extrapolated_in_use(document), shares_needed(document)])


def _scaled_object(document: PlanDocument, entry: Entry) -> dict[str, Any]:
    target, pool, table = entry.target, entry.pool, entry.timetable
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {
            "name": target.name,
            **({"namespace": target.namespace} if target.namespace else {}),
            "annotations": {
                "heteroplan/scenario": document.scenario,
                "heteroplan/inputs-sha256": document.inputs_sha256,
                "heteroplan/pool": f"{pool.group} {pool.role.value} {pool.engine}",
                "heteroplan/repeats": table.recurrence.value,
            },
        },
        "spec": {
            "scaleTargetRef": {
                "apiVersion": target.api_version,
                "kind": target.kind,
                "name": target.name,
            },
            "minReplicaCount": int(table.asked.min()),
            "maxReplicaCount": max(1, int(table.asked.max())),
            "cooldownPeriod": 0,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}
                }
            },
            "triggers": [
                {
                    "type": "cron",
                    "metadata": {
                        "timezone": table.zone,
                        "start": start,
                        "end": end,
                        "desiredReplicas": str(size),
                    },
                }
                for start, end, size in _windows(table)
            ],
        },
    }


def _windows(table: Timetable) -> list[tuple[str, str, int]]:
    """Start, end (cron) and size of each time above the pool's minimum; none overlap."""
    found = changes(table)
    base = min(change.replicas for change in found)
    if all(change.replicas == base for change in found):
        return [("0 0 * * *", "59 23 * * *", base)]
    repeats = table.recurrence
    last = wall_clock_end(table) if repeats is Recurrence.DATED else found[0].at
    ends = [*(change.at for change in found[1:]), last]
    return [
        (change.cron(repeats), cron_fields(end, repeats), change.replicas)
        for change, end in zip(found, ends, strict=True)
        if change.replicas > base
    ]
