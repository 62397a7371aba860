"""What a plan changes of what runs: 4 GPUs a replica at 2 USD an hour."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Running
from heteroplan.outputs.plan.current_changes import (
    change_rows,
    current_pools,
    current_sentences,
    next_step,
)
from heteroplan.outputs.plan.document.from_plan import document_of
from tests.plans import day_scenario, horizon, plan, pool, shortage

PREFILL, DECODE = "h100-tp4-prefill", "h100-tp4-decode"


def made(running: Sequence[str] | None, *, short: bool = False) -> Plan:
    """A pool of 3 decode replicas of chat-1 that become 1, and one of chat-2 from noon on."""
    current = None
    if running is not None:
        current = tuple(Running("chat-1", name, "h100x8", "a-s1-l1", ()) for name in running)
    scenario = replace(day_scenario(horizon(2, cyclic=False), workloads=2), current=current)
    pools = [pool([3, 1]), pool([0, 2], of="chat-2")]
    return plan(scenario, pools, shortages=[shortage("chat-2", 0, 1.0)] if short else [])


def told(running: Sequence[str] | None) -> list[str]:
    document = document_of(made(running))
    return list(current_sentences(document, current_pools(document)))


def test_pools_are_added_changed_and_removed() -> None:
    """One decode replica runs and 3 are to; 2 prefill replicas run and none are to.

    Before 12 GPUs at 24 USD an hour, after as many.
    """
    document = document_of(made([DECODE, PREFILL, PREFILL]))
    pools = current_pools(document)
    assert [(row[0], row[3], row[-1]) for row in change_rows(pools)] == [
        ("~", DECODE, "1 -> 3"),
        ("-", PREFILL, "2 -> 0"),
    ]
    assert list(current_sentences(document, pools)) == [
        "Change at 00:00: 0 to add, 1 to change, 1 to remove, 0 as before; 2 replicas start, "
        "2 stop.",
        "GPUs then: 12 -> 12; 24.00 -> 24.00 USD an hour.",
    ]


def test_nothing_ran() -> None:
    assert told([]) == [
        "Change at 00:00: 1 to add, 0 to change, 0 to remove, 0 as before; 3 replicas start, "
        "0 stop.",
        "GPUs then: 0 -> 12; 0.00 -> 24.00 USD an hour.",
    ]


def test_what_stays_is_in_no_row() -> None:
    document = document_of(made([DECODE] * 3))
    assert change_rows(current_pools(document)) == []
    assert "1 as before; 0 replicas start, 0 stop." in told([DECODE] * 3)[0]


def test_where_it_is_not_known_what_runs_nothing_is_told() -> None:
    assert told(None) == []


@pytest.mark.parametrize(
    ("short", "folder", "current", "step"),
    [
        (False, "out", None, "Next: heteroplan export out/plan.json --format keda"),
        (
            *(False, "my out", "now.csv"),
            "Next: heteroplan export 'my out/plan.json' --format keda --current now.csv",
        ),
        (False, "out", "-", "Next: heteroplan export out/plan.json --format keda"),
        (True, "out", None, "Next: heteroplan explain out/plan.json"),
        (
            *(True, None, None),
            "Next: the same with --out DIR, then heteroplan explain DIR/plan.json",
        ),
    ],
)
def test_the_next_step_is_a_command(
    short: bool, folder: str | None, current: str | None, step: str
) -> None:
    assert next_step(document_of(made(None, short=short)), folder, current) == step


def test_what_is_undecided_takes_more_time() -> None:
    short = made(None, short=True)
    open_ = replace(short, report=replace(short.report, unserved_requests_bound=0.0))
    assert next_step(document_of(open_), "out", None) == (
        "Next: the same with a longer --time-limit."
    )
