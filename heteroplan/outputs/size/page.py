"""report.html of a size: one file to open from disk or to attach."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from heteroplan.outputs.shared.chart_style import COLOURS, INK, SOFT, style
from heteroplan.outputs.shared.page import (
    PageTable,
    cards,
    chart_section,
    page,
    render,
    table_section,
)
from heteroplan.outputs.shared.words import figure, horizon_text
from heteroplan.outputs.size import sentences as words
from heteroplan.outputs.size.document import SizeDocument
from heteroplan.text import percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_ROW, _AROUND, _QUARTERS_HEIGHT = 44, 80, 320
"""Height of a bar, of what is around the bars, and of the chart of quarters [pixels]."""
_STYLE = ".cards { margin-top: 18px; } th, td { padding: 6px; }"
_THIS = "this fleet"


def size_html(found: SizeDocument) -> str:
    """The size as a self-contained page: nodes, what they are for, other fleets, quarters."""
    title = f"{found.scenario}: what to buy or rent"
    return page(
        title,
        [
            render(
                "verdict_head.html",
                title=title,
                below=horizon_text(found.horizon),
                verdict_class="good" if found.covered else "partly",
                verdict=words.headline(found),
                notes=[each for each in (words.unit_costs(found), *words.sentences(found)) if each],
            ),
            cards(_cards(found)),
            _table("Nodes", words.NODE_HEADS, words.node_rows(found), {0, 1, 2, 3}),
            _table("What they are for", words.TYPE_HEADS, words.type_rows(found), {0, 3, 4}),
            *_alternatives(found),
            *_quarters(found),
            _table("Orders", words.ORDER_HEADS, words.order_rows(found), {0, 1, 2, 3, 4}),
            _table(
                *("One more node", words.WORTH_HEADS, words.worth_rows(found), {0, 3}),
                below=words.without_worth(found),
            ),
            _table("Spare nodes for failures", words.SPARE_HEADS, words.spare_rows(found), {0}),
            _table("Power", words.POWER_HEADS, words.power_rows(found), {0}),
            *([render("notes.html", head="Assumed", notes=found.notes)] if found.notes else []),
        ],
        style=_STYLE,
    )


def alternatives_chart(found: SizeDocument) -> "Figure":
    """Cost a month of the fleet and of others, those that do not serve all demand in grey."""
    from plotly.graph_objects import Bar, Figure

    rows = [(_THIS, found.cost_usd_per_month, found.covered)] + [
        (words.alternative_name(found, each), each.cost_usd_per_month, bool(each.covered))
        for each in found.alternatives
        if each.cost_usd_per_month is not None
    ]
    chart = Figure(
        Bar(
            x=[usd for _, usd, _ in rows],
            y=[escape(name) for name, _, _ in rows],
            orientation="h",
            marker={
                "color": [
                    SOFT if not all_served else COLOURS[0] if name == _THIS else COLOURS[1]
                    for name, _, all_served in rows
                ]
            },
            text=[f"{usd:,.0f}" + ("" if served else " (not all)") for _, usd, served in rows],
            textposition="auto",
            insidetextfont={"color": "#ffffff"},
            outsidetextfont={"color": INK},
            hovertemplate="%{y}: %{x:,.0f} USD a month<extra></extra>",
            cliponaxis=False,
        )
    )
    chart.add_vline(
        x=found.bound_usd * found.cost_usd_per_month / found.cost_usd if found.cost_usd else 0.0,
        line={"color": INK, "width": 1, "dash": "dot"},
    )
    style(chart, _AROUND + _ROW * len(rows))
    chart.update_xaxes(title_text="USD a month", separatethousands=True, rangemode="tozero")
    chart.update_yaxes(autorange="reversed")
    return chart


def quarters_chart(found: SizeDocument) -> "Figure":
    """Cost a month at the end of each quarter, and what no fleet costs less than."""
    from plotly.graph_objects import Figure, Scatter

    chart = Figure()
    ends = [f"{each.end:%Y-%m-%d}" for each in found.quarters]
    for name, values, line in (
        ("cost", [each.cost_usd_per_month for each in found.quarters], {"color": COLOURS[0]}),
        (
            "proven: not less than",
            [each.bound_usd_per_month for each in found.quarters],
            {"color": SOFT, "dash": "dot"},
        ),
    ):
        if all(value is None for value in values):
            continue
        chart.add_trace(
            Scatter(
                x=ends,
                y=values,
                name=name,
                mode="lines+markers",
                line=line,
                hovertemplate="%{x}: %{y:,.0f} USD a month<extra></extra>",
            )
        )
    style(chart, _QUARTERS_HEIGHT)
    chart.update_xaxes(title_text="end of the quarter")
    chart.update_yaxes(title_text="USD a month", separatethousands=True, rangemode="tozero")
    return chart


def _cards(found: SizeDocument) -> list[tuple[str, str]]:
    nodes = sum(each.nodes for each in found.nodes)
    made = [
        (f"{found.cost_usd_per_month:,.0f} USD", "a month"),
        (f"{nodes:,}", "nodes"),
        (percent(max(0.0, found.gap)), "that it could be cheaper at most"),
    ]
    if found.usd_per_1000_requests is not None:
        made.append((f"{figure(found.usd_per_1000_requests)} USD", "per 1,000 requests"))
    if found.usd_per_million_tokens is not None:
        made.append((f"{figure(found.usd_per_million_tokens)} USD", "per million tokens"))
    once = sum(each.usd_once for each in found.nodes)
    if once > 0:
        made.append((f"{once:,.0f} USD", "paid once"))
    return made


def _alternatives(found: SizeDocument) -> list[str]:
    rows = words.alternative_rows(found)
    if not rows:
        return []
    table = _page_table(words.ALTERNATIVE_HEADS, rows, {0, 1, 4})
    below = ["Dotted: proven, no fleet of these offers costs less. Grey: not all demand is served."]
    below += filter(None, [words.unknown_alternatives(found)])
    chart = alternatives_chart(found)
    return [chart_section("alternatives", "Instead of this fleet", chart, [table], below)]


def _quarters(found: SizeDocument) -> list[str]:
    if not found.quarters:
        return []
    table = _page_table(words.quarter_heads(found), words.quarter_rows(found), {0, 2, 4})
    below = [each for each in (words.purchases_text(found), words.short_quarters(found)) if each]
    chart = quarters_chart(found)
    return [chart_section("quarters", "As demand grows", chart, [table], below)]


def _page_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], text_columns: set[int]
) -> PageTable:
    return PageTable([head.removeprefix(">") for head in heads], rows, text_columns)


def _table(
    head: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    text_columns: set[int],
    *,
    below: str = "",
) -> str:
    """A section; nothing where there are no rows."""
    if not rows:
        return ""
    plain = [each.removeprefix(">") for each in heads]
    return table_section(head, plain, rows, text_columns=text_columns, below=filter(None, [below]))
