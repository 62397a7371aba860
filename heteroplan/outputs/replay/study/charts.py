"""The charts of a study's page; plotly is imported where a chart is drawn."""

from typing import TYPE_CHECKING

import numpy as np

from heteroplan.outputs.replay.study.figures import name_text
from heteroplan.outputs.shared.chart_style import COLOURS, INK, LIMIT, style
from heteroplan.outputs.shared.page import Panel
from heteroplan.simulation.study.results import SignalCurve, SignalStudy

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_HEIGHT, _CACHE_HEIGHT = 260, 340
"""Of a chart [pixels]."""
_SHADE = "rgba(80, 110, 180, 0.18)"
_LOG_RANGE = 20.0
"""Signals whose greatest value is more times the least one than this have a logarithmic axis."""


def signal_panels(study: SignalStudy) -> list[Panel]:
    """The eight curves."""
    return [Panel(name_text(each), _signal_chart(study, each)) for each in study.curves]


def _signal_chart(study: SignalStudy, curve: SignalCurve) -> "Figure":
    """Means, the deviation of samples, and below what a policy scales in."""
    from plotly.graph_objects import Figure, Scatter

    percent = 100 * study.loads
    full = int(np.argmin(np.abs(study.loads - 1.0)))
    low, high = curve.means - curve.deviations, curve.means + curve.deviations
    log = bool(np.nanmax(curve.means) > _LOG_RANGE * np.nanmin(curve.means) > 0.0)
    if log:
        low = np.maximum(low, curve.means / 10)
    threshold = (1.0 - study.in_threshold) * curve.means[full]
    figure = Figure()
    figure.add_trace(
        Scatter(
            x=np.concatenate([percent, percent[::-1]]), y=np.concatenate([high, low[::-1]]),
            fill="toself", fillcolor=_SHADE, line={"width": 0}, hoverinfo="skip",
            name="deviation of samples",
        )
    )  # fmt: skip
    figure.add_trace(
        Scatter(
            x=percent, y=curve.means, mode="lines+markers", line={"color": COLOURS[0]},
            marker={"size": 5}, name="mean",
            hovertemplate=f"%{{y:.4~g}} {curve.unit} at %{{x:.0f}} %<extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        Scatter(
            x=percent[[0, -1]], y=[threshold] * 2, mode="lines",
            line={"color": LIMIT, "width": 1, "dash": "dash"},
            name="below: scale in, with the target at full load",
            hovertemplate="scale in below %{y:.4~g}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(x=100.0, line={"color": INK, "width": 1, "dash": "dot"})
    style(figure, _HEIGHT)
    figure.update_xaxes(title_text="load [% of capacity at the SLO]")
    figure.update_yaxes(title_text=curve.unit or "share")
    figure.update_yaxes(exponentformat="none", separatethousands=True)
    figure.update_yaxes(**({"type": "log"} if log else {"rangemode": "tozero"}))
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
    style(figure, _CACHE_HEIGHT)
    return figure
