"""States, reservations and quotas."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.errors import UsageError
from heteroplan.inventory.levels import Place
from heteroplan.inventory.limits import (
    EVER,
    FOR_GOOD,
    TypedNode,
    absences,
    within_quotas,
)
from heteroplan.inventory.node import Quota, Reservation
from heteroplan.inventory.node_types import Given, typed
from tests.inventory.records import node


def leaves(**nodes: int) -> tuple[list[TypedNode], Mapping[str, Place]]:
    """So many H100 nodes on each leaf, `l1-1` the first of leaf l1."""
    records = [node(f"{leaf}-{i + 1}") for leaf, count in nodes.items() for i in range(count)]
    found = typed(records, Given())
    places = {each.name: Place("c", "s", each.name.split("-")[0]) for each in records}
    return list(found.nodes), places


def with_out(nodes: Sequence[TypedNode], **out: str) -> list[TypedNode]:
    """With the states of some nodes, `l1_1` for l1-1."""
    return [(replace(each, out=out.get(each.name.replace("-", "_"))), kind) for each, kind in nodes]


def names(nodes: Sequence[TypedNode]) -> list[str]:
    return [each.name for each, _ in nodes]


def day(number: int) -> datetime:
    return datetime(2026, 11, number, tzinfo=UTC)


def test_nodes_that_are_out_are_counted_by_leaf_until_further_notice() -> None:
    nodes, places = leaves(l1=3, l2=1)
    nodes = with_out(nodes, l1_1="cordoned", l1_3="cordoned", l2_1="DRAIN")
    found = sorted(absences(nodes, places, ()))
    assert [(each.leaf, each.nodes, each.reasons) for each in found] == [
        ("l1", ("l1-1", "l1-3"), ("cordoned",)),
        ("l2", ("l2-1",), ("DRAIN",)),
    ]
    assert {(each.start, each.end) for each in found} == {(EVER, FOR_GOOD)}


def test_a_reserved_node_is_out_in_the_time_of_its_reservations_once() -> None:
    """Two reservations overlap on the first node: it is one node out over both."""
    nodes, places = leaves(l1=2)
    reservations = (
        Reservation(name="maint", nodes=("l1-1", "l1-2"), start=day(1), end=day(3)),
        Reservation(name="team-b", nodes=("l1-1",), start=day(2), end=day(5)),
        Reservation(name="later", nodes=("l1-1",), start=day(7), end=None),
    )
    found = sorted(absences(nodes, places, reservations))
    assert [(each.start, each.end, each.nodes) for each in found] == [
        (day(1), day(3), ("l1-2",)),
        (day(1), day(5), ("l1-1",)),
        (day(7), FOR_GOOD, ("l1-1",)),
    ]


def test_a_reservation_of_ones_own_keeps_nothing_out() -> None:
    nodes, places = leaves(l1=1)
    mine = Reservation(name="mine", nodes=("l1-1",))
    assert len(absences(nodes, places, [mine])) == 1
    assert absences(nodes, places, [mine], own=("mine",)) == []


def test_a_quota_keeps_whole_leaves_and_fills_up_with_parts() -> None:
    """40 of 72 GPUs are 5 nodes of 9: leaf l2 with 4, and one of another leaf."""
    nodes, places = leaves(l1=3, l2=4, l3=2)
    kept, notes = within_quotas(nodes, places, [Quota(name="ClusterQueue a", gpus=40)])
    assert sorted(names(kept)) == ["l1-1", "l2-1", "l2-2", "l2-3", "l2-4"]
    assert notes == [
        "ClusterQueue a: 40 GPUs of 72; 4 nodes beyond left out (l1-2, l1-3, l3-1, l3-2)"
    ]


def test_a_leaf_that_fits_whole_comes_before_a_part_of_a_larger_one() -> None:
    nodes, places = leaves(l1=4, l2=2)
    kept, _ = within_quotas(nodes, places, [Quota(name="q", gpus=16)])
    assert names(kept) == ["l2-1", "l2-2"]


def test_less_than_a_node_is_told() -> None:
    nodes, places = leaves(l1=2)
    kept, notes = within_quotas(nodes, places, [Quota(name="q", gpus=12)])
    assert names(kept) == ["l1-1"]
    assert notes[0].endswith("; 4 GPUs of the quota are less than a node")


def test_nodes_that_are_out_go_first() -> None:
    nodes, places = leaves(l1=2)
    nodes = with_out(nodes, l1_1="cordoned")
    kept, _ = within_quotas(nodes, places, [Quota(name="q", gpus=8)])
    assert names(kept) == ["l1-2"]


def test_quotas_of_several_queues_add_up_or_one_counts() -> None:
    nodes, places = leaves(l1=4)
    quotas = [Quota(name="ClusterQueue a", gpus=8), Quota(name="ClusterQueue b", gpus=16)]
    assert len(within_quotas(nodes, places, quotas)[0]) == 3
    assert len(within_quotas(nodes, places, quotas, "b")[0]) == 2
    with pytest.raises(UsageError, match="there are ClusterQueue a, ClusterQueue b"):
        within_quotas(nodes, places, quotas, "c")


def test_a_queue_has_only_nodes_of_its_flavors() -> None:
    records = [node("n1", labels={"pool": "a"}), node("n2", labels={"pool": "b"})]
    nodes = list(typed(records, Given()).nodes)
    places = {each.name: Place("c", "s", "l") for each in records}
    quotas = [
        Quota(name="ClusterQueue a", labels={"pool": "a"}, gpus=100),
        Quota(name="ClusterQueue b", labels={"pool": "b"}, gpus=0),
    ]
    assert names(within_quotas(nodes, places, quotas)[0]) == ["n1"]
    kept, notes = within_quotas(nodes, places, quotas, "a")
    assert names(kept) == ["n1"]
    assert notes == ["a has no quota for 1 node: left out (n2)"]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 300))
def test_a_quota_is_used_up_to_less_than_a_node(sizes: list[int], most: int) -> None:
    nodes, places = leaves(**{f"l{i}": size for i, size in enumerate(sizes)})
    kept, notes = within_quotas(nodes, places, [Quota(name="q", gpus=most)])
    assert 8 * len(kept) == min(8 * len(nodes), most // 8 * 8)
    assert bool(notes) == (8 * len(nodes) > most)
