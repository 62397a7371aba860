"""A comparison on the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from heteroplan.outputs.compare.document import ComparisonDocument
from heteroplan.outputs.compare.sentences import (
    LEAST_USD,
    POOL_HEADS,
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
from heteroplan.outputs.shared.tables import more_line, print_names_cut
from heteroplan.outputs.shared.terminal import Text, print_wrapped

MOST_ROWS = 20
"""Of a table; --json has all."""


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
    console.print()
    _print(_TOTALS, list(total_rows(found)), console)
    _print_inputs(input_rows(found), console)
    console.print()
    _print(_WORKLOADS, list(workload_rows(found)), console)
    console.print()
    print_wrapped(Text(counts_sentence(found), style="bold"), console)
    if pools := pool_rows(found):
        _print(_POOLS, pools, console)


def _print(kind: _Kind, rows: Sequence[Sequence[str]], console: Console) -> None:
    print_names_cut(
        kind.heads, rows, kind.names, console, dropped=kind.dropped, where="--json", most=MOST_ROWS
    )


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
    """`before` without the last words that `after` ends with as well, unless it is a mapping."""
    if before.startswith("{"):
        return before
    words, others = before.split(), after.split()
    while len(words) > 1 and len(others) > 1 and words[-1] == others[-1]:
        words.pop()
        others.pop()
    return " ".join(words)
