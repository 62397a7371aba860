import io
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import BindingLimit, Plan
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.explanation import explain, explanation_json, render_explanation
from tests.plans import day_scenario, horizon, plan, pool, shortage, shown_plan, stays

LEAVES = ("a-s1-l1", "a-s1-l2")


def limit(first: int, last: int, *pools: str, domain: str = "a-s1") -> BindingLimit:
    return BindingLimit(Affinity.SPINE, domain, "l40sx8", first, last, pools)


def made(
    limits: Sequence[BindingLimit] = (), shortages: Sequence[tuple[str, int, float, str]] = ()
) -> Plan:
    """`chat-1` with 1, then 3 replicas on two leaves in turn; `chat-2` with 1."""
    pools = [pool([1, 3] * 12), pool([1] * 24, of="chat-2")]
    return plan(
        day_scenario(horizon(24), workloads=2, leaves=LEAVES),
        pools,
        placed=stays(pools, LEAVES),
        limits=limits,
        shortages=[shortage(*short) for short in shortages],
    )


def rendered(of: Plan, workload: str | None = None, width: int = 80) -> list[str]:
    out = io.StringIO()
    render_explanation(explain(document_of(of), workload), Console(file=out, width=width))
    return out.getvalue().splitlines()


def test_limits_are_those_of_the_plan_the_longest_first() -> None:
    limits = [limit(1, 1, "decode of chat-1"), limit(3, 8, "decode of chat-2", domain="a-s2")]
    assert rendered(made(limits))[2:4] == [
        "spine a-s2: l40sx8 full 03:00 to 09:00; decode of chat-2 limited by it",
        "spine a-s1: l40sx8 full 01:00 to 02:00; decode of chat-1 limited by it",
    ]


def test_more_than_20_limits_are_counted() -> None:
    lines = rendered(made([limit(t, t, "decode of chat-1") for t in range(22)]))
    assert lines[22] == "… and 2 more (in plan.json)"


def test_shortages_are_spells_with_their_reason() -> None:
    lines = rendered(made(shortages=[("chat-1", t, 4.0, "l40sx8") for t in (5, 6)]))
    (row,) = (line for line in lines if line.startswith("chat-1"))
    assert " ".join(row.split()) == (
        "chat-1 05:00 to 07:00 4 requests/s 40.0 % l40sx8 full in a-s1"
    )


def test_a_shortage_is_proven_or_not() -> None:
    short = made(shortages=[("chat-1", 5, 4.0, "l40sx8")])
    assert "It is proven that no plan serves everything." in rendered(short)
    open_ = replace(short, report=replace(short.report, unserved_requests_bound=0.0))
    sentence = "The search ended before it was known whether a plan serves everything."
    assert sentence in rendered(open_)
    assert json.loads(explanation_json(explain(document_of(open_))))["coverage"] == "undecided"


def test_nothing_limits_a_plan_with_room() -> None:
    assert rendered(made())[2:5] == [
        "No pool is limited by missing GPUs.",
        "",
        "All demand is served.",
    ]


def test_gpu_hours_by_priority_of_the_plan_and_of_greedy() -> None:
    lines = rendered(shown_plan(greedy=True))
    start = next(i for i, line in enumerate(lines) if line.startswith("GPU-hours on"))
    assert [line.split() for line in lines[start + 1 : start + 4]] == [
        ["this", "plan", "0.0", "0.0", "2,584.0"],
        ["greedy", "0.0", "0.0", "7,752.0"],
        ["P/D-paired", "greedy", "0.0", "0.0", "5,168.0"],
    ]


def test_one_workload_alone() -> None:
    """Of three limits and two shortages those of chat-1, and its pool: replicas 1 and 3 on l1."""
    limits = [
        limit(0, 1, "decode of chat-2"),
        limit(3, 3, "prefill of chat-2", "decode of chat-1"),
        limit(5, 5, "decode of chat-11"),
    ]
    shortages = [("chat-1", 3, 4.0, "x"), ("chat-2", 3, 4.0, "y")]
    found = explain(document_of(made(limits, shortages)), "chat-1")
    assert [each.first for each in found.limits] == [3]
    assert [each.workload for each in found.shortages] == ["chat-1"]
    (line,) = (each for each in rendered(made(), "chat-1") if each.startswith("chat-1@a-s1"))
    assert " ".join(line.split()) == ("chat-1@a-s1 decode h100-tp4-decode 1-3 a-s1-l1 2, a-s1-l2 1")


def test_unknown_workload_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="--workload x: the plan's workloads are chat-1, chat-2"):
        explain(document_of(made()), "x")


def test_json_says_the_same() -> None:
    limits, shortages = [limit(3, 8, "decode of chat-1")], [("chat-1", 3, 4.0, "x")]
    found = json.loads(explanation_json(explain(document_of(made(limits, shortages)), "chat-1")))
    assert found["limits"] == [
        {
            "level": "spine",
            "domain": "a-s1",
            "node_type": "l40sx8",
            "first": 3,
            "last": 8,
            "pools": ["decode of chat-1"],
        }
    ]
    assert (found["shortages"][0]["first"], found["shortages"][0]["worst_rps"]) == (3, 4.0)
    assert found["gpu_hours_by_priority"]["plan"]["low"] == 0.0
    assert found["pools"][0]["most_by_leaf"] == {"a-s1-l1": 2, "a-s1-l2": 1}


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_the_width(width: int) -> None:
    of = made([limit(3, 8, *(f"decode of workload-{i}-with-a-long-name" for i in range(9)))])
    assert max(map(len, rendered(of, "chat-1", width))) <= width
