"""Objects of other systems as documents of one YAML file, under notes that a reader needs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.schedules.targets.options import rfc_1123_label
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.text import listed

SCHEDULE_LABEL = "heteroplan/schedule"
"""Of every object that a schedule consists of, with the name of the scenario: what to prune by."""

_NEVER_FOLDED = 100_000
"""Characters a line: no word of a name begins one, where a CI log may take it for a command."""
_MOST_NAMED = 5
"""Targets that a message names."""


def yaml_text(objects: Sequence[dict[str, Any]], notes: Iterable[str]) -> str:
    """One document an object, after a comment for each note that is not empty."""
    base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumper = type("Dumper", (base,), {"ignore_aliases": lambda *_: True})
    text: str = yaml.dump_all(
        objects, Dumper=dumper, sort_keys=False, explicit_start=True, width=_NEVER_FOLDED
    )
    return "".join(f"# {note}\n" for note in notes if note) + text


def labels(document: PlanDocument) -> dict[str, str]:
    """Of every object of the plan's schedule."""
    return {
        "app.kubernetes.io/managed-by": "heteroplan",
        SCHEDULE_LABEL: rfc_1123_label(document.scenario) or "unnamed",
    }


def metadata(
    document: PlanDocument, name: str, target: Target, annotations: dict[str, str]
) -> dict[str, Any]:
    """Of an object in the namespace of `target`."""
    context = {"heteroplan/context": target.context} if target.context else {}
    return {
        "name": name,
        **({"namespace": target.namespace} if target.namespace else {}),
        "labels": labels(document),
        "annotations": {
            "heteroplan/scenario": document.scenario,
            "heteroplan/inputs-sha256": document.inputs_sha256,
            **annotations,
            **context,
        },
    }


def pool_annotations(entry: Entry) -> dict[str, str]:
    """What an object for one pool says of it."""
    pool = entry.pool
    return {
        "heteroplan/pool": f"{pool.group} {pool.role.value} {pool.engine}",
        "heteroplan/repeats": entry.timetable.recurrence.value,
    }


def scale_target_ref(target: Target) -> dict[str, str]:
    """A target as autoscalers name it."""
    return {"apiVersion": target.api_version, "kind": target.kind, "name": target.name}


def object_names(entries: Sequence[Entry]) -> tuple[str, ...]:
    """A name for each entry's own object: that of its target, with the kind where it is taken."""
    places = [(e.target.context, e.target.namespace, e.target.name) for e in entries]
    taken = Counter(places)
    return tuple(
        entry.target.name if taken[place] == 1 else _longer(entry.target)
        for entry, place in zip(entries, places, strict=True)
    )


def _longer(target: Target) -> str:
    return rfc_1123_label(f"{target.name}-{target.component or target.kind}")


def check_pools(entries: Sequence[Entry], system: str) -> None:
    """Raises UsageError for no pools."""
    if not entries:
        raise UsageError(f"the plan has no pools: there is nothing for {system} to scale")


def check_whole_objects(entries: Sequence[Entry], system: str) -> None:
    """Raises UsageError for no pools, and for targets that have no size of their own."""
    check_pools(entries, system)
    parts = [
        f"{t.kind} {t.name} ({t.component})" if t.component else f"{t.kind} {t.name}"
        for t in (entry.target for entry in entries)
        if t.component or t.kind == "LLMInferenceService"
    ]
    if parts:
        raise UsageError(
            f"{system} scales whole objects with a scale subresource, not "
            f"{listed(parts, _MOST_NAMED)}; use --format kserve for an "
            "LLMInferenceService, --format aibrix for a role of a StormService, or name an object "
            "of its own for each part"
        )
