"""How many requests have which latency: charts and tables of a replay's page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from heteroplan.outputs.replay.charts import policy_lines, shown_first, workloads_shown
from heteroplan.outputs.replay.rows import latencies
from heteroplan.outputs.shared.chart_style import LIMIT, style
from heteroplan.outputs.shared.page import PageTable, Panel
from heteroplan.outputs.shared.words import figure
from heteroplan.simulation.requests import Floats, RequestStream
from heteroplan.simulation.results import Replay
from heteroplan.text import percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_TABLE_SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)
_SHARES = np.concatenate([np.linspace(0, 0.9, 91), 1 - np.geomspace(0.1, 1e-4, 90), [1.0]])
"""Shares of requests at which distribution functions are drawn, finer in the tail."""
_FEW_DECADES, _MOST_TICKS = 1.5, 6
"""Of the axis of latencies, which is logarithmic."""
_HEIGHT = 240
"""Of a chart [pixels]."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A latency of the finished requests of a workload."""

    workload: str
    kind: str
    """TTFT or ITL."""
    target_ms: float
    curves_ms: Mapping[str, Floats]
    """By policy: the latency up to which each of `_SHARES` is."""
    table_ms: Mapping[str, Floats]
    """By policy: of `_TABLE_SHARES`."""

    @property
    def title(self) -> str:
        """Such as `chat-70b: TTFT`."""
        return f"{self.workload}: {self.kind}"


def distributions(replay: Replay, stream: RequestStream) -> list[Distribution]:
    """TTFT and ITL of each workload that charts show, of the policies whose requests are known."""
    curves: dict[tuple[int, str], dict[str, Floats]] = {}
    tables: dict[tuple[int, str], dict[str, Floats]] = {}
    shown = workloads_shown(replay)
    for policy in replay.policies:
        if policy.requests is None:
            continue
        of = latencies(stream, policy.requests, slice(None))
        finished = policy.requests.outcome == 0
        for w in shown:
            chosen = finished & (stream.workload == w)
            if not chosen.any():
                continue
            for kind, values in (("TTFT", of.ttft_ms), ("ITL", of.itl_ms)):
                own = values[chosen]
                curves.setdefault((w, kind), {})[policy.policy] = np.quantile(own, _SHARES)
                tables.setdefault((w, kind), {})[policy.policy] = np.quantile(own, _TABLE_SHARES)
    targets = {"TTFT": replay.ttft_slo_ms, "ITL": replay.itl_slo_ms}
    return [
        Distribution(replay.workloads[w], kind, targets[kind][w], found, tables[w, kind])
        for (w, kind), found in sorted(curves.items(), key=lambda item: item[0][0])
    ]


def distribution_panels(replay: Replay, found: Sequence[Distribution]) -> list[Panel]:
    """Share of finished requests up to a latency, a chart each."""
    return [Panel(each.title, _chart(replay, each)) for each in found]


def distribution_tables(found: Sequence[Distribution]) -> list[PageTable]:
    """Latencies up to which some shares of the finished requests are."""
    heads = ("policy", *(f"{percent(share)} up to [ms]" for share in _TABLE_SHARES))
    return [
        PageTable(heads, list(_rows(each)), caption=f"{each.title}, target {_target(each)}")
        for each in found
    ]


def _target(found: Distribution) -> str:
    return f"{figure(found.target_ms)} ms" if isfinite(found.target_ms) else "none"


def _rows(found: Distribution) -> Iterator[tuple[str, ...]]:
    for name, values in found.table_ms.items():
        yield name, *map(figure, values.tolist())


def _chart(replay: Replay, found: Distribution) -> "Figure":
    from plotly.graph_objects import Figure

    chart, drawn = Figure(), shown_first(replay)
    for policy, line in policy_lines(replay):
        if policy.policy in found.curves_ms:
            shown = policy.policy in drawn
            _add(chart, found.curves_ms[policy.policy], _SHARES, policy.policy, line, shown)
    if isfinite(found.target_ms):
        line = {"color": LIMIT, "width": 1.5, "dash": "dash"}
        _add(chart, np.full(2, found.target_ms), np.array([0.0, 1.0]), "target", line, True)
    style(chart, _HEIGHT, hovermode="closest")
    chart.update_yaxes(title_text="share of finished", tickformat=".0%", range=[0, 1.01])
    chart.update_xaxes(
        title_text=f"{found.kind} [ms]",
        type="log",
        dtick=_step_of_ticks(found),
        exponentformat="SI",
        showline=True,
    )
    return chart


def _step_of_ticks(found: Distribution) -> int | str:
    """Powers of ten, and 2 and 5 of each where there are few; plotly's words for both."""
    drawn = np.concatenate([values[values > 0] for values in found.curves_ms.values()])
    decades = float(np.log10(drawn.max() / drawn.min())) if drawn.size else 0.0
    if decades <= _FEW_DECADES:
        return "D2"
    return max(1, round(decades / _MOST_TICKS))


def _add(
    chart: "Figure", x: Floats, y: Floats, name: str, line: dict[str, Any], shown: bool
) -> None:
    from plotly.graph_objects import Scatter

    chart.add_trace(
        Scatter(
            x=x,
            y=y,
            name=escape(name),
            legendgroup=escape(name),
            visible=True if shown else "legendonly",
            mode="lines",
            line=line,
            hovertemplate=f"{escape(name)}: %{{y:.2%}} up to %{{x:.4~g}} ms<extra></extra>",
        )
    )
