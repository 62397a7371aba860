"""Why workloads go short, in words."""

import json

import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import ShortageKind
from heteroplan.entities.workload import Loss, Role
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import ReasonPart
from heteroplan.outputs.plan.document.reasons import merged_text, reasons_text
from tests.plans import horizon

DAY = HorizonPart.model_validate(horizon(48, interval_s=1800))
LATE = "when replicas would have to start"
RATIO = ReasonPart(kind=ShortageKind.RULE, detail="pd_ratio or part_ratio")


def full(node_type: str, *domains: str, starts: int | None = None) -> ReasonPart:
    return ReasonPart(kind=ShortageKind.FULL, node_type=node_type, domains=domains, starts=starts)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (ReasonPart(kind=ShortageKind.NO_ENGINE, detail="x; y"), "no engine: x; y"),
        (
            ReasonPart(kind=ShortageKind.NO_GPUS, affinity=Affinity.LEAF),
            "no engine for its requests in any leaf with GPUs for it",
        ),
        (
            ReasonPart(kind=ShortageKind.MAX_REPLICAS, role=Role.DECODE),
            "max_replicas of decode",
        ),
        (
            ReasonPart(kind=ShortageKind.RESILIENCE, lose=Loss.NODE),
            "resilience to the loss of a node",
        ),
        (full("h", "s1", "s2"), "h full in s1, s2"),
        (full("h", "s1", starts=26), f"h full in s1 at 13:00, {LATE}"),
        (
            ReasonPart(kind=ShortageKind.HELD_BEFORE, node_type="h", domains=("s1",)),
            "h held until then by what ran before in s1",
        ),
        (
            ReasonPart(kind=ShortageKind.NO_PAIR, domains=("s1",)),
            "no room for prefill and decode together in s1",
        ),
        (RATIO, "pd_ratio or part_ratio"),
        (
            ReasonPart(kind=ShortageKind.UNKNOWN),
            "no known cause: the search found no better plan",
        ),
    ],
)
def test_every_kind_has_its_words_alone_and_merged(reason: ReasonPart, text: str) -> None:
    assert reasons_text((reason,), DAY) == text
    assert merged_text((reason, reason), DAY) == text


def test_every_kind_is_tested() -> None:
    (mark,) = test_every_kind_has_its_words_alone_and_merged.pytestmark  # type: ignore[attr-defined]
    assert {reason.kind for reason, _ in mark.args[1]} == set(ShortageKind)


def test_reasons_of_one_shortage_stand_side_by_side() -> None:
    assert reasons_text((RATIO, full("h", "s1"), full("h", "s2", starts=0)), DAY) == (
        f"pd_ratio or part_ratio; h full in s1; h full in s2 at 00:00, {LATE}"
    )


def test_merged_reasons_name_each_node_type_once_with_all_domains() -> None:
    found = [full("h", "s1", "s2"), full("h", "s2", "s3"), full("l", "s1"), RATIO]
    assert merged_text(found, DAY) == ("pd_ratio or part_ratio; h full in s1, s2, s3; l full in s1")
    assert merged_text([full("h", "s1"), full("h", "s1", starts=26)], DAY) == (
        f"h full in s1, or at 13:00, {LATE}"
    )
    assert merged_text([full("h", "s1", starts=t) for t in (27, 26)], DAY) == (
        f"h full in s1 at 13:00 to 13:30, {LATE}"
    )


def test_merged_reasons_are_bounded() -> None:
    """Five domains and four node types: three and two are named."""
    found = [full(shape, *(f"s{i}" for i in range(5))) for shape in "abcd"]
    assert merged_text([*found, RATIO], DAY) == (
        "pd_ratio or part_ratio; a full in s0, s1, s2 and 2 more; "
        "b full in s0, s1, s2 and 2 more; and 2 more"
    )


def test_places_without_room_for_a_pair_and_dates_are_merged_too() -> None:
    """A horizon of two days from 2026-11-23 on: hours 23 and 25."""
    pairs = [ReasonPart(kind=ShortageKind.NO_PAIR, domains=(name,)) for name in ("s1", "s2", "s1")]
    assert merged_text(pairs, DAY) == "no room for prefill and decode together in s1, s2"
    two_days = HorizonPart.model_validate(horizon(48))
    assert merged_text([full("h", "s1", starts=t) for t in (25, 23)], two_days) == (
        f"h full in s1 at 2026-11-23 23:00 to 2026-11-24 01:00, {LATE}"
    )


def test_only_what_a_kind_has_is_written() -> None:
    assert json.loads(full("h", "s1", starts=0).model_dump_json()) == {
        "kind": "full", "node_type": "h", "domains": ["s1"], "starts": 0,
    }  # fmt: skip
    assert json.loads(RATIO.model_dump_json()) == {
        "kind": "rule",
        "detail": "pd_ratio or part_ratio",
    }
