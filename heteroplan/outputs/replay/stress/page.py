"""A stress test as a page: one file to open from disk or to attach."""

from html import escape
from typing import TYPE_CHECKING

from heteroplan.inputs.plan_ids import META
from heteroplan.outputs.shared.chart_style import COLOURS, INK
from heteroplan.outputs.replay.page import STYLE, columns_section
from heteroplan.outputs.replay.stress.figures import (
    TEXTS,
    heading,
    limit_sentences,
    run_columns,
    table_sentence,
    verdict,
)
from heteroplan.outputs.shared.page import chart_section, page, render
from heteroplan.simulation.stress.results import Criterion, Stress, Stressor

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_MOST_WORKLOADS = 8
_CHARTED = (Stressor.DEMAND, Stressor.ENGINES)


def stress_html(stress: Stress) -> str:
    """The test as a self-contained page: verdict, chart, the fixed cases and the search."""
    title = f"{stress.scenario}: stress of {stress.policy}"
    kept, sentence = verdict(stress)
    columns = run_columns(stress, stress.runs)
    texts = {n for n, each in enumerate(columns) if each.head in TEXTS}
    sections = [
        columns_section("One thing at a time", columns, texts, below=[table_sentence(stress)])
    ]
    if stress.searched:
        found = run_columns(stress, stress.searched)
        sections.append(columns_section("In search of where the SLO breaks", found, texts))
    if stress.notes:
        sections.append(render("notes.html", head="Notes", notes=stress.notes))
    return page(
        title,
        [
            render(
                "verdict_head.html",
                title=title,
                below=heading(stress),
                verdict_class=kept.value,
                verdict=sentence,
                notes=limit_sentences(stress),
            ),
            chart_section("stress", "Requests in time over the whole replay", share_chart(stress)),
            *sections,
        ],
        style=STYLE,
        meta={META: stress.plan_id or ""},
    )


def share_chart(stress: Stress) -> "Figure":
    """Share of each workload's requests in time by factor, on demand and on engine times."""
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=1, cols=len(_CHARTED), shared_yaxes=True, horizontal_spacing=0.05,
        subplot_titles=[f"factor on {each.value}" for each in _CHARTED],
    )  # fmt: skip
    planned = stress.planned.shares
    order = sorted(planned, key=lambda name: planned[name] - stress.percentiles[name])
    breaks = {
        each.stressor: each.breaks.factor
        for each in stress.limits
        if each.criterion is Criterion.WHOLE and each.breaks is not None
    }
    for column, stressor in enumerate(_CHARTED, start=1):
        runs = stress.of(stressor)
        for n, name in enumerate(order[:_MOST_WORKLOADS]):
            some = [each for each in runs if name in each.shares]
            figure.add_trace(
                Scatter(
                    x=[each.factor for each in some], y=[each.shares[name] for each in some],
                    mode="lines+markers", name=escape(name), legendgroup=escape(name),
                    showlegend=column == 1, line={"color": COLOURS[n % len(COLOURS)]},
                    hovertemplate=f"{escape(name)}: %{{y:.2%}} at %{{x:g}}<extra></extra>",
                ), row=1, col=column,
            )  # fmt: skip
        for percentile in sorted(set(stress.percentiles.values())):
            figure.add_hline(
                y=percentile, line={"color": "#d64545", "width": 1.5, "dash": "dash"},
                row=1, col=column,
            )  # fmt: skip
        if stressor in breaks:
            figure.add_vline(
                x=breaks[stressor], line={"color": INK, "width": 1, "dash": "dot"},
                annotation_text=f"breaks at {breaks[stressor]:g}",
                annotation_position="bottom left", row=1, col=column,
            )  # fmt: skip
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(title_text="share in time", col=1)
    figure.update_layout(
        template="plotly_white", height=380, margin={"l": 70, "r": 16, "t": 80, "b": 50},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        legend={"orientation": "h", "y": 1.12, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return figure
