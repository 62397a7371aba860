"""What one more node is worth to a plan: a table, and its form in JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.shared.tables import more_line, plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.outputs.shared.words import amount_unit
from heteroplan.planning.node_worth import NodeWorth
from heteroplan.units import HOURS_PER_DAY, S_PER_HOUR

MOST_ROWS = 10
MOST_LEAVES = 2
"""Leaves of a row that are named."""
MOSTLY = 0.8
"""Share of a node's worth that falls into the hours that are named."""
NO_TIME = "What one more node is worth was not computed in time; raise --time-limit."
NOTHING = "One more node of a type that the fleet has is worth nothing to this plan."


@dataclass(frozen=True, slots=True)
class Worth:
    """What one more node of each type is worth to a plan."""

    nodes: tuple[NodeWorth, ...] | None
    """Most first; None where time ran out."""
    horizon: HorizonPart
    short: bool
    """Whether the plan leaves demand unserved, so that requests count and not money."""
    unit: str
    """Of what a node saves."""
    uncertain: float
    """What the plan may cost above the optimum: no more than that may be chance [unit]."""


def worth_of(document: PlanDocument, nodes: tuple[NodeWorth, ...] | None) -> Worth:
    """What nodes are worth to the plan of a document."""
    return Worth(
        nodes=nodes,
        horizon=document.horizon,
        short=not document.covered,
        unit=amount_unit(document.objective),
        uncertain=max(0.0, document.solver.objective - document.solver.bound),
    )


def render_worth(worth: Worth, console: Console) -> None:
    """A table of one more node of each type, by place and hour, and how far to trust it."""
    if not worth.nodes:
        print_wrapped(Text(NO_TIME if worth.nodes is None else NOTHING), console)
        return
    print_trimmed(_table(worth, worth.nodes, console), console)
    if len(worth.nodes) > MOST_ROWS:
        console.print(more_line(len(worth.nodes) - MOST_ROWS, "--json", console))
    per_day = worth.uncertain / _days(worth.horizon)
    checked = any(each.again is not None for each in worth.nodes)
    if checked and not worth.short and per_day >= 0.005:
        print_wrapped(
            Text(
                "Solved again: within the gap of the plan, "
                f"{_amount(per_day, worth.short)} {worth.unit} a day, a difference may be chance."
            ),
            console,
        )


def _table(worth: Worth, nodes: Sequence[NodeWorth], console: Console) -> Table:
    """Without the columns of what the LP says, where it says nothing of any node."""
    unit = "requests more a day" if worth.short else f"{worth.unit} saved a day"
    days = _days(worth.horizon)
    estimates = [each.served if worth.short else each.saved for each in nodes[:MOST_ROWS]]
    known = any(sum(estimate) > ROUNDING for estimate in estimates)
    columns = (f">{unit}", ">solved again", "mostly") if known else (f">{unit}, solved again",)
    table = plain_table(console, "one more", "on leaf", *columns, last_wraps=known)
    for each, estimate in zip(nodes, estimates, strict=False):
        again = None
        if each.again is not None:
            again = each.again.served if worth.short else each.again.saved
        solved = "" if again is None else _amount(again / days, worth.short)
        amount = _amount(sum(estimate) / days, worth.short) if sum(estimate) > ROUNDING else ""
        table.add_row(
            Text(each.node_type, style="bold"),
            Text(_leaves(each.leaves)),
            *((amount, solved, mostly(estimate, worth.horizon)) if known else (solved,)),
        )
    return table


def worth_json(worth: Worth) -> list[dict[str, Any]] | None:
    """By node type and place: estimates by interval, and `again` where it was solved again.

    None where time ran out.
    """
    if worth.nodes is None:
        return None
    return [
        {
            "node_type": each.node_type,
            "leaves": list(each.leaves),
            "saved": [round(value, 6) for value in each.saved],
            "served_requests": [round(value, 3) for value in each.served],
            "again": None
            if each.again is None
            else {
                "saved": round(each.again.saved, 6),
                "served_requests": round(each.again.served, 3),
            },
        }
        for each in worth.nodes
    ]


def _days(horizon: HorizonPart) -> float:
    return horizon.intervals * horizon.interval_s / (S_PER_HOUR * HOURS_PER_DAY)


def mostly(worth: Sequence[float], horizon: HorizonPart) -> str:
    """The shortest part of the horizon that has most of a worth; `all day` where it is long,
    nothing where there is none.

    Of a cyclic day it may run over midnight.
    """
    total, count = sum(worth), len(worth)
    if total <= 0.0:
        return ""
    again = list(worth) * (2 if horizon.cyclic else 1)
    best: tuple[int, int] | None = None
    first, held = 0, 0.0
    for end, value in enumerate(again, start=1):
        held += value
        while first < end and held - again[first] >= MOSTLY * total - 1e-12 * total:
            held -= again[first]
            first += 1
        if held >= MOSTLY * total * (1 - 1e-12) and (best is None or end - first < best[1]):
            best = (first, end - first)
    if best is None or best[1] > count / 2:
        return "all day"
    start, end = best[0] % count, (best[0] + best[1] - 1) % count
    boundaries = horizon.boundaries()
    return f"{boundaries[start]:%H:%M} to {boundaries[end + 1]:%H:%M}"


def _amount(value: float, requests: bool) -> str:
    return f"{value:,.0f}" if requests else f"{value:,.2f}"


def _leaves(leaves: Sequence[str]) -> str:
    more = len(leaves) - MOST_LEAVES
    named = ", ".join(leaves[:MOST_LEAVES])
    return f"{named} or {more} more" if more > 0 else named.replace(", ", " or ")
