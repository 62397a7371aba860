"""Nodes by the hour, interval by interval, beside all numbers of nodes."""

from itertools import product
from time import monotonic

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.optimize.incumbent import of_sizes
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.rented import priced_bound, rented
from tests.sizing.offers import BIG, SMALL, offers, on_demand, two_types

BIG_USD = 16.0


def least_usd(rate: float, small_usd: float) -> float:
    """Of one interval of `two_types`, by all numbers of replicas: prefill and decode of 4 GPUs
    serve 10 requests/s each on H100, 5 and 8 on L40S, and two of them fill a node."""
    return min(
        BIG_USD * -(-(prefill + decode) // 2) + small_usd * -(-(small_prefill + small_decode) // 2)
        for prefill, decode in product(range(4), repeat=2)
        for small_prefill, small_decode in product(range(7), repeat=2)
        if 10.0 * prefill + 5.0 * small_prefill >= rate
        and 10.0 * decode + 8.0 * small_decode >= rate
    )


@settings(max_examples=4, deadline=None)
@given(
    rps=st.lists(st.sampled_from([0.0, 4.0, 9.0, 17.0, 26.0]), min_size=2, max_size=4),
    small_usd=st.sampled_from([4.0, 6.4, 9.0]),
)
def test_intervals_cost_what_brute_force_finds(rps: list[float], small_usd: float) -> None:
    """Without starts each costs what it costs alone. Where no time is left the bound is lower, and
    never above."""
    made = Offered.of(two_types(rps), offers(on_demand(BIG, BIG_USD), on_demand(SMALL, small_usd)))
    potential = Potential.of(made)
    least = sum(least_usd(rate, small_usd) for rate in rps)
    found = rented(potential, Effort())
    late = Effort(deadline=monotonic() - 1.0)
    assert found.prices is not None
    bounds = [priced_bound(potential, found.prices.usd, each) for each in (late, Effort())]
    assert found.least.bound_usd <= bounds[0] * (1 + 1e-9)
    assert bounds[0] <= bounds[1] * (1 + 1e-9)
    assert bounds[1] == pytest.approx(least, rel=1e-3)
    assert bounds[1] <= least * (1 + 1e-9)


@settings(max_examples=4, deadline=None)
@given(rps=st.lists(st.just(0.0) | st.floats(0.1, 60.0), min_size=1, max_size=5))
def test_what_intervals_rent_serves_all_demand(rps: list[float]) -> None:
    """With starts that hold GPUs the hour before: no fewer nodes are needed than replicas take."""
    scenario = two_types(rps, startup_s=360.0, drain_s=60.0)
    made = Offered.of(scenario, offers(on_demand(BIG), on_demand(SMALL, 6.4)))
    potential = Potential.of(made)
    found = rented(potential, Effort())
    assert found.least.replicas is not None
    assert of_sizes(potential.program, found.least.replicas).covered
    for node_type in made.node_types:
        mine = [p for p, pool in enumerate(potential.program.pools) if pool.node_type == node_type]
        held = 4 * found.least.replicas[mine].sum(axis=0)
        assert (8 * found.needed[f"{node_type} rented"] >= held).all()
    assert found.prices is not None
    bound_usd = priced_bound(potential, found.prices.usd, Effort())
    paid = sum(
        offer.usd_per_node_hour * float(np.sum(found.needed[offer.name])) for offer in made.hourly
    )
    assert found.least.bound_usd <= bound_usd * (1 + 1e-9)
    assert bound_usd <= paid * (1 + potential.least_pause_intervals) * (1 + 1e-9)
