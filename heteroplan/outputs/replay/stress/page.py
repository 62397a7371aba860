"""A stress test as a page: one file to open from disk or to attach."""

from html import escape
from typing import TYPE_CHECKING

from heteroplan.inputs.plan_ids import META
from heteroplan.outputs.replay.page import STYLE, columns_section
from heteroplan.outputs.replay.stress.figures import (
    TEXTS,
    heading,
    limit_sentences,
    run_columns,
    table_sentence,
    verdict,
)
from heteroplan.outputs.shared.chart_style import COLOURS, INK, LIMIT, style
from heteroplan.outputs.shared.page import PageTable, Panel, chart_section, page, render
from heteroplan.simulation.stress.results import Criterion, Stress, Stressor
from heteroplan.text import percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_MOST_WORKLOADS = 8
_HEIGHT = 300
"""Of a chart [pixels]."""
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
            chart_section(
                "stress",
                "Requests in time over the whole replay",
                share_panels(stress),
                share_tables(stress),
            ),
            *sections,
        ],
        style=STYLE,
        meta={META: stress.plan_id or ""},
    )


def share_panels(stress: Stress) -> list[Panel]:
    """Share of each workload's requests in time by factor, on demand and on engine times."""
    return [Panel(f"factor on {each.value}", _chart(stress, each)) for each in _CHARTED]


def share_tables(stress: Stress) -> list[PageTable]:
    """The shares of all workloads, by factor."""
    names = list(stress.planned.shares)
    return [
        PageTable(
            ("factor", *names),
            [
                (f"{run.factor:g}", *(_share(run.shares.get(name)) for name in names))
                for run in sorted(stress.of(stressor), key=lambda run: run.factor)
            ],
            caption=f"factor on {stressor.value}",
        )
        for stressor in _CHARTED
    ]


def _share(share: float | None) -> str:
    return "" if share is None else percent(share)


def _chart(stress: Stress, stressor: Stressor) -> "Figure":
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    planned = stress.planned.shares
    order = sorted(planned, key=lambda name: planned[name] - stress.percentiles[name])
    runs = stress.of(stressor)
    for n, name in enumerate(order[:_MOST_WORKLOADS]):
        some = [each for each in runs if name in each.shares]
        figure.add_trace(
            Scatter(
                x=[each.factor for each in some],
                y=[each.shares[name] for each in some],
                mode="lines+markers",
                name=escape(name),
                line={"color": COLOURS[n % len(COLOURS)]},
                hovertemplate=f"{escape(name)}: %{{y:.2%}} at %{{x:g}}<extra></extra>",
            )
        )
    for percentile in sorted(set(stress.percentiles.values())):
        figure.add_hline(y=percentile, line={"color": LIMIT, "width": 1.5, "dash": "dash"})
    for limit in stress.limits:
        whole = limit.criterion is Criterion.WHOLE and limit.stressor is stressor
        if whole and limit.breaks is not None:
            figure.add_vline(
                x=limit.breaks.factor,
                line={"color": INK, "width": 1, "dash": "dot"},
                annotation_text=f"breaks at {limit.breaks.factor:g}",
                annotation_position="bottom left",
            )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", title_text="share in time")
    style(figure, _HEIGHT)
    return figure
