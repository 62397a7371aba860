"""A replay as a page: one file to open from disk or to attach."""

from collections.abc import Sequence

from heteroplan.inputs.plan_ids import META
from heteroplan.outputs.replay.charts import (
    MOST_WORKLOADS,
    capacity_chart,
    gpu_chart,
    latency_chart,
    queue_chart,
    replica_chart,
    workloads_shown,
)
from heteroplan.outputs.replay.distributions import (
    distribution_panels,
    distribution_tables,
    distributions,
)
from heteroplan.outputs.replay.figures import (
    Column,
    best,
    best_sentence,
    heading,
    notes,
    one_line,
    option_rows,
    plan_of,
    policy_columns,
    rejected_rows,
    share_text,
    slo_sentence,
    speed_sentence,
    verdict,
    workload_columns,
)
from heteroplan.outputs.replay.rows import boundaries
from heteroplan.outputs.shared.clock_ticks import clocks_change
from heteroplan.outputs.shared.page import cards, chart_section, page, render, table_section
from heteroplan.outputs.shared.step_tables import step_tables
from heteroplan.outputs.shared.time_axis import CHANGES
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import Replay

STYLE = ".cards { margin-top: 18px; } section p.soft { margin-top: 8px; } th, td { padding: 6px; }"


def replay_html(replay: Replay, stream: RequestStream | None) -> str:
    """The replay as a self-contained page: verdict, policies, charts, workloads, options, notes.

    Distributions of latencies need the requests, which the fluid level does not have.
    """
    kept, sentence = verdict(replay)
    return page(
        f"{replay.scenario}: replay",
        [
            render(
                "verdict_head.html",
                title=f"{replay.scenario}: replay",
                below=heading(replay),
                verdict_class=kept.value,
                verdict=sentence,
                notes=[each for each in (best_sentence(replay), *_axis_notes(replay)) if each],
            ),
            cards(_cards(replay)),
            _policy_section(replay),
            *_chart_sections(replay, stream),
            columns_section("Workloads", workload_columns(replay), {0, 1}),
            *_rejected_section(replay),
            table_section(
                "Options of the policies",
                ("policy", "options"),
                option_rows(replay),
                text_columns={0, 1},
            ),
            *_note_section(replay),
            render("replay_foot.html", speed=speed_sentence(replay), plan_id=replay.plan_id),
        ],
        style=STYLE,
        meta={META: replay.plan_id or ""},
    )


def _axis_notes(replay: Replay) -> list[str]:
    found = []
    if clocks_change(boundaries(replay)):
        found.append(CHANGES)
    if len(replay.workloads) > MOST_WORKLOADS:
        found.append(
            f"Charts show the {MOST_WORKLOADS} workloads with the most requests of "
            f"{len(replay.workloads):,}; the CSV has all."
        )
    return found


def _cards(replay: Replay) -> list[tuple[str, str]]:
    """Of the plan."""
    policy = plan_of(replay)
    found = [
        (f"{share_text(policy.attainment.both)} %", f"of the requests in time ({policy.policy})"),
        (f"{share_text(policy.intervals_met)} %", "of the intervals keep the SLO"),
        (f"{policy.gpu_hours:,.0f}", "GPU-hours"),
        (f"{policy.cost_usd:,.0f}", "USD"),
    ]
    if policy.saved_fraction is not None:
        found.append((f"{share_text(policy.saved_fraction)} %", "saved against static peak"))
    return found


def _policy_section(replay: Replay) -> str:
    """In bold the best policy."""
    chosen = best(replay)
    return columns_section(
        "Policies on the same requests",
        policy_columns(replay),
        {0, 1},
        bold_rows=[i for i, each in enumerate(replay.policies) if each is chosen],
        below=[slo_sentence(replay)],
    )


def columns_section(
    head: str,
    columns: Sequence[Column],
    text_columns: set[int],
    *,
    bold_rows: Sequence[int] = (),
    below: Sequence[str] = (),
) -> str:
    """Columns as a table under a heading."""
    return table_section(
        head,
        [one_line(each.head) for each in columns],
        list(zip(*(each.cells for each in columns), strict=True)),
        text_columns=text_columns,
        bold_rows=bold_rows,
        below=below,
    )


def _chart_sections(replay: Replay, stream: RequestStream | None) -> list[str]:
    """Pictures, each with its tables."""
    moments = boundaries(replay)
    names = [replay.workloads[w] for w in workloads_shown(replay)]
    charts = (
        ("capacity", "Capacity against demand", capacity_chart(replay), names),
        ("ttft", "TTFT over the day", latency_chart(replay, "ttft"), names),
        ("itl", "ITL over the day", latency_chart(replay, "itl"), names),
        ("queues", "Requests in queues", queue_chart(replay), names),
        ("gpus", "GPUs held", gpu_chart(replay), ["all workloads"]),
        ("replicas", "Replicas that are ready", replica_chart(replay), names),
    )
    below = {"capacity": ["Click a name in a legend to show or hide it."]}
    sections = [
        chart_section(name, head, chart, step_tables(chart, titles, moments), below.get(name, ()))
        for name, head, chart, titles in charts
    ]
    found = [] if stream is None else distributions(replay, stream)
    if found:
        panels, tables = distribution_panels(replay, found), distribution_tables(found)
        sections.append(chart_section("latencies", "Distribution of latencies", panels, tables))
    return sections


def _rejected_section(replay: Replay) -> list[str]:
    rows = rejected_rows(replay)
    if not rows:
        return []
    heads = ("reason", *(each.policy for each in replay.policies))
    return [table_section("Rejected requests", heads, rows, text_columns={0})]


def _note_section(replay: Replay) -> list[str]:
    found = notes(replay)
    return [render("notes.html", head="Notes", notes=found)] if found else []
