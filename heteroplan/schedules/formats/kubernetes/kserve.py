"""The scaling of KServe LLMInferenceServices, by cron triggers of KEDA.

Read in KServe (config/crd/full/llmisvc, pkg/controller/v1alpha2/llmisvc/scaling.go). KServe makes
a ScaledObject for decode (or whole replicas) of `spec.scaling` and one for prefill of
`spec.prefill.scaling`. The least size is at least 1; with `idleReplicaCount: 0` KEDA scales to 0
while no trigger is on. A rule reads `horizontalPodAutoscalerConfig.name` without asking whether it
is there, so the name is written and empty.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.kubernetes.cron_windows import least
from heteroplan.schedules.formats.kubernetes.keda import greatest, scaling
from heteroplan.schedules.formats.kubernetes.manifests import check_pools, yaml_text
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.changes import changes
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Timetable

_GROUP = "serving.kserve.io/"
_KIND = "LLMInferenceService"
_APPLY = (
    "Only the scaling of objects that exist: kubectl apply --server-side --field-manager=heteroplan"
    " --filename FILE. Remove spec.replicas and spec.prefill.replicas before: they exclude scaling."
)


def kserve(schedule: Schedule, options: ExportOptions) -> str:
    """One manifest for server-side apply for each LLMInferenceService, prefill and decode in one.

    Raises UsageError for no pools, for targets of another kind, and where two pools have one part.
    """
    document = schedule.document
    check_pools(schedule.entries, "KServe")
    _check_kinds(schedule.entries)
    parts: dict[Target, dict[str, Entry]] = defaultdict(dict)
    for entry in schedule.entries:
        of = entry.target
        whole = Target(of.api_version, of.kind, of.name, of.namespace, of.context)
        part = _part(entry)
        if part in parts[whole]:
            raise UsageError(
                f"two pools are the {part} part of the {_KIND} {of.name}: "
                f"{parts[whole][part].pool.engine} and {entry.pool.engine}; give each a name of "
                "its own"
            )
        parts[whole][part] = entry
    objects = [_service(target, by_part, options) for target, by_part in parts.items()]
    notes = [_APPLY, extrapolated_in_use(document), shares_needed(document)]
    return yaml_text(objects, notes)


def _check_kinds(entries: Sequence[Entry]) -> None:
    other = {
        f"{target.api_version} {target.kind}"
        for target in (entry.target for entry in entries)
        if target.kind != _KIND or not target.api_version.startswith(_GROUP)
    }
    if other:
        raise UsageError(
            f"kserve scales {_KIND} objects only, not {', '.join(sorted(other))}; write "
            f"--target-kind {_KIND} --target-api-version {_GROUP}v1alpha2"
        )


def _part(entry: Entry) -> str:
    """`prefill`, or `decode` for everything else: what the target says, else the pool's role."""
    component = entry.target.component
    if component not in ("", "prefill", "decode"):
        raise UsageError(
            f"{_KIND} {entry.target.name}: no part {component!r}; parts are prefill and decode"
        )
    return component or ("prefill" if entry.pool.role is Role.PREFILL else "decode")


def _service(target: Target, parts: dict[str, Entry], options: ExportOptions) -> dict[str, Any]:
    specs = {part: {"scaling": _scaling(entry.timetable, options)} for part, entry in parts.items()}
    prefill = {"prefill": specs["prefill"]} if "prefill" in specs else {}
    return {
        "apiVersion": target.api_version,
        "kind": target.kind,
        "metadata": {
            "name": target.name,
            **({"namespace": target.namespace} if target.namespace else {}),
        },
        "spec": {**specs.get("decode", {}), **prefill},
    }


def _scaling(table: Timetable, options: ExportOptions) -> dict[str, Any]:
    found = changes(table)
    lowest, keda = least(found), scaling(table, found, options)
    keda["advanced"]["horizontalPodAutoscalerConfig"]["name"] = ""
    return {
        "minReplicas": max(1, lowest),
        "maxReplicas": greatest(table),
        "keda": {**keda, **({"idleReplicaCount": 0} if lowest == 0 else {})},
    }
