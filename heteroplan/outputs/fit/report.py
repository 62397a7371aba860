"""fit.html: measured points and fits of every engine, one file to open from disk or to attach."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from heteroplan.entities.workload import SourceKind
from heteroplan.outputs.fit.picture import (
    Drawn,
    Series,
    drawn,
    heading,
    latency,
    not_drawn,
    points_are,
)
from heteroplan.outputs.shared.chart_style import COLOURS, INK, SOFT, style
from heteroplan.outputs.shared.page import PageTable, Panel, charts_html, page, page_heading, render
from heteroplan.outputs.shared.plot import Axis
from heteroplan.outputs.shared.words import figure
from heteroplan.profiles.fitting.fitted import Fitted, Line
from heteroplan.text import percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_SERIES = 12
_COLOURS = (*COLOURS, INK, SOFT)
"""One a series."""
_MOST_ROWS = 200
"""Of a table."""
_HEIGHT = 400
"""Of a chart [pixels]."""
_REACH = {"prefill": "tokens of a batch", "TTFT": "tokens in"}
"""Units of `Line.reach`; of others:"""
_DECODE_REACH = "sequences x tokens of context"


def fit_html(fitted: Sequence[Fitted]) -> str:
    """The fits as a self-contained page: errors and what was measured, with a chart a latency."""
    return page(
        "Fits of measurements",
        [
            page_heading(
                "Fits of measurements",
                "Lines are the fit; a point shows its error when hovered over.",
            ),
            *(_section(each, f"fit-{i}") for i, each in enumerate(fitted)),
        ],
    )


def fit_chart(picture: Drawn, line: Line, points: str) -> "Figure":
    """Points that `points` names, and the fit as lines, in a colour a series."""
    from plotly.graph_objects import Figure

    x, y = picture.axes()
    chart = Figure()
    for series, colour in zip(picture.series, _COLOURS, strict=False):
        for trace in _traces(series, colour, line, points):
            chart.add_trace(trace)
    style(chart, _HEIGHT, hovermode="closest")
    chart.update_xaxes(title_text=escape(line.work), **_axis(x))
    chart.update_yaxes(title_text=escape(f"milliseconds {latency(line)}"), **_axis(y))
    return chart


def _section(fitted: Fitted, name: str) -> str:
    source = fitted.engine.source
    return render(
        "fit_section.html",
        head=heading(fitted),
        origin=f"{source.kind.value}, from {source.origin}" if source.origin else source.kind.value,
        modelled=source.kind is SourceKind.MODELLED,
        not_drawn="" if fitted.lines else not_drawn(fitted),
        lines=[_line(fitted, line, f"{name}-{i}") for i, line in enumerate(fitted.lines)],
    )


def _line(fitted: Fitted, line: Line, name: str) -> dict[str, object]:
    """What the template shows of a latency."""
    picture = drawn(line, MOST_SERIES)
    head, points = f"Milliseconds {latency(line)} over {line.work}", points_are(fitted)
    charts = ""
    if picture.series:
        panel = Panel("", fit_chart(picture, line, points))
        charts = charts_html(name, head, [panel], [_points_table(picture, line, points)])
    return {
        "head": head,
        "errors": _errors(line),
        "charts": charts,
        "notes": picture.notes,
    }


def _points_table(picture: Drawn, line: Line, points: str) -> PageTable:
    """What the points are, evenly thinned where there are many."""
    marks = [mark for series in picture.series for mark in series.marks]
    step = -(-len(marks) // _MOST_ROWS)
    every = f"; one of every {step} points" if step > 1 else ""
    return PageTable(
        ("series", line.work, f"{points} [ms]", "fitted [ms]", "error"),
        [
            (
                mark.series,
                f"{mark.work:,.6g}",
                f"{mark.measured_ms:,.4g}",
                f"{mark.fitted_ms:,.4g}",
                f"{100 * (mark.fitted_ms / mark.measured_ms - 1):+.1f} %",
            )
            for mark in marks[::step]
        ],
        caption=f"{line.what}{every}",
    )


def _errors(line: Line) -> str:
    """Such as `error at points held out 2.1 %, at worst 5.0 %; 20 points of 1-64 sequences`."""
    which = "fitted" if line.held_out is None else "held out"
    reach = f" of {line.reach} {_REACH.get(line.what, _DECODE_REACH)}" if line.reach else ""
    repeats = "" if line.spread is None else f"; repeats differ by ±{percent(line.spread)}"
    return (
        f"error at points {which} {percent(line.error.mape)}, at worst "
        f"{percent(line.error.worst)}; {line.points:,} points{reach}{repeats}"
    )


def _traces(series: Series, colour: str, line: Line, points: str) -> list[Any]:
    """The fit, and the points over it."""
    from plotly.graph_objects import Scatter

    name = escape(series.name)
    works = [mark.work for mark in series.marks]
    fit: dict[str, Any] = (
        {"mode": "lines", "line": {"color": colour, "width": 1.5}}
        if series.is_line
        else {
            "mode": "markers",
            "marker": {
                "symbol": "line-ew-open",
                "color": colour,
                "size": 18,
                "line": {"width": 1.5},
            },
        }
    )
    return [
        Scatter(
            x=works,
            y=[mark.fitted_ms for mark in series.marks],
            name=name or "fit",
            legendgroup=name or "fit",
            showlegend=not name,
            hoverinfo="skip",
            **fit,
        ),
        Scatter(
            x=works,
            y=[mark.measured_ms for mark in series.marks],
            name=name or points,
            legendgroup=name or points,
            mode="markers",
            marker={"color": colour, "size": 7},
            customdata=[
                (mark.fitted_ms, f"{100 * (mark.fitted_ms / mark.measured_ms - 1):+.1f} %", name)
                for mark in series.marks
            ],
            hovertemplate=(
                f"{'<b>%{customdata[2]}</b><br>' if name else ''}%{{x:,}} {escape(line.work)}<br>"
                f"{points} %{{y:,.4~r}} ms<br>fitted %{{customdata[0]:,.4~r}} ms<br>"
                "error %{customdata[1]}<extra></extra>"
            ),
        ),
    ]


def _axis(axis: Axis) -> dict[str, Any]:
    shown = {"range": [axis.place(axis.low), axis.place(axis.high)], "showline": True}
    if not axis.log:
        return {**shown, "separatethousands": True, "exponentformat": "none"}
    ticks = axis.ticks()
    return {**shown, "type": "log", "tickvals": ticks, "ticktext": [figure(t) for t in ticks]}
