"""A demand curve on a terminal, from 80 columns up."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from heteroplan.outputs.demand import figures
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
    print_wrapped(Text(figures.heading(curve), style="bold"), console)
    console.print()
    print_line_chart(_lines(curve), figures.horizon_of(curve).boundaries(), "requests/s", console)
    console.print()
    print_trimmed(_table(figures.RATE_HEADS, figures.rate_rows(curve), console), console)
    for sentence in figures.sentences(curve):
        print_wrapped(Text(sentence), console)
    if rows := figures.class_rows(curve):
        console.print()
        print_wrapped(Text(figures.class_heading(curve), style="bold"), console)
        print_trimmed(_table(figures.CLASS_HEADS, rows, console), console)
    if backtest is not None:
        console.print()
        _print_backtest(backtest, console)
    if curve.notes:
        console.print()
    for note in curve.notes:
        print_wrapped(Text(note, style="dim"), console)


def _print_backtest(backtest: "Backtest", console: Console) -> None:
    print_wrapped(Text(figures.backtest_heading(backtest), style="bold"), console)
    table = _table(figures.BACKTEST_HEADS, (), console)
    for row, measure in zip(figures.backtest_rows(backtest), backtest.measures, strict=True):
        what, covered, *others = row
        style = _style(figures.is_enough(measure.coverage, backtest))
        table.add_row(Text(what), Text(covered, style=style), *map(Text, others))
    print_trimmed(table, console)
    if len(backtest.held_back) > 1:
        days = [
            Text(day.text, style=_style(day.is_enough)) for day in figures.days_covered(backtest)
        ]
        print_rows(legend([Text("requests by day:"), *days], console.width), console)


def _style(is_good: bool) -> str:
    return _GOOD if is_good else _DOUBTFUL


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> Table:
    """The first column is text, the others are numbers."""
    table = plain_table(console, heads[0], *(f">{head}" for head in heads[1:]))
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _lines(curve: "Curve") -> list[Line]:
    """What is planned, and what it stands above; the same rates only once."""
    planned = [row.rps for row in curve.rows]
    median = [row.median_rps for row in curve.rows]
    mean = [row.mean_rps for row in curve.rows]
    lines = [Line(f"planned ({figures.basis(curve)})", planned, 1, "cyan", "⠤⠤", "#", True)]
    if figures.has_median(curve):
        lines.append(Line("median on like days", median, 2, "blue", "⠄⠄", "-"))
    if mean != planned:
        lines.append(Line("mean", mean, 4, "bright_black", "⠄ ⠄", "."))
    return lines
