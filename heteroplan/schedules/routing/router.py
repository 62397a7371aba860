"""Router weights as JSON: when the weights of a workload's backends change, and to what.

Any router can be told by it; `httproute` and `envoy` are those of one moment for two of them.
"""

import json
from collections.abc import Iterator
from typing import Any

from heteroplan.entities.workload import Role
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.schedules.routing.weights import TOTAL, Backend, Router, routers
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.recurrence import recurrence


def router_json(document: PlanDocument, options: ExportOptions) -> str:
    """Workloads with `changes` of `at` (ISO 8601 with offset) and weights, one change a line.

    `weights` are those of the backends, `within` those of the prefill and the decode pools of
    groups that run several of a role, and `classes` both for each class of requests where pools do
    not take all classes alike; each sums to `total_weight`. Raises UsageError as `routers`.
    """
    moments = [moment.isoformat() for moment in document.horizon.boundaries()]
    head = {
        "scenario": document.scenario,
        "inputs_sha256": document.inputs_sha256,
        "plan": document.plan_id,
        "timezone": document.horizon.timezone,
        "repeats": recurrence(document.horizon).value,
        "start": moments[0],
        "end": moments[-1],
        "total_weight": TOTAL,
    }
    fields = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    workloads = ",\n".join(_workload_text(each, moments) for each in routers(document, options))
    fields.append(f'  "workloads": [\n{workloads}\n  ]')
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _workload_text(router: Router, moments: list[str]) -> str:
    rows = ",\n".join(f"      {json.dumps(change)}" for change in _changes(router, moments))
    head = f'"workload": {json.dumps(router.workload)}, "model": {json.dumps(router.model)}'
    return f'    {{{head}, "changes": [\n{rows}\n    ]}}'


def _changes(router: Router, moments: list[str]) -> list[dict[str, Any]]:
    """Only where weights differ from those before; none while nothing has run yet."""
    found: list[dict[str, Any]] = []
    before: dict[str, Any] | None = None
    for moment, *each in zip(moments, *_weights(router), strict=False):
        every, *by_class = each
        if every is None:
            continue
        classes = {"classes": dict(zip(router.classes, by_class, strict=True))}
        now = {**every, **(classes if by_class else {})}
        if now != before:
            found.append({"at": moment, **now})
        before = now
    return found


def _weights(router: Router) -> Iterator[list[dict[str, Any] | None]]:
    """For all requests, then for each class apart: by interval the weights, None before any."""
    names = [backend.name for backend in router.backends]
    for kind in (None, *router.classes):
        found: list[dict[str, Any] | None] = []
        for interval, weights in enumerate(router.weights_for(kind)):
            within = {
                backend.name: roles
                for backend in router.backends
                if (roles := _within(backend, interval, kind))
            }
            of_backends = {"weights": dict(zip(names, weights or (), strict=bool(weights)))}
            found.append(of_backends | ({"within": within} if within else {}) if weights else None)
        yield found


def _within(backend: Backend, interval: int, kind: str | None) -> dict[str, dict[str, int]]:
    """Weights of the pools of each role that has several."""
    return {
        role.value: dict(zip(pools.names, weights, strict=True))
        for role, pools in backend.roles.items()
        if role is not Role.AGGREGATED and len(pools.names) > 1
        if (weights := pools.weights(interval, kind)) is not None
    }
