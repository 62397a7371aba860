"""Sizes of tiny scenarios, by hand and by brute force."""

from dataclasses import replace
from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.clock import never, silent
from heteroplan.entities.offers import Offer, OfferKind, SizeLimits
from heteroplan.errors import NoPlanError, UsageError
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.sizing import search, size
from heteroplan.sizing.attempts import Attempts, Share, Tried
from heteroplan.sizing.counts import grown, usd_of, with_lacking, with_more_hours, with_room
from heteroplan.sizing.outcome import Limit, Sized
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.program import node_model
from heteroplan.sizing.spot import too_much
from tests.sizing.offers import (
    BIG,
    SMALL,
    offers,
    on_demand,
    purchase,
    two_spines,
    two_types,
)


def counts(found: Sized) -> dict[str, int]:
    total: dict[str, int] = {}
    for row in found.nodes:
        total[row.offer] = total.get(row.offer, 0) + row.nodes
    return total


def test_the_cheaper_mix_is_bought() -> None:
    """20 requests/s for 1 h. On H100 alone 2 + 2 replicas of 4 GPUs: 2 nodes, 32 USD. On L40S alone
    4 + 3 replicas: 28 GPUs, 4 nodes, 25.6 USD. Prefill on one H100 node and decode on L40S (3
    replicas, 2 nodes): 16 + 12.8 = 28.8 USD. One H100 node for 2 prefill replicas is no
    cheaper than 2 L40S nodes."""
    found = size(two_types([20.0]), offers(purchase(BIG, 16.0), purchase(SMALL, 6.4)))
    assert found.covered
    assert counts(found) == {f"{SMALL} bought": 4}
    assert found.cost_usd == pytest.approx(25.6)
    assert found.bound_usd == pytest.approx(25.6, rel=1e-5)


def test_a_type_that_is_limited_is_filled_up_with_the_other() -> None:
    """Two L40S nodes at most hold 3 decode replicas (24 requests/s) and one of prefill (5); one
    H100 node has the rest of prefill: 12.8 + 16 USD."""
    found = size(two_types([20.0]), offers(purchase(BIG, 16.0), purchase(SMALL, 6.4, most_nodes=2)))
    assert counts(found) == {f"{BIG} bought": 1, f"{SMALL} bought": 2}
    assert found.binding == (Limit(f"offer {SMALL} bought has no more than 2 nodes", SMALL),)


def test_a_short_peak_is_rented_and_the_base_bought() -> None:
    """H100 alone: 10 requests/s take one node, 30 take three. 24 h, peak of 2 h. One node bought at
    10 USD an hour costs 240 USD, and two rented for 2 h at 16 USD cost 64."""
    demand = [10.0] * 22 + [30.0] * 2
    found = size(two_types(demand), offers(purchase(BIG, 10.0), on_demand(BIG, 16.0)))
    assert found.covered
    assert found.cost_usd == pytest.approx(304.0)
    assert found.bound_usd == pytest.approx(304.0, rel=1e-4)
    hours = {row.offer: row.node_hours for row in found.nodes}
    assert hours == pytest.approx({f"{BIG} bought": 24.0, f"{BIG} rented": 4.0})


def test_rented_nodes_are_paid_for_starts_and_drains_too() -> None:
    """One more node for 2 of 24 h, with 0.1 h of start-up and 0.05 h of drain, at 16 USD. No fleet
    costs less: a node more than in the hour before has started, and drains before it does again."""
    demand = [10.0] * 22 + [20.0] * 2
    made = two_types(demand, startup_s=360.0, drain_s=180.0)
    found = size(made, offers(on_demand(BIG, 16.0)), gap=1e-4)
    assert found.covered
    assert found.cost_usd == pytest.approx(16.0 * (24.0 + 2.15))
    assert found.bound_usd == pytest.approx(found.cost_usd, rel=1e-4)


def test_more_nodes_for_some_cost_keep_their_proportions() -> None:
    """4 and 8 nodes at 2 and 1 USD for an hour cost 16; for 1.5 times that there are half
    as many more."""
    made = Offered.of(two_types([20.0]), offers(purchase(BIG, 2.0), purchase(SMALL, 1.0)))
    counts = {f"{BIG} bought": 4, f"{SMALL} bought": 8}
    assert grown(made, counts, 1.5) == {f"{BIG} bought": 6, f"{SMALL} bought": 12}
    assert usd_of(made, grown(made, counts, 25 / 16)) in (25.0, 26.0)


def test_nodes_that_a_plan_lacks_are_those_that_serve_what_it_leaves() -> None:
    """One H100 node serves 10 of 20 requests/s. The other 10 take one prefill and one decode
    replica: one H100 node at 16 USD, 2 + 2 L40S replicas on two at 6.4; alone on L40S they cost
    less, and twice as many are four nodes."""
    made = Offered.of(two_types([20.0]), offers(purchase(BIG, 16.0), purchase(SMALL, 6.4)))
    attempts = Attempts(made, 0.01, 60.0, never, silent)
    counts = {f"{BIG} bought": 1, f"{SMALL} bought": 0}
    fitted = attempts.fitted(Tried(counts))
    assert fitted is not None
    for times in (1, 2):
        more = with_lacking(attempts.potential, counts, fitted.plan, times)
        assert more == {f"{BIG} bought": 1, f"{SMALL} bought": 2 * times}


def test_hours_that_go_short_get_the_nodes_by_the_hour_that_they_lack() -> None:
    """One bought H100 node serves 10 of 10, 20 and 30 requests/s: one more node in the second hour,
    two in the third, and no more than there are. Spot nodes with a limited share are not added."""
    spot = Offer("spot", BIG, OfferKind.SPOT, 2.0, most_share=0.5)
    for most_nodes, wanted in ((None, [0, 1, 2]), (1, [0, 1, 1])):
        rented = on_demand(BIG, 16.0, most_nodes)
        made = Offered.of(two_types([10.0, 20.0, 30.0]), offers(purchase(BIG, 16.0), rented, spot))
        attempts = Attempts(made, 0.01, 60.0, never, silent)
        counts = {f"{BIG} bought": 1}
        share = Share(attempts.sections[0], counts, needed=nothing(made))
        fitted = attempts.fitted(Tried.of([share]))
        assert fitted is not None
        more = with_more_hours(attempts.potential, nothing(made), fitted.plan)
        assert more is not None
        assert {name: count.tolist() for name, count in more.items()} == {
            rented.name: wanted,
            "spot": [0, 0, 0],
        }
        if most_nodes is not None:
            assert with_more_hours(attempts.potential, more, fitted.plan) is None


def nothing(made: Offered) -> dict[str, Ints]:
    """No nodes by the hour in any interval."""
    intervals = made.scenario.horizon.intervals
    return {each.name: np.zeros(intervals, dtype=np.int64) for each in made.hourly}


def test_more_nodes_end_at_what_is_offered() -> None:
    made = Offered.of(two_types([20.0]), offers(purchase(BIG, 2.0, 5), purchase(SMALL, 1.0)))
    counts = {f"{BIG} bought": 4, f"{SMALL} bought": 8}
    assert grown(made, counts, 2.0) == {f"{BIG} bought": 5, f"{SMALL} bought": 22}


def test_pools_that_never_change_need_the_sum_of_their_peaks() -> None:
    """Two workloads of 20 and 0 requests/s, and the other way round an hour later: 2 nodes where
    pools scale, 4 where each keeps its peak all day."""
    made = two_types([20.0, 0.0])
    (load,) = made.workloads
    other = replace(load, name="code", demand=load.demand[::-1])
    both = replace(made, workloads=(load, other))
    potential = Potential.of(Offered.of(both, offers(purchase(BIG, 16.0))))
    for constant, nodes in ((False, 2), (True, 4)):
        model = node_model(potential, potential.busiest(), constant=constant)
        assert model.least(Effort()).counts == {f"{BIG} bought": nodes}


@pytest.mark.slow
def test_no_more_of_a_workload_stands_on_spot_nodes_than_the_offer_allows() -> None:
    """40 requests/s are 4 prefill and 4 decode replicas on 4 nodes. At most half of each role may
    stand on spot nodes at 4 USD, so two at least are of those at 16."""
    spot = Offer("spot", BIG, OfferKind.SPOT, 4.0, most_share=0.5)
    found = size(two_types([40.0]), offers(spot, on_demand(BIG, 16.0)))
    assert found.covered
    assert found.cost_usd >= 2 * 16.0 + 2 * 4.0 - 1e-6
    assert not too_much(found.plan, {f"{BIG}-spot": spot})
    free = replace(spot, most_share=1.0)
    assert size(two_types([40.0]), offers(free, on_demand(BIG, 16.0))).cost_usd == 16.0


def test_nodes_stand_where_there_are_places() -> None:
    """Four nodes on leaves of one, two and two places."""
    limits = SizeLimits(rack_places=(("l1", 1), ("l2", 2), ("l3", 2)))
    made = two_types([40.0], leaves=3)
    found = size(made, offers(purchase(BIG, 16.0), limits=limits))
    assert found.covered
    assert sum(row.nodes for row in found.nodes) == 4
    for leaf, places in limits.rack_places:
        assert sum(row.nodes for row in found.nodes if row.leaf == leaf) <= places
    for on in found.fleet.network.leaves:
        here = sum(row.nodes for row in found.nodes if row.leaf == on.name)
        assert sum(on.nodes.values()) == here


def test_power_that_suffices_for_few_nodes_buys_those_that_need_little() -> None:
    """20 requests/s are 2 H100 nodes or 4 L40S nodes; 4 of these need 12 kW of the 11 kW there are,
    one H100 and two L40S nodes 5 + 2 x 3 = 11 kW."""
    limits = SizeLimits(power_w=(("s1", 11_000.0),), node_watts=((BIG, 5_000.0), (SMALL, 3_000.0)))
    found = size(
        two_types([20.0]), offers(purchase(BIG, 16.0), purchase(SMALL, 6.4), limits=limits)
    )
    assert found.covered
    assert counts(found) == {f"{BIG} bought": 1, f"{SMALL} bought": 2}


def test_a_budget_that_is_too_small_serves_as_much_as_it_can() -> None:
    """30 requests/s need 3 H100 nodes (48 USD); for 40 USD there are two, which serve 20."""
    found = size(two_types([30.0]), offers(purchase(BIG, 16.0), limits=SizeLimits(40.0)))
    assert not found.covered
    assert counts(found) == {f"{BIG} bought": 2}
    assert found.plan.totals.served_fraction == pytest.approx(20 / 30)
    assert found.bound_usd == pytest.approx(48.0, rel=1e-5)
    assert "budget" in found.binding[0].words


def test_existing_nodes_that_cost_little_are_kept() -> None:
    """Two H100 nodes that stand on l2 are kept at 1 USD an hour; a third is bought."""
    kept = Offer("standing", BIG, OfferKind.EXISTING, 1.0, 2, leaves=("l2",))
    found = size(two_types([30.0], leaves=2), offers(kept, purchase(BIG, 16.0)))
    assert counts(found) == {"standing": 2, f"{BIG} bought": 1}
    assert [row.leaf for row in found.nodes if row.offer == "standing"] == ["l2"]
    assert found.cost_usd == pytest.approx(18.0)


def test_of_two_nodes_alike_the_one_that_stands_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search ends with 3 new nodes where 2 stand at the same price."""

    def find(attempts: Attempts) -> None:
        attempts.attempt(Tried({f"{BIG} bought": 3}))

    monkeypatch.setattr(search, "find", find)
    stands = Offer("standing", BIG, OfferKind.EXISTING, 16.0, 2, leaves=("l1",))
    found = size(two_types([30.0]), offers(stands, purchase(BIG, 16.0)))
    assert counts(found) == {"standing": 2, f"{BIG} bought": 1}
    assert found.cost_usd == pytest.approx(48.0)


def test_existing_nodes_that_cost_more_than_new_ones_are_given_back() -> None:
    """Keeping an H100 node costs 20 USD an hour, a new one 16."""
    kept = Offer("standing", BIG, OfferKind.EXISTING, 20.0, 2, leaves=("l1",))
    found = size(two_types([20.0]), offers(kept, purchase(BIG, 16.0)))
    assert counts(found) == {f"{BIG} bought": 2}


@pytest.mark.parametrize("offer", [purchase(BIG, 16.0), on_demand(BIG, 16.0)])
def test_where_time_ends_before_any_fleet_nodes_are_added_until_one_covers(
    monkeypatch: pytest.MonkeyPatch, offer: Offer
) -> None:
    """20 requests/s need 2 nodes; the answer has some more at most, and says why."""
    monkeypatch.setattr(search, "find", lambda attempts: None)
    found = size(two_types([20.0, 20.0]), offers(offer), time_limit_s=0.001)
    assert found.covered
    assert 2 * 2 * 16.0 - 1e-6 <= found.cost_usd <= 2 * 3 * 16.0
    assert found.bound_usd <= found.cost_usd
    assert "the 0.001 s that the search had of the time limit" in found.binding[-1].words


def test_nodes_on_which_nothing_stands_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 requests/s need 2 nodes of the 5 that the search ends with; a fleet that it does not hurry
    to find says nothing of time."""

    def find(attempts: Attempts) -> None:
        attempts.attempt(Tried({f"{BIG} bought": 5}))

    monkeypatch.setattr(search, "find", find)
    monkeypatch.setattr(Attempts, "better_plan", lambda attempts: None)
    found = size(two_types([20.0, 20.0]), offers(purchase(BIG, 16.0)), time_limit_s=20.0)
    assert found.covered
    assert counts(found) == {f"{BIG} bought": 2}
    assert found.cost_usd == pytest.approx(2 * 2 * 16.0)
    assert found.binding == ()


def test_where_no_more_nodes_are_offered_it_ends_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One node of the 2 that are needed."""
    monkeypatch.setattr(search, "find", lambda attempts: None)
    found = size(two_types([20.0]), offers(purchase(BIG, 16.0, 1)), time_limit_s=0.001)
    assert not found.covered
    assert not any("the time limit" in each.words for each in found.binding)


def test_offers_that_do_not_fit_are_refused_all_at_once() -> None:
    wrong = Offer("a", "b200", OfferKind.PURCHASE, -1.0, leaves=("nowhere",))
    with pytest.raises(UsageError) as caught:
        size(two_types([20.0]), offers(wrong, purchase(), purchase()))
    text = str(caught.value)
    for part in ("b200", "nowhere", "below 0", "2 offers have this name"):
        assert part in text


def test_a_scenario_that_no_offered_type_serves_is_refused() -> None:
    made = two_types([20.0])
    load = made.workloads[0]
    on_big = replace(load.profile, engines=load.profile.engines[:2])
    alone = replace(made, workloads=(replace(load, profile=on_big),))
    with pytest.raises(NoPlanError, match="no offered node type"):
        size(alone, offers(purchase(SMALL, 6.4)))


def brute_force(rps: list[float], usd: dict[str, float], hourly_usd: float | None) -> float:
    """Least cost of nodes: all numbers of nodes that are bought, and for each interval all numbers
    of H100 nodes that are rented beside them; an interval is served where some numbers of replicas
    on each type fit the GPUs."""

    def serves(big: int, small: int, rate: float) -> bool:
        for prefill in range(ceil(rate / 10.0) + 1):
            for decode in range(ceil(rate / 10.0) + 1):
                rest_p, rest_d = max(0.0, rate - 10 * prefill), max(0.0, rate - 10 * decode)
                on_small = ceil(rest_p / 5.0 - 1e-9) + ceil(rest_d / 8.0 - 1e-9)
                if prefill + decode <= 2 * big and on_small <= 2 * small:
                    return True
        return False

    most = ceil(2 * max(rps) / 5.0) + 1
    best = float("inf")
    for big, small in product(range(most), repeat=2):
        cost = len(rps) * (big * usd[BIG] + small * usd[SMALL])
        for rate in rps:
            more = 0
            while not serves(big + more, small, rate):
                more += 1
                if hourly_usd is None or more > most:
                    cost = float("inf")
                    break
            cost += more * (hourly_usd or 0.0)
        best = min(best, cost)
    return best


@settings(max_examples=6, deadline=None)
@given(
    rps=st.lists(st.sampled_from([0.0, 4.0, 9.0, 17.0, 26.0]), min_size=1, max_size=3),
    small_usd=st.sampled_from([4.0, 6.4, 9.0]),
)
def test_bought_nodes_cost_what_brute_force_finds(rps: list[float], small_usd: float) -> None:
    """Without starts, on one spine: the bound is the cost, and both are the least there is."""
    found = size(two_types(rps), offers(purchase(BIG, 16.0), purchase(SMALL, small_usd)))
    least = brute_force(rps, {BIG: 16.0, SMALL: small_usd}, None)
    assert found.covered
    assert found.cost_usd == pytest.approx(least)
    assert found.bound_usd <= least * (1 + 1e-9)
    assert found.gap <= 1e-4


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(
    rps=st.lists(st.sampled_from([0.0, 4.0, 9.0, 17.0, 26.0]), min_size=2, max_size=4),
    rented_usd=st.sampled_from([12.0, 20.0, 40.0]),
)
def test_the_bound_is_never_above_the_least_cost_with_rented_nodes(
    rps: list[float], rented_usd: float
) -> None:
    found = size(
        two_types(rps),
        offers(purchase(BIG, 10.0), purchase(SMALL, 5.0), on_demand(BIG, rented_usd)),
    )
    least = brute_force(rps, {BIG: 10.0, SMALL: 5.0}, rented_usd)
    assert found.covered
    assert found.bound_usd <= least * (1 + 1e-9)
    assert found.cost_usd >= least * (1 - 1e-9)


@pytest.mark.slow
def test_the_share_of_spot_nodes_is_part_of_the_bound() -> None:
    """4 prefill and 4 decode replicas; half may be on two nodes at 4 USD, the rest costs 32. Of 0.3
    one of each, on one node; of pools of the other type's GPUs nothing is cheaper."""
    for share, usd in ((0.5, 40.0), (0.3, 52.0), (0.0, 64.0)):
        spot = Offer("spot", BIG, OfferKind.SPOT, 4.0, most_share=share)
        found = size(two_types([40.0]), offers(spot, on_demand(BIG, 16.0)))
        assert found.cost_usd == pytest.approx(usd)
        assert found.bound_usd == pytest.approx(usd, rel=1e-5)


def test_where_free_nodes_are_too_few_others_of_their_type_are_added() -> None:
    """4 nodes at most for nothing, worth 8 USD at the price of others: half as much again is 4 USD,
    two nodes of the same type at 2 USD an hour."""
    free = replace(purchase(BIG, 0.0, 4), name="free")
    made = Offered.of(two_types([20.0]), offers(free, purchase(BIG, 2.0)))
    assert grown(made, {"free": 4}, 1.5) == {"free": 4, f"{BIG} bought": 2}
    assert grown(Offered.of(two_types([20.0]), offers(free)), {"free": 4}, 1.5) == {"free": 4}


def test_all_nodes_that_stand_for_nothing_more_are_tried() -> None:
    stands = Offer("stands", BIG, OfferKind.EXISTING, 0.0, 5, leaves=("l1",))
    made = Offered.of(two_types([20.0]), offers(stands, purchase(BIG, 2.0)))
    assert with_room(made, {"stands": 2, f"{BIG} bought": 1}) == {"stands": 5, f"{BIG} bought": 1}


def test_a_search_ends_where_more_nodes_find_no_room() -> None:
    """30 requests/s need 3 nodes. Two spines have power for 1.5 nodes each: 3 by the program, which
    divides nodes, and 2 that stand."""
    limits = SizeLimits(
        power_w=(("s1", 1500.0), ("s2", 1500.0)), node_watts=((BIG, 1000.0), (SMALL, 1000.0))
    )
    found = size(two_spines([30.0]), offers(purchase(BIG), limits=limits))
    assert not found.covered
    assert [row.nodes for row in found.nodes] == [1, 1]


def test_limits_that_leave_no_fleet_are_told() -> None:
    limits = SizeLimits(power_w=(("s1", 3000.0),), node_watts=((BIG, 1000.0),))
    with pytest.raises(NoPlanError, match="limits leave no fleet that serves all demand"):
        size(two_types([90.0]), offers(purchase(BIG), limits=limits))
