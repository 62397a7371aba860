"""What a plan may cost in `check`: a limit, or so much more than another plan."""

from dataclasses import dataclass

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.shared.words import amount_unit
from heteroplan.text import percent, visible

_SECONDS_A_DAY = 86_400
_ROUNDING = 1e-9
_USD = amount_unit(Objective.COST)


@dataclass(frozen=True, slots=True)
class BaselinePlan:
    """What an earlier plan takes, on average a day."""

    file: str
    scenario: str
    cost_usd_per_day: float
    gpu_hours_per_day: float

    @classmethod
    def of(cls, plan: PlanDocument, file: str) -> "BaselinePlan":
        """The plan in `file`."""
        days, totals = days_of(plan), plan.totals
        return cls(file, plan.scenario, totals.cost_usd / days, totals.gpu_hours / days)


@dataclass(frozen=True, slots=True)
class CostLimit:
    """The most that a plan may take a day, and what it takes."""

    option: str
    """That asks for it."""
    unit: str
    """USD or GPU-hours."""
    most_per_day: float
    found_per_day: float
    """Of the best plan that was found."""
    least_per_day: float
    """Proven: no plan that serves as much takes less."""
    baseline: str = ""
    """File of the plan that it is compared with; empty for a plain limit."""
    baseline_per_day: float | None = None
    tolerance: float | None = None
    """Share that it may take more than the baseline."""

    @property
    def kept(self) -> bool:
        """Whether the plan takes no more."""
        return self.found_per_day <= self.most_per_day * (1 + _ROUNDING)

    @property
    def disproved(self) -> bool:
        """Whether it is proven that every plan takes more."""
        return self.least_per_day > self.most_per_day * (1 + _ROUNDING)

    @property
    def change(self) -> float | None:
        """Against the baseline, as a share of it; None without one, or where it takes nothing."""
        if not self.baseline_per_day:
            return None
        return self.found_per_day / self.baseline_per_day - 1

    @property
    def note(self) -> str:
        """What is wrong, in a sentence; empty where it is kept."""
        if self.kept:
            return ""
        amounts = f"{self.found_per_day:,.2f} {self.unit} a day"
        proven = f"no plan takes less than {self.least_per_day:,.2f}"
        if not self.disproved:
            proven = f"not decided, {proven}"
        if self.baseline_per_day is None:
            return f"{amounts}, {self.option} is {self.most_per_day:,.2f}; {proven}"
        more = "" if self.change is None else f", {percent(self.change)} more than"
        return (
            f"{amounts}{more or ', against'} {self.baseline_per_day:,.2f} of "
            f"{visible(self.baseline)}, {percent(self.tolerance or 0.0)} is allowed; {proven}"
        )

    @property
    def short_note(self) -> str:
        """Beside the amount in a table."""
        if self.kept:
            return ""
        asked = f"at most {self.most_per_day:,.2f} ({self.option})"
        if self.change is not None:
            more, allowed = percent(self.change), percent(self.tolerance or 0.0)
            asked = f"{more} more than the baseline, {allowed} is allowed"
        return asked if self.disproved else f"not decided: {asked}"

    @property
    def amount(self) -> str:
        """Of the plan."""
        return f"{self.found_per_day:,.2f} {self.unit}"


def max_cost(plan: PlanDocument, most_usd_per_day: float) -> CostLimit:
    """A limit in USD on what the plan costs."""
    found, least = _taken(plan, _USD)
    return CostLimit("--max-cost", _USD, most_usd_per_day, found, least)


def against_baseline(plan: PlanDocument, baseline: BaselinePlan, tolerance: float) -> CostLimit:
    """A limit on what the scenario minimises, by a plan that was made before."""
    unit = amount_unit(plan.objective)
    before = baseline.cost_usd_per_day if unit == _USD else baseline.gpu_hours_per_day
    return CostLimit(
        "--baseline",
        unit,
        before * (1 + tolerance),
        *_taken(plan, unit),
        baseline=baseline.file,
        baseline_per_day=before,
        tolerance=tolerance,
    )


def days_of(plan: PlanDocument) -> float:
    """Days of its horizon."""
    return plan.horizon.intervals * plan.horizon.interval_s / _SECONDS_A_DAY


def _taken(plan: PlanDocument, unit: str) -> tuple[float, float]:
    """What the plan takes a day, and what no plan takes less than."""
    days, totals, bound = days_of(plan), plan.totals, max(0.0, plan.solver.bound)
    if unit == amount_unit(plan.objective):
        return (totals.cost_usd if unit == _USD else totals.gpu_hours) / days, bound / days
    # GPU-hours are minimised, and each costs the cheapest price at least.
    prices = [shape.usd_per_gpu_hour for shape in plan.given.fleet.node_types]
    return totals.cost_usd / days, bound * min(prices) / days
