"""The charts of a study's page; plotly is imported where a chart is drawn."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from heteroplan.outputs.shared.chart_style import COLOURS, INK
from heteroplan.outputs.replay.study.figures import name_text
from heteroplan.simulation.study.results import SignalStudy

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_COLUMNS = 2
_ROW_HEIGHT = 230
_SHADE = "rgba(80, 110, 180, 0.18)"
_LIMIT = "#d64545"
_LOG_RANGE = 20.0
"""Signals whose greatest value is more times the least one than this have a logarithmic axis."""


def signal_chart(study: SignalStudy) -> "Figure":
    """The eight curves: means, the deviation of samples, and below what a policy scales in."""
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    curves, percent = study.curves, 100 * study.loads
    full = int(np.argmin(np.abs(study.loads - 1.0)))
    rows = -(-len(curves) // _COLUMNS)
    figure = make_subplots(
        rows=rows, cols=_COLUMNS, horizontal_spacing=0.11, vertical_spacing=0.09,
        subplot_titles=[escape(name_text(each)) for each in curves],
    )  # fmt: skip
    for n, each in enumerate(curves):
        at = {"row": n // _COLUMNS + 1, "col": n % _COLUMNS + 1}
        low, high = each.means - each.deviations, each.means + each.deviations
        log = bool(np.nanmax(each.means) > _LOG_RANGE * np.nanmin(each.means) > 0.0)
        if log:
            low = np.maximum(low, each.means / 10)
        band = np.concatenate([high, low[::-1]])
        figure.add_trace(
            Scatter(
                x=np.concatenate([percent, percent[::-1]]), y=band, fill="toself",
                fillcolor=_SHADE, line={"width": 0}, hoverinfo="skip", name="deviation of samples",
                legendgroup="band", showlegend=n == 0,
            ), **at,
        )  # fmt: skip
        figure.add_trace(
            Scatter(
                x=percent, y=each.means, mode="lines+markers", line={"color": COLOURS[0]},
                marker={"size": 5}, name="mean", legendgroup="mean", showlegend=n == 0,
                hovertemplate=f"%{{y:.4~g}} {each.unit} at %{{x:.0f}} %<extra></extra>",
            ), **at,
        )  # fmt: skip
        threshold = (1.0 - study.in_threshold) * each.means[full]
        figure.add_trace(
            Scatter(
                x=percent[[0, -1]], y=[threshold] * 2, mode="lines", legendgroup="in",
                line={"color": _LIMIT, "width": 1, "dash": "dash"},
                name="below: scale in, with the target at full load", showlegend=n == 0,
                hovertemplate="scale in below %{y:.4~g}<extra></extra>",
            ), **at,
        )  # fmt: skip
        figure.update_yaxes(title_text=each.unit or "share", **at)
        figure.update_yaxes(**({"type": "log"} if log else {"rangemode": "tozero"}), **at)
        figure.add_vline(x=100.0, line={"color": INK, "width": 1, "dash": "dot"}, **at)
    figure.update_xaxes(title_text="load [% of capacity at the SLO]", row=rows)
    figure.update_annotations(font={"size": 13, "color": INK})
    figure.update_layout(
        template="plotly_white", height=_ROW_HEIGHT * rows + 90,
        margin={"l": 70, "r": 16, "t": 80, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        legend={"orientation": "h", "y": 1.04, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    figure.update_yaxes(exponentformat="none", separatethousands=True)
    return figure


def cache_chart(study: SignalStudy) -> "Figure":
    """Prefill tokens/s with and without hits against the time that prefill GPUs are busy."""
    from plotly.graph_objects import Figure, Scatter

    cache = study.cache
    figure = Figure()
    for name, values, colour in (
        ("hits included", cache.all_tokens_per_s, COLOURS[1]),
        ("missed tokens alone", cache.missed_tokens_per_s, COLOURS[0]),
    ):
        said = [
            f"{100 * load:.0f} % load, {100 * hits:.0f} % hits"
            for load, hits in zip(cache.loads, cache.hit_rates, strict=True)
        ]
        figure.add_trace(
            Scatter(
                x=values, y=cache.busy, mode="markers", name=name, text=said,
                marker={"color": colour, "size": 9},
                hovertemplate="%{text}: %{x:,.0f} tokens/s, busy %{y:.1%}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_xaxes(title_text="prefill TPS [tokens/s]", rangemode="tozero")
    figure.update_yaxes(title_text="prefill GPU utilization", tickformat=".0%", rangemode="tozero")
    figure.update_layout(
        template="plotly_white", height=340, margin={"l": 70, "r": 16, "t": 40, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return figure
