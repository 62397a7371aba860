"""Measured points and fits on a terminal."""

import re
from collections.abc import Sequence
from itertools import pairwise

from rich.console import Console
from rich.text import Text

from heteroplan.outputs.fit_picture import Drawn, drawn, heading, latency, not_drawn, points_are
from heteroplan.outputs.terminal import draws_blocks, print_wrapped
from heteroplan.outputs.words import figure
from heteroplan.profiles.fitted import Fitted

MOST_SERIES = 6
"""On a terminal."""
_ROWS, _FEWEST_COLUMNS, _MOST_COLUMNS = 15, 20, 100
_COLOURS = ("blue", "red", "green", "magenta", "cyan", "yellow")
_MARKERS, _ASCII_MARKERS = "●○■□▲△", "ox+*#@"
_FRAME, _ASCII_FRAME = tuple("│┤└─┬"), tuple("|++-+")
_FIT, _ASCII_FIT = "⠤⠤", ".."
_BLANK_DOTS, _DOTS = "\u2800", re.compile("[\u2801-\u28ff]")
"""Braille."""


def render_plots(fitted: Sequence[Fitted], console: Console) -> None:
    """A plot for each latency of each engine, in characters."""
    for each in fitted:
        if not each.lines:
            console.print()
            print_wrapped(Text(f"{heading(each)}: {not_drawn(each)}"), console)
        for line in each.lines:
            console.print()
            title = f"{heading(each)}: ms {latency(line)} over {line.work}"
            print_wrapped(Text(title, style="bold"), console)
            _print_plot(drawn(line, MOST_SERIES), points_are(each), console)


def _print_plot(picture: Drawn, points: str, console: Console) -> None:
    if not picture.series:
        console.print("no points to draw", style="dim")
        return
    width, blocks = min(console.width, _MOST_COLUMNS), draws_blocks(console)
    for row in (*_rows(picture, width, blocks), *_legend(picture, points, width, blocks)):
        row.rstrip()
        console.print(row, soft_wrap=True)
    for note in picture.notes:
        print_wrapped(Text(note, style="dim"), console)


def _legend(picture: Drawn, points: str, width: int, blocks: bool) -> list[Text]:
    """What the characters are, in lines of up to `width`."""
    markers = _MARKERS if blocks else _ASCII_MARKERS
    entries = [
        Text.assemble((marker, colour), f" {each.name or points}")
        for each, marker, colour in zip(picture.series, markers, _COLOURS, strict=False)
    ]
    if any(each.name for each in picture.series):
        entries.insert(0, Text(f"{points}:"))
    lines = [Text()]
    for entry in (*entries, Text(f"{_FIT if blocks else _ASCII_FIT} fit")):
        if lines[-1].cell_len + entry.cell_len > width:
            lines.append(Text())
        lines[-1].append_text(entry).append("  ")
    return lines


def _rows(picture: Drawn, width: int, blocks: bool) -> list[Text]:
    """The plot, from the top, with its axes."""
    x, y = picture.axes()
    labels = {y.cell(tick, _ROWS, 4): figure(tick) for tick in y.ticks()}
    margin = max(map(len, labels.values()))
    columns = max(_FEWEST_COLUMNS, width - margin - 1)
    side, tick, corner, bottom, mark = _FRAME if blocks else _ASCII_FRAME
    rows = []
    for i, row in enumerate(_canvas(picture, columns, blocks)):
        label = labels.get(_ROWS - 1 - i, "")
        rows.append(Text(f"{label:>{margin}}{tick if label else side}") + Text.from_ansi(row))
    line, below = [bottom] * columns, ""
    for value in x.ticks():
        column, text = x.cell(value, columns, 2), figure(value)
        start = max(0, min(column - len(text) // 2, columns - len(text)))
        if not below or start > len(below):
            line[column] = mark
            below = f"{below:{start}}{text}"
    left = " " * margin
    return [*rows, Text(f"{left}{corner}{''.join(line)}"), Text(f"{left} {below}")]


def _canvas(picture: Drawn, columns: int, blocks: bool) -> list[str]:
    """Rows of characters, with the colours that the environment allows; points over lines."""
    from plotille import Canvas

    x, y = picture.axes()
    canvas = Canvas(
        columns, _ROWS, x.place(x.low), y.place(y.low), x.place(x.high), y.place(y.high)
    )
    cell = (x.place(x.high) - x.place(x.low)) / columns
    for series, colour in zip(picture.series, _COLOURS, strict=False):
        spots = [(x.place(mark.work), y.place(mark.fitted_ms)) for mark in series.marks]
        if series.is_line:
            for start, end in pairwise(spots):
                canvas.line(*start, *end, color=colour)
        else:
            for across, up in spots:
                canvas.line(across - cell, up, across + cell, up, color=colour)
    markers = _MARKERS if blocks else _ASCII_MARKERS
    for series, marker, colour in zip(picture.series, markers, _COLOURS, strict=False):
        for mark in series.marks:
            canvas.point(x.place(mark.work), y.place(mark.measured_ms), color=colour, marker=marker)
    text = canvas.plot(linesep="\n").replace(_BLANK_DOTS, " ")
    return (text if blocks else _DOTS.sub(".", text)).split("\n")
