"""Sizes of workloads that may lose a domain or a node, beside all numbers of replicas."""

from dataclasses import replace
from itertools import product
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.offers import Offer, OfferKind
from heteroplan.entities.workload import Loss
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.sizing import size
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.program import node_model
from heteroplan.sizing.rented import priced_bound, rented
from heteroplan.sizing.site import sections
from tests.sizing.offers import BIG, may_lose, offers, on_demand, purchase, two_spines, two_types


def least_nodes(rps: float, spines: int, serve: float) -> float:
    """H100 nodes that serve a rate, and a share of it without any one spine: each holds a prefill
    and a decode replica, for 10 requests/s."""
    able = (
        sum(nodes)
        for nodes in product(range(9), repeat=spines)
        if 10.0 * sum(nodes) >= rps - 1e-9
        and 10.0 * (sum(nodes) - max(nodes)) >= serve * rps - 1e-9
    )
    return min(able, default=inf)


@settings(max_examples=25, deadline=None)
@given(
    rps=st.floats(1.0, 40.0),
    spines=st.integers(2, 4),
    serve=st.sampled_from([0.3, 0.5, 0.6, 0.75, 0.9, 1.0]),
)
def test_no_bound_is_above_what_losing_any_one_spine_takes(
    rps: float, spines: int, serve: float
) -> None:
    scenario = may_lose(two_spines([rps], spines), Loss.SPINE, serve)
    least_usd = 16.0 * least_nodes(rps, spines, serve)
    bought = Potential.of(Offered.of(scenario, offers(purchase(BIG, 16.0))))
    assert node_model(bought, [0]).least(Effort()).bound_usd <= least_usd * (1 + 1e-6)
    hourly = Potential.of(Offered.of(scenario, offers(on_demand(BIG, 16.0))))
    found = rented(hourly, Effort())
    assert found.prices is not None
    assert priced_bound(hourly, found.prices.usd, Effort()) <= least_usd * (1 + 1e-6)


@pytest.mark.parametrize("offer", [purchase(BIG, 16.0), on_demand(BIG, 16.0)])
def test_what_may_lose_a_spine_is_spread_over_them(offer: Offer) -> None:
    """Of 20 requests/s 12 are served without any one of two spines: two nodes below each. The bound
    knows that both together serve 24, which takes three."""
    found = size(may_lose(two_spines([20.0]), Loss.SPINE, 0.6), offers(offer), time_limit_s=20.0)
    assert found.covered
    assert {row.leaf: row.nodes for row in found.nodes} == {"l1": 2, "l2": 2}
    assert found.cost_usd == pytest.approx(64.0)
    assert found.bound_usd == pytest.approx(48.0, rel=1e-4)


def test_sections_are_as_few_as_a_loss_allows_and_others_live_in_one() -> None:
    """60 % without any one of five spines: a third in each of three. Another workload lives in one
    of them, and one that keeps apart from both in a fourth."""
    made = may_lose(two_spines([30.0], 5), Loss.SPINE, 0.6)
    (chat,) = made.workloads
    other = replace(chat, name="other", resilience=None)
    apart = replace(other, name="apart", anti_affinity=("chat", "other"))
    scenario = replace(made, workloads=(other, chat, apart))
    found = sections(Potential.of(Offered.of(scenario, offers(purchase(BIG, 16.0)))))
    served = [
        {work.name: float(work.rps[0, 0]) for work in each.potential.program.workloads}
        for each in found
    ]
    third = {"chat": pytest.approx(10.0)}
    assert served == [third | {"other": 30.0}, third, third, {"apart": 30.0}]
    assert [each.leaves[0].name for each in found] == ["l1", "l2", "l3", "l4"]


def test_domains_with_nodes_that_stand_come_first() -> None:
    """Nodes that stand below the second spine come first: the other workload lives there."""
    made = may_lose(two_spines([20.0]), Loss.SPINE, 0.5)
    other = replace(made.workloads[0], name="other", resilience=None)
    stands = Offer("stands", BIG, OfferKind.EXISTING, 1.0, 3, leaves=("l2",))
    scenario = replace(made, workloads=(*made.workloads, other))
    found = size(scenario, offers(stands, purchase(BIG, 16.0)), time_limit_s=20.0)
    assert found.covered
    nodes = {(row.offer, row.leaf): row.nodes for row in found.nodes}
    assert nodes == {("stands", "l2"): 3, (f"{BIG} bought", "l1"): 1}


def test_the_loss_of_a_node_leaves_enough() -> None:
    """10 requests/s are one replica of each role. A node may hold two of a role, so that three of
    each are there, on three nodes."""
    scenario = may_lose(two_types([10.0]), Loss.NODE, 0.5)
    found = size(scenario, offers(on_demand(BIG, 16.0)), time_limit_s=20.0)
    assert found.covered
    assert sum(row.nodes for row in found.nodes) == 3
    assert found.cost_usd == pytest.approx(48.0)
