"""Deployment groups against leaves: the GPUs that each holds where, at the peak."""

from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table

from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.places import (
    LeafShare,
    LeafSize,
    by_group,
    fullest,
    leaf_shares,
    leaf_sizes,
    peak_interval,
)
from heteroplan.outputs.shared.tables import GUTTER, more_line, plain_table, stacked
from heteroplan.outputs.shared.terminal import Text
from heteroplan.outputs.shared.words import clock

MOST_LINES = 15


def leaf_table(plan: PlanDocument, console: Console) -> RenderableType | None:
    """A column a leaf where they fit the console, or else a line a group and leaf.

    None where nothing is placed.
    """
    peak = peak_interval(plan)
    shares = leaf_shares(plan, peak)
    if not shares:
        return None
    sizes = leaf_sizes(plan.given, peak)
    head = f"GPUs at peak, {clock(plan.horizon, peak)}"
    if _matrix_width(shares, sizes, head) <= console.width:
        return _matrix(shares, sizes, head, console)
    return _lines(shares, sizes, head, console)


def _matrix_width(shares: Sequence[LeafShare], sizes: Mapping[str, LeafSize], head: str) -> int:
    names = max(len(name) for name in (head, *(share.group for share in shares)))
    return names + sum(
        GUTTER + max(len(leaf.name), len(leaf.priority.value), len(f"{leaf.gpus:,}"))
        for leaf in sizes.values()
    )


def _matrix(
    shares: Sequence[LeafShare], sizes: Mapping[str, LeafSize], head: str, console: Console
) -> RenderableType:
    """The groups with the most GPUs; under each leaf's name its priority, last what it has."""
    table = plain_table(console, f"{head}\npriority")
    for leaf in sizes.values():
        table.add_column(stacked(leaf.name, leaf.priority.value), justify="right")
    groups = by_group(shares)
    largest = sorted(groups, key=lambda group: -sum(groups[group].values()))[:MOST_LINES]
    for group, gpus in groups.items():
        if group in largest:
            cells = (f"{gpus[name]:,}" if name in gpus else "" for name in sizes)
            table.add_row(Text(group, style="bold"), *cells)
    table.add_row("of", *(f"{leaf.gpus:,}" for leaf in sizes.values()), style="dim")
    return _with_rest(table, len(groups) - len(largest), console)


def _lines(
    shares: Sequence[LeafShare], sizes: Mapping[str, LeafSize], head: str, console: Console
) -> RenderableType:
    """The groups that hold most of their leaf."""
    table = plain_table(console, head, "leaf", "priority", ">GPUs", ">of")
    for share in fullest(shares, sizes)[:MOST_LINES]:
        leaf = sizes[share.leaf]
        table.add_row(
            Text(share.group, style="bold"),
            Text(leaf.name),
            leaf.priority.value,
            f"{share.gpus:,}",
            f"{leaf.gpus:,}",
        )
    return _with_rest(table, len(shares) - MOST_LINES, console)


def _with_rest(table: Table, left_out: int, console: Console) -> RenderableType:
    return Group(table, more_line(left_out, "plan.json", console)) if left_out > 0 else table
