"""What charts of steps over time show, as tables: read from their traces, so that both agree."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import unescape
from itertools import batched
from typing import TYPE_CHECKING, Any

from heteroplan.outputs.shared.chart_style import axes_of
from heteroplan.outputs.shared.clock_ticks import clocks_change
from heteroplan.outputs.shared.page import PageTable
from heteroplan.outputs.shared.words import figure as number
from heteroplan.text import percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_MOST_ROWS, _FEWEST_ROWS, _MOST_ROWS_IN_ALL = 96, 12, 800
_MOST_COLUMNS = 8
"""Beside the time."""


def step_tables(
    chart: "Figure", titles: Sequence[str], moments: Sequence[datetime]
) -> list[PageTable]:
    """A table for each row of a chart, whose traces have a value an interval and the last twice.

    A row of a table holds until the next one; `titles` name the rows of the chart, `moments` bound
    the intervals. Where there are too many intervals, several share a row with their greatest
    values.
    """
    most = max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_ROWS_IN_ALL // max(1, len(titles))))
    step = math.ceil((len(moments) - 1) / most)
    times = [_clock(moments, i) for i in range(0, len(moments) - 1, step)]
    lines: dict[str, list[Any]] = {}
    for trace in chart.data:
        if trace.mode == "lines":
            lines.setdefault(trace.yaxis or "y", []).append(trace)
    head = "from" if step == 1 else f"from, greatest of {step} intervals"
    return [
        PageTable((head, *names), rows, caption=caption)
        for i, title in enumerate(titles, start=1)
        for caption, names, rows in _parts(
            lines.get(axes_of(i)["yaxis"], []), _has_shares(chart, i), title, times, step
        )
    ]


def _has_shares(chart: "Figure", row: int) -> bool:
    form: str | None = chart.layout["yaxis" if row == 1 else f"yaxis{row}"].tickformat
    return (form or "").endswith("%")


def _parts(
    lines: Sequence[Any], shares: bool, title: str, times: Sequence[str], step: int
) -> Iterator[tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]]:
    """Caption, names and rows of the tables of one row of the chart, with these traces."""
    series = [
        (unescape(trace.meta or trace.name), _texts(trace.y, len(times), step, shares))
        for trace in lines
    ]
    parts = list(batched(series, _MOST_COLUMNS, strict=False))
    for i, part in enumerate(parts, start=1):
        caption = title if len(parts) == 1 else f"{title} ({i} of {len(parts)})"
        rows = list(zip(times, *(texts for _, texts in part), strict=True))
        yield caption, tuple(name for name, _ in part), tuple(_changes(rows))


def _changes(rows: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Rows that differ from the one before in more than their time."""
    before: tuple[str, ...] = ()
    for row in rows:
        if row[1:] != before:
            yield row
        before = row[1:]


def _texts(values: Sequence[Any], count: int, step: int, shares: bool) -> list[str]:
    """Of the greatest of `step` values each; empty where there is none."""
    known = [None if value is None or math.isnan(value) else float(value) for value in values[:-1]]
    groups = [known[i * step : (i + 1) * step] for i in range(count)]
    greatest = [max((each for each in group if each is not None), default=None) for group in groups]
    form = percent if shares else number
    return ["" if each is None else form(each) for each in greatest]


def _clock(moments: Sequence[datetime], index: int) -> str:
    """Local time, with its date where there are several, and its offset where clocks change."""
    is_long = (moments[-1].timestamp() - moments[0].timestamp()) > 26 * 3600
    offset = " %z" if clocks_change(moments) else ""
    return moments[index].strftime(("%a %d %b %H:%M" if is_long else "%H:%M") + offset)
