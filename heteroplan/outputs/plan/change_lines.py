"""How often pools change their sizes, in sentences and rows: the terminal and the report alike."""

from collections.abc import Iterator

from heteroplan.entities.plan import BaselineKind
from heteroplan.outputs.plan.document.plan_document import CalmnessPart, PlanDocument
from heteroplan.outputs.plan.sentences import (
    BASELINE_LABELS,
    bound_knows_rules,
    stability_rules,
    unserved_by_rules,
)
from heteroplan.outputs.shared.words import amount_unit, figure
from heteroplan.text import counted, percent

SECONDS_A_DAY = 86_400
FRONTIER_HEADS = ("changes a day", "starts a day", "objective", "above the bound")
LEAST_STEP = 0.85
"""Of the changes of a plan that is shown, those of the next at most."""
COMPARED = (BaselineKind.GREEDY, BaselineKind.GREEDY_PAIRED)


def a_day(plan: PlanDocument, times: int) -> str:
    """So many times over the horizon, a day."""
    days = plan.horizon.intervals * plan.horizon.interval_s / SECONDS_A_DAY
    return figure(times / days)


def change_sentences(plan: PlanDocument) -> Iterator[str]:
    """Changes of pool sizes and starts a day, beside baselines, and what the last pass gave up."""
    totals = plan.totals
    if totals.changes is None:
        return
    beside = [
        f"{BASELINE_LABELS[name]} {a_day(plan, baseline.changes)}"
        for name in COMPARED
        if (baseline := plan.savings.get(name)) is not None and baseline.changes is not None
    ]
    yield (
        f"Pool sizes change {a_day(plan, totals.changes)} times a day"
        f"{f' ({", ".join(beside)})' if beside else ''}; "
        f"{a_day(plan, totals.starts)} replicas start a day."
    )
    if plan.solver.calming is not None:
        yield _given_up(plan)


def _given_up(plan: PlanDocument) -> str:
    calming = plan.solver.calming
    assert calming is not None
    before, after = calming.before, calming.after
    spared, given_up = before.changes - after.changes, after.objective - before.objective
    unit = amount_unit(plan.objective)
    if (lost := unserved_by_rules(plan)) > 0:
        return (
            f"To keep {stability_rules(plan)}, {counted(lost, 'more request')} are left unserved; "
            f"the plan without that cost {before.objective:,.2f} {unit}."
        )
    if spared == 0 and given_up == 0:
        return "No plan with fewer changes was found within the gap."
    more = f"{given_up:,.2f} {unit} more" if given_up >= 0 else f"{-given_up:,.2f} {unit} less"
    told, fewer = _spared(before, after, stability_rules(plan))
    gaps = f"gap {percent(_gap(plan, before))} before, {percent(_gap(plan, after))} after"
    if bound_knows_rules(plan):
        gaps = f"gap {percent(_gap(plan, after))} after"
    return f"{told}: {fewer}{more}; {gaps}."


def _spared(before: CalmnessPart, after: CalmnessPart, rules: str) -> tuple[str, str]:
    """What the last pass was for, and what it spared.

    Where it spared nothing, the cost is that of the `rules`, which the search leaves out.
    """
    changes, starts = before.changes - after.changes, before.starts - after.starts
    if changes > 0:
        return "The last pass", f"{counted(changes, 'fewer change')} for "
    if changes < 0:
        return f"To keep {rules}", f"{counted(-changes, 'more change')} for "
    if starts > 0:
        return "The last pass", f"{counted(starts, 'fewer start')} for "
    if after.objective < before.objective:
        return "The last pass", ""
    return f"To keep {rules}", ""


def _gap(plan: PlanDocument, calm: CalmnessPart) -> float:
    if calm.objective <= 0:
        return 0.0
    return max(0.0, (calm.objective - plan.solver.bound) / calm.objective)


def frontier_rows(plan: PlanDocument) -> list[tuple[str, str, str, str]]:
    """Plans that none beats in changes and cost, as `FRONTIER_HEADS` says; none unless asked for.

    Where there are many, those that differ most.
    """
    calming = plan.solver.calming
    if calming is None:
        return []
    bound = plan.solver.bound
    shown: list[CalmnessPart] = []
    for each in calming.frontier:
        if not shown or each.changes <= LEAST_STEP * shown[-1].changes:
            shown.append(each)
    return [
        (
            a_day(plan, each.changes),
            a_day(plan, each.starts),
            f"{each.objective:,.2f}",
            percent(max(0.0, each.objective / bound - 1)) if bound > 0 else "",
        )
        for each in shown
    ]
