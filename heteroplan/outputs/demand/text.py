"""A demand curve on a terminal, from 80 columns up."""

from collections.abc import Iterable, Sequence
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
from heteroplan.outputs.shared.line_chart import Line, print_line_chart
from heteroplan.outputs.shared.plot import legend, print_rows
from heteroplan.outputs.shared.tables import plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped

if TYPE_CHECKING:
    from heteroplan.forecasting.curve.backtest import Backtest
    from heteroplan.forecasting.curve.curve import Curve

_GOOD, _DOUBTFUL = "green", "yellow"


def render_demand(curve: "Curve", backtest: "Backtest | None", console: Console) -> None:
    """The curve as a chart, its deciding numbers, how it would have held, and what was changed."""
    print_wrapped(Text(heading(curve), style="bold"), console)
    console.print()
    print_line_chart(_lines(curve), horizon_of(curve).boundaries(), "requests/s", console)
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


def _lines(curve: "Curve") -> list[Line]:
    """What is planned, and what it stands above; the same rates only once."""
    planned = [row.rps for row in curve.rows]
    median = [row.median_rps for row in curve.rows]
    mean = [row.mean_rps for row in curve.rows]
    lines = [Line(f"planned ({basis(curve)})", planned, 1, "cyan", "⠤⠤", "#", True)]
    if has_median(curve):
        lines.append(Line("median on like days", median, 2, "blue", "⠄⠄", "-"))
    if mean != planned:
        lines.append(Line("mean", mean, 4, "bright_black", "⠄ ⠄", "."))
    return lines
