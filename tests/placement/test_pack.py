"""One hand case a rule of placement. Nodes have 8 GPUs and an interval is an hour."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from heteroplan.entities.fleet import Fleet, Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.placement import Stay
from heteroplan.entities.scenario import Running
from heteroplan.placement import Unplaced
from heteroplan.verify.placement import placement_faults
from tests.builders import fleet, node_type
from tests.placement.cases import Case, Sizes, case

UTC = ZoneInfo("UTC")


def one_spine(*nodes: int, outages: tuple[Outage, ...] = ()) -> Fleet:
    """Leaves `l1`, `l2`, ... of one spine `s`."""
    names = [f"l{i + 1}" for i in range(len(nodes))]
    return fleet(
        {name: {"h100x8": n} for name, n in zip(names, nodes, strict=True)},
        spines=dict.fromkeys(names, "s"),
        outages=outages,
    )


def outage(leaf: str, start: int, end: int) -> Outage:
    """One node of a leaf is away from hour `start` to hour `end`."""
    hours = (datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (start, end))
    return Outage(leaf, "h100x8", 1, *hours)


def stays(of: Case) -> list[Stay]:
    """Of a case in which everything finds room, re-checked node by node."""
    packing = of.packed()
    assert packing.unplaced == ()
    assert list(placement_faults(of.plan(packing))) == []
    return list(packing.stays)


def nodes(of: Case) -> list[tuple[str, ...]]:
    return [stay.nodes for stay in stays(of)]


def test_replicas_smaller_than_a_node_share_it() -> None:
    """Two of 4 GPUs fill a node; the third of 2 GPUs shares with none of them."""
    packed = nodes(case(Sizes({"s": [2]}, gpus=4), Sizes({"s": [1]}, gpus=2), on=one_spine(2)))
    assert packed == [("l1-h100x8-001",), ("l1-h100x8-001",), ("l1-h100x8-002",)]


def test_larger_replica_has_whole_nodes_of_one_leaf() -> None:
    """16 GPUs are two nodes; only l2 has two."""
    assert nodes(case(Sizes({"s": [1]}, gpus=16), on=one_spine(1, 2))) == [
        ("l2-h100x8-001", "l2-h100x8-002")
    ]


def test_two_nodes_of_two_leaves_are_no_room_for_a_larger_replica() -> None:
    packing = case(Sizes({"s": [1, 1]}, gpus=16), on=one_spine(1, 1)).packed()
    assert packing.unplaced == (Unplaced(pool=0, first=0, intervals=2),)


def test_counts_fit_and_nodes_do_not() -> None:
    """4 GPUs on each of two one-node leaves leave 4 + 4 GPUs, no node for a replica of 8."""
    leaf = Sizes({"l1": [1], "l2": [1]}, gpus=4, affinity=Affinity.LEAF)
    of = case(leaf, Sizes({"s": [1]}, gpus=8), on=one_spine(1, 1))
    assert all((left >= 0).all() for left in of.problem.residual(of.replicas))
    packing = of.packed()
    (unplaced,) = packing.unplaced
    assert of.problem.pools[unplaced.pool].gpus == 4  # the least that can be left out
    assert len(packing.stays) == 2


def test_pool_stays_in_its_leaf_and_the_wider_one_makes_way() -> None:
    """The spine's replica could stand anywhere, that of l1 nowhere else."""
    leaf = Sizes({"l1": [1]}, affinity=Affinity.LEAF)
    packed = stays(case(Sizes({"s": [1]}), leaf, on=one_spine(1, 1)))
    assert [stay.leaf for stay in packed] == ["l2", "l1"]


def test_starting_replica_holds_its_gpus_before_it_serves() -> None:
    """w1 serves from 1 on and starts at 0, when w0 has the node."""
    first, second = Sizes({"s": [1, 0, 0]}), Sizes({"s": [0, 1, 0]}, startup_s=3600.0)
    assert case(first, second, on=one_spine(1)).packed().unplaced != ()
    assert [stay.lead for stay in stays(case(first, second, on=one_spine(2)))] == [0, 1]
    assert stays(case(first, replace(second, startup_s=0.0), on=one_spine(1)))


def test_cyclic_day_starts_the_evening_before() -> None:
    """A replica that serves at 0 and takes two hours to start holds its GPUs at 2 and 3."""
    early = Sizes({"s": [1, 0, 0, 0]}, startup_s=7200.0)
    assert case(early, Sizes({"s": [0, 0, 1, 0]}), on=one_spine(1)).packed().unplaced != ()
    assert stays(case(early, Sizes({"s": [0, 1, 0, 0]}), on=one_spine(1)))


def test_nothing_holds_gpus_before_the_horizon() -> None:
    """What serves at 0 ran before; what serves at 1 and takes three hours has one to show."""
    packed = stays(case(Sizes({"s": [1, 2]}, startup_s=10800.0), cyclic=False, on=one_spine(2)))
    assert [(stay.first, stay.lead) for stay in packed] == [(0, 0), (1, 1)]


def test_replica_that_runs_all_day_never_starts() -> None:
    (stay,) = stays(case(Sizes({"s": [1, 1]}, startup_s=3600.0), on=one_spine(1)))
    assert (stay.first, stay.intervals, stay.lead, stay.moved) == (0, 2, 0, False)


def test_last_nodes_of_a_leaf_are_the_ones_away() -> None:
    """One of two nodes is away from 1:00 to 2:00: who serves then stands on the first."""
    away = Outage(
        "l1",
        "h100x8",
        1,
        datetime(2026, 11, 23, 1, tzinfo=UTC),
        datetime(2026, 11, 23, 2, tzinfo=UTC),
    )
    fleet_away = one_spine(2, outages=(away,))
    (stay,) = stays(case(Sizes({"s": [1, 1, 1]}), on=fleet_away))
    assert stay.nodes == ("l1-h100x8-001",)
    packing = case(Sizes({"s": [0, 2, 0]}), on=fleet_away).packed()
    assert packing.unplaced == (Unplaced(0, 1, 1),)


def squeezed(*, cyclic: bool, startup_s: float = 0.0) -> Case:
    """w0 has l1 at 0 and l2 at 2, so w1, which always runs, cannot stay on either."""
    leaf = Sizes({"l1": [1, 0, 0], "l2": [0, 0, 1]}, affinity=Affinity.LEAF)
    always = Sizes({"s": [1, 1, 1]}, startup_s=startup_s)
    return case(leaf, always, on=one_spine(1, 1), cyclic=cyclic)


def test_run_that_fits_nowhere_whole_moves_once() -> None:
    """l2 at 0, l1 at 2. With an hour of start it must wait until l1 is free: holds 1, serves 2."""
    packed = [stay for stay in stays(squeezed(cyclic=False, startup_s=3600.0)) if stay.pool == 2]
    shown = [(stay.leaf, stay.first, stay.intervals, stay.lead, stay.moved) for stay in packed]
    assert shown == [("l2", 0, 2, 0, False), ("l1", 2, 1, 1, True)]
    assert len({stay.replica_id for stay in packed}) == 1


def test_on_a_cyclic_day_a_replica_that_moves_comes_back() -> None:
    """Two stays, and each begins where the other ends: two moves, no start."""
    packed = [stay for stay in stays(squeezed(cyclic=True)) if stay.pool == 2]
    assert [stay.moved for stay in packed] == [True, True]
    assert sum(stay.intervals for stay in packed) == 3


def test_replicas_of_a_pool_take_over_from_one_another_instead_of_moving() -> None:
    """l1 is free at 0 and 1, l2 at 1 and 2; sizes 1, 2, 1.

    The first to start stops on l1 while the second goes on on l2: no move, although a lifetime over
    all three intervals fits on neither.
    """
    leaf = Sizes({"l1": [0, 0, 1], "l2": [1, 0, 0]}, affinity=Affinity.LEAF)
    of = case(leaf, Sizes({"s": [1, 2, 1]}), on=one_spine(1, 1), cyclic=False)
    packed = sorted((s.leaf, s.first, s.intervals, s.moved) for s in stays(of) if s.pool == 2)
    assert packed == [("l1", 0, 2, False), ("l2", 1, 2, False)]


def test_only_what_finds_no_room_is_unplaced() -> None:
    """The one node is away from 1:00 to 2:00: unplaced at 1, started anew at 2."""
    away = outage("l1", 1, 2)
    of = case(Sizes({"s": [1, 1, 1]}), on=one_spine(1, outages=(away,)), cyclic=False)
    packing = of.packed()
    assert packing.unplaced == (Unplaced(0, 1, 1),)
    assert [(stay.first, stay.moved) for stay in packing.stays] == [(0, False), (2, False)]


def priorities(low: int = 1) -> Fleet:
    """`mixed` has a node of each of two types, `plain` a spine of one type to itself."""
    return fleet(
        {"mixed": {"h100x8": 1, "l40sx8": 1}, "plain": {"h100x8": low}},
        node_types=(node_type(), node_type("l40sx8", gpu="L40S")),
    )


def wide(sizes: Mapping[str, list[int]], gpus: int = 8) -> Sizes:
    return Sizes(sizes, gpus, Affinity.CLUSTER)


def on_leaf(of: Case) -> list[tuple[str, int]]:
    return [(stay.leaf, stay.intervals) for stay in stays(of)]


def test_short_runs_stand_on_scarce_hardware_and_go_first() -> None:
    assert on_leaf(case(wide({"c1": [1, 2, 1, 1]}), on=priorities())) == [
        ("plain", 4),
        ("mixed", 1),
    ]


def test_large_short_replica_yields_low_priority_to_small_long_ones() -> None:
    """8 GPUs for an hour on mixed instead of 2 x 4 GPUs all day: 8 GPU-hours, not 32."""
    of = case(wide({"c1": [0, 1, 0, 0]}), wide({"c1": [2, 2, 2, 2]}, 4), on=priorities())
    assert on_leaf(of) == [("mixed", 1), ("plain", 4), ("plain", 4)]


def test_no_move_for_the_sake_of_priority() -> None:
    """`plain` is taken at 0 alone; w1 stays on mixed all day rather than come over at 1."""
    leaf = Sizes({"plain": [1, 0, 0, 0]}, affinity=Affinity.LEAF)
    of = case(leaf, wide({"c1": [1, 1, 1, 1]}), on=priorities())
    assert on_leaf(of) == [("plain", 1), ("mixed", 4)]


def test_larger_short_replica_stands_on_scarce_hardware_too() -> None:
    """16 GPUs: two nodes of `plain` for who stays all day, two of `mixed` for an hour."""
    on = fleet(
        {"mixed": {"h100x8": 2, "l40sx8": 1}, "plain": {"h100x8": 3}},
        node_types=(node_type(), node_type("l40sx8", gpu="L40S")),
    )
    assert on_leaf(case(wide({"c1": [1, 2]}, 16), on=on)) == [("plain", 2), ("mixed", 1)]


def test_tightest_node_is_taken_first() -> None:
    """2 GPUs are taken on l1, 4 on l2: 4 more fill l2 and leave l1's 6 together."""
    two = Sizes({"l1": [1]}, gpus=2, affinity=Affinity.LEAF)
    four = Sizes({"l2": [1]}, gpus=4, affinity=Affinity.LEAF)
    of = case(two, four, Sizes({"s": [1]}, gpus=4), on=one_spine(1, 1))
    assert [stay.leaf for stay in stays(of)] == ["l1", "l2", "l2"]


def running(leaf: str, *names: str) -> Running:
    return Running("w0", "e", "h100x8", leaf, names)


def test_what_runs_keeps_its_nodes() -> None:
    of = case(
        Sizes({"s": [1, 1]}, gpus=4),
        on=one_spine(1, 2),
        cyclic=False,
        current=[running("l2", "l2-h100x8-002")],
    )
    assert nodes(of) == [("l2-h100x8-002",)]


def test_what_runs_on_a_leaf_keeps_the_leaf() -> None:
    of = case(Sizes({"s": [1, 2]}), on=one_spine(1, 1), cyclic=False, current=[running("l2")])
    assert [(stay.leaf, stay.first) for stay in stays(of)] == [("l2", 0), ("l1", 1)]


def test_what_runs_comes_before_what_starts() -> None:
    """w1 serves longer and would have l1; w0 stands there."""
    always, short = Sizes({"s": [1, 1]}), Sizes({"s": [1, 0]})
    of = case(short, always, on=one_spine(1, 1), cyclic=False, current=[running("l1")])
    assert [stay.leaf for stay in stays(of)] == ["l1", "l2"]


def test_what_runs_belongs_to_the_pool_of_its_domain() -> None:
    """The pool of l1 starts on l1, whatever runs on l2; w1 only makes them share a spine."""
    both = Sizes({"l1": [1], "l2": [1]}, affinity=Affinity.LEAF)
    kept = [running("l2", "l2-h100x8-002")]
    of = case(both, Sizes({"s": [1]}), on=one_spine(2, 2), cyclic=False, current=kept)
    assert nodes(of)[:2] == [("l1-h100x8-001",), ("l2-h100x8-002",)]


def test_what_runs_in_other_pools_is_not_ours() -> None:
    """The replica of another workload on l2 stops, and its node is the tightest fit."""
    other = Running("w1", "e", "h100x8", "l2", ())
    both = Sizes({"s": [1]}), Sizes({"s": [0]})
    of = case(*both, on=one_spine(1, 1), cyclic=False, current=[other])
    assert [(stay.pool, stay.leaf) for stay in stays(of)] == [(0, "l2")]


def test_scarce_hardware_is_given_back_first() -> None:
    """Two run, one is needed from 1 on: the one on mixed stops, although it is named first."""
    of = case(
        wide({"c1": [2, 1]}),
        on=priorities(),
        cyclic=False,
        current=[running("mixed"), running("plain")],
    )
    assert on_leaf(of) == [("plain", 2), ("mixed", 1)]


def test_replica_whose_node_is_away_begins_elsewhere_and_that_is_no_move() -> None:
    of = case(
        Sizes({"s": [1, 1]}),
        on=one_spine(1, 1, outages=(outage("l2", 0, 2),)),
        cyclic=False,
        current=[running("l2")],
    )
    assert [(stay.leaf, stay.moved) for stay in stays(of)] == [("l1", False)]


def test_replica_that_must_leave_its_node_later_moves_then() -> None:
    """l2 is away from 1:00 on; the replica stands there until then."""
    of = case(
        Sizes({"s": [1, 1]}),
        on=one_spine(1, 1, outages=(outage("l2", 1, 2),)),
        cyclic=False,
        current=[running("l2")],
    )
    assert [(stay.leaf, stay.first, stay.moved) for stay in stays(of)] == [
        ("l2", 0, False),
        ("l1", 1, True),
    ]


@pytest.mark.parametrize("cyclic", [True, False])
def test_same_input_same_packing(cyclic: bool) -> None:
    of = case(
        Sizes({"s": [1, 3, 2]}, gpus=4),
        Sizes({"s": [2, 1, 1]}, gpus=2),
        on=one_spine(1, 2),
        cyclic=cyclic,
    )
    assert of.packed() == of.packed()
