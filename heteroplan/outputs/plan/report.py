"""report.html: one file with everything in it, to open from disk or to attach to a ticket."""

from collections.abc import Sequence

from heteroplan.entities.plan import BaselineKind
from heteroplan.inputs.plan_ids import META
from heteroplan.outputs.plan.change_lines import (
    FRONTIER_HEADS,
    a_day,
    change_sentences,
    frontier_rows,
)
from heteroplan.outputs.plan.document.plan_document import EnginePart, PlanDocument, SourcePart
from heteroplan.outputs.plan.egress_lines import EGRESS_HEADS, egress_rows, egress_sentences
from heteroplan.outputs.plan.places import (
    busiest_leaves,
    by_group,
    fullest,
    leaf_shares,
    leaf_sizes,
    leaf_use,
    peak_interval,
)
from heteroplan.outputs.plan.report_charts import (
    demand_chart,
    gpu_chart,
    placement_chart,
    replica_chart,
)
from heteroplan.outputs.plan.sentences import (
    baseline_label,
    baselines,
    greedy_sentences,
    limit_time,
    limited_pools,
    longest_first,
    policy_rows,
    promise_sentence,
    replay_sentence,
    router_notes,
    saved_text,
    serves_alike,
    solver_sentence,
    spells,
    used_engine_notes,
    used_engines,
    verdict,
)
from heteroplan.outputs.plan.teams import TEAM_HEADS, team_rows
from heteroplan.outputs.plan.waterfall import waterfall_html
from heteroplan.outputs.shared.clock_ticks import clocks_change
from heteroplan.outputs.shared.page import cards, chart_section, page, render, table_section
from heteroplan.outputs.shared.promises import promises
from heteroplan.outputs.shared.step_tables import step_tables
from heteroplan.outputs.shared.time_axis import CHANGES
from heteroplan.outputs.shared.words import (
    amount_unit,
    clock,
    demand_sentences,
    figure,
    horizon_text,
    rate,
)
from heteroplan.text import percent

_MOST_COLUMNS = 8
"""Leaves that stand side by side."""
_MOST_ROWS = 30
_MOST_LEAVES = 12
"""That have a row in the chart of the placement."""


def report_html(plan: PlanDocument) -> str:
    """The plan as a self-contained page: verdict, savings, limits, charts, places, engines."""
    return page(
        f"{plan.scenario}: capacity plan",
        [
            render(
                "verdict_head.html",
                title=plan.scenario,
                below=f"{horizon_text(plan.horizon)}, fleet {plan.given.fleet.name}",
                verdict_class="good" if plan.covered else "short",
                verdict=verdict(plan),
                notes=(*used_engine_notes(plan), *router_notes(plan)),
            ),
            _cards(plan),
            _shortage_section(plan),
            _savings_section(plan),
            *_team_section(plan),
            *_egress_section(plan),
            *_frontier_section(plan),
            _promise_section(plan),
            *_policy_section(plan),
            _limit_section(plan),
            *_chart_sections(plan),
            _leaf_section(plan),
            *_placement_section(plan),
            _engine_section(plan),
            render(
                "plan_foot.html",
                solver=solver_sentence(plan),
                demand=demand_sentences(plan.given.workloads),
                timezone=plan.horizon.timezone,
                inputs_sha256=plan.inputs_sha256,
            ),
        ],
        meta={META: plan.plan_id or ""},
    )


def _cards(plan: PlanDocument) -> str:
    figures = [
        (f"{plan.totals.cost_usd:,.0f}", "USD"),
        (f"{plan.totals.gpu_hours:,.0f}", "GPU-hours"),
        (f"{plan.totals.peak_gpus:,}", "GPUs at the peak"),
        (percent(plan.totals.utilization), "utilization"),
        (percent(plan.solver.gap), "proven gap"),
    ]
    static = plan.savings.get(BaselineKind.STATIC_PEAK)
    if static is not None and static.saved_fraction is not None:
        figures.insert(2, (percent(static.saved_fraction), "saved against static peak"))
    return cards(figures)


def _savings_section(plan: PlanDocument) -> str:
    unit = amount_unit(plan.objective)
    rows: list[Sequence[str]] = [
        (
            "this plan",
            f"{plan.totals.gpu_hours:,.1f}",
            f"{plan.totals.cost_usd:,.2f}",
            "",
            "",
            percent(plan.totals.utilization),
            _a_day(plan, plan.totals.changes),
            _a_day(plan, plan.totals.starts),
        )
    ]
    rows += [
        (
            baseline_label(name, baseline),
            _number(baseline.gpu_hours, 1),
            _number(baseline.cost_usd, 2),
            _number(baseline.saved_gpu_hours, 1) if serves_alike(plan, name, baseline) else "",
            saved_text(plan, name, baseline),
            "" if baseline.utilization is None else percent(baseline.utilization),
            _a_day(plan, baseline.changes),
            _a_day(plan, baseline.starts),
        )
        for name, baseline in baselines(plan).items()
    ]
    heads = (
        *("", "GPU-hours", "cost USD", "GPU-hours saved", f"{unit} saved", "utilization"),
        *("changes a day", "starts a day"),
    )
    return table_section(
        "What the plan saves",
        heads,
        rows,
        text_columns={0},
        bold_rows={0},
        above=waterfall_html(plan),
        below=[
            *greedy_sentences(plan),
            *filter(None, [promise_sentence(plan)]),
            *change_sentences(plan),
        ],
    )


def _team_section(plan: PlanDocument) -> list[str]:
    """What each team takes; nothing where no workload has a team."""
    rows = team_rows(plan)
    title = "Cost and GPU-hours by team"
    return [table_section(title, TEAM_HEADS, rows, text_columns={0, 1})] if rows else []


def _egress_section(plan: PlanDocument) -> list[str]:
    """What crosses between regions; nothing where no workload has an origin."""
    below = egress_sentences(plan)
    rows = egress_rows(plan)
    shown = rows[:_MOST_ROWS]
    title = "Egress between regions"
    section = table_section(
        title,
        EGRESS_HEADS,
        shown,
        text_columns={0, 1},
        below=[*_more(len(rows) - len(shown)), *below],
    )
    return [section] if below else []


def _frontier_section(plan: PlanDocument) -> list[str]:
    """What fewer changes cost; nothing where that was not asked for."""
    rows = frontier_rows(plan)
    title = "What fewer changes cost"
    return [table_section(title, FRONTIER_HEADS, rows, text_columns=set())] if rows else []


def _a_day(plan: PlanDocument, times: int | None) -> str:
    return "" if times is None else a_day(plan, times)


def _promise_section(plan: PlanDocument) -> str:
    """What is promised, and what capacities count on."""
    found = list(promises(plan.given.workloads))
    return table_section(
        "What is promised",
        ("workload", "SLO", "routing", "arrivals"),
        [(each.to, each.slo, each.routing, each.arrivals) for each in found[:_MOST_ROWS]],
        text_columns={0, 1, 2, 3},
        below=_more(len(found) - _MOST_ROWS),
    )


def _policy_section(plan: PlanDocument) -> list[str]:
    """Policies that were replayed; nothing where none were."""
    rows = policy_rows(plan)
    unit = amount_unit(plan.objective)
    heads = ("policy", "SLO", "requests in time", "GPU-hours", "cost USD", f"{unit} saved")
    section = table_section(
        "Autoscaling policies, replayed",
        heads,
        rows,
        text_columns={0, 1},
        bold_rows={0},
        below=[replay_sentence(plan)],
    )
    return [section] if rows else []


def _shortage_section(plan: PlanDocument) -> str:
    rows = [
        (
            spell.workload,
            spell.when(plan.horizon),
            rate(spell.worst_rps),
            percent(spell.worst_fraction),
            spell.limited_by,
        )
        for spell in spells(plan)
    ]
    heads = ("workload", "when", "up to", "of demand", "limited by")
    return table_section("Unserved demand", heads, rows, text_columns={0, 1, 4}) if rows else ""


def _limit_section(plan: PlanDocument) -> str:
    """The longest spells."""
    horizon = plan.horizon
    rows = [
        (
            f"{limit.level.value} {limit.domain}",
            limit.node_type,
            limit_time(limit, horizon),
            limited_pools(limit),
        )
        for limit in longest_first(plan.limits)[:_MOST_ROWS]
    ]
    if not rows:
        return ""
    heads = ("domain", "node type", "full", "limits")
    more = _more(len(plan.limits) - len(rows))
    return table_section("Where GPUs run out", heads, rows, text_columns={0, 1, 2, 3}, below=more)


def _chart_sections(plan: PlanDocument) -> list[str]:
    """Pictures over time, each with its table."""
    loads = [load.name for load in plan.workloads]
    charts = (
        ("demand", "Demand and planned capacity", demand_chart(plan), loads),
        ("gpus", "GPUs held against supply", gpu_chart(plan), [s.node_type for s in plan.supply]),
        ("replicas", "Replicas", replica_chart(plan), loads),
    )
    moments = plan.horizon.boundaries()
    below = {"demand": [CHANGES]} if clocks_change(moments) else {}
    return [
        chart_section(name, head, chart, step_tables(chart, titles, moments), below.get(name, ()))
        for name, head, chart, titles in charts
    ]


def _leaf_section(plan: PlanDocument) -> str:
    """A column a leaf where there are few, or else a row a group and leaf, the fullest first."""
    peak = peak_interval(plan)
    shares = leaf_shares(plan, peak)
    if not shares:
        return ""
    sizes = leaf_sizes(plan.given, peak)
    title = f"GPUs by group and leaf at the peak, {clock(plan.horizon, peak)}"
    if len(sizes) > _MOST_COLUMNS:
        rows = [
            (
                share.group,
                share.leaf,
                sizes[share.leaf].priority.value,
                f"{share.gpus:,}",
                f"{sizes[share.leaf].gpus:,}",
            )
            for share in fullest(shares, sizes)[:_MOST_ROWS]
        ]
        heads = ("group", "leaf", "priority", "GPUs", "of")
        more = _more(len(shares) - len(rows))
        return table_section(title, heads, rows, text_columns={0, 1, 2}, below=more)
    groups = list(by_group(shares).items())[:_MOST_ROWS]
    return table_section(
        title,
        ("", *(f"{leaf.name} ({leaf.priority.value})" for leaf in sizes.values())),
        [
            *(
                (group, *(f"{gpus[leaf]:,}" if leaf in gpus else "" for leaf in sizes))
                for group, gpus in groups
            ),
            ("of", *(f"{leaf.gpus:,}" for leaf in sizes.values())),
        ],
        text_columns={0},
        below=_more(len(by_group(shares)) - len(groups)),
    )


def _placement_section(plan: PlanDocument) -> list[str]:
    """What stands on each leaf, hour by hour; nothing where nothing is placed."""
    use = leaf_use(plan)
    if not use:
        return []
    shown = busiest_leaves(use, _MOST_LEAVES)
    below = []
    if len(use) > len(shown):
        below = [f"The {len(shown)} leaves with the most GPU-hours of {len(use)} in use."]
    chart = placement_chart(plan, {leaf: use[leaf] for leaf in shown})
    tables = step_tables(chart, shown, plan.horizon.boundaries())
    return [chart_section("placement", "Placement by hour", chart, tables, below)]


def _more(count: int) -> tuple[str, ...]:
    return (f"and {count} more (in plan.json)",) if count > 0 else ()


def _engine_section(plan: PlanDocument) -> str:
    """Every candidate; in bold those that a pool runs."""
    used = set(used_engines(plan))
    rows = [
        (
            engine.workload,
            engine.engine,
            engine.node_type + (f", groups on one {engine.span.value}" if engine.span else ""),
            engine.role.value,
            _capacity(engine),
            engine.reason or engine.limited_by.value.replace("_", " "),
            _source(engine.source),
        )
        for engine in plan.engines
    ]
    bold = {i for i, engine in enumerate(plan.engines) if engine in used}
    heads = (
        *("workload", "engine", "node type", "role"),
        *("requests/s per replica", "limited by", "source"),
    )
    return table_section(
        "Engines considered (in use: bold)",
        heads,
        rows,
        text_columns={0, 1, 2, 3, 5, 6},
        bold_rows=bold,
    )


def _capacity(engine: EnginePart) -> str:
    rates = engine.capacity_rps
    rates = rates if isinstance(rates, tuple) else (rates,)
    low, high = figure(min(rates)), figure(max(rates))
    return low if low == high else f"{low} to {high}"


def _source(source: SourcePart) -> str:
    error = "" if source.error_mape is None else f"error {percent(source.error_mape)}"
    beyond = "" if source.error_beyond is None else f" with error {percent(source.error_beyond)}"
    extrapolated = f"extrapolated{beyond}" if source.extrapolated else ""
    return ", ".join(
        part for part in (source.kind.value, error, source.origin, extrapolated) if part
    )


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
