"""A well placed plan has no fault; each way of tampering with its stays is found."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.placement import Stay
from heteroplan.entities.plan import Plan
from heteroplan.verify.placement import placement_faults
from tests.builders import fleet
from tests.placement.cases import Sizes, case

UTC = ZoneInfo("UTC")


@pytest.fixture(scope="module")
def good() -> Plan:
    """w0: one replica of 4 GPUs on l1 at 0 and 1 that starts for an hour; w1: two whole nodes.

    Stay 0 is w0's, stays 1 and 2 w1's: one all day, one at interval 1. l3 is in another spine.
    """
    of = case(
        Sizes({"l1": [1, 1, 0, 0]}, gpus=4, affinity=Affinity.LEAF, startup_s=3600.0),
        Sizes({"s": [1, 2, 1, 1]}, gpus=16),
        on=fleet(
            {"l1": {"h100x8": 2}, "l2": {"h100x8": 5}, "l3": {"h100x8": 2}},
            spines={"l1": "s", "l2": "s", "l3": "other"},
        ),
    )
    plan = of.plan(of.packed())
    kept = [p for p, pool in enumerate(plan.pools) if any(pool.replicas)]
    return replace(
        plan,
        pools=tuple(plan.pools[p] for p in kept),
        stays=tuple(replace(stay, pool=kept.index(stay.pool)) for stay in plan.stays),
    )


def faults(plan: Plan) -> str:
    return "\n".join(placement_faults(plan))


def with_stay(plan: Plan, index: int, **changes: Any) -> Plan:
    stays = list(plan.stays)
    stays[index] = replace(stays[index], **changes)
    return replace(plan, stays=tuple(stays))


def test_good_plan_has_no_fault(good: Plan) -> None:
    assert faults(good) == ""
    shown = [(s.pool, s.leaf, len(s.nodes), s.first, s.intervals, s.lead) for s in good.stays]
    assert shown == [(0, "l1", 1, 0, 2, 1), (1, "l2", 2, 0, 4, 0), (1, "l2", 2, 1, 1, 0)]


@pytest.mark.parametrize(
    ("index", "changes", "fault"),
    [
        (0, {"pool": 7}, "there is no pool 7"),
        (0, {"leaf": "l9"}, "on l9 at 0: there is no such leaf"),
        (0, {"nodes": ("l2-h100x8-001",)}, "l2-h100x8-001 is no h100x8 of the leaf"),
        (0, {"nodes": ("l1-h100x8-003",)}, "l1-h100x8-003 is no h100x8 of the leaf"),
        (0, {"nodes": ("l1-l40sx8-001",)}, "l1-l40sx8-001 is no h100x8 of the leaf"),
        (0, {"first": 4}, "past the horizon"),
        (0, {"intervals": 5}, "past the horizon"),
        (0, {"intervals": 0}, "past the horizon"),
        (0, {"leaf": "l2", "nodes": ("l2-h100x8-005",)}, "the leaf is not in leaf l1"),
        (
            1,
            {"leaf": "l3", "nodes": ("l3-h100x8-001", "l3-h100x8-002")},
            "the leaf is not in spine s",
        ),
        (1, {"nodes": ("l2-h100x8-001",)}, "stands on 1 nodes, 16 GPUs are 2"),
        (1, {"nodes": ("l2-h100x8-001",) * 2}, "stands on 2 nodes, 16 GPUs are 2"),
        (0, {"nodes": ()}, "stands on 0 nodes, 4 GPUs are 1"),
        (0, {"lead": 0}, "holds its GPUs 0 intervals ahead, should be 1"),
        (1, {"lead": 1}, "holds its GPUs 1 intervals ahead, should be 0"),
        (0, {"intervals": 1}, "e of w0@l1: 0 replicas stand somewhere at 1, the pool has 1"),
        (0, {"intervals": 3}, "e of w0@l1: 1 replicas stand somewhere at 2, the pool has 0"),
        (0, {"moved": True}, "where it begins no stay of it ends"),
        (2, {"first": 2}, "1 start at 2, 0 should"),
    ],
)
def test_tampered_stay(good: Plan, index: int, changes: dict[str, Any], fault: str) -> None:
    assert fault in faults(with_stay(good, index, **changes))


def test_two_replicas_on_one_node(good: Plan) -> None:
    """Both of w1 on the nodes of the first at interval 1: 16 GPUs on nodes of 8."""
    text = faults(with_stay(good, 2, nodes=good.stays[1].nodes))
    assert f"{good.stays[1].nodes[0]}: 16 GPUs are held at 1, it has 8" in text


def test_starting_replica_counts_before_it_serves(good: Plan) -> None:
    """w0 holds 4 GPUs at 3, serving from 0; w1 on the same node makes it 12 at 3 too."""
    text = faults(with_stay(good, 1, leaf="l1", nodes=("l1-h100x8-001", "l1-h100x8-002")))
    assert f"{good.stays[0].nodes[0]}: 12 GPUs are held at 3, it has 8" in text
    assert "held at 2" not in text


def test_node_that_is_away(good: Plan) -> None:
    """Four of l2's five nodes are away at hour 2, so only the first is there."""
    hours = (datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (2, 3))
    away = replace(good.scenario.fleet, outages=(Outage("l2", "h100x8", 4, *hours),))
    text = faults(replace(good, scenario=replace(good.scenario, fleet=away)))
    assert f"holds {good.stays[1].nodes[1]} at 2, which is away" in text
    assert "at 1, which" not in text


def test_replica_in_two_places(good: Plan) -> None:
    text = faults(with_stay(good, 2, replica_id=good.stays[1].replica_id))
    assert f"replica {good.stays[1].replica_id} stands in 2 places at 1" in text


def test_replica_of_two_pools(good: Plan) -> None:
    text = faults(with_stay(good, 0, replica_id=good.stays[1].replica_id))
    assert f"replica {good.stays[1].replica_id} belongs to 2 pools" in text


def divided(stay: Stay, *, moved: bool, same: bool = True) -> tuple[Stay, Stay]:
    """w0's stay as one interval on each node of l1."""
    return (
        replace(stay, intervals=1, nodes=("l1-h100x8-001",)),
        replace(
            stay,
            first=1,
            intervals=1,
            nodes=("l1-h100x8-002",),
            moved=moved,
            replica_id=stay.replica_id if same else "another",
        ),
    )


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (lambda stay: divided(stay, moved=True), ""),
        (lambda stay: divided(stay, moved=False), "no move is shown"),
        (lambda stay: divided(stay, moved=True, same=False), "no stay of it ends"),
        (lambda stay: divided(stay, moved=False, same=False), "1 start at 1, 0 should"),
    ],
)
def test_moves(good: Plan, tamper: Callable[[Stay], tuple[Stay, Stay]], fault: str) -> None:
    """A replica that goes on elsewhere says so, and another that takes over is no move."""
    text = faults(replace(good, stays=(*tamper(good.stays[0]), *good.stays[1:])))
    assert fault in text if fault else text == ""


@pytest.fixture(scope="module")
def once() -> Plan:
    """A day that is not cyclic: one replica of 4 GPUs at 0, one at 1 and 3, two hours to start."""
    of = case(
        Sizes({"l1": [1, 2, 1, 2]}, gpus=4, affinity=Affinity.LEAF, startup_s=5400.0),
        on=fleet({"l1": {"h100x8": 2}}),
        cyclic=False,
    )
    plan = of.plan(of.packed())
    return replace(plan, stays=tuple(sorted(plan.stays, key=lambda stay: stay.first)))


def test_a_start_before_the_horizon_holds_nothing(once: Plan) -> None:
    assert faults(once) == ""
    shown = [(stay.first, stay.intervals, stay.lead) for stay in once.stays]
    assert shown == [(0, 4, 0), (1, 1, 1), (3, 1, 2)]


@pytest.mark.parametrize(
    ("index", "changes", "fault"),
    [
        (0, {"pool": -1}, "there is no pool -1"),
        (0, {"first": -1}, "past the horizon"),
        (0, {"lead": 2}, "holds its GPUs 2 intervals ahead, should be 0"),
        (1, {"lead": 2}, "holds its GPUs 2 intervals ahead, should be 1"),
        (2, {"lead": 1}, "holds its GPUs 1 intervals ahead, should be 2"),
        (2, {"intervals": 2}, "at 3: serves 2 intervals, past the horizon"),
        (1, {"intervals": 2}, "e of w0@l1: 2 replicas stand somewhere at 2, the pool has 1"),
        (0, {"moved": True}, "e of w0@l1: 0 start at 0, 1 should"),
        (1, {"moved": True}, "e of w0@l1: 0 start at 1, 1 should"),
    ],
)
def test_tampered_stay_of_a_day_that_is_not_cyclic(
    once: Plan, index: int, changes: dict[str, Any], fault: str
) -> None:
    assert fault in faults(with_stay(once, index, **changes))


def test_the_end_of_a_day_is_its_beginning_only_if_it_is_cyclic(once: Plan, good: Plan) -> None:
    """A replica that serves until the end is at the beginning again: no move, or one."""
    same = with_stay(once, 0, intervals=1)
    same = with_stay(same, 2, replica_id=once.stays[0].replica_id)
    assert "ends" not in faults(same)
    day = replace(good.stays[0], first=2, intervals=2)
    both = replace(good, stays=(*good.stays, day))
    assert "at 0: where it begins a stay of it ends, no move is shown" in faults(both)


def test_a_start_on_a_node_that_is_away(good: Plan) -> None:
    """w0 holds a node of l1 from 3 on to serve from 0 on; both of l1's nodes are away at 3."""
    hours = datetime(2026, 11, 23, 3, tzinfo=UTC), datetime(2026, 11, 23, 4, tzinfo=UTC)
    for nodes, found in ((2, True), (1, False)):
        away = replace(good.scenario.fleet, outages=(Outage("l1", "h100x8", nodes, *hours),))
        on_first = with_stay(good, 0, nodes=("l1-h100x8-001",))
        text = faults(replace(on_first, scenario=replace(good.scenario, fleet=away)))
        assert ("holds l1-h100x8-001 at 3, which is away" in text) == found


def test_where_a_name_is_strange_nothing_else_is_told(good: Plan) -> None:
    """All strange names are; then all wrong shapes."""
    strange = with_stay(with_stay(good, 0, leaf="l9"), 1, pool=9, lead=3)
    strange = with_stay(strange, 2, nodes=("l2-h100x8-001",))
    assert len(faults(strange).splitlines()) == 2
    shapes = with_stay(with_stay(good, 1, nodes=("l2-h100x8-001",)), 0, lead=3)
    assert len(faults(shapes).splitlines()) == 1
