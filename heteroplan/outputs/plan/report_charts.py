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


def demand_chart(plan: PlanDocument) -> "Figure":
    """Requests/s asked for, served and servable, one row a workload."""
    figure = _rows(plan, [load.name for load in plan.workloads], "requests/s")
    for row, load in enumerate(plan.workloads, start=1):
        lines = (
            ("served", load.served_rps, {"color": COLOURS[0], "width": 0}, "tozeroy"),
            ("capacity", load.capacity_rps, {"color": INK, "width": 1.5}, None),
            ("demand", load.demand_rps, {"color": LIMIT, "width": 2, "dash": "dot"}, None),
        )
        for name, values, line, fill in lines:
            _step(figure, plan, values, row=row, name=name, line=line, fill=fill, group=name)
    return figure


def gpu_chart(plan: PlanDocument) -> "Figure":
    """GPUs of each workload stacked, with those of starting replicas, one row a node type."""
    figure = _rows(plan, [use.node_type for use in plan.supply], "GPUs")
    for row, use in enumerate(plan.supply, start=1):
        for name, values, colour in _stack(plan, use):
            _step(
                figure, plan, values, row=row, name=name, group=name,
                line={"color": colour, "width": 0}, fillcolor=colour, stackgroup=use.node_type,
            )  # fmt: skip
        _step(
            figure, plan, use.supply, row=row, name="supply", group="supply",
            line={"color": INK, "width": 1.5, "dash": "dash"},
        )  # fmt: skip
    return figure


def replica_chart(plan: PlanDocument) -> "Figure":
    """Replicas of every pool, one row a workload, one colour an engine."""
    engines = list(dict.fromkeys(_engine(pool) for pool in plan.pools))
    figure = _rows(plan, [load.name for load in plan.workloads], "replicas")
    rows = {load.name: row for row, load in enumerate(plan.workloads, start=1)}
    for pool in plan.pools:
        colour = COLOURS[engines.index(_engine(pool)) % len(COLOURS)]
        _step(
            figure, plan, pool.replicas, row=rows[pool.workload], name=_engine(pool),
            group=_engine(pool), line={"color": colour, "width": 2},
            hovertemplate=f"%{{y}} in {escape(pool.domain)}",
            meta=f"{escape(_engine(pool))} in {escape(pool.domain)}",
        )  # fmt: skip
    return figure


def placement_chart(plan: PlanDocument, use: LeafUse) -> "Figure":
    """GPUs of each workload stacked, starting ones included, one row a leaf of `use`."""
    colours = {load.name: COLOURS[i % len(COLOURS)] for i, load in enumerate(plan.workloads)}
    figure = _rows(plan, list(use), "GPUs")
    for row, (leaf, held) in enumerate(use.items(), start=1):
        for name, gpus in held.items():
            _step(
                figure, plan, gpus, row=row, name=name, group=name, stackgroup=leaf,
                line={"color": colours[name], "width": 0}, fillcolor=colours[name],
            )  # fmt: skip
        _step(
            figure, plan, leaf_supply(plan.given, leaf), row=row, name="supply", group="supply",
            line={"color": INK, "width": 1.5, "dash": "dash"},
        )  # fmt: skip
    return figure


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


def _rows(plan: PlanDocument, titles: Sequence[str], unit: str) -> "Figure":
    """An empty figure with one titled row each over the plan's time."""
    return stacked_rows(
        titles,
        x_axis=time_ticks(plan.horizon.boundaries()),
        y_axis={"rangemode": "tozero", "title": {"text": unit}},
        below=escape(plan.horizon.timezone),
    )


def _step(
    figure: "Figure",
    plan: PlanDocument,
    values: Sequence[float],
    *,
    row: int,
    name: str,
    line: dict[str, Any],
    group: str = "",
    **style: Any,
) -> None:
    """A value an interval as steps over elapsed time; one legend entry a `group`."""
    from plotly.graph_objects import Scatter

    moments = plan.horizon.boundaries()
    seen = group and any(trace.legendgroup == escape(group) for trace in figure.data)
    figure.add_trace(
        Scatter(
            x=places(moments[0], moments),
            y=[*values, values[-1]],
            name=escape(name),
            mode="lines",
            line={**line, "shape": "hv"},
            legendgroup=escape(group) or None,
            showlegend=not seen,
            **axes_of(row),
            **style,
        )
    )


def _engine(pool: PoolPart) -> str:
    return f"{pool.role.value} {pool.engine}"
