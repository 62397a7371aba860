"""What would end a shortage, in words."""

from datetime import UTC, datetime

import pytest

from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.sentences import Spell
from heteroplan.outputs.plan.shortage_fix import fix_json, fix_sentence, less_percent, nodes_text
from heteroplan.planning.shortage_fix import NodesFix

HORIZON = HorizonPart(
    start=datetime(2026, 11, 23, tzinfo=UTC),
    timezone="UTC",
    interval_s=900,
    intervals=96,
    cyclic=True,
)
TWO = NodesFix("a100x8", ("a-s2-l2",), 2, 19.2)


def spell(workload: str = "chat", first: int = 45, last: int = 50, share: float = 0.06) -> Spell:
    return Spell(workload, first, last, 1.0, share, "a100x8 full in a-s2")


def test_nodes_or_less_demand() -> None:
    assert fix_sentence(TWO, [spell()], HORIZON) == (
        "To serve all: 2 more a100x8 on a-s2-l2 (19.20 USD/h), or 6.0 % less demand of chat "
        "11:15 to 12:45."
    )


def test_the_worst_times_are_named_first_and_others_counted() -> None:
    times = [spell(first=t, last=t, share=0.01 * (t + 1)) for t in range(5)]
    assert fix_sentence(None, times, HORIZON) == (
        "To serve all: 5.0 % less demand of chat 01:00 to 01:15 and 4.0 % less demand of chat "
        "00:45 to 01:00 and 3.0 % less demand of chat 00:30 to 00:45, and 2 more times."
    )


def test_nothing_where_nothing_is_short() -> None:
    assert fix_sentence(TWO, [], HORIZON) == ""


@pytest.mark.parametrize(
    ("share", "text"), [(0.0601, "6.1 %"), (0.06, "6.0 %"), (1e-6, "0.1 %"), (1.0, "100.0 %")]
)
def test_less_demand_is_rounded_up(share: float, text: str) -> None:
    assert less_percent(spell(share=share)) == text


def test_leaves_that_are_alike_are_counted() -> None:
    fix = NodesFix("a100x8", ("l1", "l2", "l3", "l4"), 1, 9.6)
    assert nodes_text(fix) == "1 more a100x8 on l1 or l2 or 2 more (9.60 USD/h)"


def test_both_as_json() -> None:
    found = fix_json(TWO, [spell()])
    assert found["nodes"] == {
        "node_type": "a100x8", "leaves": ["a-s2-l2"], "nodes": 2, "usd_per_hour": 19.2,
    }  # fmt: skip
    assert found["less_demand"] == [{"workload": "chat", "first": 45, "last": 50, "share": 0.06}]
    assert fix_json(None, [spell()])["nodes"] is None
