"""Measured points and fits on a terminal."""

from collections.abc import Sequence
from itertools import pairwise

from rich.console import Console

from heteroplan.outputs.fit.picture import Drawn, drawn, heading, latency, not_drawn, points_are
from heteroplan.outputs.shared.plot import (
    MOST_COLUMNS,
    characters,
    columns_beside,
    framed,
    labels_of,
    legend,
    print_rows,
)
from heteroplan.outputs.shared.terminal import AnyText, Text, draws_blocks, print_wrapped
from heteroplan.outputs.shared.words import figure
from heteroplan.profiles.fitting.fitted import Fitted

MOST_SERIES = 6
"""On a terminal."""
_ROWS = 15
_COLOURS = ("blue", "red", "green", "magenta", "cyan", "yellow")
_MARKERS, _ASCII_MARKERS = "●○■□▲△", "ox+*#@"
_FIT, _ASCII_FIT = "⠤⠤", ".."


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
    width, blocks = min(console.width, MOST_COLUMNS), draws_blocks(console)
    print_rows(_rows(picture, width, blocks), console)
    print_rows(legend(_entries(picture, points, blocks), width), console)
    for note in picture.notes:
        print_wrapped(Text(note, style="dim"), console)


def _entries(picture: Drawn, points: str, blocks: bool) -> list[AnyText]:
    """What the characters are."""
    markers = _MARKERS if blocks else _ASCII_MARKERS
    entries = [
        Text.assemble((marker, colour), f" {each.name or points}")
        for each, marker, colour in zip(picture.series, markers, _COLOURS, strict=False)
    ]
    if any(each.name for each in picture.series):
        entries.insert(0, Text(f"{points}:"))
    return [*entries, Text(f"{_FIT if blocks else _ASCII_FIT} fit")]


def _rows(picture: Drawn, width: int, blocks: bool) -> list[AnyText]:
    """The plot, from the top, with its axes."""
    x, y = picture.axes()
    labels = labels_of(y, _ROWS)
    columns = columns_beside(labels, width)
    ticks = [(x.cell(value, columns, 2), figure(value)) for value in x.ticks()]
    return framed(_canvas(picture, columns, blocks), labels, ticks, columns, blocks=blocks)


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
    return characters(canvas.plot(linesep="\n"), blocks=blocks)
