"""Free GPUs of nodes over time: who is there, where a replica fits best, and for how long."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.fleet import Fleet, Outage
from heteroplan.entities.network import Affinity
from heteroplan.optimize.program.supply import Places
from heteroplan.placement.nodes import Hold, Nodes, nodes_of
from tests.builders import fleet, horizon, node_type, scenario, workload

LEAVES = {"l1": {"h100x8": 2}, "l2": {"h100x8": 3}, "l3": {"h100x8": 1}}
ALL = slice(0, 6)


def nodes_on(on: Fleet, intervals: int = 1, name: str = "h100x8") -> Nodes:
    return nodes_of(Places(scenario([workload(rps=[1.0] * intervals)], in_fleet=on)), name)


def with_free(free: Sequence[Sequence[int]], scarcity: Sequence[int] = (0,) * 6) -> Nodes:
    """Nodes 0 and 1 on l1, 2 to 4 on l2, 5 on l3, with so many GPUs free by interval and node."""
    nodes = nodes_on(fleet(LEAVES), len(free))
    return replace(nodes, free=np.array(free, dtype=np.int32), scarcity=np.array(scarcity))


def hold(share: int, *times: int, intervals: int = 1) -> Hold:
    return Hold.of(share, np.array(times or (0,)), intervals)


def taken(of: Hold) -> dict[int, int]:
    return dict(zip(of.at.tolist(), of.gpus[:, 0].tolist(), strict=True))


def test_a_hold_wraps_around_the_day() -> None:
    assert taken(hold(3, 4, 5, 6, intervals=6)) == {4: 3, 5: 3, 0: 3}
    assert taken(hold(3, -2, -1, 0, intervals=6)) == {4: 3, 5: 3, 0: 3}


def test_where_a_start_overlaps_the_days_end_both_are_held() -> None:
    """All of a day of three intervals, and one of start: the last one twice."""
    assert taken(hold(3, -1, 0, 1, 2, intervals=3)) == {0: 3, 1: 3, 2: 6}
    assert taken(hold(3, 0, 1, 2, intervals=3)) == {0: 3, 1: 3, 2: 3}


def test_nodes_of_a_spine_and_of_a_cluster_stand_side_by_side() -> None:
    """Leaves a and c share a spine, b stands between them in the file; the order is kept else."""
    on = fleet(
        {"a": {"h100x8": 1, "l40sx4": 7}, "b": {"h100x8": 2}, "c": {"h100x8": 3, "l40sx4": 0}},
        node_types=(node_type(), node_type("l40sx4", gpu="L40S", gpus=4)),
        spines={"a": "s1", "b": "s2", "c": "s1"},
    )
    nodes = nodes_on(on, 2)
    assert [each.name for each in nodes.leaves] == ["a", "c", "b"]
    assert nodes.names == (
        "a-h100x8-001", "c-h100x8-001", "c-h100x8-002", "c-h100x8-003",
        "b-h100x8-001", "b-h100x8-002",
    )  # fmt: skip
    assert nodes.leaf_of.tolist() == [0, 1, 1, 1, 2, 2]
    assert nodes.scarcity.tolist() == [2, 1, 1, 1, 0, 0]
    assert nodes.free.tolist() == [[8] * 6] * 2
    assert nodes.rows(Affinity.LEAF, "c") == slice(1, 4)
    assert nodes.rows(Affinity.SPINE, "s1") == slice(0, 4)
    assert nodes.rows(Affinity.SPINE, "s2") == slice(4, 6)
    assert nodes.rows(Affinity.CLUSTER, "c1") == ALL
    assert nodes.standing("c", ()).tolist() == [1, 2, 3]
    assert nodes.standing("c", ["c-h100x8-003", "c-h100x8-001"]).tolist() == [1, 3]
    small = nodes_on(on, 2, "l40sx4")
    assert (small.gpus, len(small.names)) == (4, 7)
    assert small.free.tolist() == [[4] * 7] * 2
    assert small.rows(Affinity.LEAF, "b") == slice(0, 0)


def test_nodes_away_for_maintenance_are_the_last_of_their_leaf_and_type() -> None:
    """Two of l2 are away in the second hour; the half hour after it takes the third as well."""
    begin = horizon().start
    on = fleet(
        LEAVES,
        outages=[
            Outage("l2", "h100x8", 2, begin + timedelta(hours=1), begin + timedelta(hours=2)),
            Outage("l2", "h100x8", 1, begin + timedelta(hours=2), begin + timedelta(hours=2.5)),
            Outage("l1", "l40sx8", 2, begin, begin + timedelta(hours=4)),
        ],
    )
    assert nodes_on(on, 4).free.tolist() == [
        [8, 8, 8, 8, 8, 8],
        [8, 8, 8, 0, 0, 8],
        [8, 8, 8, 8, 0, 8],
        [8, 8, 8, 8, 8, 8],
    ]


def test_what_is_taken_is_free_again_when_given_back() -> None:
    nodes = with_free([[8] * 6] * 3)
    wide = hold(5, 2, 3, intervals=3)
    nodes.take((2, 4), wide)
    assert nodes.free.tolist() == [[8, 8, 3, 8, 3, 8], [8] * 6, [8, 8, 3, 8, 3, 8]]
    assert nodes.has_room((2, 4), hold(3, 0, 1, 2, intervals=3))
    assert not nodes.has_room((2, 3), hold(4, 1, 2, intervals=3))
    assert nodes.has_room((3, 5), hold(4, 0, 1, 2, intervals=3))
    assert nodes.has_room((2, 4), hold(8, 1, intervals=3))
    nodes.give((2, 4), wide)
    assert nodes.free.tolist() == [[8] * 6] * 3


def test_copies_are_filled_on_their_own() -> None:
    nodes = with_free([[8] * 6])
    part, whole = nodes.part(slice(2, 5)), nodes.copy()
    part.take((0,), hold(8))
    whole.take((0,), hold(4))
    assert nodes.free.tolist() == [[8] * 6]
    assert (part.free.tolist(), whole.free.tolist()) == ([[0, 8, 8]], [[4, 8, 8, 8, 8, 8]])
    assert part.names == nodes.names[2:5]
    assert part.leaf_of.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("free", "scarcity", "spot"),
    [
        ([[8, 6, 5, 4, 3, 8]], [0] * 6, 3),
        ([[8, 6, 5, 4, 3, 8]], [0, 0, 1, 1, 0, 0], 1),
        ([[3, 3, 3, 3, 3, 3]], [0] * 6, None),
        ([[8, 5, 5, 8, 8, 8], [0, 7, 6, 8, 8, 8]], [0] * 6, 2),
        ([[8, 8, 5, 8, 8, 8], [8, 8, 3, 8, 8, 8]], [2, 2, 0, 2, 1, 2], 2),
    ],
)
def test_a_replica_takes_low_priority_then_the_least_that_is_left_then_the_fullest_node(
    free: list[list[int]], scarcity: list[int], spot: int | None
) -> None:
    """4 GPUs in the first interval; what is free in others decides between equals."""
    found = with_free(free, scarcity).find(ALL, 1, hold(4, intervals=len(free)))
    assert found == (None if spot is None else (spot,))


def test_only_intervals_that_it_holds_keep_a_replica_off_a_node() -> None:
    nodes = with_free([[8, 8, 8, 8, 8, 8], [3, 8, 8, 8, 8, 8], [8, 3, 8, 8, 8, 8]])
    assert nodes.find(slice(0, 2), 1, hold(4, 0, 1, intervals=3)) == (1,)
    assert nodes.find(slice(0, 2), 1, hold(4, 2, 3, intervals=3)) == (0,)
    assert nodes.find(slice(0, 2), 1, hold(4, 1, 2, intervals=3)) is None
    assert nodes.find(np.array([1, 5]), 1, hold(4, 1, 2, intervals=3)) == (5,)


@pytest.mark.parametrize(
    ("free", "scarcity", "count", "spot"),
    [
        ([8, 8, 8, 8, 8, 8], [0] * 6, 2, (0, 1)),
        ([8, 8, 8, 8, 8, 8], [1, 1, 0, 0, 0, 0], 2, (2, 3)),
        ([8, 4, 8, 5, 6, 8], [0] * 6, 2, (3, 4)),
        ([8, 4, 4, 8, 6, 8], [0] * 6, 2, (3, 4)),
        ([8, 8, 8, 6, 5, 8], [0] * 6, 3, (2, 3, 4)),
        ([8, 8, 8, 4, 8, 8], [0] * 6, 3, None),
        ([8, 4, 8, 4, 4, 8], [0] * 6, 2, None),
        ([8, 8, 8, 8, 8, 8], [0] * 6, 4, None),
    ],
)
def test_a_large_replica_has_nodes_of_one_leaf_where_fewest_have_room(
    free: list[int], scarcity: list[int], count: int, spot: tuple[int, ...] | None
) -> None:
    """5 GPUs a node, the tightest of the leaf."""
    assert with_free([free], scarcity).find(ALL, count, hold(5)) == spot


@pytest.mark.parametrize(
    ("count", "reach"), [(1, [3, 2, 1, 1]), (2, [1, 0, 1, 0]), (3, [0, 0, 1, 0])]
)
def test_reach_is_how_long_nodes_of_one_leaf_stay_free(count: int, reach: list[int]) -> None:
    """5 GPUs from intervals 3, 0, 1 and 2 on, of a day of four, until after the last of these.

    By interval: node 0 is free at 0, 1 and 3; nodes 2 and 4 of l2 at 1 and 3, and 3 at 0 and 1.
    """
    free = [
        [5, 0, 4, 8, 4, 0],
        [8, 0, 8, 8, 8, 0],
        [0, 0, 0, 4, 0, 5],
        [8, 0, 8, 0, 8, 0],
    ]
    found = with_free(free).reach(ALL, count, 5, np.array([3, 4, 5, 6]))
    assert found.tolist() == reach


@given(
    st.lists(st.lists(st.integers(0, 8), min_size=6, max_size=6), min_size=1, max_size=5),
    st.integers(1, 3),
    st.integers(1, 8),
    st.integers(0, 4),
)
def test_nodes_are_found_for_just_as_long_as_reach_says(
    free: list[list[int]], count: int, share: int, first: int
) -> None:
    """A hold of so many intervals finds nodes of one leaf, all free; one longer finds none."""
    nodes = with_free(free)
    times = np.arange(first, first + len(free))
    lasts = int(nodes.reach(ALL, count, share, times)[0])
    for length in range(1, len(free) + 1):
        wanted = Hold.of(share, times[:length], len(free))
        spot = nodes.find(ALL, count, wanted)
        assert (spot is not None) == (length <= lasts)
        if spot is not None:
            assert len(set(spot)) == count
            assert len({int(nodes.leaf_of[node]) for node in spot}) == 1
            assert nodes.has_room(spot, wanted)


@given(
    st.lists(st.lists(st.integers(0, 8), min_size=6, max_size=6), min_size=2, max_size=2),
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
    st.integers(1, 4),
    st.integers(1, 2),
    st.integers(1, 9),
)
def test_many_replicas_alike_stand_where_one_after_another_would(
    free: list[list[int]], scarcity: list[int], share: int, count: int, most: int
) -> None:
    at_once, in_turn = with_free(free, scarcity), with_free(free, scarcity)
    of = hold(share, 0, 1, intervals=2)
    found: list[tuple[int, ...]] = []
    while len(found) < most and (spot := in_turn.find(ALL, count, of)) is not None:
        in_turn.take(spot, of)
        found.append(spot)
    assert at_once.fill(ALL, count, of, most) == found
    assert at_once.free.tolist() == in_turn.free.tolist()
