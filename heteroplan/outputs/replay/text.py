"""A replay on a terminal, from 80 columns up."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from heteroplan.outputs.replay.figures import (
    Column,
    Kept,
    best,
    best_sentence,
    heading,
    keeps_slo,
    most_missed,
    notes,
    one_line,
    plan_of,
    policy_columns,
    rejected_sentences,
    slo_sentence,
    speed_sentence,
    verdict,
    workload_columns,
)
from heteroplan.outputs.replay.rows import boundaries, came_rps, missed
from heteroplan.outputs.shared.line_chart import Line, Marks, print_line_chart
from heteroplan.outputs.shared.tables import GUTTER, more_line, plain_table
from heteroplan.outputs.shared.terminal import Text, draws_blocks, print_trimmed, print_wrapped
from heteroplan.simulation.results import PolicyReplay, Replay

COLOURS = {Kept.ALWAYS: "green", Kept.ON_THE_WHOLE: "yellow", Kept.NOT: "red"}
_MOST_WORKLOADS = 10
_TEXT_COLUMNS = ("policy", "SLO", "workload", "SLO:\nTTFT/ITL")


def render_replay(replay: Replay, console: Console) -> None:
    """Verdict, policies, capacity against demand under the plan, workloads, and what was noted."""
    print_wrapped(Text.assemble((replay.scenario, "bold"), f"  {heading(replay)}"), console)
    kept, sentence = verdict(replay)
    print_wrapped(Text(sentence, style=f"bold {COLOURS[kept]}"), console)
    console.print()
    _print_policies(replay, console)
    console.print()
    _print_chart(replay, plan_of(replay), console)
    if len(replay.workloads) > 1:
        console.print()
        _print_workloads(replay, console)
    lines = [*rejected_sentences(replay), *notes(replay)]
    if lines:
        console.print()
    for note in lines:
        print_wrapped(Text(note, style="yellow"), console)
    console.print()
    print_wrapped(Text(speed_sentence(replay), style="dim"), console)


def _print_policies(replay: Replay, console: Console) -> None:
    """As many columns as fit, and below which do not."""
    columns = policy_columns(replay)
    shown = fitting(columns, console.width)
    chosen = best(replay)
    table = column_table(shown, console)
    for i, policy in enumerate(replay.policies):
        style = "bold green" if policy is chosen else ""
        slo = "green" if keeps_slo(replay, policy) else "red"
        table.add_row(*(Text(c.cells[i], style=slo if c.head == "SLO" else style) for c in shown))
    print_trimmed(table, console)
    if sentence := best_sentence(replay):
        print_wrapped(Text(sentence), console)
    more = ", ".join(one_line(each.head) for each in columns if each not in shown)
    left_out = f" In a wider terminal or with --json: {more}." if more else ""
    print_wrapped(Text(slo_sentence(replay) + left_out, style="dim"), console)


def column_table(
    columns: Sequence[Column], console: Console, texts: Sequence[str] = _TEXT_COLUMNS
) -> Table:
    """Heads of the columns, right-aligned but for those of `texts`; rows are to be added."""
    return plain_table(
        console,
        *(each.head if each.head in texts else f">{each.head}" for each in columns),
    )


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Those of the least ranks that stand side by side in `width`."""
    shown = list(columns)
    while sum(map(_width, shown)) + GUTTER * (len(shown) - 1) > width:
        last = max(shown, key=lambda each: each.rank)
        if last.rank == 0:
            break
        shown.remove(last)
    return shown


def _width(column: Column) -> int:
    return max(map(len, (*column.head.split("\n"), *column.cells)))


def _print_chart(replay: Replay, policy: PolicyReplay, console: Console) -> None:
    """Capacity against demand of the workload that misses the most intervals."""
    w = most_missed(replay, policy)
    marked = missed(replay, policy)[w].tolist()
    name = replay.workloads[w]
    most = "misses" if any(marked) else "requests"
    of = f", which of {len(replay.workloads):,} workloads has the most {most}"
    title = Text.assemble(
        (f"{policy.policy}: capacity and demand of {name}", "bold"),
        of if len(replay.workloads) > 1 else "",
    )
    print_wrapped(title, console)
    lines = [
        Line("came", came_rps(replay, policy)[w].tolist(), 1, "cyan", "⠤⠤", "#", True),
        Line("capacity", policy.intervals.capacity_rps[w].tolist(), 1, "green", "⠤⠤", "=", False),
        Line("planned for", replay.planned_rps[w].tolist(), 4, "bright_black", "⠄ ⠄", "."),
    ]
    marks = None
    if any(marked):
        character = "×" if draws_blocks(console) else "x"
        marks = Marks(
            f"SLO missed ({sum(marked):,} of {len(marked):,})", "missed", marked, "red", character
        )
    print_line_chart(lines, boundaries(replay), "requests/s", console, marks)


def _print_workloads(replay: Replay, console: Console) -> None:
    """What came of each and what was planned."""
    shown = fitting(workload_columns(replay), console.width)
    table = column_table(shown, console)
    for i in range(min(len(replay.workloads), _MOST_WORKLOADS)):
        table.add_row(*(Text(column.cells[i]) for column in shown))
    print_trimmed(table, console)
    if len(replay.workloads) > _MOST_WORKLOADS:
        console.print(more_line(len(replay.workloads) - _MOST_WORKLOADS, "--json", console))
