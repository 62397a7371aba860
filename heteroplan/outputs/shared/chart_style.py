"""How plotly charts look on a page; the stylesheet recolours `INK` and the texts in the dark."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape, unescape
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

INK, SOFT, LIMIT = "#1f2933", "#9aa5b1", "#d64545"
COLOURS = (
    *("#2f6fb0", "#e08a1e", "#3a9a6b", "#8a5bb5", "#c9537a"),
    *("#1f9aa8", "#a3852c", "#5b6bd1", "#7a8b3d", "#a65a3a"),
)
ROW_HEIGHT, ROW_GAP, TOP, BOTTOM = 150, 80, 34, 64
"""Plot of a row, its axis and the next row's title, the first title, the last axis [pixels]."""
_LEFT, _RIGHT = 60, 16
_TITLE_CHARACTERS, _TITLE_LINE = 38, 17
"""A line of a row's title on a phone, and its height [pixels]."""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What a name stands for in a chart, and how it is drawn."""

    name: str
    group: str
    """As the traces have it; they are shown and hidden together."""
    colour: str
    kind: str
    """`line`, `fill` or `marker`."""
    dash: str
    """`stroke-dasharray` of a line."""
    is_shown: bool
    """At first."""


_DASHES = {"dot": "2 2", "dash": "6 3"}


def style(figure: "Figure", height: int, **layout: Any) -> None:
    """Fonts, margins and a background that lets the page through; the page draws the legend."""
    clear = "rgba(0,0,0,0)"
    figure.update_layout(
        template="plotly_white",
        height=height,
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        hoverlabel={"bgcolor": "#ffffff", "font": {"color": INK}},
        paper_bgcolor=clear,
        plot_bgcolor=clear,
        showlegend=False,
        **{"margin": {"l": _LEFT, "r": _RIGHT, "t": 12, "b": BOTTOM}} | layout,
    )
    figure.update_xaxes(automargin=True, ticks="outside", ticklen=4, tickcolor=clear)
    figure.update_yaxes(automargin=True, ticks="outside", ticklen=4, tickcolor=clear)


def stacked_rows(titles: Sequence[str]) -> "Figure":
    """An empty figure with one titled row each, on like time axes."""
    from plotly.subplots import make_subplots

    broken = [wrap(title, _TITLE_CHARACTERS) or [""] for title in titles] or [[""]]
    n, extra = len(broken), _TITLE_LINE * (max(map(len, broken)) - 1)
    gap = ROW_GAP + extra
    plots = ROW_HEIGHT * n + gap * (n - 1)
    figure = make_subplots(
        rows=n,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=gap / plots,
        subplot_titles=["<br>".join(map(escape, lines)) for lines in broken],
    )
    figure.update_annotations(
        x=0,
        xanchor="left",
        xshift=-_LEFT + 8,
        yshift=6,
        align="left",
        font={"size": 13, "color": INK},
    )
    margin = {"l": _LEFT, "r": _RIGHT, "t": TOP + extra, "b": BOTTOM}
    style(figure, TOP + extra + plots + BOTTOM, margin=margin, hovermode="x unified")
    figure.update_yaxes(separatethousands=True, exponentformat="none")
    figure.update_xaxes(showticklabels=True, showline=True)
    return figure


def legend_of(figures: Sequence["Figure"]) -> tuple[LegendEntry, ...]:
    """One entry a group of traces, in their order; none where there is nothing to tell apart."""
    found: dict[str, LegendEntry] = {}
    for entry in (each for figure in figures for each in _entries(figure)):
        found.setdefault(entry.group, entry)
    return tuple(found.values()) if len(found) > 1 else ()


def _entries(figure: "Figure") -> Iterator[LegendEntry]:
    for trace in figure.data:
        if trace.showlegend is False or not trace.name:
            continue
        line, marker = trace.line, trace.marker
        has_line = "lines" in (trace.mode or "lines")
        filled = line.width == 0 and (trace.fillcolor or trace.fill)
        colour = (line.color if has_line else marker.color or marker.line.color) or COLOURS[0]
        yield LegendEntry(
            name=unescape(trace.name),
            group=trace.legendgroup or trace.name,
            colour=(trace.fillcolor or colour) if filled else colour,
            kind="fill" if filled else "line" if has_line else "marker",
            dash=_DASHES.get(line.dash or "", ""),
            is_shown=trace.visible in (None, True),
        )
