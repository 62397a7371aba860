"""Plans and checks on a terminal, from 80 columns up."""

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table

from heteroplan.outputs.plan.change_lines import (
    FRONTIER_HEADS,
    change_sentences,
    frontier_rows,
)
from heteroplan.outputs.plan.check_report import CheckRow
from heteroplan.outputs.plan.current_changes import (
    CHANGE_HEADS,
    change_rows,
    current_pools,
    current_sentences,
)
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import BaselinePart, PlanDocument, SupplyPart
from heteroplan.outputs.plan.egress_lines import EGRESS_HEADS, egress_rows, egress_sentences
from heteroplan.outputs.plan.leaf_table import leaf_table
from heteroplan.outputs.plan.pool_lines import short_engines, shortest_pool_lines
from heteroplan.outputs.plan.sentences import (
    Spell,
    baseline_label,
    baselines,
    greedy_sentences,
    limit_sentences,
    policy_rows,
    promise_sentence,
    replay_sentence,
    router_notes,
    saved_text,
    solver_sentence,
    spells,
    surge_sentences,
    used_engine_notes,
    verdict,
)
from heteroplan.outputs.plan.shortage_fix import fix_sentence
from heteroplan.outputs.plan.teams import TEAM_HEADS, team_rows
from heteroplan.outputs.shared.promises import special_sentences
from heteroplan.outputs.shared.tables import GUTTER, more_line, plain_table, print_names_cut
from heteroplan.outputs.shared.terminal import (
    Text,
    draws_blocks,
    print_trimmed,
    print_wrapped,
    spark_width,
    sparkline,
)
from heteroplan.outputs.shared.words import demand_sentences, horizon_text, rate
from heteroplan.text import percent

MOST_SHORTAGE_LINES = 10
MOST_LIMIT_LINES = 3
_NARROWEST_SPARKLINE = 24
_WIDEST_SPARKLINE = 72
_WIDEST_NAME = 40
_NARROWEST_NAME = 6
NODES_ARE_EXPLAINED = "How many more nodes would do, heteroplan explain says."


def render_plan(plan: PlanDocument, console: Console) -> None:
    """What an operator wants first: verdict, savings, pools, leaves, GPUs against supply, proof."""
    title = Text.assemble((plan.scenario, "bold"), f"  {horizon_text(plan.horizon)}")
    print_wrapped(title, console)
    style = "bold green" if plan.covered else "bold red"
    print_wrapped(Text(verdict(plan), style=style), console)
    for note in (*used_engine_notes(plan), *router_notes(plan)):
        print_wrapped(Text(note, style="yellow"), console)
    limits = limit_sentences(plan.limits, plan.horizon, MOST_LIMIT_LINES)
    sections: tuple[tuple[RenderableType | None, Iterable[str]], ...] = (
        _shortage_section(plan, console),
        (
            _savings_table(plan, console),
            filter(None, [*greedy_sentences(plan), promise_sentence(plan)]),
        ),
        (_team_table(plan, console), ()),
        (_egress_table(plan, console), egress_sentences(plan)),
        (_policy_table(plan, console), filter(None, [replay_sentence(plan)])),
        (_pool_table(plan, console), ()),
        (leaf_table(plan, console), ()),
        (_supply_table(plan.supply, console), (*limits, *surge_sentences(plan))),
    )
    for table, sentences in sections:
        if table is not None:
            console.print()
            print_trimmed(table, console)
        for sentence in sentences:
            print_wrapped(Text(sentence), console)
    if frontier := _frontier_table(plan, console):
        console.print()
        print_trimmed(frontier, console)
    console.print()
    loads = plan.given.workloads
    for sentence in (*special_sentences(loads), *demand_sentences(loads)):
        print_wrapped(Text(sentence, style="dim"), console)
    for sentence in change_sentences(plan):
        print_wrapped(Text(sentence), console)
    print_wrapped(Text(solver_sentence(plan)), console)
    _render_changes(plan, console)


def _render_changes(plan: PlanDocument, console: Console) -> None:
    """What changes of what runs, where that is known: pools in the order of the plan."""
    pools = current_pools(plan)
    rows = change_rows(pools)
    if rows:
        console.print()
        print_names_cut(CHANGE_HEADS, rows, (1, 2, 3, 4, 5), console, where="schedule.csv")
    for sentence in current_sentences(plan, pools):
        print_wrapped(Text(sentence, style="bold"), console)


def render_check(rows: Sequence[CheckRow], console: Console) -> None:
    """One line a scenario: verdict, headroom, peak, and what is wrong."""
    limited = any(row.limits for row in rows)
    amounts = (">a day",) if limited else ()
    heads = ("scenario", "verdict", ">headroom", ">peak GPUs", *amounts, "note")
    table = plain_table(console, *heads, last_wraps=True)
    for row in rows:
        amount = row.limits[-1].amount if row.limits else ""
        table.add_row(
            Text(row.name),
            Text(row.verdict, style="green" if row.passed else "bold red"),
            Text(row.headroom_text),
            Text("" if row.peak_gpus is None else f"{row.peak_gpus:,} / {row.supply_gpus:,}"),
            *([Text(amount)] if limited else []),
            Text(row.short_note),
        )
    print_trimmed(table, console)
    if headroom := max((row.min_headroom for row in rows), default=0.0):
        without = f"without --min-headroom {percent(headroom)}"
        console.print(Text(f"peak GPUs: for the demand of the scenario, {without}", style="dim"))


def shortage_lines(
    found: Sequence[Spell], horizon: HorizonPart, console: Console
) -> tuple[Table, list[str]]:
    """Which workloads have unserved demand, when and how much; and sentences that say why.

    A reason stands beside its workload where it is short, or else once below, with all workloads
    that have it.
    """
    shown = found[:MOST_SHORTAGE_LINES]
    rows = [
        (Text(spell.workload), spell.when(horizon), rate(spell.worst_rps),
         percent(spell.worst_fraction))
        for spell in shown
    ]  # fmt: skip
    heads = ("unserved", "when", ">up to", ">of demand")
    taken = sum(max(len(str(cell)) for cell in column) for column in zip(heads, *rows, strict=True))
    left = console.width - taken - GUTTER * len(heads)
    beside = all(len(spell.limited_by) <= left for spell in shown)
    table = plain_table(console, *heads, *(["limited by"] if beside else []))
    for row, spell in zip(rows, shown, strict=True):
        table.add_row(*row, *([Text(spell.limited_by)] if beside else []))
    if len(found) > MOST_SHORTAGE_LINES:
        table.caption = more_line(len(found) - MOST_SHORTAGE_LINES, "plan.json", console)
        table.caption_justify = "left"
    return table, [] if beside else _reason_sentences(shown, horizon)


def _reason_sentences(found: Sequence[Spell], horizon: HorizonPart) -> list[str]:
    """Each reason once with its workloads, whose times are told where they have several."""
    reasons: dict[str, set[str]] = {}
    for spell in found:
        reasons.setdefault(spell.workload, set()).add(spell.limited_by)
    by_reason: dict[str, list[str]] = {}
    for spell in found:
        several = len(reasons[spell.workload]) > 1
        name = f"{spell.workload} {spell.when(horizon)}" if several else spell.workload
        names = by_reason.setdefault(spell.limited_by, [])
        if name not in names:
            names.append(name)
    return [f"{', '.join(names)}: limited by {reason}" for reason, names in by_reason.items()]


def _shortage_section(
    plan: PlanDocument, console: Console
) -> tuple[RenderableType | None, Iterable[str]]:
    """The verdict says what a single spell would. Then what would end the shortage."""
    found = spells(plan)
    fix = [f"{fix_sentence(None, found, plan.horizon)} {NODES_ARE_EXPLAINED}"] if found else []
    if len(found) <= 1:
        return None, fix
    table, sentences = shortage_lines(found, plan.horizon, console)
    return table, [*sentences, *fix]


def _savings_table(plan: PlanDocument, console: Console) -> Table:
    table = plain_table(console, "", ">GPU-hours", ">cost USD", ">saved", ">utilization")
    table.add_row(
        Text("this plan", style="bold"),
        f"{plan.totals.gpu_hours:,.1f}",
        f"{plan.totals.cost_usd:,.2f}",
        "",
        percent(plan.totals.utilization),
    )
    for name, baseline in baselines(plan).items():
        saved = saved_text(plan, name, baseline)
        table.add_row(
            Text(baseline_label(name, baseline)),
            "" if baseline.gpu_hours is None else f"{baseline.gpu_hours:,.1f}",
            "" if baseline.cost_usd is None else f"{baseline.cost_usd:,.2f}",
            Text(saved, style=_saved_style(baseline, saved)),
            "" if baseline.utilization is None else percent(baseline.utilization),
        )
    table.columns[0].no_wrap = False
    return table


def _policy_table(plan: PlanDocument, console: Console) -> Table | None:
    """Policies that were replayed; None where none were."""
    rows = policy_rows(plan)
    if not rows:
        return None
    heads = ("policy, replayed", "SLO", ">in time", ">GPU-hours", ">cost USD", ">saved")
    table = plain_table(console, *heads)
    for name, slo, *figures in rows:
        style = "green" if slo == "kept" else "red"
        table.add_row(Text(name), Text(slo, style=style), *map(Text, figures))
    return table


def _team_table(plan: PlanDocument, console: Console) -> Table | None:
    """What each team takes; None where no workload has a team."""
    rows = team_rows(plan)
    if not rows:
        return None
    team, workloads, *figures = TEAM_HEADS
    table = plain_table(console, team, workloads, *(f">{head}" for head in figures))
    for name, loads, *cells in rows:
        table.add_row(Text(name, style="bold"), Text(loads), *cells)
    table.columns[1].no_wrap = False
    return table


def _egress_table(plan: PlanDocument, console: Console) -> Table | None:
    """What crosses between regions; None where nothing does."""
    rows = egress_rows(plan)
    if not rows:
        return None
    workload, between, *figures = EGRESS_HEADS
    table = plain_table(console, workload, between, *(f">{head}" for head in figures))
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _frontier_table(plan: PlanDocument, console: Console) -> Table | None:
    """What fewer changes cost; None where that was not asked for."""
    rows = frontier_rows(plan)
    if not rows:
        return None
    table = plain_table(console, *(f">{head}" for head in FRONTIER_HEADS))
    for row in rows:
        table.add_row(*row)
    return table


def _saved_style(baseline: BaselinePart, saved: str) -> str:
    if saved.endswith("unserved"):
        return "yellow"
    return "bold green" if (baseline.saved_fraction or 0.0) > 0 else ""


def _pool_table(plan: PlanDocument, console: Console) -> RenderableType:
    lines, left_out = shortest_pool_lines(plan.pools)
    if not lines:
        return Text("No replicas are planned.")
    heads = ("workload", "role", "engine", "domain")
    sizes = max(len(line.sizes) for line in lines)
    rows = [(line.workload, line.role, line.engine, line.domain) for line in lines]
    limit, width = _fit_names([*rows, heads], sizes, console.width)
    if any(len(name) > limit for row in rows for name in row):
        engines = short_engines(lines)
        rows = [(*row[:2], engine, row[3]) for row, engine in zip(rows, engines, strict=True)]
        limit, width = _fit_names([*rows, heads], sizes, console.width)
    width = spark_width(plan.horizon.intervals, min(width, _WIDEST_SPARKLINE))
    table = plain_table(console, *heads, _clock_axis(plan.horizon, width), ">size")
    for column in table.columns[:4]:
        column.max_width = limit
    table.columns[4].min_width = width
    table.pictures = frozenset({4})
    blocks = draws_blocks(console)
    before: tuple[str, ...] = ("", "")
    for line, row in zip(lines, rows, strict=True):
        same = row[0] == before[0]
        table.add_row(
            Text("" if same else row[0], style="bold"),
            *(Text(cell) for cell in row[1:]),
            Text(sparkline(line.replicas, width, blocks=blocks), style="cyan"),
            line.sizes,
        )
        before = row
    return Group(table, more_line(left_out, "schedule.csv", console)) if left_out else table


def _fit_names(rows: Sequence[tuple[str, ...]], sizes: int, console_width: int) -> tuple[int, int]:
    """Widest name and width of the sparkline that together fill the console."""
    longest = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for limit in range(_WIDEST_NAME, _NARROWEST_NAME, -1):
        names = sum(min(limit, length) + GUTTER for length in longest)
        left = console_width - names - GUTTER - max(sizes, len("size"))
        if left >= _NARROWEST_SPARKLINE:
            return limit, left
    return _NARROWEST_NAME, _NARROWEST_SPARKLINE


def _clock_axis(horizon: HorizonPart, width: int) -> str:
    """Start, middle and end of the horizon above a sparkline of `width` at most."""
    columns = spark_width(horizon.intervals, width)
    moments = horizon.boundaries()
    style = "%d %b" if horizon.intervals * horizon.interval_s > 86400 * 1.5 else "%H:%M"
    start, end = moments[0].strftime(style), moments[-1].strftime(style)
    middle = moments[horizon.intervals // 2].strftime(style) if columns > 20 else ""
    room = columns - len(start) - len(middle) - len(end)
    left = columns // 2 - len(start) - len(middle) // 2
    if room < 2:
        return start
    return start + " " * left + middle + " " * (room - left) + end


def _supply_table(supply: Sequence[SupplyPart], console: Console) -> Table:
    table = plain_table(console, "GPUs by node type", ">peak", ">supply at peak", ">average held")
    for use in supply:
        peak = max(range(len(use.held)), key=lambda t: (use.held[t], -use.supply[t]))
        total = sum(use.supply)
        share = percent(sum(use.held) / total) if total else ""
        table.add_row(Text(use.node_type), f"{use.held[peak]:,}", f"{use.supply[peak]:,}", share)
    return table
