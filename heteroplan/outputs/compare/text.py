"""A comparison on the terminal."""

from collections.abc import Sequence

from rich.console import Console

from heteroplan.outputs.compare.document import ComparisonDocument, PoolChange
from heteroplan.outputs.compare.sentences import (
    INPUT_HEADS,
    LEAST_USD,
    POOL_HEADS,
    SIGNS,
    TOTAL_HEADS,
    WORKLOAD_HEADS,
    counts_sentence,
    headline,
    input_rows,
    pool_rows,
    sentences,
    side_text,
    total_rows,
    workload_rows,
)
from heteroplan.outputs.shared.tables import GUTTER, more_line, plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped

MOST_ROWS = 20
"""Of a table; --json has all."""
_WIDEST_NAME = 40
_NARROWEST_NAME = 4
_STYLES = {
    SIGNS[PoolChange.ADDED]: "green",
    SIGNS[PoolChange.REMOVED]: "red",
    SIGNS[PoolChange.CHANGED]: "yellow",
}


def render_comparison(found: ComparisonDocument, console: Console) -> None:
    """The change in money, then inputs, workloads and pools that differ, the dearest first."""
    print_wrapped(Text(f"before  {side_text(found.before)}"), console)
    print_wrapped(Text(f"after   {side_text(found.after)}"), console)
    change = found.change.cost_usd_per_day
    style = "bold green" if change < LEAST_USD else "bold red"
    print_wrapped(Text(headline(found), style=style), console)
    for sentence in sentences(found):
        print_wrapped(Text(sentence, style="yellow"), console)
    _print_table(TOTAL_HEADS, list(total_rows(found)), (0,), console)
    if inputs := input_rows(found):
        _print_table(INPUT_HEADS, inputs, (0, 1), console, last_wraps=True)
    _print_table(WORKLOAD_HEADS, list(workload_rows(found)), (0, 1), console)
    console.print()
    print_wrapped(Text(counts_sentence(found), style="bold"), console)
    if pools := pool_rows(found):
        _print_table(POOL_HEADS, pools, (1, 2, 3, 4, 5), console, apart=False)


def _print_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    names: Sequence[int],
    console: Console,
    *,
    apart: bool = True,
    last_wraps: bool = False,
) -> None:
    """Only columns of `names` are cut where there is not room for all."""
    shown = rows[:MOST_ROWS]
    table = plain_table(console, *heads, last_wraps=last_wraps)
    cells = [[head.removeprefix(">") for head in heads], *shown]
    longest = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    limit = _limit(longest, names, console.width)
    for i, column in enumerate(table.columns):
        if i in names:
            column.max_width = limit
        elif not last_wraps or i < len(heads) - 1:
            column.min_width = longest[i]
    for row in shown:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    if apart:
        console.print()
    print_trimmed(table, console)
    if len(rows) > MOST_ROWS:
        console.print(more_line(len(rows) - MOST_ROWS, "--json", console))


def _limit(longest: Sequence[int], names: Sequence[int], width: int) -> int:
    """Greatest width of a name with which a row fits."""
    for limit in range(_WIDEST_NAME, _NARROWEST_NAME, -1):
        cut = [min(limit, each) if i in names else each for i, each in enumerate(longest)]
        if sum(cut) + GUTTER * (len(cut) - 1) <= width:
            return limit
    return _NARROWEST_NAME
