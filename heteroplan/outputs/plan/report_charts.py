"""The charts of report.html; plotly is imported where a chart is drawn."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart, SupplyPart
from heteroplan.outputs.plan.places import LeafUse, leaf_supply
from heteroplan.outputs.shared.chart_style import (
    COLOURS,
    INK,
    LIMIT,
    SOFT,
    axes_of,
    stacked_rows,
)
from heteroplan.outputs.shared.time_axis import places, time_ticks

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

type _Step = dict[str, Any]
"""Options of a trace that shows a value an interval."""


def demand_chart(plan: PlanDocument) -> "Figure":
    """Requests/s asked for, served and servable, one row a workload."""
    steps = list[_Step]()
    for row, load in enumerate(plan.workloads, start=1):
        lines = (
            ("served", load.served_rps, {"color": COLOURS[0], "width": 0}, "tozeroy"),
            ("capacity", load.capacity_rps, {"color": INK, "width": 1.5}, None),
            ("demand", load.demand_rps, {"color": LIMIT, "width": 2, "dash": "dot"}, None),
        )
        for name, values, line, fill in lines:
            steps.append(_step(values, row=row, name=name, line=line, fill=fill, group=name))
    return _drawn(plan, [load.name for load in plan.workloads], "requests/s", steps)


def gpu_chart(plan: PlanDocument) -> "Figure":
    """GPUs of each workload stacked, with those of starting replicas, one row a node type."""
    steps = list[_Step]()
    for row, use in enumerate(plan.supply, start=1):
        for name, values, colour in _stack(plan, use):
            steps.append(_layer(values, row=row, name=name, colour=colour, of=use.node_type))
        steps.append(_supply(use.supply, row))
    return _drawn(plan, [use.node_type for use in plan.supply], "GPUs", steps)


def replica_chart(plan: PlanDocument) -> "Figure":
    """Replicas of every pool, one row a workload, one colour an engine."""
    engines = list(dict.fromkeys(_engine(pool) for pool in plan.pools))
    steps = list[_Step]()
    rows = {load.name: row for row, load in enumerate(plan.workloads, start=1)}
    for pool in plan.pools:
        colour = COLOURS[engines.index(_engine(pool)) % len(COLOURS)]
        step = _step(
            pool.replicas, row=rows[pool.workload], name=_engine(pool), group=_engine(pool),
            line={"color": colour, "width": 2}, hovertemplate=f"%{{y}} in {escape(pool.domain)}",
            meta=f"{escape(_engine(pool))} in {escape(pool.domain)}",
        )  # fmt: skip
        steps.append(step)
    return _drawn(plan, [load.name for load in plan.workloads], "replicas", steps)


def placement_chart(plan: PlanDocument, use: LeafUse) -> "Figure":
    """GPUs of each workload stacked, starting ones included, one row a leaf of `use`."""
    colours = {load.name: COLOURS[i % len(COLOURS)] for i, load in enumerate(plan.workloads)}
    steps = list[_Step]()
    for row, (leaf, held) in enumerate(use.items(), start=1):
        for name, gpus in held.items():
            steps.append(_layer(gpus, row=row, name=name, colour=colours[name], of=leaf))
        steps.append(_supply(leaf_supply(plan.given, leaf), row))
    return _drawn(plan, list(use), "GPUs", steps)


def _stack(plan: PlanDocument, use: SupplyPart) -> list[tuple[str, Sequence[int], str]]:
    """Name, GPUs and colour of each layer, `use.held` in all."""
    layers: list[tuple[str, Sequence[int], str]] = []
    for i, load in enumerate(plan.workloads):
        pools = [
            pool
            for pool in plan.pools
            if (pool.workload, pool.node_type) == (load.name, use.node_type)
        ]
        if pools:
            gpus = [
                sum(pool.replicas[t] * pool.gpus_per_replica for pool in pools)
                for t in range(len(use.held))
            ]
            layers.append((load.name, gpus, COLOURS[i % len(COLOURS)]))
    running = [sum(column) for column in zip(*(gpus for _, gpus, _ in layers), strict=True)]
    starting = [
        held - ran for held, ran in zip(use.held, running or [0] * len(use.held), strict=True)
    ]
    if any(starting):
        layers.append(("starting", starting, SOFT))
    return layers


def _drawn(
    plan: PlanDocument, titles: Sequence[str], unit: str, steps: Sequence[_Step]
) -> "Figure":
    """Steps over the plan's time in titled rows; one legend entry a group of steps."""
    moments = plan.horizon.boundaries()
    figure = stacked_rows(
        titles,
        x_axis=time_ticks(moments),
        y_axis={"rangemode": "tozero", "title": {"text": unit}},
        below=escape(plan.horizon.timezone),
    )
    at, seen, traces = places(moments[0], moments), set[str](), list[_Step]()
    for step in steps:
        group = step["legendgroup"]
        traces.append({"type": "scatter", "x": at, "showlegend": group not in seen, **step})
        seen.add(group)
    figure.add_traces(traces)
    return figure


def _layer(values: Sequence[float], *, row: int, name: str, colour: str, of: str) -> _Step:
    """GPUs of a workload, on top of the others in the stack `of` a node type or leaf."""
    line = {"color": colour, "width": 0}
    return _step(values, row=row, name=name, group=name, line=line, fillcolor=colour, stackgroup=of)


def _supply(gpus: Sequence[int], row: int) -> _Step:
    line = {"color": INK, "width": 1.5, "dash": "dash"}
    return _step(gpus, row=row, name="supply", group="supply", line=line)


def _step(
    values: Sequence[float], *, row: int, name: str, group: str, line: dict[str, Any], **style: Any
) -> _Step:
    """A value an interval, as options of a trace."""
    return {
        "y": [*values, values[-1]],
        "name": escape(name),
        "mode": "lines",
        "line": {**line, "shape": "hv"},
        "legendgroup": escape(group),
        **axes_of(row),
        **style,
    }


def _engine(pool: PoolPart) -> str:
    return f"{pool.role.value} {pool.engine}"
