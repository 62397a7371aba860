"""A size on the terminal."""

from collections.abc import Sequence

from rich.console import Console

from heteroplan.outputs.shared.tables import more_line, plain_table, print_names_cut
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.outputs.shared.words import horizon_text
from heteroplan.outputs.size import sentences as words
from heteroplan.outputs.size.document import SizeDocument

MOST_ROWS = 20
"""Of a table; --json has all."""


def render_size(found: SizeDocument, console: Console) -> None:
    """What to have and what it costs, what each node type is for, and what else there would be."""
    title = Text.assemble((found.scenario, "bold"), f"  {horizon_text(found.horizon)}")
    print_wrapped(title, console)
    style = "bold green" if found.covered else "bold red"
    print_wrapped(Text(words.headline(found), style=style), console)
    if costs := words.unit_costs(found):
        print_wrapped(Text(costs), console)
    for sentence in words.sentences(found):
        print_wrapped(Text(sentence, style="yellow"), console)
    console.print()
    _cut(words.NODE_HEADS, words.node_rows(found), (1, 2, 3), console, dropped=(6, 3))
    _wrapped("What they are for", words.TYPE_HEADS, words.type_rows(found), console)
    _wrapped("Instead", words.ALTERNATIVE_HEADS, words.alternative_rows(found), console)
    if unknown := words.unknown_alternatives(found):
        print_wrapped(Text(unknown, style="yellow"), console)
    _wrapped("One more node", words.WORTH_HEADS, words.worth_rows(found), console)
    if left := words.without_worth(found):
        print_wrapped(Text(left, style="yellow"), console)
    _wrapped("Spare nodes for failures", words.SPARE_HEADS, words.spare_rows(found), console)
    if any(each.limit_kw is not None for each in found.power):
        _wrapped("Power", words.POWER_HEADS, words.power_rows(found), console)
    _quarters(found, console)
    if found.notes:
        console.print()
    for note in found.notes:
        print_wrapped(Text(note, style="dim"), console)


def _quarters(found: SizeDocument, console: Console) -> None:
    if not found.quarters:
        return
    _wrapped("By quarter", words.quarter_heads(found), words.quarter_rows(found), console)
    if whole := words.purchases_text(found):
        print_wrapped(Text(whole), console)
    if late := words.short_quarters(found):
        print_wrapped(Text(late, style="yellow"), console)
    if rows := words.order_rows(found):
        console.print()
        console.print(Text("Orders", style="dim"))
        _cut(words.ORDER_HEADS, rows, (2, 3, 4), console, dropped=(6, 4))


def _cut(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    names: Sequence[int],
    console: Console,
    *,
    dropped: Sequence[int],
) -> None:
    if not rows:
        return
    empty = {i for i in dropped if not any(row[i] for row in rows)}
    kept = [i for i in range(len(heads)) if i not in empty]
    print_names_cut(
        [heads[i] for i in kept],
        [[row[i] for i in kept] for row in rows],
        [kept.index(i) for i in names if i in kept],
        console,
        dropped=[kept.index(i) for i in dropped if i in kept],
        where="--json",
        most=MOST_ROWS,
    )


def _wrapped(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], console: Console
) -> None:
    """A table under a title; nothing where it has no rows."""
    if not rows:
        return
    console.print()
    console.print(Text(title, style="dim"))
    table = plain_table(console, *heads)
    for column in table.columns:
        column.no_wrap = column.justify != "left"
    table.columns[0].no_wrap = True
    for row in rows[:MOST_ROWS]:
        table.add_row(Text(row[0], style="bold"), *map(Text, row[1:]))
    print_trimmed(table, console)
    if len(rows) > MOST_ROWS:
        console.print(more_line(len(rows) - MOST_ROWS, "--json", console))
