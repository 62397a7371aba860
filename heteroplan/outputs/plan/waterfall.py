"""What takes the cost from static sizes down to the plan, a bar each."""

from collections.abc import Iterator
from dataclasses import dataclass

from heteroplan.entities.plan import BaselineKind
from heteroplan.entities.scenario import Objective
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.sentences import baseline_label, serves_alike
from heteroplan.outputs.shared.page import render
from heteroplan.outputs.shared.words import amount_unit
from heteroplan.text import percent

_STEPS = {
    BaselineKind.STATIC_PEAK_ONE_GPU_TYPE: "",
    BaselineKind.STATIC_PEAK: "several GPU types",
    BaselineKind.GREEDY: "sizes that follow demand (greedy topology)",
}
"""What each baseline does that the one before it does not."""


@dataclass(frozen=True, slots=True)
class Bar:
    """From one amount to another, in the unit of the objective."""

    label: str
    start: float
    end: float
    is_total: bool = False
    """A whole amount and not a difference."""
    is_open: bool = False
    """A difference that no plan is known to make."""

    @property
    def kind(self) -> str:
        """`total`, `open`, `less` or `more`."""
        if self.is_total:
            return "total"
        if self.is_open:
            return "open"
        return "more" if self.end > self.start else "less"


def waterfall(plan: PlanDocument) -> tuple[Bar, ...]:
    """From the first static baseline that serves as much as the plan to the plan and its bound.

    Empty where there is none: then nothing is saved.
    """
    amounts = {
        name: _amount(plan, baseline.cost_usd, baseline.gpu_hours)
        for name, baseline in plan.savings.items()
        if name in _STEPS and serves_alike(plan, name, baseline)
    }
    known = [(kind, amount) for kind in _STEPS if (amount := amounts.get(kind)) is not None]
    if not known or known[0][0] is BaselineKind.GREEDY:
        return ()
    (first, start), *others = known
    bars = [Bar(baseline_label(first, plan.savings[first]), 0.0, start, is_total=True)]
    before = start
    for kind, amount in others:
        bars.append(Bar(_STEPS[kind], before, amount))
        before = amount
    own = _amount(plan, plan.totals.cost_usd, plan.totals.gpu_hours) or 0.0
    greedy = known[-1][0] is BaselineKind.GREEDY
    bars.append(Bar("planned as a whole" if greedy else "sizes that follow demand", before, own))
    bars.append(Bar("this plan", 0.0, own, is_total=True))
    bound = max(0.0, min(own, plan.solver.bound))
    bars.append(Bar("at most left to save (proven)", own, bound, is_open=True))
    return tuple(bars)


def waterfall_html(plan: PlanDocument) -> str:
    """The bars as a list; empty where there are none."""
    bars = waterfall(plan)
    if not bars:
        return ""
    return render("waterfall.html", bars=list(_shown(bars, amount_unit(plan.objective))))


def _shown(bars: tuple[Bar, ...], unit: str) -> Iterator[dict[str, str]]:
    """What the template shows: places are in % of the greatest amount."""
    greatest = max(max(bar.start, bar.end) for bar in bars) or 1.0
    for bar in bars:
        change = bar.end - bar.start
        share = f", {percent(abs(change) / greatest)}" if not bar.is_total else ""
        yield {
            "kind": bar.kind,
            "label": bar.label,
            "amount": f"{change:,.2f} {unit}" if bar.is_total else f"{change:+,.2f} {unit}{share}",
            "left": f"{100 * min(bar.start, bar.end) / greatest:.2f}",
            "width": f"{100 * abs(change) / greatest:.2f}",
        }


def _amount(plan: PlanDocument, cost_usd: float | None, gpu_hours: float | None) -> float | None:
    return cost_usd if plan.objective is Objective.COST else gpu_hours
