"""Tables without lines, as every command prints them."""

from typing import Literal

from rich.console import Console, Group
from rich.table import Table

from heteroplan.outputs.shared.terminal import Text, draws_blocks

GUTTER = 2
"""Blanks between two columns."""

Justify = Literal["left", "right"]


def plain_table(console: Console, *columns: tuple[str, Justify]) -> Table:
    """Columns without lines between them; a name that does not fit is cut."""
    table = Table(box=None, pad_edge=False, padding=(0, GUTTER, 0, 0), header_style="dim")
    for head, justify in columns:
        table.add_column(
            stacked(*head.split("\n")),
            justify=justify,
            no_wrap=True,
            overflow="ellipsis" if draws_blocks(console) else "crop",
        )
    return table


def stacked(*lines: str) -> Group:
    """Lines below one another in one cell."""
    return Group(*map(Text, lines))


def more_line(count: int, where: str, console: Console) -> Text:
    """Such as `… and 3 more (in plan.json)`."""
    dots = "…" if draws_blocks(console) else "..."
    return Text(f"{dots} and {count} more (in {where})", style="dim")
