"""The charts of report.html; plotly is imported where a chart is drawn."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart, SupplyPart

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

INK, SOFT, _SHORT = "#1f2933", "#9aa5b1", "#d64545"
COLOURS = (
    *("#2f6fb0", "#e08a1e", "#3a9a6b", "#8a5bb5", "#c9537a"),
    *("#1f9aa8", "#a3852c", "#5b6bd1", "#7a8b3d", "#a65a3a"),
)
_ROW_HEIGHT, _ROW_GAP, _TOP, _BOTTOM = 150, 76, 62, 64
"""Plot of a row, its axis and the next row's title, legend, last axis with its title [pixels]."""
_TITLE = 26
"""Room for the first row's title below the legend [pixels]."""


def demand_chart(plan: PlanDocument) -> "Figure":
    """Requests/s asked for, served and servable, one row a workload."""
    figure = _rows(plan, [load.name for load in plan.workloads])
    for row, load in enumerate(plan.workloads, start=1):
        lines = (
            ("served", load.served_rps, {"color": COLOURS[0], "width": 0}, "tozeroy"),
            ("capacity", load.capacity_rps, {"color": INK, "width": 1.5}, None),
            ("demand", load.demand_rps, {"color": _SHORT, "width": 2, "dash": "dot"}, None),
        )
        for name, values, line, fill in lines:
            _step(figure, plan, values, row=row, name=name, line=line, fill=fill, group=name)
    figure.update_yaxes(title_text="requests/s")
    return figure


def gpu_chart(plan: PlanDocument) -> "Figure":
    """GPUs of each workload stacked, with those of starting replicas, one row a node type."""
    figure = _rows(plan, [use.node_type for use in plan.supply])
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
    figure.update_yaxes(title_text="GPUs")
    return figure


def replica_chart(plan: PlanDocument) -> "Figure":
    """Replicas of every pool, one row a workload, one colour an engine."""
    engines = list(dict.fromkeys(_engine(pool) for pool in plan.pools))
    figure = _rows(plan, [load.name for load in plan.workloads])
    rows = {load.name: row for row, load in enumerate(plan.workloads, start=1)}
    for pool in plan.pools:
        colour = COLOURS[engines.index(_engine(pool)) % len(COLOURS)]
        _step(
            figure, plan, pool.replicas, row=rows[pool.workload], name=_engine(pool),
            group=_engine(pool), line={"color": colour, "width": 2},
            hovertemplate=f"%{{y}} in {escape(pool.domain)}",
        )  # fmt: skip
    figure.update_yaxes(title_text="replicas")
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


def _rows(plan: PlanDocument, titles: Sequence[str]) -> "Figure":
    """An empty figure with one titled row each, on like time axes; the legend makes its room."""
    from plotly.subplots import make_subplots

    n = max(1, len(titles))
    plots = _ROW_HEIGHT * n + _ROW_GAP * (n - 1)
    figure = make_subplots(
        rows=n,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=_ROW_GAP / plots,
        subplot_titles=[escape(title) for title in titles],
    )
    figure.update_annotations(x=0, xanchor="left", font={"size": 13, "color": INK})
    figure.update_layout(
        template="plotly_white",
        height=_TOP + plots + _BOTTOM,
        margin={"l": 60, "r": 16, "t": _TOP, "b": _BOTTOM},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        legend={"orientation": "h", "y": 1 + _TITLE / plots, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
    )
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(showticklabels=True, tickformat="%H:%M\n%d %b", showline=True)
    figure.update_xaxes(title_text=escape(plan.horizon.timezone), row=n)
    return figure


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
    """A value an interval as steps over the wall clock; one legend entry a `group`."""
    from plotly.graph_objects import Scatter

    clocks = [moment.strftime("%Y-%m-%d %H:%M") for moment in plan.horizon.boundaries()]
    seen = group and any(trace.legendgroup == escape(group) for trace in figure.data)
    figure.add_trace(
        Scatter(
            x=clocks,
            y=[*values, values[-1]],
            name=escape(name),
            mode="lines",
            line={**line, "shape": "hv"},
            legendgroup=escape(group) or None,
            showlegend=not seen,
            **style,
        ),
        row=row,
        col=1,
    )


def _engine(pool: PoolPart) -> str:
    return f"{pool.role.value} {pool.engine}"
