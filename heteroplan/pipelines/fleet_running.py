"""What runs on an imported fleet now: its pods as the replicas that `plan --current` reads."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from heteroplan.errors import UsageError

if TYPE_CHECKING:
    from heteroplan.inventory.node import PodRecord
    from heteroplan.inventory.node_places import NodePlace
    from heteroplan.inventory.running import EngineName, Engines, ObjectKey, RunningNow

LABELS = ("workload", "engine", "replica_id")
"""What labels of pods may say; the first two are needed."""


def running(
    pods: "Sequence[PodRecord]",
    places: "Sequence[NodePlace]",
    labels: Mapping[str, str],
    plan: str | None,
    targets: str | None,
) -> "RunningNow":
    """The replicas of `pods`, whose engines `labels` say or the objects of a plan's targets.

    Raises UsageError and InputError.
    """
    from heteroplan.inventory.running import running_now

    if not pods:
        raise UsageError(
            "no source lists pods with GPUs; add one that does, such as pods.json of kubectl get "
            "pods -A -o json"
        )
    return running_now(pods, places, _engines(labels, plan, targets))


def _engines(labels: Mapping[str, str], plan: str | None, targets: str | None) -> "Engines":
    from heteroplan.inventory.running import EnginesByLabel, EnginesByObject

    strange = [name for name in labels if name not in LABELS]
    if strange:
        known = ", ".join(LABELS)
        raise UsageError(f"--engine-label {strange[0]}: labels say one of {known}")
    if plan is not None:
        if labels:
            raise UsageError("--engine-label and --plan both say what pods run; keep one of them")
        return EnginesByObject(engines=_by_object(plan, targets))
    missing = [name for name in LABELS[:2] if name not in labels]
    if missing:
        options = " ".join(f"--engine-label {name}=LABEL" for name in missing)
        raise UsageError(
            f"nothing says which {' and '.join(missing)} a pod runs; add {options}, or "
            "--plan PLAN, whose targets name the objects"
        )
    return EnginesByLabel(
        workload=labels["workload"],
        engine=labels["engine"],
        replica_id=labels.get("replica_id", ""),
    )


def _by_object(plan: str, targets: str | None) -> "Mapping[ObjectKey, EngineName]":
    """Engines by the objects that stand for the pools of a plan.

    Those of `targets`, or else of the scenario that was planned.
    """
    from heteroplan.inputs.targets import load_targets
    from heteroplan.inventory.running import EngineName
    from heteroplan.outputs.plan.document.plan_json import read_plan
    from heteroplan.schedules.targets.rules import TargetRules, wider_domains

    document = read_plan(plan, with_inputs=True)
    given = document.given
    rules = load_targets(targets) if targets is not None else given.targets
    if not rules:
        raise UsageError(
            f"{plan}: the scenario has no targets, which name the objects of the cluster; add "
            "--targets FILE, or --engine-label"
        )
    named = TargetRules(rules, targets or f"{plan}: inputs", wider_domains(given.fleet.network))
    return {
        (target.namespace, target.name, target.component): EngineName(pool.workload, pool.engine)
        for pool, target in zip(document.pools, named.targets(document.pools), strict=True)
    }
