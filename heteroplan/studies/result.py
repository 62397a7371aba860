"""What a case came to: a file of its own, a row of the study's table, and what its figures say."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from heteroplan.entities.plan import Plan, Termination
from heteroplan.entities.scenario import Objective
from heteroplan.errors import ExitCode
from heteroplan.planning.egress import egress_of
from heteroplan.studies.case import Case, Value

COVERED, SHORT = "covered", "short"
"""What `CaseResult.covered` may say; `undecided` is neither."""
_DIGITS = 9
"""Significant digits of a figure: above the solver's noise, and as plan.json has them."""


class CaseStatus(StrEnum):
    """How a case ended."""

    OPTIMAL = "optimal"
    GAP_REACHED = "gap_reached"
    EFFORT_REACHED = "effort_reached"
    """After as many steps of the search as were asked for."""
    TIME_LIMIT = "time_limit"
    """By the clock: another run may find another plan."""
    FAILED = "failed"
    """Without a plan; `error` says why."""


class CaseResult(BaseModel):
    """The figures of a case's plan; no times, so that every run gives the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    """That the study gives the case."""
    inputs: dict[str, Value]
    drawn: dict[str, Value] | None = None
    """What the sample of an uncertain study is, `sample` and one number an input."""
    key: str
    """Names the inputs: equal keys are the same case."""
    status: CaseStatus
    covered: str | None = None
    """`covered`, `short` or `undecided`; None where the case failed."""
    cost_usd: float | None = None
    """Of the horizon."""
    cost_usd_per_day: float | None = None
    """Where the horizon is longer than a day."""
    gpu_hours: float | None = None
    gpu_hours_per_day: float | None = None
    served_fraction: float | None = None
    unserved_requests: float | None = None
    peak_gpus: int | None = None
    gpu_hours_by_type: dict[str, float] | None = None
    bound_usd: float | None = None
    """Proven: no plan costs less."""
    gap: float | None = None
    egress_gb: float | None = None
    """Traffic between regions over the horizon; None where no workload has an origin."""
    egress_usd: float | None = None
    """What that costs, beside `cost_usd`; None where a price is not known."""
    error: str | None = None
    wrong_input: bool = False
    """Whether the case failed because its inputs are wrong."""


def exit_code(results: Iterable[CaseResult]) -> ExitCode:
    """2 where a case has wrong input; else 3 where one has no answer; 0 where all have."""
    found = list(results)
    if any(each.wrong_input for each in found):
        return ExitCode.BAD_INPUT
    answered = all(each.covered in ("covered", "short") for each in found)
    return ExitCode.OK if answered else ExitCode.UNDECIDED


_STATUS = {
    Termination.OPTIMAL: CaseStatus.OPTIMAL,
    Termination.GAP_REACHED: CaseStatus.GAP_REACHED,
    Termination.EFFORT_REACHED: CaseStatus.EFFORT_REACHED,
    Termination.EXHAUSTED: CaseStatus.EFFORT_REACHED,
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
    egress = egress_of(plan)
    egress_usd = None if egress is None else egress.usd
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
        egress_gb=None if egress is None else _figure(egress.gb),
        egress_usd=None if egress_usd is None else _figure(egress_usd),
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


def amount(result: CaseResult, objective: Objective) -> float | None:
    """What the scenario minimises, of the case's plan [USD or GPU-hours]; None without a plan."""
    return result.cost_usd if objective is Objective.COST else result.gpu_hours


def with_egress(result: CaseResult) -> float | None:
    """Cost of the case's plan and of its egress [USD]; None where one of them is not known."""
    if result.cost_usd is None or result.egress_usd is None:
        return None
    return result.cost_usd + result.egress_usd


def is_covered(result: CaseResult) -> bool:
    """Whether the case's plan serves all demand."""
    return result.covered == COVERED


def number_of(value: Value) -> float | None:
    """The number that an input is set to, or the factor of `*1.1`; None for anything else."""
    if isinstance(value, str) and value.startswith("*"):
        try:
            return float(value[1:])
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def changed_paths(base: CaseResult, other: CaseResult) -> tuple[str, ...]:
    """Inputs that one of the two cases sets and the other does not set alike."""
    paths = dict.fromkeys((*base.inputs, *other.inputs))
    return tuple(path for path in paths if not _alike(base, other, path))


def base_of(results: Sequence[CaseResult]) -> CaseResult | None:
    """The case that changes fewest inputs, the first of several; factors of 1 change none."""
    return min(results, key=_changes, default=None)


def _changes(case: CaseResult) -> int:
    """Inputs that a case sets otherwise than the scenario is known to have them."""
    return sum(
        not ((path == "demand" or str(value).startswith("*")) and number_of(value) == 1.0)
        for path, value in case.inputs.items()
    )


def _alike(base: CaseResult, other: CaseResult, path: str) -> bool:
    if path not in base.inputs or path not in other.inputs:
        return False
    first, second = base.inputs[path], other.inputs[path]
    return type(first) is type(second) and first == second
