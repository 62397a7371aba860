"""How figures spread over samples: a histogram each, with mean and quantiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from heteroplan.outputs.shared.chart_style import COLOURS, INK, LIMIT, style
from heteroplan.outputs.shared.page import PageTable, Panel, chart_section
from heteroplan.outputs.shared.words import figure
from heteroplan.text import percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Of tables; a quantile is the least value that as great a share of the samples does not exceed."""
_MARKED = (0.5, 0.95)
"""Quantiles that charts mark."""
_MOST_BINS, _LEAST_BINS = 40, 8
_HEIGHT = 280
"""Of a chart [pixels]."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure in every sample."""

    name: str
    """Such as `cost`."""
    unit: str
    values: Sequence[float]

    def quantile(self, share: float) -> float:
        """That `share` of the samples does not exceed, between two of them as in all tables."""
        return float(np.quantile(self.values, share))

    @property
    def mean(self) -> float:
        """Of all samples."""
        return float(np.mean(self.values))


def spread_section(name: str, head: str, spreads: Sequence[Spread]) -> str:
    """A histogram each with its mean and quantiles; `name` begins the ids of charts."""
    return chart_section(
        name,
        head,
        [Panel(f"{each.name} [{each.unit}]", spread_chart(each)) for each in spreads],
        [_spread_table(spreads)],
        [_spread_sentence(each) for each in spreads],
    )


def spread_chart(spread: Spread) -> "Figure":
    """Samples in equal bins; lines are the mean, the median and the 95 % quantile."""
    from plotly.graph_objects import Bar, Figure, Scatter

    counts, edges = np.histogram(spread.values, bins=_bins(spread.values))
    chart = Figure()
    chart.add_trace(
        Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            width=np.diff(edges),
            marker={"color": COLOURS[0], "line": {"width": 0}},
            customdata=[(figure(a), figure(b)) for a, b in pairwise(edges)],
            hovertemplate="%{customdata[0]} to %{customdata[1]}: %{y} samples<extra></extra>",
            showlegend=False,
        )
    )
    lines = [("mean", spread.mean, INK, "dot")]
    colours = (INK, LIMIT)
    lines += [
        (f"{percent(share, 0)} of samples are below", spread.quantile(share), colour, "dash")
        for share, colour in zip(_MARKED, colours, strict=True)
    ]
    top = float(counts.max()) * 1.05
    for what, value, colour, dash in lines:
        chart.add_trace(
            Scatter(
                x=[value, value],
                y=[0.0, top],
                mode="lines",
                name=what,
                line={"color": colour, "width": 2, "dash": dash},
                hovertemplate=f"{what}: {figure(value)}<extra></extra>",
            )
        )
    style(chart, _HEIGHT, bargap=0, hovermode="closest")
    chart.update_xaxes(
        title_text=escape(f"{spread.name} [{spread.unit}]"),
        showline=True,
        separatethousands=True,
        exponentformat="none",
    )
    chart.update_yaxes(title_text="samples", range=[0, top])
    return chart


def _bins(values: Sequence[float]) -> int:
    """By the rule of Freedman and Diaconis, in limits; a single one where all are equal."""
    if min(values) == max(values):
        return 1
    edges = np.histogram_bin_edges(np.asarray(values), bins="auto")
    return min(_MOST_BINS, max(_LEAST_BINS, len(edges) - 1))


def _spread_table(spreads: Sequence[Spread]) -> PageTable:
    return PageTable(
        ("of the samples", *(f"{each.name} [{each.unit}]" for each in spreads)),
        [
            ("mean", *(figure(each.mean) for each in spreads)),
            *(
                (f"{percent(share, 0)} up to", *(figure(each.quantile(share)) for each in spreads))
                for share in QUANTILES
            ),
            ("greatest", *(figure(max(each.values)) for each in spreads)),
        ],
    )


def _spread_sentence(spread: Spread) -> str:
    return (
        f"{spread.name.capitalize()}: {figure(spread.mean)} {spread.unit} in the mean of "
        f"{len(spread.values):,} samples; 90 % of them between {figure(spread.quantile(0.05))} and "
        f"{figure(spread.quantile(0.95))}."
    )
