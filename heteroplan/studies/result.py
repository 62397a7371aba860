"""What a case came to: a file of its own, and a row of the study's table."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

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

    inputs: dict[str, Value]
    key: str
    """Names the inputs: equal keys are the same case."""
    status: CaseStatus
    covered: str | None = None
    """`covered`, `short` or `undecided`; None where the case failed."""
    cost_usd: float | None = None
    """Of the horizon."""
    gpu_hours: float | None = None
    served_fraction: float | None = None
    unserved_requests: float | None = None
    peak_gpus: int | None = None
    gpu_hours_by_type: dict[str, float] | None = None
    bound_usd: float | None = None
    """Proven: no plan costs less."""
    gap: float | None = None
    error: str | None = None
