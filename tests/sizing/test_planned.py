"""Where a plan on tried nodes begins."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.clock import never
from heteroplan.entities.offers import Offer, OfferKind, Offers
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.sizing.planned import CALM, Trying, calmer, mended, within_supply
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.site import built, placed
from heteroplan.sizing.starts import start_pools
from tests.sizing.offers import BIG, offers, on_demand, purchase, two_types

BOUGHT: Offers = offers(purchase(BIG, 16.0))


def problem_on(nodes: int, rps: list[float], startup_s: float) -> Problem:
    offered = Offered.of(two_types(rps, startup_s=startup_s), BOUGHT)
    standing = placed(offered, {f"{BIG} bought": nodes})
    assert standing is not None
    scenario = replace(offered.scenario, fleet=built(offered, standing).fleet)
    return build_problem(scenario, candidates_of(scenario))


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(0, 5), min_size=4, max_size=4), min_size=2, max_size=2),
    startup_s=st.sampled_from([0.0, 600.0, 5000.0]),
)
def test_what_overdraws_supply_stops(sizes: list[list[int]], startup_s: float) -> None:
    """Two nodes hold 4 replicas. What fits stays as it is, and nothing is added."""
    problem = problem_on(2, [20.0] * 4, startup_s)
    replicas = np.array(sizes, dtype=np.int64)
    everything = range(len(problem.pools))
    found = within_supply(problem, replicas)
    assert problem.fits(everything, found)
    assert (found <= replicas).all()
    if problem.fits(everything, replicas):
        assert (found == replicas).all()


def test_sizes_that_go_short_in_an_hour_are_mended_there() -> None:
    """Three nodes serve 30 requests/s; the start has none of it in interval 2."""
    problem = problem_on(3, [10.0, 20.0, 30.0, 20.0], 0.0)
    start = np.array([[1, 2, 0, 2], [1, 2, 0, 2]], dtype=np.int64)
    found = mended(problem, [start], Trying(1.0, 20.0, None, never))
    assert found.tolist() == [[1, 2, 3, 2], [1, 2, 3, 2]]


def test_other_intervals_begin_with_what_lacks_least() -> None:
    """The program of intervals 1 and 3 has 1 and 3 replicas: 8 requests/s begin with 1, and 22 and
    35 with 3."""
    made = two_types([8.0, 10.0, 22.0, 30.0, 35.0])
    potential = Potential.of(Offered.of(made, BOUGHT))
    sizes = np.array([[1, 3], [1, 3]], dtype=np.int64)
    standing = placed(potential.offered, {f"{BIG} bought": 3})
    assert standing is not None
    on_nodes = replace(made, fleet=built(potential.offered, standing).fleet)
    pools = start_pools(potential, [1, 3], sizes, on_nodes, {})
    assert [pool.replicas for pool in pools] == [(1, 1, 3, 3, 3)] * 2


def test_replicas_go_to_the_nodes_of_each_offer_as_its_share_allows() -> None:
    """40 requests/s are 4 prefill and 4 decode replicas of 4 GPUs. One node is bought (2 replicas),
    3 of spot would hold all others, of which half of each role may stand there: 2 and 2. The rest
    is on a rented node."""
    spot = Offer("spot", BIG, OfferKind.SPOT, 4.0, most_share=0.5)
    offered = Offered.of(two_types([40.0]), offers(purchase(BIG, 10.0), on_demand(BIG), spot))
    potential = Potential.of(offered)
    standing = placed(offered, {f"{BIG} bought": 1, "spot": 3, f"{BIG} rented": 1})
    assert standing is not None
    made = built(offered, standing)
    scenario = replace(offered.scenario, fleet=made.fleet)
    replicas = np.zeros((len(potential.program.pools), 1), dtype=np.int64)
    for p, pool in enumerate(potential.program.pools):
        replicas[p] = 4 if pool.node_type == BIG else 0
    pools = start_pools(potential, [0], replicas, scenario, made.hourly)
    by_type = dict.fromkeys((BIG, f"{BIG}-spot", f"{BIG}-on-demand"), 0)
    for each in pools:
        by_type[each.node_type] += each.replicas[0]
        assert each.node_type != f"{BIG}-spot" or each.replicas == (2,)
    assert by_type == {BIG: 2, f"{BIG}-spot": 4, f"{BIG}-on-demand": 2}


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=2, max_size=2),
)
def test_no_plan_costs_more_times_as_much_where_starts_count_more(sizes: list[list[int]]) -> None:
    """So that a bound of the one is one of the other when divided by that."""
    problem = problem_on(4, [20.0] * 4, 600.0)
    replicas = np.array(sizes, dtype=np.int64)
    cost, calm = problem.cost(replicas), calmer(problem).cost(replicas)
    assert cost - 1e-9 <= calm <= CALM * cost + 1e-9
