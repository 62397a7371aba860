"""A comparison on the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from heteroplan.outputs.compare.document import ComparisonDocument, PoolChange
from heteroplan.outputs.compare.sentences import (
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
_ENOUGH = 16
"""Characters that tell most names apart."""
_STYLES = {
    SIGNS[PoolChange.ADDED]: "green",
    SIGNS[PoolChange.REMOVED]: "red",
    SIGNS[PoolChange.CHANGED]: "yellow",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table."""

    heads: tuple[str, ...]
    names: tuple[int, ...]
    """Columns that may be cut."""
    dropped: tuple[int, ...]
    """Columns that go where names have no room, the first one first."""


_TOTALS = _Kind(TOTAL_HEADS, (0,), (4, 3))
_WORKLOADS = _Kind(WORKLOAD_HEADS, (0, 1), (5, 4, 2))
_POOLS = _Kind(POOL_HEADS, (1, 2, 3, 4, 5), (8, 4, 6, 2, 5))


def render_comparison(found: ComparisonDocument, console: Console) -> None:
    """The change in money, then inputs, workloads and pools that differ, the dearest first."""
    print_wrapped(Text(f"before  {side_text(found.before)}"), console)
    print_wrapped(Text(f"after   {side_text(found.after)}"), console)
    change = found.change.cost_usd_per_day
    style = "bold green" if change < LEAST_USD else "bold red"
    print_wrapped(Text(headline(found), style=style), console)
    for sentence in sentences(found):
        print_wrapped(Text(sentence, style="yellow"), console)
    _print_table(_TOTALS, list(total_rows(found)), console)
    _print_inputs(input_rows(found), console)
    _print_table(_WORKLOADS, list(workload_rows(found)), console)
    console.print()
    print_wrapped(Text(counts_sentence(found), style="bold"), console)
    if pools := pool_rows(found):
        _print_table(_POOLS, pools, console, apart=False)


def _print_inputs(inputs: Sequence[tuple[str, str, str]], console: Console) -> None:
    if inputs:
        console.print()
        console.print(Text("inputs that differ", style="dim"))
    for field, before, after in inputs[:MOST_ROWS]:
        change = f"{_without_unit(before, after) or 'none'} -> {after or 'none'}"
        print_wrapped(Text(f"{field}: {change}"), console)
    if len(inputs) > MOST_ROWS:
        console.print(more_line(len(inputs) - MOST_ROWS, "--json", console))


def _without_unit(before: str, after: str) -> str:
    """`before` without the last words that `after` ends with as well."""
    words, others = before.split(), after.split()
    while len(words) > 1 and len(others) > 1 and words[-1] == others[-1]:
        words.pop()
        others.pop()
    return " ".join(words)


def _print_table(
    kind: _Kind, rows: Sequence[Sequence[str]], console: Console, *, apart: bool = True
) -> None:
    """Without columns that leave names no room; then only names are cut."""
    kept = list(range(len(kind.heads)))
    for dropped in (None, *kind.dropped):
        kept = [i for i in kept if i != dropped]
        heads = [kind.heads[i] for i in kept]
        shown = [[row[i] for i in kept] for row in rows[:MOST_ROWS]]
        longest = _longest(heads, shown)
        names = [kept.index(i) for i in kind.names if i in kept]
        limit = _limit(longest, names, console.width)
        if limit >= _ENOUGH:
            break
    table = plain_table(console, *heads)
    for i, column in enumerate(table.columns):
        if i in names:
            column.max_width = limit
        else:
            column.min_width = longest[i]
    for row in shown:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    if apart:
        console.print()
    print_trimmed(table, console)
    if len(rows) > MOST_ROWS:
        console.print(more_line(len(rows) - MOST_ROWS, "--json", console))


def _longest(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """[column] characters of its longest cell."""
    cells = [[head.removeprefix(">") for head in heads], *rows]
    return [max(len(row[i]) for row in cells) for i in range(len(heads))]


def _limit(longest: Sequence[int], names: Sequence[int], width: int) -> int:
    """Greatest width of a name with which a row fits."""
    for limit in range(_WIDEST_NAME, _NARROWEST_NAME, -1):
        cut = [min(limit, each) if i in names else each for i, each in enumerate(longest)]
        if sum(cut) + GUTTER * (len(cut) - 1) <= width:
            return limit
    return _NARROWEST_NAME
