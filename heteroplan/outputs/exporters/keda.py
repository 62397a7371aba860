"""KEDA ScaledObjects with cron triggers.

Source: KEDA 2.17 documentation, cron scaler and ScaledObject specification. Several triggers
act as a maximum, `start` must differ from `end`, and outside every window the pool falls to
`minReplicaCount`. KEDA wants at least one trigger (with an empty list a default CPU target would
steer the pool, kedacore/keda issue 5520), so a pool that never changes gets a window that asks
for its only size.
"""

from datetime import datetime
from typing import Any

from heteroplan.errors import UsageError
from heteroplan.outputs.exporters.changes import (
    PoolSchedule,
    Recurrence,
    cron_fields,
    pool_schedule,
)
from heteroplan.outputs.exporters.manifests import yaml_text
from heteroplan.outputs.exporters.options import ExportOptions
from heteroplan.outputs.exporters.weights import shares_needed
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.outputs.plan.sentences import extrapolated_in_use


def keda(document: PlanDocument, options: ExportOptions) -> str:
    """One ScaledObject a pool, as documents of one YAML file.

    Raises UsageError as `pool_schedule` and `ExportOptions.names` do, and for no pools at all.
    """
    if not document.pools:
        raise UsageError("the plan has no pools: there is nothing for KEDA to scale")
    objects = [
        _scaled_object(document, name, pool, options)
        for name, pool in zip(options.names(document.pools), document.pools, strict=True)
    ]
    return yaml_text(objects, [extrapolated_in_use(document), shares_needed(document)])


def _scaled_object(
    document: PlanDocument, name: str, pool: PoolPart, options: ExportOptions
) -> dict[str, Any]:
    schedule = pool_schedule(document, pool)
    sizes = [change.replicas for change in schedule.changes]
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {
            "name": name,
            **({"namespace": options.namespace} if options.namespace else {}),
            "annotations": {
                "heteroplan/scenario": document.scenario,
                "heteroplan/inputs-sha256": document.inputs_sha256,
                "heteroplan/pool": f"{pool.group} {pool.role.value} {pool.engine}",
                "heteroplan/repeats": schedule.recurrence.value,
            },
        },
        "spec": {
            "scaleTargetRef": {
                "apiVersion": options.target_api_version,
                "kind": options.target_kind,
                "name": name,
            },
            "minReplicaCount": min(sizes),
            "maxReplicaCount": max(1, *sizes),
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
                        "timezone": document.horizon.timezone,
                        "start": start,
                        "end": end,
                        "desiredReplicas": str(size),
                    },
                }
                for start, end, size in _windows(schedule)
            ],
        },
    }


def _windows(schedule: PoolSchedule) -> list[tuple[str, str, int]]:
    """Start, end (cron) and size of each time above the pool's minimum; none overlap."""
    changes = schedule.changes
    base = min(change.replicas for change in changes)
    if all(change.replicas == base for change in changes):
        return [("0 0 * * *", "59 23 * * *", base)]
    ends: list[datetime] = [change.at for change in changes[1:]]
    ends.append(schedule.end if schedule.recurrence is Recurrence.DATED else changes[0].at)
    return [
        (change.cron(schedule.recurrence), cron_fields(end, schedule.recurrence), change.replicas)
        for change, end in zip(changes, ends, strict=True)
        if change.replicas > base
    ]
