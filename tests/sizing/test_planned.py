"""Where a plan on tried nodes begins."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.clock import never
from heteroplan.entities.offers import Offers
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.sizing.offered import Offered
from heteroplan.sizing.planned import Trying, mended, within_supply
from heteroplan.sizing.potential import Potential
from heteroplan.sizing.site import built, placed
from heteroplan.sizing.starts import start_pools
from tests.sizing.offers import BIG, offers, purchase, two_types

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
