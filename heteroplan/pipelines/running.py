"""What runs on an imported fleet now: pods of its sources, as a file for `plan --current`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from heteroplan.errors import UsageError
from heteroplan.pipelines.arguments import Name, names

if TYPE_CHECKING:
    from heteroplan.inventory.node import PodRecord
    from heteroplan.inventory.node_places import NodePlace
    from heteroplan.inventory.running import Engines, ObjectKey, RunningNow

LABELS = ("workload", "engine", "replica_id")
"""Columns of which a label of pods may have the value; the last one may be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSelector:
    """How the engine of a pod is known: by labels, or by the objects of a plan."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of pods by column of the file, as `{"workload": "app", "engine": "engine"}`."""
    plan: Name | None = None
    """plan.json, whose targets are the objects that made the pods."""
    targets: Name | None = None
    """A file of targets, in place of those of the plan's scenario."""


def running(
    pods: "tuple[PodRecord, ...]", places: "tuple[NodePlace, ...]", selector: EngineSelector
) -> "RunningNow":
    """The replicas of pods on the nodes of a fleet. Raises UsageError and InputError."""
    from heteroplan.inventory.running import running_now

    return running_now(pods, places, _engines(selector))


def current_csv(found: "RunningNow") -> str:
    """The file for `plan --current`."""
    from heteroplan.inventory.running import COLUMNS
    from heteroplan.outputs.shared.files import csv_text

    return csv_text(COLUMNS, found.rows)


def _engines(selector: EngineSelector) -> "Engines":
    from heteroplan.inventory.running import EnginesByLabel

    labels = selector.labels
    if labels and selector.plan is not None:
        raise UsageError("--plan and --engine-label both say which engine a pod runs; keep one")
    if selector.targets is not None and selector.plan is None:
        raise UsageError("--targets names the objects of the pools of a plan; give --plan too")
    if selector.plan is not None:
        return _by_object(names(selector.plan)[0], selector.targets)
    for column in labels:
        if column not in LABELS:
            raise UsageError(f"--engine-label {column}: write one of {', '.join(LABELS)}")
    missing = [column for column in LABELS[:2] if column not in labels]
    if missing:
        raise UsageError(
            f"which label of pods has the {' and the '.join(missing)}? Write --engine-label "
            f"{missing[0]}=LABEL, or --plan FILE where objects of a plan made the pods"
        )
    return EnginesByLabel(
        workload=labels["workload"],
        engine=labels["engine"],
        replica_id=labels.get("replica_id", ""),
    )


def _by_object(plan: str, targets: Name | None) -> "Engines":
    """Engines by the objects that stand for the pools of a plan.

    Of objects of one name in several clusters, whose engines differ, none counts.
    """
    from heteroplan.inputs.targets import load_targets
    from heteroplan.inventory.running import EngineName, EnginesByObject
    from heteroplan.outputs.plan.document.plan_json import read_plan
    from heteroplan.pipelines.export import target_rules
    from heteroplan.schedules.formats import ExportOptions

    document = read_plan(plan)
    name = None if targets is None else names(targets)[0]
    file = None if name is None else (name, load_targets(name))
    rules = target_rules(plan, document, ExportOptions(), file)
    engines: dict[ObjectKey, EngineName] = {}
    differing: set[ObjectKey] = set()
    objects = ExportOptions(rules=rules).targets(document.pools)
    for pool, target in zip(document.pools, objects, strict=True):
        key = (target.namespace, target.name, target.component)
        engine = EngineName(pool.workload, pool.engine)
        if engines.setdefault(key, engine) != engine:
            differing.add(key)
    return EnginesByObject(
        engines={key: engine for key, engine in engines.items() if key not in differing}
    )
