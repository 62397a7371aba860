import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import BindingLimit, Coverage
from heteroplan.entities.workload import Role
from heteroplan.outputs.plan.check_report import CheckRow
from heteroplan.outputs.plan.console import render_check, render_plan, shortage_lines
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.sentences import Spell
from tests.plans import day_scenario, horizon, measured, plan, pool, shown_plan, stays


def rendered(show: Callable[..., None], what: object, width: int) -> str:
    out = io.StringIO()
    show(what, Console(file=out, width=width))
    return out.getvalue()


def show_plan(made: Any, console: Any) -> None:
    render_plan(document_of(made), console)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("kind", [{}, {"short": True}, {"workloads": 12}])
def test_plan_fits_the_width_and_says_what_matters(width: int, kind: Any) -> None:
    text = rendered(show_plan, shown_plan(**kind), width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[1].startswith("Not covered" if kind.get("short") else "Covered")
    assert "static peak, one GPU type (H100)" in text
    assert "33.3 %" in text
    assert "chat-1" in text
    assert "1-11" in text
    assert "gap 0.8 %" in text
    assert len(lines) < 75


def test_pools_that_do_not_fit_are_counted() -> None:
    """12 workloads of 3 pools: 36, of which 30 are shown."""
    assert "… and 6 more (in schedule.csv)" in rendered(show_plan, shown_plan(12), 80)


def test_gpus_against_supply_at_the_peak() -> None:
    """320 H100s; 1 replica of 4 for an hour, 3 for the next: peak 12, on average 8 / 320."""
    text = rendered(show_plan, plan(day_scenario(horizon(2)), [pool([1, 3])]), 80)
    (line,) = (line for line in text.splitlines() if line.startswith("h100x8"))
    assert line.split() == ["h100x8", "12", "320", "2.5", "%"]


LEAVES = [f"a-s1-l{i}" for i in range(1, 5)]
LIMITS = tuple(
    BindingLimit(Affinity.SPINE, "a-s1", "l40sx8", first, first + i, ("decode of chat-1",))
    for i, first in enumerate((10, 20, 30, 72))
)


def test_groups_stand_against_leaves_with_their_priority() -> None:
    """Hour 1: replica 1 on l1, 2 on l2, 3 on l1: 8 GPUs and 4. Both leaves mix GPU types."""
    pools = [pool([1, 3])]
    of = day_scenario(horizon(2), leaves=LEAVES[:2])
    made = plan(of, pools, placed=stays(pools, LEAVES[:2]))
    lines = rendered(show_plan, made, 80).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("GPUs at peak, 01:00"))
    assert [line.split() for line in lines[start : start + 4]] == [
        ["GPUs", "at", "peak,", "01:00", "a-s1-l1", "a-s1-l2"],
        ["priority", "high", "high"],
        ["chat-1@a-s1", "8", "4"],
        ["of", "480", "480"],
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_many_leaves_are_lines_with_the_fullest_first(width: int) -> None:
    """24 leaves do not fit: 19 replicas of 4 and 8 GPUs, and the leaf with most of them first."""
    leaves = [f"a-s{s}-l{i}" for s in (1, 2, 3) for i in range(1, 9)]
    text = rendered(show_plan, shown_plan(1, leaves=leaves), width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    start = next(i for i, line in enumerate(lines) if line.startswith("GPUs at peak"))
    assert lines[start].split()[-4:] == ["leaf", "priority", "GPUs", "of"]
    assert lines[start + 1].split() == ["chat-1@a-s1", "a-s1-l1", "high", "16", "480"]
    assert lines[start + 12] == ""


def test_fullest_lines_are_bounded() -> None:
    """16 workloads on 24 leaves, 11 of them used by each: 176, of which 15 are shown."""
    leaves = [f"a-s{s}-l{i}" for s in (1, 2, 3) for i in range(1, 9)]
    assert "… and 161 more (in plan.json)" in rendered(show_plan, shown_plan(16, leaves=leaves), 80)


def test_the_largest_groups_are_shown() -> None:
    """16 groups on one leaf, the first with 1 replica and the others with 2."""
    pools = [pool([2 - (i == 0)], of=f"chat-{i + 1}") for i in range(16)]
    of = day_scenario(horizon(1), workloads=16)
    text = rendered(show_plan, plan(of, pools, placed=stays(pools, LEAVES[:1])), 80)
    assert "chat-1@a-s1" not in text
    assert "chat-2@a-s1" in text
    assert "… and 1 more (in plan.json)" in text


def test_nothing_placed_has_no_table() -> None:
    text = rendered(show_plan, plan(day_scenario(horizon(1)), [pool([1])]), 80)
    assert "priority" not in text.replace("high-priority", "")


def test_greedy_shows_what_it_leaves_unserved_and_never_a_saving() -> None:
    """3 % unserved at 1.2 times the cost; in whole pairs it serves all at 1.25: 20 % saved.

    Without the promise 0.8 times the cost: the promise costs 0.2 / 0.8 = 25 % more.
    """
    text = rendered(show_plan, shown_plan(greedy=True), 120)
    rows = {line[:26].strip(): line for line in text.splitlines()}
    assert "3.0 % unserved" in rows["greedy topology (Algorithm"]
    assert "16.7 %" not in text
    assert "20.0 %" in rows["P/D-paired greedy"]
    assert "price 25.0 %" in rows["without resilience"]


def test_longest_limits_stand_below_the_gpus() -> None:
    lines = rendered(show_plan, shown_plan(limits=LIMITS), 80).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("l40sx8"))
    assert lines[start + 1 : start + 5] == [
        "spine a-s1: l40sx8 full 18:00 to 19:00; decode of chat-1 limited by it",
        "spine a-s1: l40sx8 full 07:30 to 08:15; decode of chat-1 limited by it",
        "spine a-s1: l40sx8 full 05:00 to 05:30; decode of chat-1 limited by it",
        "and 1 more (heteroplan explain)",
    ]


def test_long_names_leave_room_for_the_day() -> None:
    made = plan(day_scenario(horizon(24)), [pool([1] * 12 + [2] * 12, engine_name="e" * 63)])
    text = rendered(show_plan, made, 80)
    assert "▄" * 12 + "█" * 12 in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("intervals", [24, 48])
def test_bars_end_where_the_sizes_begin(width: int, intervals: int) -> None:
    """Replicas run in the last interval, so the last bar is not blank; two blanks part columns."""
    lines = rendered(show_plan, shown_plan(intervals=intervals), width).splitlines()
    first = next(line for line in lines if line.endswith("1-11"))
    assert re.search(r"[▁-█]  1-11$", first)
    assert not [line for line in lines if line != line.rstrip()]


def test_long_names_lose_the_role_before_anything_is_cut() -> None:
    engines = ("h100-sxm-tp4-long-prefill", "h100-sxm-tp4-long-decode")
    pools = [
        pool([1] * 24, role=role, engine_name=name)
        for role, name in zip((Role.PREFILL, Role.DECODE), engines, strict=True)
    ]
    made = plan(day_scenario(horizon(24)), pools)
    narrow = rendered(show_plan, made, 80)
    assert narrow.count("  h100-sxm-tp4-long  ") == 2
    assert engines[0] in rendered(show_plan, made, 120)


def test_plan_notes_stand_below_the_verdict() -> None:
    made = plan(day_scenario(horizon(24)), [pool([1] * 24)])
    lines = rendered(show_plan, measured(made), 80).splitlines()
    assert lines[2] == "KV memory is not limited (no kv_tokens): engine h100-tp4-decode (chat-1)"


def test_plan_without_pools() -> None:
    assert "No replicas are planned." in rendered(show_plan, plan(day_scenario(horizon(2)), []), 80)


def test_ascii_console_gets_ascii_only() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    show_plan(shown_plan(12, short=True), Console(file=stream, width=80))
    stream.flush()
    assert b"" in raw.getvalue()


def test_names_are_no_markup() -> None:
    row = CheckRow("[red]x", "x.yaml", Coverage.COVERED)
    assert "[red]x" in rendered(render_check, [row], 80)


def test_check_table_has_a_line_a_scenario() -> None:
    rows = [
        CheckRow(
            "good",
            "g",
            Coverage.COVERED,
            headroom=0.2,
            min_headroom=0.1,
            peak_gpus=40,
            supply_gpus=64,
        ),
        CheckRow("late", "l", Coverage.COVERED, headroom=0.05, min_headroom=0.1),
        CheckRow("short", "s", Coverage.SHORT, worst="chat: 3 requests/s unserved"),
        CheckRow("wrong", "w", Coverage.UNDECIDED, error="s.yaml:3: bad"),
    ]
    lines = rendered(render_check, rows, 80).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["good", "covered"],
        ["late", "undecided"],
        ["short", "not"],
        ["wrong", "error"],
        ["peak", "GPUs:"],
    ]
    assert lines[-1] == "peak GPUs: for the demand of the scenario, without --min-headroom 10.0 %"
    assert "40 / 64" in lines[1]
    assert "at least 5.0 %" in lines[2]


def test_the_line_below_many_shortages_does_not_widen_the_table() -> None:
    """Of 40 spells of `chat` the last are left out; `when` begins two columns behind `unserved`."""
    spell = Spell("chat", 0, 0, 1.0, 0.1, "h100x8 full in a-s1")
    of = document_of(plan(day_scenario(horizon(1)), [pool([1])])).horizon
    out = io.StringIO()
    console = Console(file=out, width=80)
    table, why = shortage_lines([spell] * 40, of, console)
    console.print(table)
    assert why == []
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[0].startswith("unserved  when")
    assert lines[1].endswith("h100x8 full in a-s1")
    assert re.fullmatch(r"(…|\.\.\.) and \d+ more \(in plan\.json\)", lines[-1])


@pytest.mark.parametrize("width", [40, 80, 120])
def test_reasons_too_long_for_the_table_stand_below_it_once(width: int) -> None:
    """Two workloads have one reason; code has two, so its times are told."""
    long = (
        "type1 full in s0, s1, s3 and 3 more, or at 23:45, when replicas would have to start " * 2
    )
    found = [
        Spell("chat", 0, 0, 1.0, 0.1, long),
        Spell("docs", 0, 0, 2.0, 0.2, long),
        Spell("code", 0, 0, 3.0, 0.3, long),
        Spell("code", 0, 0, 3.0, 0.3, "type2 full in s0"),
    ]
    of = document_of(plan(day_scenario(horizon(1)), [pool([1])])).horizon
    out = io.StringIO()
    console = Console(file=out, width=width)
    table, why = shortage_lines(found, of, console)
    console.print(table)
    when = found[0].when(of)
    assert why == [
        f"chat, docs, code {when}: limited by {long}",
        f"code {when}: limited by type2 full in s0",
    ]
    assert "limited" not in out.getvalue()
    for workload in ("chat", "docs", "code"):
        assert workload in out.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_narrow_terminal_loses_no_name_and_no_number(width: int) -> None:
    made = shown_plan(2, short=True)
    text = rendered(show_plan, made, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for each in ("static peak", "this plan", "chat-1", "chat-2", "1-11"):
        assert each in text
