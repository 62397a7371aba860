"""Pictures in characters: axes, frames and legends; what they share with HTML is `Axis`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from rich.console import Console

from heteroplan.outputs.shared.terminal import AnyText, Text
from heteroplan.outputs.shared.words import figure

FEWEST_COLUMNS, MOST_COLUMNS = 20, 100
_FRAME, _ASCII_FRAME = tuple("│┤└─┬"), tuple("|++-+")
_BLANK_DOTS, _DOTS = "\u2800", re.compile("[\u2801-\u28ff]")
"""Braille."""
_FEWEST_TICKS, _MOST_TICKS = 3, 8


@dataclass(frozen=True, slots=True)
class Axis:
    """From where to where an axis goes."""

    low: float
    high: float
    log: bool

    def place(self, value: float) -> float:
        """Where on the axis `value` is, in its own unit or in decades."""
        return log10(value) if self.log else value

    def cell(self, value: float, cells: int, dots: int) -> int:
        """Which of `cells` characters, `dots` wide each, `value` is in."""
        start, end = self.place(self.low), self.place(self.high)
        dot = round((self.place(value) - start) / (end - start) * cells * dots)
        return min(dot // dots, cells - 1)

    def ticks(self) -> list[float]:
        """Round values."""
        decades = range(floor(log10(self.low)), ceil(log10(self.high))) if self.log else ()
        for digits in ((1, 2, 5), (1, 3), (1,)):
            values = [digit * 10.0**decade for decade in decades for digit in digits]
            inside = [value for value in values if self.low <= value <= self.high]
            if _FEWEST_TICKS <= len(inside) <= _MOST_TICKS:
                return inside
        about = (self.high - self.low) / 5
        power = 10.0 ** floor(log10(about))
        step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= about)
        return [i * step for i in range(ceil(self.low / step), floor(self.high / step) + 1)]


def labels_of(y: Axis, rows: int) -> dict[int, str]:
    """Ticks of an upright axis by their row, from the bottom."""
    return {y.cell(tick, rows, 4): figure(tick) for tick in y.ticks()}


def columns_beside(labels: Mapping[int, str], width: int) -> int:
    """Characters that a frame of `width` leaves for the picture."""
    return max(FEWEST_COLUMNS, width - _margin(labels) - 1)


def framed(
    picture: Sequence[str],
    labels: Mapping[int, str],
    ticks: Iterable[tuple[int, str]],
    columns: int,
    *,
    blocks: bool,
) -> list[AnyText]:
    """Rows of characters within axes; `ticks` are columns with what stands below them."""
    margin = _margin(labels)
    side, tick, corner, bottom, mark = _FRAME if blocks else _ASCII_FRAME
    rows = []
    for i, row in enumerate(picture):
        label = labels.get(len(picture) - 1 - i, "")
        rows.append(Text(f"{label:>{margin}}{tick if label else side}") + Text.from_ansi(row))
    line, below = [bottom] * columns, ""
    for column, text in ticks:
        start = max(0, min(column - len(text) // 2, columns - len(text)))
        if not below or start > len(below):
            line[column] = mark
            below = f"{below:{start}}{text}"
    left = " " * margin
    return [*rows, Text(f"{left}{corner}{''.join(line)}"), Text(f"{left} {below}")]


def characters(picture: str, *, blocks: bool) -> list[str]:
    """Rows of what plotille has drawn, without braille where there is none."""
    text = picture.replace(_BLANK_DOTS, " ")
    return (text if blocks else _DOTS.sub(".", text)).split("\n")


def legend(entries: Iterable[AnyText], width: int) -> list[AnyText]:
    """What the characters are, in lines of up to `width`."""
    lines: list[AnyText] = [Text()]
    for entry in entries:
        if lines[-1].cell_len + entry.cell_len > width:
            lines.append(Text())
        lines[-1].append_text(entry).append("  ")
    return lines


def print_rows(rows: Iterable[AnyText], console: Console) -> None:
    """Without the blanks at their ends, and never broken."""
    for row in rows:
        row.rstrip()
        console.print(row, soft_wrap=True)


def _margin(labels: Mapping[int, str]) -> int:
    return max(map(len, labels.values()))
