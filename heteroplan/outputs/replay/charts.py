"""The charts of a replay's page; plotly is imported where a chart is drawn."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from html import escape
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from heteroplan.outputs.replay.figures import best, plan_of
from heteroplan.outputs.replay.rows import boundaries, came_rps, missed
from heteroplan.outputs.shared.chart_style import COLOURS, INK, LIMIT, SOFT, axes_of, stacked_rows
from heteroplan.outputs.shared.time_axis import places, time_ticks
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.results import PolicyReplay, Replay

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_WORKLOADS = 8
"""That have a row in each chart."""
_FIRST_SHOWN = 3
"""Policies that are drawn before the reader asks for more."""


def workloads_shown(replay: Replay) -> list[int]:
    """Indices of the workloads with the most requests, in the order of the scenario."""
    requests = plan_of(replay).intervals.requests.sum(axis=1)
    return sorted(np.argsort(-requests, kind="stable")[:MOST_WORKLOADS].tolist())


def capacity_chart(replay: Replay) -> "Figure":
    """Requests/s that came and were planned for, against capacity; what was missed is crossed."""
    chart = _Chart(replay)
    step = timedelta(seconds=replay.interval_s / 2)
    middles = places(replay.start, (each + step for each in boundaries(replay)[:-1]))
    for row, w in chart.rows():
        area = {"color": SOFT, "width": 0}
        came = came_rps(replay, plan_of(replay))[w]
        chart.steps(row, came, "came", area, fill="tozeroy")
        dots = {"color": INK, "width": 1.5, "dash": "dot"}
        chart.steps(row, replay.planned_rps[w], "planned for", dots)
        for policy, line in chart.policies():
            capacity = policy.intervals.capacity_rps[w]
            chart.steps(row, capacity, policy.policy, line)
            late = np.flatnonzero(missed(replay, policy)[w])
            chart.crosses(row, [middles[t] for t in late], capacity[late], policy.policy)
    chart.figure.update_yaxes(title_text="requests/s", rangemode="tozero")
    return chart.figure


def latency_chart(replay: Replay, kind: str) -> "Figure":
    """TTFT or ITL (`ttft`, `itl`) at the SLO's percentile, and thin at 50 %, by arrival."""
    chart = _Chart(replay)
    targets = replay.ttft_slo_ms if kind == "ttft" else replay.itl_slo_ms
    for row, w in chart.rows():
        for policy, line in chart.policies():
            for name, at, drawn in (
                ("percentile", replay.percentiles[w], line),
                ("p50", 0.5, {**line, "width": 1, "dash": "dot"}),
            ):
                values = getattr(policy.intervals, f"{kind}_{name}_ms")[w]
                chart.steps(row, values, policy.policy, drawn, what=f" ms at {100 * at:g} %")
        if not isfinite(targets[w]):
            continue
        target = np.full(len(replay.planned_rps[w]), targets[w])
        chart.steps(row, target, "target", {"color": LIMIT, "width": 1.5, "dash": "dash"})
    chart.figure.update_yaxes(title_text=f"{kind.upper()} [ms]", type="log")
    return chart.figure


def queue_chart(replay: Replay) -> "Figure":
    """Mean requests in queues."""
    chart = _Chart(replay)
    for row, w in chart.rows():
        for policy, line in chart.policies():
            chart.steps(row, policy.intervals.waiting[w], policy.policy, line)
    chart.figure.update_yaxes(title_text="requests", rangemode="tozero")
    return chart.figure


def gpu_chart(replay: Replay) -> "Figure":
    """GPUs held by all workloads."""
    chart = _Chart(replay, ["all workloads"])
    for policy, line in chart.policies():
        chart.steps(1, policy.intervals.gpus.sum(axis=0), policy.policy, line)
    chart.figure.update_yaxes(title_text="GPUs", rangemode="tozero")
    return chart.figure


def replica_chart(replay: Replay) -> "Figure":
    """Mean ready replicas: prefill solid, decode dashed, aggregated dotted."""
    chart = _Chart(replay)
    for row, w in chart.rows():
        for policy, line in chart.policies():
            for role, dash in (("prefill", "solid"), ("decode", "dash"), ("aggregated", "dot")):
                values = getattr(policy.intervals, f"{role}_replicas")[w]
                if np.any(values > 0):
                    drawn = {**line, "dash": dash}
                    chart.steps(row, values, policy.policy, drawn, what=f" {role}")
    chart.figure.update_yaxes(title_text="replicas", rangemode="tozero")
    return chart.figure


class _Chart:
    """A figure with a row a workload on like axes; each name has one entry in the legend."""

    def __init__(self, replay: Replay, titles: Sequence[str] = ()) -> None:
        self._replay = replay
        self._workloads = workloads_shown(replay)
        self._drawn = shown_first(replay)
        self._legend: set[str] = set()
        moments = boundaries(replay)
        self._places = places(moments[0], moments)
        names = list(titles) or [replay.workloads[w] for w in self._workloads]
        self.figure = stacked_rows(
            names, x_axis=time_ticks(moments), below=escape(str(replay.start.tzinfo))
        )

    def rows(self) -> Iterator[tuple[int, int]]:
        """Rows with the index of their workload."""
        return enumerate(self._workloads, start=1)

    def policies(self) -> Iterator[tuple[PolicyReplay, dict[str, Any]]]:
        """Policies with their lines."""
        return policy_lines(self._replay)

    def steps(
        self,
        row: int,
        values: NDArray[Any],
        name: str,
        line: dict[str, Any],
        what: str = "",
        **style: Any,
    ) -> None:
        """A value an interval as steps; it is shown and hidden with all of its name.

        `what` says more of the values.
        """
        y = np.append(values, values[-1:])
        self._add(
            row, self._places, y, name, line={**line, "shape": "hv"}, mode="lines",
            hovertemplate=f"%{{y:.4~g}}{what}", meta=escape(f"{name}{what}"), **style,
        )  # fmt: skip

    def crosses(self, row: int, x: list[str], y: Floats, name: str) -> None:
        """Intervals that miss the SLO."""
        marker = {"symbol": "x-thin", "size": 8, "line": {"color": LIMIT, "width": 2}}
        self._add(row, x, y, name, mode="markers", marker=marker, hovertemplate="SLO missed")

    def _add(self, row: int, x: Any, y: NDArray[Any], name: str, **style: Any) -> None:
        from plotly.graph_objects import Scatter

        self.figure.add_trace(
            Scatter(
                x=x,
                y=y,
                name=escape(name),
                legendgroup=escape(name),
                showlegend=name not in self._legend,
                visible=True if name in self._drawn else "legendonly",
                **axes_of(row),
                **style,
            )
        )
        self._legend.add(name)


def policy_lines(replay: Replay) -> Iterator[tuple[PolicyReplay, dict[str, Any]]]:
    """Policies with their lines: that of the plan is broad, as it is below the others."""
    plan = plan_of(replay)
    for i, policy in enumerate(replay.policies):
        colour = COLOURS[i % len(COLOURS)]
        yield policy, {"color": colour, "width": 4 if policy is plan else 2}


def shown_first(replay: Replay) -> set[str]:
    """What is drawn before the reader asks for more: the plan, the best policy, the first ones."""
    chosen = best(replay)
    order = [plan_of(replay), *([] if chosen is None else [chosen]), *replay.policies]
    names = list(dict.fromkeys(each.policy for each in order))
    return {"came", "planned for", "target", *names[:_FIRST_SHOWN]}
