"""A case's plan -> its result."""

from heteroplan.entities.plan import Plan, Termination
from heteroplan.entities.scenario import Objective
from heteroplan.studies.case import Case
from heteroplan.studies.result import CaseResult, CaseStatus

_DIGITS = 9
"""Significant digits of a figure: above the solver's noise, and as plan.json has them."""
_STATUS = {
    Termination.OPTIMAL: CaseStatus.OPTIMAL,
    Termination.GAP_REACHED: CaseStatus.GAP_REACHED,
    Termination.EFFORT_REACHED: CaseStatus.EFFORT_REACHED,
    Termination.TIME_LIMIT: CaseStatus.TIME_LIMIT,
}


def result_of(case: Case, key: str, plan: Plan) -> CaseResult:
    """The figures of a plan, all of the horizon."""
    hours = plan.scenario.horizon.interval_hours
    by_type = {
        name: _figure(gpu_hours) for name, gpu_hours in plan.totals.gpu_hours_by_type.items()
    }
    in_usd = plan.scenario.objective is Objective.COST
    days = plan.scenario.horizon.intervals * hours / 24
    longer = days > 1
    return CaseResult(
        name=case.name,
        inputs=dict(case.inputs),
        drawn=dict(case.drawn) or None,
        key=key,
        status=_STATUS[plan.report.termination],
        covered=plan.coverage.value,
        cost_usd=_figure(plan.totals.cost_usd),
        cost_usd_per_day=_figure(plan.totals.cost_usd / days) if longer else None,
        gpu_hours=_figure(plan.totals.gpu_hours),
        gpu_hours_per_day=_figure(plan.totals.gpu_hours / days) if longer else None,
        served_fraction=_figure(plan.totals.served_fraction),
        unserved_requests=_figure(plan.report.unserved_requests),
        peak_gpus=plan.totals.peak_gpus,
        gpu_hours_by_type=by_type,
        bound_usd=_figure(max(0.0, plan.report.bound)) if in_usd else None,
        gap=_figure(min(1.0, max(0.0, plan.report.gap))),
    )


def failed(case: Case, key: str, error: str, *, wrong_input: bool = False) -> CaseResult:
    """A case without a plan."""
    return CaseResult(
        name=case.name,
        inputs=dict(case.inputs),
        drawn=dict(case.drawn) or None,
        key=key,
        status=CaseStatus.FAILED,
        error=error,
        wrong_input=wrong_input,
    )


def _figure(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
