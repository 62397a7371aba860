"""What nodes cost, by hand."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.fleet import Outage
from heteroplan.entities.offers import Offer, OfferKind
from heteroplan.entities.placement import Stay, node_name
from heteroplan.entities.plan import Plan
from heteroplan.sizing.outcome import node_hours, running_hours, without_idle
from heteroplan.sizing.potential import Offered
from heteroplan.sizing.together import Shape, together
from tests import plans
from tests.builders import candidates, engine, fleet, horizon, scenario, workload
from tests.sizing.offers import BIG, offers, on_demand, purchase

START = engine(startup_s=360.0, drain_s=180.0)


def stay(first: int, intervals: int) -> Stay:
    return Stay(0, "r", "l1", ("n1",), first, intervals, 1, False)


def test_a_node_that_serves_all_day_is_paid_for_the_day_and_nothing_else() -> None:
    """24 intervals of an hour on a cyclic day: no start-up, no drain."""
    day = horizon(24)
    assert running_hours(day, [(stay(0, 24), START)]) == pytest.approx(24.0)


def test_a_node_is_paid_from_the_first_start_up_to_the_last_drain() -> None:
    """4 h of service, 0.1 h of start-up and 0.05 h of drain."""
    day = horizon(24)
    assert running_hours(day, [(stay(8, 4), START)]) == pytest.approx(4.15)


def test_two_replicas_at_the_same_time_are_paid_once() -> None:
    """Service from 8 to 14 with no idle time between: 6 h, one start-up, one drain."""
    day = horizon(24)
    found = running_hours(day, [(stay(8, 4), START), (stay(10, 4), START)])
    assert found == pytest.approx(6.15)


def test_a_node_is_kept_through_a_gap_that_is_shorter_than_drain_and_start_up() -> None:
    """Slow engines need 1.5 h between two replicas, and the gap has 1 h: all 9 h are paid, and the
    other gap of 15 h is the 1.5 h."""
    slow = engine(startup_s=3600.0, drain_s=1800.0)
    day = horizon(24)
    found = running_hours(day, [(stay(8, 4), slow), (stay(13, 4), slow)])
    assert found == pytest.approx(8.0 + 1.0 + 1.5)


def test_ends_of_a_horizon_that_is_not_cyclic_pay_no_start_nor_drain_beyond_them() -> None:
    """Service from the beginning on starts ready, and what serves to the end is not drained."""
    day = horizon(6, cyclic=False)
    assert running_hours(day, [(stay(0, 6), START)]) == pytest.approx(6.0)
    assert running_hours(day, [(stay(0, 2), START)]) == pytest.approx(2.05)
    assert running_hours(day, [(stay(4, 2), START)]) == pytest.approx(2.1)


def on_two_leaves(*, away: bool) -> Plan:
    """Three nodes on each of two leaves, the last of l1 perhaps away; 4 hours.

    On l1 4 GPUs serve all day and 4 from hour 2 on; 4 in hours 1 and 2, then 8 in hour 3: two nodes
    hold them, though not in the order of how long they serve. Of l2 two nodes are half full.
    """
    asked = scenario(
        [workload("a", rps=[1.0] * 4, engines=[engine("half"), engine("whole", gpus=8)])],
        in_fleet=fleet({leaf: {"h100x8": 3} for leaf in ("l1", "l2")}),
    )
    start, *_, end = asked.horizon.boundaries()
    if away:
        outage = Outage("l1", "h100x8", 1, start, end)
        asked = replace(asked, fleet=replace(asked.fleet, outages=(outage,)))
    pools = [
        plans.pool([1, 2, 3, 2], of="a", engine_name="half", domain="l1-spine"),
        plans.pool([0, 0, 0, 1], of="a", engine_name="whole", gpus=8, domain="l1-spine"),
        plans.pool([2] * 4, of="a", engine_name="half", domain="l2-spine"),
    ]
    places = [
        (0, "l1", 0, 0, 4),
        (0, "l1", 1, 1, 2),
        (0, "l1", 0, 2, 2),
        (1, "l1", 1, 3, 1),
        (2, "l2", 0, 0, 4),
        (2, "l2", 1, 0, 4),
    ]
    placed = [
        plans.stay(
            f"r{i}",
            pool=pool,
            leaf=leaf,
            nodes=[node_name(leaf, "h100x8", node)],
            first=first,
            intervals=hours,
        )
        for i, (pool, leaf, node, first, hours) in enumerate(places)
    ]
    return plans.plan(asked, pools, considered=candidates(asked), placed=placed)


def test_nodes_on_which_nothing_ever_stands_are_those_of_the_dearest_offer() -> None:
    """Two of three nodes are in use on each leaf; hours are paid as they are used."""
    plan = on_two_leaves(away=False)
    bought, kept = purchase(BIG, 16.0), Offer("kept", BIG, OfferKind.EXISTING, 1.0, 2)
    offered = Offered.of(plan.scenario, offers(bought, kept, on_demand(BIG, 20.0)), candidates)
    standing = {(bought.name, "l1"): 2, ("kept", "l1"): 1, (bought.name, "l2"): 3}
    left = {(bought.name, "l1"): 1, ("kept", "l1"): 1, (bought.name, "l2"): 2}
    assert without_idle(offered, standing, plan) == left
    standing = {(bought.name, "l1"): 2, ("kept", "l2"): 2}
    assert without_idle(offered, standing, plan) == standing


def test_nodes_that_are_free_are_in_use_first_and_stay() -> None:
    """Two of three nodes are in use on each leaf."""
    plan = on_two_leaves(away=False)
    bought, free = purchase(BIG, 16.0), Offer("free", BIG, OfferKind.EXISTING, 0.0, 6)
    offered = Offered.of(plan.scenario, offers(bought, free), candidates)
    standing = {(bought.name, "l1"): 1, ("free", "l1"): 2, ("free", "l2"): 3}
    left = {(bought.name, "l1"): 0, ("free", "l1"): 2, ("free", "l2"): 3}
    assert without_idle(offered, standing, plan) == left


def shapes(plan: Plan) -> list[Shape]:
    return [Shape(pool.node_type, pool.gpus_per_replica, 0.0) for pool in plan.pools]


def most_held(plan: Plan) -> int:
    """GPUs of a node at a time."""
    held: dict[tuple[str, int], int] = {}
    for each in plan.stays:
        for node in each.nodes:
            for t in range(each.first, each.first + each.intervals):
                held[node, t] = held.get((node, t), 0) + plan.pools[each.pool].gpus_per_replica
    return max(held.values())


@pytest.mark.parametrize("away", [False, True])
def test_replicas_are_put_together_on_nodes_that_are_there(away: bool) -> None:
    """On l1 they hold 4, 8, 12 and 16 GPUs: 1, 1, 2 and 2 nodes of 8; on l2 one node is enough."""
    plan = on_two_leaves(away=away)
    found = together(plan.scenario, shapes(plan), plan.stays, {"h100x8"})
    other = replace(plan, stays=found)
    assert most_held(other) <= 8
    assert sorted((s.pool, s.leaf, s.first) for s in found) == sorted(
        (s.pool, s.leaf, s.first) for s in plan.stays
    )
    hours = node_hours(other, {"h100x8"})
    assert sum(hours.values()) == pytest.approx(1 + 1 + 2 + 2 + 4)
    assert not away or ("l1", "h100x8", node_name("l1", "h100x8", 2)) not in hours


def test_a_pool_stops_the_replica_whose_node_is_empty_then() -> None:
    """Half a node each: one replica serves all 5 hours beside one of another pool that ends after
    2; a second of each pool serves hour 1, and hours 1 to 3. Ends swapped, the second node is left
    after an hour: 5 + 1 hours are paid, not 5 + 3."""
    asked = scenario(
        [workload("a", rps=[1.0] * 5, engines=[engine("half")])],
        in_fleet=fleet({"l1": {"h100x8": 2}}),
    )
    pools = [
        plans.pool([1, 2, 1, 1, 1], of="a", engine_name="half", domain="l1-spine"),
        plans.pool([1, 2, 1, 1, 0], of="a", engine_name="half", domain="l1-spine"),
    ]
    names = [node_name("l1", "h100x8", i) for i in range(2)]
    lives = [(0, 0, 0, 5), (0, 1, 1, 1), (1, 0, 0, 2), (1, 1, 1, 3)]
    stays = [
        plans.stay(f"r{i}", pool=pool, leaf="l1", nodes=[names[node]], first=first, intervals=hours)
        for i, (pool, node, first, hours) in enumerate(lives)
    ]
    plan = plans.plan(asked, pools, considered=candidates(asked), placed=stays)
    assert sum(node_hours(plan, {"h100x8"}).values()) == pytest.approx(5 + 3)
    found = together(plan.scenario, shapes(plan), stays, {"h100x8"})
    other = replace(plan, stays=found)
    assert sum(node_hours(other, {"h100x8"}).values()) == pytest.approx(5 + 1)


def test_a_replica_that_moved_stays_where_there_is_room_for_it() -> None:
    """It moves after 2 of 4 hours beside nothing else: one node for 4 hours, and no move."""
    asked = scenario(
        [workload("a", rps=[1.0] * 4, engines=[engine("half")])],
        in_fleet=fleet({"l1": {"h100x8": 2}}),
    )
    names = [node_name("l1", "h100x8", i) for i in range(2)]
    first = plans.stay("r", pool=0, leaf="l1", nodes=[names[0]], first=0, intervals=2)
    second = plans.stay("r", pool=0, leaf="l1", nodes=[names[1]], first=2, intervals=1)
    stays = [first, replace(second, moved=True)]
    (found,) = together(asked, [Shape("h100x8", 4, 0.0)], stays, {"h100x8"})
    assert (found.first, found.intervals, found.moved, len(found.nodes)) == (0, 3, False, 1)


def test_a_replica_that_moves_to_another_leaf_stays_as_it_is() -> None:
    """Its pool has another replica of half a node beside it, whose end it does not take."""
    asked = scenario(
        [workload("a", rps=[1.0] * 6, engines=[engine("half")])],
        in_fleet=fleet({leaf: {"h100x8": 3} for leaf in ("l1", "l2")}),
    )
    names = [node_name("l1", "h100x8", i) for i in range(3)]
    here = plans.stay("moves", pool=0, leaf="l1", nodes=[names[0]], first=0, intervals=2)
    there = replace(here, leaf="l2", nodes=(node_name("l2", "h100x8", 0),), first=2, moved=True)
    others = [
        plans.stay(f"r{i}", pool=0, leaf="l1", nodes=[names[i]], first=first, intervals=hours)
        for i, (first, hours) in enumerate([(0, 1), (1, 4), (0, 5)])
    ]
    stays = [here, there, *others]
    found = together(asked, [Shape("h100x8", 4, 0.0)], stays, {"h100x8"})
    assert [stay for stay in found if stay.replica_id == "moves"] == [here, there]
    assert len(found) == len(stays)


def on_one_leaf(lives: list[tuple[int, int]], pause_s: float) -> tuple[Plan, list[Shape]]:
    """Half a node each, (first hour, hours) of 10, each of a pool and on a node of its own."""
    asked = scenario(
        [workload("a", rps=[1.0] * 10, engines=[engine("half")])],
        in_fleet=fleet({"l1": {"h100x8": len(lives)}}),
    )
    pools = [
        plans.pool(
            [int((t - first) % 10 < hours) for t in range(10)],
            of="a",
            engine_name="half",
            domain="l1-spine",
        )
        for first, hours in lives
    ]
    stays = [
        plans.stay(
            f"r{i}",
            pool=i,
            leaf="l1",
            nodes=[node_name("l1", "h100x8", i)],
            first=first,
            intervals=hours,
        )
        for i, (first, hours) in enumerate(lives)
    ]
    plan = plans.plan(asked, pools, considered=candidates(asked), placed=stays)
    return plan, [Shape("h100x8", 4, pause_s)] * len(lives)


@pytest.mark.parametrize(("pause_s", "hours", "moves"), [(0.0, 9, 1), (5 * 3600.0, 11, 0)])
def test_a_replica_goes_on_elsewhere_where_that_gives_a_node_back(
    pause_s: float, hours: int, moves: int
) -> None:
    """Half a node from 0 to 5, 0 to 3 and 2 to 8. Where all stay, two nodes run for 11 hours; the
    first goes on beside the third at 3, and its node is given back: 3 + 6 hours. Not where its
    start and drain hold half a node for 2.5 hours."""
    plan, shape = on_one_leaf([(0, 5), (0, 3), (2, 6)], pause_s)
    found = together(plan.scenario, shape, plan.stays, {"h100x8"})
    other = replace(plan, stays=found)
    assert most_held(other) <= 8
    assert sum(node_hours(other, {"h100x8"}).values()) == pytest.approx(hours)
    assert sum(each.moved for each in found) == moves


@settings(max_examples=12, deadline=None)
@given(
    counts=st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=3),
    lead=st.integers(0, 2),
    cyclic=st.booleans(),
)
def test_pools_of_several_replicas_start_in_time_on_nodes_with_room(
    counts: list[list[int]], lead: int, cyclic: bool
) -> None:
    """Pools of 2, 4 and 8 GPUs a replica. Each has its sizes, what starts is what it grows by or a
    move, holds GPUs ahead, and no two replicas have one name at the same time."""
    asked = scenario(
        [workload("a", rps=[1.0] * 6, engines=[engine("half")])],
        in_fleet=fleet({"l1": {"h100x8": 9}}),
        cyclic=cyclic,
    )
    shape = [Shape("h100x8", gpus, 1800.0, lead) for gpus in (2, 4, 8)]
    stays = [
        plans.stay(
            f"p{p}/{level}-{first}",
            pool=p,
            leaf="l1",
            nodes=[node_name("l1", "h100x8", 3 * p + level)],
            first=first,
            intervals=length,
        )
        for p, sizes in enumerate(counts)
        for level in range(3)
        for first, length in stretches([size > level for size in sizes], cyclic=cyclic)
    ]
    found = together(asked, shape, stays, {"h100x8"})
    held: dict[tuple[str, int], int] = {}
    for each in found:
        ahead = 0 if each.intervals == 6 else lead if cyclic else min(lead, each.first)
        for t in range(each.first - ahead, each.first + each.intervals):
            node = each.nodes[0], t % 6
            held[node] = held.get(node, 0) + shape[each.pool].gpus
    assert max(held.values(), default=0) <= 8 or found == tuple(stays)
    for p, sizes in enumerate(counts):
        mine = [each for each in found if each.pool == p]
        serving = [
            (each.replica_id, t % 6)
            for each in mine
            for t in range(each.first, each.first + each.intervals)
        ]
        assert [sum(at == t for _, at in serving) for t in range(6)] == sizes
        assert len(set(serving)) == len(serving)
        begun = [each.first for each in mine if each.intervals < 6 and not each.moved]
        grown = [max(0, n - (sizes[t - 1] if t or cyclic else 0)) for t, n in enumerate(sizes)]
        always = sum(each.intervals == 6 and not cyclic for each in mine)
        assert len(begun) == sum(grown) - always


def stretches(there: list[bool], *, cyclic: bool) -> list[tuple[int, int]]:
    """(first, length) of each time that something is there."""
    if all(there):
        return [(0, len(there))]
    begins = [t for t, now in enumerate(there) if now and not ((t or cyclic) and there[t - 1])]
    found = []
    for first in begins:
        length = 1
        while (cyclic or first + length < len(there)) and there[(first + length) % len(there)]:
            length += 1
        found.append((first, length))
    return found


@settings(max_examples=8, deadline=None)
@given(
    lives=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=6),
    pause_s=st.sampled_from([0.0, 1800.0]),
)
def test_what_is_put_together_serves_as_before_for_no_more(
    lives: list[tuple[int, int]], pause_s: float
) -> None:
    """Each pool has as many replicas in each interval, no node holds more than it has, and a
    replica that goes on elsewhere was there before."""
    plan, shape = on_one_leaf(lives, pause_s)
    found = together(plan.scenario, shape, plan.stays, {"h100x8"})
    served = [[0] * 10 for _ in lives]
    held: dict[tuple[str, int], int] = {}
    for each in found:
        for t in range(each.first, each.first + each.intervals):
            served[each.pool][t % 10] += 1
            held[each.nodes[0], t % 10] = held.get((each.nodes[0], t % 10), 0) + 4
        if each.moved:
            ends = {(o.first + o.intervals) % 10 for o in found if o.replica_id == each.replica_id}
            assert each.first in ends
    assert served == [list(pool.replicas) for pool in plan.pools]
    assert max(held.values()) <= 8
    before = sum(node_hours(plan, {"h100x8"}).values())
    after = sum(node_hours(replace(plan, stays=found), {"h100x8"}).values())
    assert after <= before + 1e-9
