"""A chart in characters of lines over local time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from rich.console import Console

from heteroplan.outputs.shared.clock_ticks import clock_ticks
from heteroplan.outputs.shared.plot import (
    MOST_COLUMNS,
    Axis,
    characters,
    columns_beside,
    framed,
    labels_of,
    legend,
    print_rows,
)
from heteroplan.outputs.shared.terminal import Text, draws_blocks

_ROWS = 12
_MARGIN = 1.04
"""Of the axis above the greatest value."""


@dataclass(frozen=True, slots=True)
class Line:
    """Values as a line of dots."""

    name: str
    values: Sequence[float]
    """One an interval."""
    every: int
    """Columns of dots from one dot to the next; 1 is a line without gaps."""
    colour: str
    sample: str
    """What it looks like."""
    marker: str
    """What stands for it where there is no braille."""
    takes_greatest: bool = False
    """Of the intervals that share a column of dots, and not their mean."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Intervals that a row below the lines marks."""

    name: str
    label: str
    """Of the row."""
    marked: Sequence[bool]
    """One an interval."""
    colour: str
    character: str


def print_line_chart(
    lines: Sequence[Line],
    moments: Sequence[datetime],
    unit: str,
    console: Console,
    marks: Marks | None = None,
) -> None:
    """Lines from 0 up with their legend, the first on top; `moments` bound the intervals."""
    width, blocks = min(console.width, MOST_COLUMNS), draws_blocks(console)
    top = max(value for line in lines for value in line.values)
    y = Axis(0.0, _MARGIN * top or 1.0, False)
    labels = labels_of(y, _ROWS)
    if marks is not None:
        labels = {0: marks.label, **{row + 1: label for row, label in labels.items()}}
    columns = columns_beside(labels, width)
    ticks = [
        (min(columns - 1, i * columns // (len(moments) - 1)), label)
        for i, label in clock_ticks(moments, columns)
    ]
    picture = _canvas(lines, y, columns, blocks)
    rows = framed(
        [*picture, *([] if marks is None else [" " * columns])],
        labels, ticks, columns, blocks=blocks,
    )  # fmt: skip
    entries = [
        Text.assemble((line.sample if blocks else line.marker, line.colour), f" {line.name}")
        for line in lines
    ]
    if marks is not None:
        rows[_ROWS].right_crop(columns)
        rows[_ROWS].append(_mark_row(marks, columns), marks.colour)
        entries.append(Text.assemble((marks.character, marks.colour), f" {marks.name}"))
    print_rows(rows, console)
    print_rows(legend([Text(f"{unit}:"), *entries], width), console)


def _mark_row(marks: Marks, columns: int) -> str:
    """A character for each column in which any interval is marked."""
    n = len(marks.marked)
    marked = {
        column
        for i, is_marked in enumerate(marks.marked)
        if is_marked
        for column in range(i * columns // n, max(i * columns // n + 1, (i + 1) * columns // n))
    }
    return "".join(marks.character if i in marked else " " for i in range(columns))


def _canvas(lines: Sequence[Line], y: Axis, columns: int, blocks: bool) -> list[str]:
    """Rows of characters, with the colours that the environment allows; the first line on top."""
    from plotille import Canvas

    across, up = (2 * columns, 4 * _ROWS)
    canvas = Canvas(columns, _ROWS, 0, 0, across, up)
    for line in reversed(lines):
        dots = [y.cell(value, up, 1) for value in _spread(line, across)]
        marker = None if blocks else line.marker
        for x, (before, dot) in enumerate(pairwise([dots[0], *dots])):
            if x % line.every:
                continue
            low = min(before, dot) if line.every == 1 else dot
            high = max(before, dot) if line.every == 1 else dot
            for step in range(low, high + 1):
                canvas.point(x, step, color=line.colour, marker=marker)
    return characters(canvas.plot(linesep="\n"), blocks=blocks)


def _spread(line: Line, dots: int) -> list[float]:
    """A value for each column of dots."""
    n = len(line.values)
    found = []
    for i in range(dots):
        shared = line.values[i * n // dots : max(i * n // dots + 1, (i + 1) * n // dots)]
        found.append(max(shared) if line.takes_greatest else sum(shared) / len(shared))
    return found
