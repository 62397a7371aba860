"""Tables without lines, as every command prints them."""

from rich.console import Console, Group
from rich.table import Table

from heteroplan.outputs.shared.terminal import Text, draws_blocks

GUTTER = 2
"""Blanks between two columns."""


def plain_table(console: Console, *heads: str, last_wraps: bool = False) -> Table:
    """Columns without lines between them, those whose head begins with `>` right-aligned.

    A name that does not fit is cut, in the last column where that `last_wraps` goes on below.
    """
    table = Table(box=None, pad_edge=False, padding=(0, GUTTER, 0, 0), header_style="dim")
    for head in heads:
        table.add_column(
            stacked(*head.removeprefix(">").split("\n")),
            justify="right" if head.startswith(">") else "left",
            no_wrap=True,
            overflow="ellipsis" if draws_blocks(console) else "crop",
        )
    table.columns[-1].no_wrap = not last_wraps
    return table


def stacked(*lines: str) -> Group:
    """Lines below one another in one cell."""
    return Group(*map(Text, lines))


def more_line(count: int, where: str, console: Console) -> Text:
    """Such as `… and 3 more (in plan.json)`."""
    dots = "…" if draws_blocks(console) else "..."
    return Text(f"{dots} and {count} more (in {where})", style="dim")
