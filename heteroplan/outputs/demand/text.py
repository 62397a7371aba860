"""A demand curve on a terminal, from 80 columns up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from heteroplan.outputs.demand.figures import (
    BACKTEST_HEADS,
    CLASS_HEADS,
    RATE_HEADS,
    backtest_heading,
    backtest_rows,
    basis,
    class_heading,
    class_rows,
    days_covered,
    has_median,
    heading,
    horizon_of,
    is_enough,
    rate_rows,
    sentences,
)
from heteroplan.outputs.shared.clock_ticks import clock_ticks
from heteroplan.outputs.shared.plot import (
    MOST_COLUMNS,
    Axis,
    characters,
    columns_beside,
    framed,
    labels_of,
    legend,
    print_rows,
)
from heteroplan.outputs.shared.tables import plain_table
from heteroplan.outputs.shared.terminal import Text, draws_blocks, print_trimmed, print_wrapped

if TYPE_CHECKING:
    from heteroplan.forecasting.curve.backtest import Backtest
    from heteroplan.forecasting.curve.curve import Curve

_ROWS = 12
_MARGIN = 1.04
"""Of the axis above the greatest rate."""
_GOOD, _DOUBTFUL = "green", "yellow"


@dataclass(frozen=True, slots=True)
class _Line:
    """Rates as a line of dots."""

    name: str
    rates: Sequence[float]
    """One an interval [requests/s]."""
    every: int
    """Columns of dots from one dot to the next; 1 is a line without gaps."""
    colour: str
    sample: str
    """What it looks like."""
    marker: str
    """What stands for it where there is no braille."""
    takes_greatest: bool = False
    """Of the intervals that share a column of dots, and not their mean."""


def render_demand(curve: "Curve", backtest: "Backtest | None", console: Console) -> None:
    """The curve as a chart, its deciding numbers, how it would have held, and what was changed."""
    print_wrapped(Text(heading(curve), style="bold"), console)
    console.print()
    _print_chart(curve, console)
    console.print()
    print_trimmed(_table(RATE_HEADS, rate_rows(curve), console), console)
    for sentence in sentences(curve):
        print_wrapped(Text(sentence), console)
    if rows := class_rows(curve):
        console.print()
        print_wrapped(Text(class_heading(curve), style="bold"), console)
        print_trimmed(_table(CLASS_HEADS, rows, console), console)
    if backtest is not None:
        console.print()
        _print_backtest(backtest, console)
    if curve.notes:
        console.print()
    for note in curve.notes:
        print_wrapped(Text(note, style="dim"), console)


def _print_backtest(backtest: "Backtest", console: Console) -> None:
    print_wrapped(Text(backtest_heading(backtest), style="bold"), console)
    table = _table(BACKTEST_HEADS, (), console)
    for row, measure in zip(backtest_rows(backtest), backtest.measures, strict=True):
        what, covered, *others = row
        style = _style(is_enough(measure.coverage, backtest))
        table.add_row(Text(what), Text(covered, style=style), *map(Text, others))
    print_trimmed(table, console)
    if len(backtest.held_back) > 1:
        days = [Text(day.text, style=_style(day.is_enough)) for day in days_covered(backtest)]
        print_rows(legend([Text("requests by day:"), *days], console.width), console)


def _style(is_good: bool) -> str:
    return _GOOD if is_good else _DOUBTFUL


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> Table:
    """The first column is text, the others are numbers."""
    table = plain_table(console, (heads[0], "left"), *((head, "right") for head in heads[1:]))
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _print_chart(curve: "Curve", console: Console) -> None:
    """Requests/s over local time."""
    width, blocks = min(console.width, MOST_COLUMNS), draws_blocks(console)
    lines = _lines(curve)
    top = max(rate for line in lines for rate in line.rates)
    y = Axis(0.0, _MARGIN * top or 1.0, False)
    labels = labels_of(y, _ROWS)
    columns = columns_beside(labels, width)
    moments = horizon_of(curve).boundaries()
    ticks = [
        (min(columns - 1, i * columns // (len(moments) - 1)), label)
        for i, label in clock_ticks(moments, columns)
    ]
    picture = _canvas(lines, y, columns, blocks)
    print_rows(framed(picture, labels, ticks, columns, blocks=blocks), console)
    entries = [
        Text.assemble((line.sample if blocks else line.marker, line.colour), f" {line.name}")
        for line in lines
    ]
    print_rows(legend([Text("requests/s:"), *entries], width), console)


def _lines(curve: "Curve") -> list[_Line]:
    """What is planned, and what it stands above; the same rates only once."""
    planned = [row.rps for row in curve.rows]
    median = [row.median_rps for row in curve.rows]
    mean = [row.mean_rps for row in curve.rows]
    lines = [_Line(f"planned ({basis(curve)})", planned, 1, "cyan", "⠤⠤", "#", True)]
    if has_median(curve):
        lines.append(_Line("median on like days", median, 2, "blue", "⠄⠄", "-"))
    if mean != planned:
        lines.append(_Line("mean", mean, 4, "bright_black", "⠄ ⠄", "."))
    return lines


def _canvas(lines: Sequence[_Line], y: Axis, columns: int, blocks: bool) -> list[str]:
    """Rows of characters, with the colours that the environment allows; the first line on top."""
    from plotille import Canvas

    across, up = (2 * columns, 4 * _ROWS)
    canvas = Canvas(columns, _ROWS, 0, 0, across, up)
    for line in reversed(lines):
        dots = [y.cell(rate, up, 1) for rate in _spread(line, across)]
        marker = None if blocks else line.marker
        for x, (before, dot) in enumerate(pairwise([dots[0], *dots])):
            if x % line.every:
                continue
            low = min(before, dot) if line.every == 1 else dot
            high = max(before, dot) if line.every == 1 else dot
            for step in range(low, high + 1):
                canvas.point(x, step, color=line.colour, marker=marker)
    return characters(canvas.plot(linesep="\n"), blocks=blocks)


def _spread(line: _Line, dots: int) -> list[float]:
    """A rate for each column of dots."""
    n = len(line.rates)
    found = []
    for i in range(dots):
        shared = line.rates[i * n // dots : max(i * n // dots + 1, (i + 1) * n // dots)]
        found.append(max(shared) if line.takes_greatest else sum(shared) / len(shared))
    return found
