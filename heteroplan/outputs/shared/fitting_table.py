"""Tables of names and amounts in which amounts are never cut."""

from collections.abc import Sequence

from rich.console import Console

from heteroplan.outputs.shared.tables import GUTTER, more_line, plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed

MOST_ROWS = 20
_WIDEST_NAME = 40
_NARROWEST_NAME = 4
_ENOUGH = 16
"""Characters that tell most names apart."""
_STYLES = {"+": "green", "-": "red", "~": "yellow"}
"""Of cells that say what became of a row."""


def print_names_cut(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    names: Sequence[int],
    console: Console,
    *,
    where: str,
    dropped: Sequence[int] = (),
    most: int = MOST_ROWS,
) -> None:
    """`plain_table` of at most `most` rows; `where` has the others.

    Where names, the columns `names`, have no room, columns of `dropped` are left out, the first
    one first; then names are cut.
    """
    kept = list(range(len(heads)))
    for left_out in (None, *dropped):
        kept = [i for i in kept if i != left_out]
        shown = [[row[i] for i in kept] for row in rows[:most]]
        cells = [[heads[i].removeprefix(">") for i in kept], *shown]
        longest = [max(map(len, column)) for column in zip(*cells, strict=True)]
        cut = [place for place, i in enumerate(kept) if i in names]
        limit = _limit(longest, cut, console.width)
        if limit >= _ENOUGH:
            break
    table = plain_table(console, *(heads[i] for i in kept))
    for place, column in enumerate(table.columns):
        if place in cut:
            column.max_width = limit
        else:
            column.min_width = longest[place]
    for row in shown:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    print_trimmed(table, console)
    if len(rows) > most:
        console.print(more_line(len(rows) - most, where, console))


def _limit(longest: Sequence[int], names: Sequence[int], width: int) -> int:
    """Greatest width of a name with which a row fits."""
    for limit in range(_WIDEST_NAME, _NARROWEST_NAME, -1):
        cut = [min(limit, each) if i in names else each for i, each in enumerate(longest)]
        if sum(cut) + GUTTER * (len(cut) - 1) <= width:
            return limit
    return _NARROWEST_NAME
