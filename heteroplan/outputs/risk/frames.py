"""Forecast risk as tables: pandas frames, CSV and risk.json."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from heteroplan.outputs.plan.document.parts import nine_digits
from heteroplan.studies.risk import Met, PlanRisk, Risk, WorkloadRisk

if TYPE_CHECKING:
    from pandas import DataFrame

type Row = dict[str, Any]

ALL = "all"
"""Stands for all workloads together."""


def risk_json(risk: Risk) -> str:
    """risk.json."""
    return json.dumps(nine_digits(risk.model_dump(mode="json")), indent=1, allow_nan=False) + "\n"


def plan_rows(risk: Risk) -> Iterator[Row]:
    """One a plan and workload, and one for all workloads."""
    for plan in risk.plans:
        yield _row(plan, ALL, plan.case.cost_usd, plan)
        for each in plan.workloads:
            yield _row(plan, each.name, each.cost_usd, each)


def _row(plan: PlanRisk, workload: str, cost: float | None, of: PlanRisk | WorkloadRisk) -> Row:
    spread = of.unserved_requests
    total = None
    if cost is not None and of.shortage_usd is not None:
        total = cost + of.shortage_usd
    return {
        "quantile": plan.quantile,
        "workload": workload,
        "status": plan.case.status.value,
        "covered": plan.case.covered,
        "cost_usd": cost,
        "shortage_usd": of.shortage_usd,
        "total_usd": total,
        "mean_unserved_requests": None if spread is None else spread.mean,
        "p95_unserved_requests": None if spread is None else spread.p95,
        "p99_unserved_requests": None if spread is None else spread.p99,
        "most_unserved_requests": None if spread is None else spread.most,
        "short_share": of.short_share,
        "worth_above_usd_per_1000_requests": of.worth_above_usd_per_1000_requests,
    }


def sample_rows(risk: Risk, met: Sequence[Met]) -> Iterator[Row]:
    """One a plan and sample: requests that each workload is not served."""
    names = [each.name for each in risk.workloads]
    for plan in met:
        for place, unserved in enumerate(plan.unserved.tolist()):
            named = zip(names, unserved, strict=True)
            yield {
                "quantile": plan.quantile,
                "sample": place,
                "cost_usd": plan.case.cost_usd,
                **{f"unserved_requests_{name}": value for name, value in named},
            }


def plans_frame(risk: Risk) -> "DataFrame":
    """`plan_rows` as a frame."""
    return _frame(list(plan_rows(risk)))


def samples_frame(risk: Risk, met: Sequence[Met]) -> "DataFrame":
    """`sample_rows` as a frame."""
    return _frame(list(sample_rows(risk, met)))


def rows_csv(rows: Iterator[Row]) -> str:
    """Rows of the same columns as CSV; what is not known is an empty cell."""
    found = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(found[0]) if found else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: nine_digits(value) for key, value in row.items()} for row in found)
    return text.getvalue()


def _frame(rows: list[Row]) -> "DataFrame":
    from pandas import DataFrame

    return DataFrame(rows)
