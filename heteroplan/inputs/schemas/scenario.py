"""What scenario.yaml may hold."""

from typing import Annotated, Literal

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
)

from heteroplan.inputs.schemas.base import (
    MAX_COUNT,
    Duration,
    Factor,
    FilePath,
    Name,
    Share,
    Strict,
    Zone,
    check_stamp,
    text_checked,
)
from heteroplan.inputs.schemas.targets import MOST_TARGETS, TargetSpec
from heteroplan.inputs.schemas.workload import ResilienceSpec, StabilitySpec, WorkloadSpec

DAYS_AHEAD = {"today": 0, "tomorrow": 1}
"""Words for the start of the horizon; they are dates when a scenario is loaded."""
MOST_WEEKS, MOST_GROWTH = 520, 1000


def _or_word(text: str) -> None:
    if text in DAYS_AHEAD:
        return
    try:
        check_stamp(text)
    except ValueError as error:
        remedy = str(error)
        raise ValueError(
            f"{remedy}, or today or tomorrow" if "; write " in remedy else remedy
        ) from None


class HorizonSpec(Strict):
    """The time to plan, in equal intervals."""

    start: Annotated[str, text_checked(_or_word)]
    """Start, in the time zone `timezone`: 2026-11-23, 2026-11-23T06:00, today or tomorrow.

    Words mean days of that zone when the scenario is loaded.
    """
    days: Annotated[int, Field(ge=1, le=366)] | None = None
    """Number of local calendar days; 1 if neither `days` nor `intervals` is given."""
    intervals: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Number of intervals, instead of `days`."""
    interval: Duration = "15min"
    """Length of an interval, such as 15min."""
    timezone: Zone = "UTC"
    """IANA time zone."""
    cyclic: bool = True
    """Whether the first interval follows the last one."""

    @field_validator("intervals")
    @classmethod
    def _one_length(cls, intervals: int | None, info: ValidationInfo) -> int | None:
        if intervals is not None and info.data.get("days") is not None:
            raise ValueError("days is given as well; keep one of them")
        return intervals


class _Planned(Strict):
    """What is planned, where and for what time."""

    name: Name
    """Name of the scenario."""
    fleet: FilePath
    """Fleet file, relative to the scenario's folder."""
    horizon: HorizonSpec
    """The time to plan."""
    objective: Literal["cost", "gpu_hours"] = "cost"
    """What is minimised after unserved demand."""


def _grown(factor: float, per_week: float, weeks: float) -> float:
    return float(factor * (1.0 + per_week) ** weeks)


class DemandGrowth(Strict):
    """How much more demand there is than what the workloads state."""

    growth: Factor = 1.0
    """Factor on the demand of every workload: 1.2 is 20 % more."""
    growth_per_week: Share | None = None
    """By how much demand grows each week of `weeks_ahead`, beside `growth`."""
    weeks_ahead: Annotated[float, Field(ge=0, le=MOST_WEEKS)] | None = None
    """Weeks from now for whose demand is planned: it has grown by `growth_per_week` in each."""

    @field_validator("weeks_ahead")
    @classmethod
    def _with_growth(cls, weeks: float | None, info: ValidationInfo) -> float | None:
        if weeks is None or "growth_per_week" not in info.data:
            return weeks
        rate = info.data["growth_per_week"]
        if rate is None:
            raise ValueError("needs growth_per_week; add it, such as growth_per_week: 3%")
        if _grown(info.data.get("growth", 1.0), rate, weeks) > MOST_GROWTH:
            told = f"with {rate:.3%} a week more than {MOST_GROWTH:,} times the demand; take fewer"
            raise ValueError(told)
        return weeks

    @property
    def factor(self) -> float:
        """On the demand of every workload."""
        return _grown(self.growth, self.growth_per_week or 0.0, self.weeks_ahead or 0.0)


class ScenarioFile(DemandGrowth, _Planned):
    """scenario.yaml."""

    resilience: ResilienceSpec | None = None
    """Failures that every workload survives, unless it has its own `resilience`."""
    stability: StabilitySpec | None = None
    """How often pools may change, of every workload without its own `stability`."""
    surge: dict[Name, Annotated[int, Field(ge=0, le=MAX_COUNT)]] = Field({})
    """GPUs of each node type that stay free in every spine, for rolling updates: {h100x8: 8}."""
    workloads: list[WorkloadSpec] = Field(min_length=1, max_length=10_000)
    """The models to serve."""
    targets: list[TargetSpec] = Field([], max_length=MOST_TARGETS)
    """Objects of the cluster that stand for pools; the first rule that fits a pool counts."""
    offers: FilePath | None = None
    """What nodes can be had for (`heteroplan size`); a file, relative to the scenario's folder."""
