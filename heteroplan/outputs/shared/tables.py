"""Tables without lines, as every command prints them."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.style import StyleType
from rich.table import Column, Table
from rich.text import Text as RichText  # noqa: TID251

from heteroplan.outputs.shared.terminal import AnyText, Text, draws_blocks, print_trimmed

MOST_ROWS = 20
GUTTER = 2
"""Blanks between two columns."""
NARROWEST_NAME, NARROWEST_SENTENCE = 12, 20
"""Characters that a name, and a column whose cells wrap, keep where a table is narrow."""
_ENOUGH = 16
"""Characters that tell most names apart."""
_INDENT = "  "
_STYLES = {"+": "green", "-": "red", "~": "yellow"}
"""Of cells that say what became of a row."""


class PlainTable(Table):
    """A table without lines that loses no number and no name of a row, however narrow it is.

    Names of left-aligned columns are cut first. Where that is not enough, empty columns are left
    out; then each row is a paragraph: its first cell, and below it the others with the heads of
    their columns. The head of the first column stands above all.
    """

    pictures: frozenset[int] = frozenset()
    """Columns of characters that stand on a line of their own in a paragraph."""
    naming: int = 1
    """First columns that tell rows apart together: of more than one, the cells begin a paragraph
    with their heads."""
    unnamed: str = ""
    """What a row without any of them is called in a paragraph."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        natural = [_natural_width(column) for column in self.columns]
        widths = self._fitted(natural, options.max_width)
        if widths is None and (narrower := self._without_empty()) is not None:
            yield narrower
            return
        if widths is None:
            yield from self._paragraphs(options.max_width)
            return
        dots = "…" if draws_blocks(console) else "~"
        shown = [
            self._cells_in(column, width, dots)
            for column, width in zip(self.columns, widths, strict=True)
        ]
        if any(cells is None for cells in shown):
            yield from self._paragraphs(options.max_width)
            return
        table = Table(box=None, pad_edge=False, padding=(0, GUTTER, 0, 0), header_style="dim")
        for column, width in zip(self.columns, widths, strict=True):
            table.add_column(
                column.header, justify=column.justify, no_wrap=column.no_wrap,
                overflow=column.overflow, width=width,
            )  # fmt: skip
        for row, cells in zip(self.rows, zip(*filter(None, shown), strict=True), strict=True):
            table.add_row(*cells, style=row.style)
        table.caption, table.caption_justify = self.caption, self.caption_justify
        yield table

    def _without_empty(self) -> "PlainTable | None":
        """The table without the columns that have no cell with text; None where all have one."""
        kept = [
            i
            for i, column in enumerate(self.columns)
            if i < self.naming or any(map(_plain, column.cells))
        ]
        if len(kept) == len(self.columns):
            return None
        narrower = copy(self)
        narrower.columns = [self.columns[i] for i in kept]
        narrower.pictures = frozenset(kept.index(i) for i in self.pictures if i in kept)
        return narrower

    def _fitted(self, natural: Sequence[int], room: int) -> list[int] | None:
        """Widths of the columns in `room`; None where too little would be left of one."""
        widths = list(natural)
        excess = sum(widths) + GUTTER * (len(widths) - 1) - room
        for wraps in (True, False):
            least = [
                _narrowest_sentence(column, full) if wraps else _narrowest_name(column)
                for column, full in zip(self.columns, natural, strict=True)
            ]
            shrinking = [
                i
                for i, column in enumerate(self.columns)
                if column.justify == "left" and column.no_wrap is not wraps
                and i not in self.pictures
            ]  # fmt: skip
            while excess > 0 and shrinking:
                widest = max(shrinking, key=lambda i: widths[i] - least[i])
                if widths[widest] <= least[widest]:
                    break
                widths[widest] -= 1
                excess -= 1
        return None if excess > 0 else widths

    def _cells_in(self, column: Column, width: int, dots: str) -> list[RenderableType] | None:
        """Those of a column, its names cut to `width`; None where different ones would be equal."""
        cells = list(column.cells)
        if not column.no_wrap or column.justify != "left":
            return cells
        short = distinct([_plain(cell) for cell in cells], width, dots)
        if short is None:
            return None
        return [
            cell
            if text == _plain(cell)
            else Text(text, style=cell.style if isinstance(cell, RichText) else "")
            for cell, text in zip(cells, short, strict=True)
        ]

    def _paragraphs(self, room: int) -> Iterator[RenderableType]:
        heads = [_head(column) for column in self.columns]
        cells = [list(column.cells) for column in self.columns]
        name: RenderableType = ""
        if self.naming == 1:
            yield from _broken(Text(heads[0], style="dim"), "", room)

        def told(i: int, columns: Iterable[int], style: StyleType = "") -> AnyText:
            """Cells of row `i` with the heads of their columns."""
            parts = [
                Text.assemble(
                    (f"{heads[j]} " if heads[j] else "", "dim"), _text(cells[j][i], style)
                )
                for j in columns
                if j not in self.pictures and _plain(cells[j][i])
            ]
            return Text(", ").join(parts)

        for i, row in enumerate(self.rows):
            style = row.style or "bold"
            name = cells[0][i] if _plain(cells[0][i]) else name
            title = told(i, range(self.naming), style) if self.naming > 1 else _text(name, style)
            title = title if title.plain else Text(self.unnamed, style=style)
            yield from _broken(title, "", room)
            yield from _broken(told(i, range(self.naming, len(cells))), _INDENT, room)
            for j in sorted(self.pictures):
                picture = _text(cells[j][i])
                picture.truncate(room - len(_INDENT))
                yield Text(_INDENT).append_text(picture)
        if self.caption:
            yield self.caption


def plain_table(console: Console, *heads: str, last_wraps: bool = False) -> PlainTable:
    """Columns without lines between them, those whose head begins with `>` right-aligned.

    A name that does not fit is cut, in the last column where that `last_wraps` goes on below.
    """
    table = PlainTable(box=None, pad_edge=False, padding=(0, GUTTER, 0, 0), header_style="dim")
    for head in heads:
        table.add_column(
            stacked(*head.removeprefix(">").split("\n")),
            justify="right" if head.startswith(">") else "left",
            no_wrap=True,
            overflow="ellipsis" if draws_blocks(console) else "crop",
        )
    table.columns[-1].no_wrap = not last_wraps
    return table


def table_of_names(
    console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> PlainTable:
    """`plain_table` of rows whose first cells, in bold, are their names."""
    table = plain_table(console, *heads)
    for first, *others in rows:
        table.add_row(Text(first, style="bold"), *map(Text, others))
    return table


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

    Where names, the columns `names`, have too little room, columns of `dropped` are left out, the
    first one first; then names are cut, and no other cells.
    """
    kept = list(range(len(heads)))
    for left_out in (None, *dropped):
        kept = [i for i in kept if i != left_out]
        cells = [[heads[i].removeprefix(">") for i in kept]]
        cells += [[row[i] for i in kept] for row in rows[:most]]
        widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
        least = [
            min(_ENOUGH, width) if i in names else width
            for i, width in zip(kept, widths, strict=True)
        ]
        if sum(least) + GUTTER * (len(kept) - 1) <= console.width:
            break
    table = plain_table(console, *(heads[i] for i in kept))
    for i, column, width in zip(kept, table.columns, widths, strict=True):
        column.min_width = None if i in names else width
    for row in rows[:most]:
        table.add_row(*(Text(row[i], style=_STYLES.get(row[i], "")) for i in kept))
    print_trimmed(table, console)
    if len(rows) > most:
        console.print(more_line(len(rows) - most, where, console))


def distinct(names: Sequence[str], width: int, dots: str) -> list[str] | None:
    """`names` in `width` characters, cut at the end, or else inside, so that different ones differ.

    None where no cut at one place tells them apart.
    """
    for tail in (0, *range(width // 2, width - 1), *range(width // 2 - 1, 0, -1)):
        head = max(0, width - len(dots) - tail)
        short = [
            name if cell_len(name) <= width else f"{name[:head]}{dots}{name[len(name) - tail :]}"
            for name in names
        ]
        if len(set(zip(names, short, strict=True))) == len(set(short)):
            return short
    return None


def stacked(*lines: str) -> Group:
    """Lines below one another in one cell."""
    return Group(*map(Text, lines))


def more_line(count: int, where: str, console: Console) -> Text:
    """Such as `… and 3 more (in plan.json)`."""
    dots = "…" if draws_blocks(console) else "..."
    return Text(f"{dots} and {count} more (in {where})", style="dim")


def _natural_width(column: Column) -> int:
    """That of the widest cell or line of the head, within the column's own limits."""
    texts = [*_lines(column.header), *(_plain(cell) for cell in column.cells)]
    width = max(map(cell_len, texts), default=0)
    if column.max_width is not None:
        width = min(width, column.max_width)
    return max(width, column.min_width or 0, 1)


def _narrowest_name(column: Column) -> int:
    return max(NARROWEST_NAME, column.min_width or 0, *map(cell_len, _lines(column.header)))


def _narrowest_sentence(column: Column, natural: int) -> int:
    """Whole words, and of long sentences a third or `NARROWEST_SENTENCE`."""
    texts = [*_lines(column.header), *(_plain(cell) for cell in column.cells)]
    word = max((cell_len(each) for text in texts for each in text.split()), default=1)
    return min(NARROWEST_SENTENCE, max(word, natural // 3))


def _head(column: Column) -> str:
    """Its lines as one; what was broken after a dot or a hyphen is joined again."""
    joined = ""
    for line in _lines(column.header):
        joined += line if joined.endswith((".", "-")) else f" {line}"
    return joined.strip()


def _lines(header: RenderableType) -> list[str]:
    parts = header.renderables if isinstance(header, Group) else [header]
    return [_plain(part) for part in parts]


def _plain(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, RichText) else str(cell)


def _text(cell: RenderableType, style: StyleType = "") -> AnyText:
    """A cell as text, in a style of its own or in `style`."""
    text = cell.copy() if isinstance(cell, RichText) else Text(str(cell))
    if style and not text.style:
        text.stylize(style)
    return text


def _broken(text: AnyText, indent: str, room: int) -> Iterator[AnyText]:
    """Lines of up to `room`, broken between words, or within one that is longer."""
    if not text.plain:
        return
    console = Console(width=max(1, room - len(indent)))
    for line in text.wrap(console, console.width):
        line.rstrip()
        yield Text(indent).append_text(line)
