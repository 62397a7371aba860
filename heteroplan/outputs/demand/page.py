"""demand.html: a demand curve, one file to open from disk or to attach."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from heteroplan.outputs.demand import figures
from heteroplan.outputs.shared.chart_style import COLOURS, SOFT, style
from heteroplan.outputs.shared.clock_ticks import clocks_change
from heteroplan.outputs.shared.page import (
    cards,
    chart_section,
    page,
    page_heading,
    render,
    table_section,
)
from heteroplan.outputs.shared.step_tables import step_tables
from heteroplan.outputs.shared.time_axis import CHANGES, places, time_ticks
from heteroplan.outputs.shared.words import figure
from heteroplan.text import percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from heteroplan.forecasting.curve.backtest import Backtest
    from heteroplan.forecasting.curve.curve import Curve

_PLANNED, _MEDIAN, _BAND = COLOURS[0], COLOURS[1], "rgba(47, 111, 176, 0.18)"
_HEIGHT, _TOKENS_HEIGHT = 380, 430
"""Of a chart [pixels]."""


def demand_html(curve: "Curve", backtest: "Backtest | None") -> str:
    """The curve as a self-contained page: charts, classes, backtest and notes."""
    return page(
        "Demand curve",
        [
            page_heading("Demand curve", figures.heading(curve)),
            cards(_cards(curve, backtest)),
            _chart_section(curve, "demand", "Requests/s to be planned for", demand_chart(curve)),
            *_token_section(curve),
            table_section(
                "Peaks and troughs",
                figures.RATE_HEADS,
                figures.rate_rows(curve),
                text_columns={0},
                below=[*figures.sentences(curve), *([CHANGES] if _clocks_change(curve) else [])],
            ),
            *_burst_section(curve),
            *_class_sections(curve),
            *([] if backtest is None else [_backtest_section(backtest)]),
            *_note_section(curve),
        ],
        style=".cards { margin-top: 18px; }",
    )


def demand_chart(curve: "Curve") -> "Figure":
    """Planned, median and mean requests/s; between planned and the one below it is a band."""
    chart = _empty(curve, _HEIGHT)
    planned = [row.rps for row in curve.rows]
    median = [row.median_rps for row in curve.rows]
    mean = [row.mean_rps for row in curve.rows]
    details = [f"planned {figure(rps)}" for rps in planned]
    lower = [("mean", "mean", mean, {"color": SOFT, "width": 1.5, "dash": "dot"})]
    if figures.has_median(curve):
        line = {"color": _MEDIAN, "width": 1.5}
        lower.append(("median", "median on like days", median, line))
    for what, name, rates, line in lower:
        _step(chart, curve, rates, name, line)
        details = [f"{a}<br>{what} {figure(b)}" for a, b in zip(details, rates, strict=True)]
    _step(
        chart, curve, planned, f"planned ({figures.basis(curve)})", {"color": _PLANNED, "width": 2},
        details, fill="tonexty", fillcolor=_BAND,
    )  # fmt: skip
    chart.update_yaxes(title_text="requests/s")
    return chart


def token_chart(curve: "Curve") -> "Figure":
    """Planned input and output tokens/s, one above the other."""
    chart = _empty(curve, _TOKENS_HEIGHT, rows=2)
    kinds = (("input", figures.input_rate), ("output", figures.output_rate))
    for row, (what, rate) in enumerate(kinds, start=1):
        rates = [rate(each) for each in curve.rows]
        details = [f"{figure(each)} {what} tokens/s" for each in rates]
        line = {"color": COLOURS[row + 1], "width": 2}
        _step(chart, curve, rates, f"{what} tokens/s", line, details, place={"row": row, "col": 1})
        chart.update_yaxes(title_text=f"{what} tokens/s", row=row)
    return chart


def class_chart(curve: "Curve") -> "Figure":
    """Shares of the classes, stacked to 1."""
    chart = _empty(curve, _HEIGHT)
    details = [
        "<br>".join(f"{escape(each.name)} {percent(each.share)}" for each in row.classes)
        for row in curve.rows
    ]
    for i, first in enumerate(curve.rows[0].classes):
        colour = COLOURS[i % len(COLOURS)]
        _step(
            chart, curve, [row.classes[i].share for row in curve.rows], first.name,
            {"color": colour, "width": 0}, [] if i else details, stackgroup="classes",
            fillcolor=colour,
        )  # fmt: skip
    chart.update_yaxes(title_text="share of requests", range=[0, 1], tickformat=".0%")
    return chart


def _cards(curve: "Curve", backtest: "Backtest | None") -> list[tuple[str, str]]:
    (_, peak, at, mean, share, *_), *_ = figures.rate_rows(curve)
    found = [
        (peak, f"requests/s at the peak, {at}"),
        (mean, f"on average, {share} of the peak"),
    ]
    if (ratio := figures.planned_over_mean(curve)) is not None:
        found.append((figure(ratio), "planned over mean rates"))
    if (dispersion := figures.dispersion_at(curve, figures.TOLD_WINDOW_S)) is not None:
        window = f"{figures.TOLD_WINDOW_S:g} s"
        found.append((figure(dispersion), f"variance of requests over Poisson in {window}"))
    if (shape := figures.shape_of(curve)) is not None:
        found.append(
            (f"{figure(shape.isl)} / {figure(shape.osl)}", "tokens in / out planned a request")
        )
    if backtest is not None and backtest.measures:
        covered = percent(backtest.measures[0].coverage)
        found.append((covered, f"covered in backtest, wanted {percent(backtest.quantile)}"))
    return found


def _token_section(curve: "Curve") -> list[str]:
    if not curve.rows[0].classes:
        return []
    titles = ("input", "output")
    return [
        _chart_section(curve, "tokens", "Tokens/s to be planned for", token_chart(curve), titles)
    ]


def _burst_section(curve: "Curve") -> list[str]:
    rows = figures.burst_rows(curve)
    if not rows:
        return []
    told = percent(figures.TOLD_PERCENTILE)
    below = [
        "Dispersions to plan with, 1 for Poisson arrivals, and what they come from, in multiples "
        f"of what the recorded intervals are planned for: the capacity with which {told} of the "
        "prompts wait no longer than the time scale, and the requests that decode beside one "
        f"{told} of the time where a request decodes for so long."
    ]
    return [table_section("Bursts", figures.BURST_HEADS, rows, text_columns={0}, below=below)]


def _class_sections(curve: "Curve") -> list[str]:
    """A table where there are several, and their shares over time where these vary."""
    rows = figures.class_rows(curve)
    if not rows:
        return []
    sections = [
        table_section(figures.class_heading(curve), figures.CLASS_HEADS, rows, text_columns={0})
    ]
    shares = {tuple(each.share for each in row.classes) for row in curve.rows}
    if len(shares) > 1:
        sections.append(_chart_section(curve, "classes", "Classes over time", class_chart(curve)))
    return sections


def _backtest_section(backtest: "Backtest") -> str:
    """In bold what was covered too little."""
    doubtful = [
        i for i, m in enumerate(backtest.measures) if not figures.is_enough(m.coverage, backtest)
    ]
    days = ", ".join(day.text for day in figures.days_covered(backtest))
    below = [f"requests by day: {days}"] if len(backtest.held_back) > 1 else []
    if doubtful:
        below.insert(0, "In bold: covered less than wanted.")
    return table_section(
        figures.backtest_heading(backtest),
        figures.BACKTEST_HEADS,
        figures.backtest_rows(backtest),
        text_columns={0},
        bold_rows=doubtful,
        below=below,
    )


def _note_section(curve: "Curve") -> list[str]:
    if not curve.notes:
        return []
    return [render("notes.html", head="What was changed or filled in", notes=curve.notes)]


def _clocks_change(curve: "Curve") -> bool:
    return clocks_change(figures.horizon_of(curve).boundaries())


def _chart_section(
    curve: "Curve", name: str, head: str, chart: "Figure", titles: Sequence[str] = ("",)
) -> str:
    """A chart over time with its tables."""
    moments = figures.horizon_of(curve).boundaries()
    return chart_section(name, head, chart, step_tables(chart, titles, moments))


def _empty(curve: "Curve", height: int, rows: int = 1) -> "Figure":
    """Charts over local time, one below the other."""
    from plotly.subplots import make_subplots

    chart = make_subplots(rows=rows, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    style(chart, height, hovermode="x")
    chart.update_yaxes(rangemode="tozero", separatethousands=True, exponentformat="none")
    chart.update_xaxes(showline=True, **time_ticks(figures.horizon_of(curve).boundaries()))
    chart.update_xaxes(title_text=escape(figures.horizon_of(curve).timezone), row=rows)
    return chart


def _step(
    chart: "Figure",
    curve: "Curve",
    values: Sequence[float],
    name: str,
    line: dict[str, Any],
    details: Sequence[str] = (),
    *,
    place: dict[str, int] | None = None,
    **style: Any,
) -> None:
    """A value an interval as steps; `details` are shown with the local time when hovered over."""
    from plotly.graph_objects import Scatter

    moments = figures.horizon_of(curve).boundaries()
    texts = [
        f"<b>{moment:%a %d %b %H:%M %z}</b><br>{detail}"
        for moment, detail in zip(moments, details, strict=False)
    ]
    chart.add_trace(
        Scatter(
            x=places(moments[0], moments),
            y=[*values, values[-1]],
            name=escape(name),
            mode="lines",
            line={**line, "shape": "hv"},
            hoverinfo="text" if texts else "skip",
            hovertext=[*texts, *texts[-1:]],
            **style,
        ),
        **(place or {}),
    )
