"""plan.json: a plan as text that is the same, byte for byte, for the same plan; and back."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from heteroplan import __version__
from heteroplan.entities.capacity import Candidate, OperatingPoint
from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.plan import Plan
from heteroplan.entities.workload import IntervalDemand, Workload
from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs.checks.schema_problems import schema_problems
from heteroplan.inputs.plan_ids import content_id, plan_problems
from heteroplan.outputs.plan.places import leaf_replicas
from heteroplan.outputs.plan.plan_checks import disagreements
from heteroplan.outputs.plan.plan_document import SCHEMA_VERSION, PlanDocument
from heteroplan.outputs.shared.words import candidate_notes
from heteroplan.reading.input_files import STDIN, Files, UnreadableError
from heteroplan.reading.input_size import JSON_MARKS, values
from heteroplan.reading.yaml_source import Document

_DIGITS = 9
"""Significant digits written: far below any error of the inputs, above the solver's noise."""
_NOISE = 1e-9
"""A solver's 0 may be as much less."""
_MOST_BYTES = 512 * 2**20
_MOST_VALUES = 16_000_000
"""Of one plan.json: 2,000 leaves by 96 intervals and 20 pools have 4 million."""


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan in the fields of plan.json (schema version 1), numbers rounded to 9 digits."""
    horizon = plan.scenario.horizon
    document = {
        "schema_version": SCHEMA_VERSION,
        "heteroplan_version": __version__,
        "scenario": plan.scenario.name,
        "inputs_sha256": plan.scenario.inputs_sha256,
        "plan_id": "",
        "objective": plan.scenario.objective.value,
        "covered": plan.covered,
        "coverage": plan.coverage,
        "horizon": {
            "start": horizon.boundaries()[0].isoformat(),
            "timezone": horizon.timezone,
            "interval_s": horizon.interval_s,
            "intervals": horizon.intervals,
            "cyclic": horizon.cyclic,
        },
        "solver": {
            "termination": plan.report.termination.value,
            "objective": plan.report.objective,
            "bound": plan.report.bound,
            "gap": plan.report.gap,
            "unserved_requests": plan.report.unserved_requests,
            "unserved_requests_bound": plan.report.unserved_requests_bound,
            "seconds": round(plan.report.seconds, 3),
        },
        "totals": {
            "gpu_hours": plan.totals.gpu_hours,
            "cost_usd": plan.totals.cost_usd,
            "served_fraction": plan.totals.served_fraction,
            "utilization": plan.utilization,
            "peak_gpus": plan.totals.peak_gpus,
            "starts": plan.totals.starts,
            "moves": plan.totals.moves,
            "gpu_hours_by_priority": _by_priority(plan.totals.gpu_hours_by_priority),
        },
        "savings": {
            baseline.name: {
                "gpu_hours": baseline.gpu_hours,
                "cost_usd": baseline.cost_usd,
                "saved_gpu_hours": baseline.saved_gpu_hours,
                "saved_cost_usd": baseline.saved_cost_usd,
                "saved_fraction": baseline.saved_fraction,
                "utilization": baseline.utilization,
                "note": baseline.note,
                "unserved_requests": baseline.unserved_requests,
                "stranded_replica_hours": baseline.stranded_replica_hours,
                "gpu_hours_by_priority": None
                if baseline.gpu_hours_by_priority is None
                else _by_priority(baseline.gpu_hours_by_priority),
            }
            for baseline in plan.savings
        },
        "shortages": [
            {
                "workload": shortage.workload,
                "interval": shortage.interval,
                "unserved_rps": shortage.unserved_rps,
                "limited_by": shortage.limited_by,
            }
            for shortage in plan.shortages
        ],
        "limits": [
            {
                "level": limit.level.value,
                "domain": limit.domain,
                "node_type": limit.node_type,
                "first": limit.first,
                "last": limit.last,
                "pools": limit.pools,
            }
            for limit in plan.limits
        ],
        "supply": [
            {
                "node_type": use.node_type,
                "supply": use.supply,
                "held": use.held,
            }
            for use in plan.supply
        ],
        "engines": [_engine(plan, candidate) for candidate in plan.candidates],
        "workloads": [
            {
                "name": load.name,
                "priority": load.priority,
                "demand_rps": load.demand_rps,
                "served_rps": load.served_rps,
                "capacity_rps": load.capacity_rps,
                "pd_ratio": load.pd_ratio,
            }
            for load in plan.workloads
        ],
        "pools": [
            {
                "workload": pool.workload,
                "role": pool.role.value,
                "engine": pool.engine,
                "node_type": pool.node_type,
                "gpus_per_replica": pool.gpus_per_replica,
                "domain": pool.domain,
                "level": pool.level.value,
                "group": pool.group,
                "replicas": pool.replicas,
                "leaves": leaves,
            }
            for pool, leaves in zip(plan.pools, leaf_replicas(plan), strict=True)
        ],
    }
    rounded: dict[str, Any] = _rounded(document)
    rounded["plan_id"] = content_id(json.dumps(rounded))
    return rounded


def plan_text(plan: Plan) -> str:
    """plan.json: one line a field, and one an entry of the lists and of `savings`."""
    fields = [
        f"  {json.dumps(key)}: {_field_text(value)}" for key, value in plan_document(plan).items()
    ]
    return "{\n" + ",\n".join(fields) + "\n}\n"


def document_of(plan: Plan) -> PlanDocument:
    """The plan as its reader sees it."""
    return PlanDocument.model_validate_json(plan_text(plan))


def read_plan(source: str) -> PlanDocument:
    """The plan document in the file `source`; `-` reads standard input.

    Raises InputError naming every wrong field.
    """
    name = "<stdin>" if source == "-" else source
    try:
        content = Files().content(STDIN if source == "-" else Path(source), _MOST_BYTES)
    except UnreadableError as error:
        raise InputError([InputProblem(name, 0, "", "", str(error))]) from error
    if values(content, JSON_MARKS) > _MOST_VALUES:
        remedy = f"more than {_MOST_VALUES:,} values; is this a plan.json?"
        raise InputError([InputProblem(name, 0, "", "", remedy)])
    try:
        found = PlanDocument.model_validate_json(content)
    except ValidationError as error:
        raise InputError(_problems(name, content, error)) from error
    if wrong := list(disagreements(found)):
        document = _document(name, content)
        raise InputError(document.problem(*each) for each in wrong)
    path = None if source == "-" else Path(source)
    if mixed := list(plan_problems(path, content, found.plan_id)):
        raise InputError(mixed)
    return found


def _engine(plan: Plan, candidate: Candidate) -> dict[str, Any]:
    """One candidate, used or not."""
    workload = next(load for load in plan.scenario.workloads if load.name == candidate.workload)
    capacities = [
        _mix_capacity_rps(demand, points)
        for demand, points in zip(workload.demand, candidate.points, strict=True)
    ]
    name, point = _operating_point(workload, candidate)
    source = candidate.engine.source
    return {
        "workload": candidate.workload,
        "engine": candidate.engine.name,
        "role": candidate.engine.role.value,
        "part": None if candidate.engine.part is None else candidate.engine.part.name,
        "span": None if candidate.span is None else candidate.span.value,
        "node_type": candidate.node_type,
        "gpus_per_replica": candidate.engine.gpus,
        "capacity_rps": capacities[0] if len(set(capacities)) == 1 else capacities,
        "request_class": name,
        "batch": point.batch,
        "utilization": point.utilization,
        "ttft_ms": point.ttft_ms,
        "itl_ms": point.itl_ms,
        "limited_by": point.limited_by.value,
        "reason": point.reason,
        "notes": candidate_notes([candidate]),
        "startup_s": candidate.engine.startup_s,
        "drain_s": candidate.engine.drain_s,
        "source": {
            "kind": source.kind.value,
            "from": source.origin,
            "error_mape": source.error_mape,
            "points": source.points,
            "error_worst": source.error_worst,
            "spread": source.spread,
            "sha256": list(source.sha256),
            "extrapolated": any(p.extrapolated for row in candidate.points for p in row),
        },
    }


def _by_priority(hours: Mapping[SubgroupPriority, float]) -> dict[str, float]:
    """All three, or none where nothing was placed."""
    return {each.value: hours.get(each, 0.0) for each in SubgroupPriority} if hours else {}


def _mix_capacity_rps(demand: IntervalDemand, points: Iterable[OperatingPoint]) -> float:
    """1 / sum(share / capacity): a replica's rate with the interval's mix [requests/s]."""
    busy_s = sum(
        _busy_s(kind.share, point) for kind, point in zip(demand.classes, points, strict=True)
    )
    return _round(1.0 / busy_s) or 0.0


def _operating_point(workload: Workload, candidate: Candidate) -> tuple[str, OperatingPoint]:
    """Class name and point of the class that keeps a replica busiest, at the greatest demand."""
    busiest = max(range(len(workload.demand)), key=lambda t: workload.demand[t].rps)
    kind, point = max(
        zip(workload.demand[busiest].classes, candidate.points[busiest], strict=True),
        key=lambda pair: _busy_s(pair[0].share, pair[1]),
    )
    return kind.name, point


def _busy_s(share: float, point: OperatingPoint) -> float:
    """Replica-seconds that a class takes of a mean request; infinite where it cannot be served."""
    return share / point.capacity_rps if point.capacity_rps > 0 else math.inf


def _rounded(value: Any) -> Any:
    """The same tree, tuples as lists, floats rounded."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return _round(value) if isinstance(value, float) else value


def _round(value: float) -> float | None:
    """9 significant digits, a hair below 0 as 0; None for what JSON cannot say."""
    if not math.isfinite(value):
        return None
    return 0.0 if -_NOISE < value <= 0.0 else float(f"{value:.{_DIGITS}g}")


def _field_text(value: Any) -> str:
    """A list of entries, or an object of objects, with one entry a line."""
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in value) + "\n  ]"
    if isinstance(value, dict) and any(isinstance(item, dict) for item in value.values()):
        lines = (f"    {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items())
        return "{\n" + ",\n".join(lines) + "\n  }"
    return json.dumps(value)


def _document(file: str, content: bytes) -> Document:
    return Document(file, from_json(content))


def _problems(file: str, content: bytes, error: ValidationError) -> Iterable[InputProblem]:
    """What pydantic found, in the words of the other inputs; the version comes before all."""
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        reason = first["msg"].removeprefix("Invalid JSON: ")
        return [InputProblem(file, 0, "", "", f"not JSON ({reason})")]
    document = _document(file, content)
    versioned = isinstance(document.data, dict)
    if versioned and document.value(("schema_version",)) != SCHEMA_VERSION:
        remedy = (
            f"this heteroplan reads schema_version {SCHEMA_VERSION}; write the plan again with it"
        )
        return [document.problem(("schema_version",), remedy)]
    return schema_problems(document, PlanDocument, error)
