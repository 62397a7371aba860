"""What a case came to: a file of its own, and a row of the study's table."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from heteroplan.errors import ExitCode
from heteroplan.studies.case import Value


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
