"""What planning for a quantile of demand costs, shortages included: chart and table."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from heteroplan.outputs.shared.chart_style import COLOURS, INK, LIMIT, style
from heteroplan.outputs.shared.page import PageTable, Panel, chart_section
from heteroplan.outputs.shared.words import figure

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_HEIGHT = 320
"""Of the chart [pixels]."""


@dataclass(frozen=True, slots=True)
class PlannedQuantile:
    """What planning for a quantile of demand is expected to cost."""

    quantile: float
    capacity_usd: float
    """Of the plan."""
    shortage_usd: float
    """Expected, of requests that are not served."""
    is_planned: bool = False
    """Whether this is the one that the scenario plans for."""

    @property
    def total_usd(self) -> float:
        """Capacity and shortage."""
        return self.capacity_usd + self.shortage_usd


def quantile_section(rows: Sequence[PlannedQuantile], unit: str) -> str:
    """Expected cost by the quantile of demand that is planned for, as chart and table."""
    best = min(rows, key=lambda each: each.total_usd)
    return chart_section(
        "quantiles",
        "Which quantile of demand to plan for",
        [Panel("", quantile_chart(rows, unit))],
        [
            PageTable(
                ("quantile planned for", "capacity", "expected shortage", f"both, {unit}", ""),
                [
                    (
                        f"{100 * each.quantile:g} %",
                        figure(each.capacity_usd),
                        figure(each.shortage_usd),
                        figure(each.total_usd),
                        " ".join(_marks(each, best)),
                    )
                    for each in rows
                ],
                text_columns=(4,),
            )
        ],
        [_quantile_sentence(rows, best, unit)],
    )


def quantile_chart(rows: Sequence[PlannedQuantile], unit: str) -> "Figure":
    """Capacity, expected shortage and both; marked are the cheapest and the one planned for."""
    from plotly.graph_objects import Figure, Scatter

    best = min(rows, key=lambda each: each.total_usd)
    shares = [100 * each.quantile for each in rows]
    chart = Figure()
    for what, values, colour, dash in (
        ("capacity", [each.capacity_usd for each in rows], COLOURS[0], "solid"),
        ("expected shortage", [each.shortage_usd for each in rows], COLOURS[1], "solid"),
        ("both", [each.total_usd for each in rows], INK, "solid"),
    ):
        chart.add_trace(
            Scatter(
                x=shares, y=values, mode="lines+markers", name=what,
                line={"color": colour, "width": 2, "dash": dash},
                hovertemplate=f"{what}: %{{y:,.4~r}} at %{{x:.4~g}} %<extra></extra>",
            )
        )  # fmt: skip
    marked = [("cheapest", best, COLOURS[2])]
    marked += [("planned for", each, LIMIT) for each in rows if each.is_planned]
    for what, row, colour in marked:
        chart.add_trace(
            Scatter(
                x=[100 * row.quantile], y=[row.total_usd], mode="markers", name=what,
                marker={"color": colour, "size": 13, "symbol": "circle-open",
                        "line": {"color": colour, "width": 3}},
                hovertemplate=f"{what}: %{{y:,.4~r}} at %{{x:.4~g}} %<extra></extra>",
            )
        )  # fmt: skip
    style(chart, _HEIGHT, hovermode="closest")
    chart.update_xaxes(title_text="quantile planned for [%]", showline=True)
    chart.update_yaxes(
        title_text=escape(unit), rangemode="tozero", separatethousands=True, exponentformat="none"
    )
    return chart


def _marks(row: PlannedQuantile, best: PlannedQuantile) -> list[str]:
    return [*(["cheapest"] if row is best else []), *(["planned for"] if row.is_planned else [])]


def _quantile_sentence(rows: Sequence[PlannedQuantile], best: PlannedQuantile, unit: str) -> str:
    said = (
        f"Cheapest in expectation: to plan for the {100 * best.quantile:g} % quantile, "
        f"{figure(best.total_usd)} {unit} with shortages"
    )
    planned = next((each for each in rows if each.is_planned), None)
    if planned is None:
        return f"{said}."
    if planned is best:
        return f"{said}; that is the one planned for."
    return (
        f"{said}; the {100 * planned.quantile:g} % quantile that is planned for costs "
        f"{figure(planned.total_usd - best.total_usd)} more."
    )
