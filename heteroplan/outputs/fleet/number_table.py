"""Tables of names and numbers, of which only names are cut where there is no room."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from heteroplan.outputs.shared.tables import GUTTER, plain_table
from heteroplan.outputs.shared.terminal import Text

LEAST_NAME = 6
"""Characters that are left of a name."""


def number_table(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table whose heads begin with `>` where a column has numbers; the first column is bold."""
    table = plain_table(console, *heads)
    widths = [
        max(len(head.removeprefix(">")), *(len(row[i]) for row in rows))
        for i, head in enumerate(heads)
    ]
    beyond = sum(widths) + GUTTER * (len(heads) - 1) - console.width
    names = [i for i, head in enumerate(heads) if not head.startswith(">")]
    for i in sorted(names, key=lambda i: -widths[i]):
        cut = max(0, min(beyond, widths[i] - LEAST_NAME))
        widths[i] -= cut
        beyond -= cut
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    for first, *others in rows:
        table.add_row(Text(first, style="bold"), *map(Text, others))
    return table
