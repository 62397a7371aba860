"""KEDA ScaledObjects with cron triggers.

Read in KEDA (config/crd/bases, pkg/scaling/executor, pkg/scalers/cron_scaler.go) and in
Kubernetes' HPA controller. KEDA hands each object to an HPA. With a least size of 0, KEDA itself
scales to 0 while no trigger is on and to 1 when one is, and the HPA does the rest. KEDA wants at
least one trigger, of at least one replica.
"""

from collections.abc import Sequence
from typing import Any

from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.kubernetes.cron_windows import cron_windows, least
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
from heteroplan.schedules.timetable.changes import Change, changes
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Timetable

_POLLING_S = 10
"""How often KEDA looks whether a trigger is on; the HPA looks every 15 s by itself."""
_PERIOD_S = 15
"""Of a policy: that of the HPA's own ones."""


def keda(schedule: Schedule, options: ExportOptions) -> str:
    """One ScaledObject a pool, as documents of one YAML file.

    Raises UsageError for no pools, and for targets without a scale subresource.
    """
    document, entries = schedule.document, schedule.entries
    check_whole_objects(entries, "KEDA")
    objects = [
        _scaled_object(document, entry, name, options)
        for name, entry in zip(object_names(entries), entries, strict=True)
    ]
    return yaml_text(objects, [extrapolated_in_use(document), shares_needed(document)])


def _scaled_object(
    document: PlanDocument, entry: Entry, name: str, options: ExportOptions
) -> dict[str, Any]:
    table, found = entry.timetable, changes(entry.timetable)
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(document, name, entry.target, pool_annotations(entry)),
        "spec": {
            "scaleTargetRef": scale_target_ref(entry.target),
            "minReplicaCount": least(found),
            "maxReplicaCount": greatest(table),
            **scaling(table, found, options),
        },
    }


def greatest(table: Timetable) -> int:
    """The greatest size that an autoscaler may have; none takes 0."""
    return max(1, int(table.asked.max()))


def scaling(table: Timetable, found: Sequence[Change], options: ExportOptions) -> dict[str, Any]:
    """The fields of a ScaledObject, or of what makes one, that are not its least and greatest.

    Of a timetable and all of its changes.
    """
    return {
        "pollingInterval": _POLLING_S,
        "cooldownPeriod": 0,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(table, options)}},
        "triggers": [
            {
                "type": "cron",
                "metadata": {
                    "timezone": table.zone,
                    "start": window.start,
                    "end": window.end,
                    "desiredReplicas": str(window.replicas),
                },
            }
            for window in cron_windows(table, found)
        ],
    }


def _behavior(table: Timetable, options: ExportOptions) -> dict[str, Any]:
    """Growth and shrinking at once, and of any number where the tolerance is 0."""
    exact = {"tolerance": "0"} if options.hpa_tolerance == 0 else {}
    at_once = {"type": "Pods", "value": greatest(table), "periodSeconds": _PERIOD_S}
    return {
        "scaleUp": {"stabilizationWindowSeconds": 0, "policies": [at_once], **exact},
        "scaleDown": {"stabilizationWindowSeconds": 0, **exact},
    }
