"""How plotly charts look on a page; the stylesheet recolours `INK` and the texts in the dark."""

from collections.abc import Iterator, Mapping, Sequence
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
_CLEAR = "rgba(0,0,0,0)"
_AXIS = {"automargin": True, "ticks": "outside", "ticklen": 4, "tickcolor": _CLEAR}
_ROW_TITLE = {
    "x": 0,
    "xref": "paper",
    "xanchor": "left",
    "xshift": -_LEFT + 8,
    "yref": "paper",
    "yanchor": "bottom",
    "yshift": 6,
    "align": "left",
    "showarrow": False,
    "font": {"size": 13, "color": INK},
}


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
    """Fonts, margins and a background that lets the page through.

    The page draws the legend, and gives all charts one template (`page.chart_html`).
    """
    figure.update_layout(**_layout(height, **layout))
    figure.update_xaxes(**_AXIS)
    figure.update_yaxes(**_AXIS)


def _layout(height: int, **layout: Any) -> dict[str, Any]:
    return {
        "height": height,
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
        "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": INK}},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "showlegend": False,
        "margin": {"l": _LEFT, "r": _RIGHT, "t": 12, "b": BOTTOM},
    } | layout


def stacked_rows(
    titles: Sequence[str],
    *,
    x_axis: Mapping[str, Any] | None = None,
    y_axis: Mapping[str, Any] | None = None,
    below: str = "",
) -> "Figure":
    """An empty figure with one titled row each, on like time axes; `axes_of` says where a row is.

    `below` is the title of the last time axis. The layout is checked by plotly once, as a whole:
    each change of a figure takes it milliseconds.
    """
    from plotly.graph_objects import Figure

    broken = [wrap(title, _TITLE_CHARACTERS) or [""] for title in titles] or [[""]]
    n, extra = len(broken), _TITLE_LINE * (max(map(len, broken)) - 1)
    gap = ROW_GAP + extra
    plots = ROW_HEIGHT * n + gap * (n - 1)
    x = _AXIS | {"showticklabels": True, "showline": True} | dict(x_axis or {})
    y = _AXIS | {"separatethousands": True, "exponentformat": "none"} | dict(y_axis or {})
    layout: dict[str, Any] = {"annotations": []}
    for row, lines in enumerate(broken, start=1):
        names = axes_of(row)
        bottom = (n - row) * (ROW_HEIGHT + gap) / plots
        top = min(1.0, bottom + ROW_HEIGHT / plots)
        last = {"title": {"text": below}} if row == n else {"matches": axes_of(n)["xaxis"]}
        layout[f"xaxis{row}"] = x | {"anchor": names["yaxis"], "domain": [0, 1]} | last
        layout[f"yaxis{row}"] = y | {"anchor": names["xaxis"], "domain": [bottom, top]}
        title = "<br>".join(map(escape, lines))
        layout["annotations"].append(_ROW_TITLE | {"y": top, "text": title})
    margin = {"l": _LEFT, "r": _RIGHT, "t": TOP + extra, "b": BOTTOM}
    height = TOP + extra + plots + BOTTOM
    return Figure(layout=_layout(height, margin=margin, hovermode="x unified", **layout))


def axes_of(row: int) -> dict[str, str]:
    """The axes of what is drawn in a row of `stacked_rows`; the first is 1."""
    number = "" if row == 1 else str(row)
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


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
