"""Results of cases made by hand."""

from typing import Any

from heteroplan.studies.case import Value
from heteroplan.studies.result import CaseResult, CaseStatus


def case_result(cost_usd: float | None, inputs: dict[str, Value], **more: Any) -> CaseResult:
    """Covered at a cost, or failed without one."""
    if cost_usd is None:
        given: dict[str, Any] = {"status": CaseStatus.FAILED, "error": "a field is wrong"}
    else:
        given = {
            "status": CaseStatus.GAP_REACHED,
            "covered": "covered",
            "cost_usd": cost_usd,
            "gpu_hours": cost_usd / 2,
            "served_fraction": 1.0,
            "unserved_requests": 0.0,
            "peak_gpus": round(cost_usd / 10),
            "bound_usd": 0.99 * cost_usd,
            "gap": 0.01,
        }
    key = "".join(f"{name}={value};" for name, value in inputs.items()).encode().hex()
    return CaseResult(**{"inputs": inputs, "key": key, **given, **more})


def short(served: float, cost_usd: float, inputs: dict[str, Value], **more: Any) -> CaseResult:
    """A plan that serves a share of the demand."""
    figures = {
        "covered": "short",
        "served_fraction": served,
        "unserved_requests": 1e6 * (1 - served),
    }
    return case_result(cost_usd, inputs, **figures, **more)
