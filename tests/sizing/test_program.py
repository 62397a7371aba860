"""The program of nodes: starts hold GPUs, and small pools serve less. By hand."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from heteroplan.entities.offers import Offers
from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.program.sizes import SizedLoad
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.sizing import size
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.program import LoadModel, node_model, size_ranges
from tests.sizing.offers import BIG, offers, on_demand, purchase, two_types

START_S = 600.0


def turns(startup_s: float) -> Scenario:
    """Two workloads that each ask for 20 requests/s in turn, one after the other, for an hour."""
    made = two_types([20.0, 0.0, 0.0, 20.0, 0.0, 0.0], startup_s=startup_s)
    (load,) = made.workloads
    other = replace(load, name="code", demand=(*load.demand[-1:], *load.demand[:-1]))
    return replace(made, workloads=(load, other))


def potential(made: Scenario, offered: Offers) -> Potential:
    return Potential.of(Offered.of(made, offered))


@pytest.mark.parametrize(("startup_s", "nodes"), [(0.0, 2), (START_S, 4)])
def test_what_starts_holds_its_gpus_beside_what_still_serves(startup_s: float, nodes: int) -> None:
    """20 requests/s are 2 + 2 replicas of 4 GPUs, 2 nodes. The second workload starts while the
    first one serves, so that both hold 2 nodes."""
    whole = potential(turns(startup_s), offers(purchase(BIG, 16.0)))
    found = node_model(whole, list(range(6))).least(Effort())
    assert found.counts == {f"{BIG} bought": nodes}
    made = size(turns(startup_s), offers(purchase(BIG, 16.0)))
    assert made.covered
    assert made.cost_usd == pytest.approx(6 * 16.0 * nodes)
    assert made.bound_usd == pytest.approx(made.cost_usd, rel=1e-4)


def test_a_start_is_not_known_where_the_interval_before_is_not_there() -> None:
    """Interval 1 alone: 2 nodes; with interval 0 before it, 4."""
    whole = potential(turns(START_S), offers(purchase(BIG, 16.0)))
    assert whole.with_starts([0]) == [0, 1]
    assert whole.with_starts([5]) == [0, 5]
    for times, nodes in (([1], 2), ([0, 1], 4), ([1, 3], 2)):
        assert node_model(whole, times).least(Effort()).counts == {f"{BIG} bought": nodes}


def test_starts_are_not_counted_on_nodes_by_the_hour() -> None:
    """A node that is rented for a start alone is paid for the start and not for the interval."""
    whole = potential(turns(START_S), offers(on_demand(BIG, 16.0)))
    assert node_model(whole, list(range(6))).least(Effort()).counts == {f"{BIG} rented": 2}


def test_the_load_of_nodes_is_the_share_that_fractional_replicas_take() -> None:
    """18 requests/s are 1.8 + 1.8 replicas of 4 GPUs, 14.4 GPUs of nodes of 8."""
    whole = potential(two_types([18.0, 6.0]), offers(purchase(BIG, 16.0)))
    loads = LoadModel.of(whole, [0, 1])
    for nodes, share in ((2, 0.9), (3, 0.6), (2, 0.9), (1, 1.8)):
        assert loads.load({f"{BIG} bought": nodes}, Effort()) == pytest.approx(share)
    assert loads.load({}, Effort()) == inf


def sized(made: Potential, served: list[float]) -> Potential:
    """Its pools serve so much a replica, as a share of what they do now, in pools of 1, 2, ..."""
    pools = []
    for pool in made.program.pools:
        each = np.array([pool.load / share for share in served])
        by_size = SizedLoad(np.concatenate([each[:1], each]))
        pools.append(replace(pool, by_size=by_size, most=pool.most + len(served)))
    return replace(made, program=replace(made.program, pools=tuple(pools)))


def test_ranges_of_sizes_serve_no_less_than_any_size_in_them() -> None:
    """Of 20 requests/s: a replica serves half alone, 0.8 in twos and threes, then all."""
    made = sized(potential(two_types([20.0]), offers(purchase(BIG, 16.0))), [0.5, 0.8, 0.8, 1.0])
    pool = made.program.pools[0]
    most = int(pool.most[0])
    found = [(each.low, each.high, each.share) for each in size_ranges(pool, 0, int(pool.most[0]))]
    assert found[:2] == [(1, 1, 0.5), (2, 3, pytest.approx(0.8))]
    assert found[2:] == [(4, most, 1.0)]


def test_small_pools_serve_less_in_the_program_by_size() -> None:
    """20 requests/s on H100: prefill and decode are 2 replicas each where all serve 10 requests/s.
    A pool of two serves 2 x 8, one of three 3 x 8: 6 replicas of 4 GPUs are 3 nodes."""
    made = sized(potential(two_types([20.0]), offers(purchase(BIG, 16.0))), [0.5, 0.8, 0.8, 1.0])
    for by_size, nodes in ((False, 2), (True, 3)):
        model = node_model(made, [0], by_size=by_size)
        assert model.least(Effort()).counts == {f"{BIG} bought": nodes}


def test_fractional_nodes_are_rounded_up() -> None:
    """10 requests/s are 8 GPUs of 8; 11 are 8.8: two nodes."""
    for rps, nodes in ((10.0, 1), (11.0, 2)):
        model = node_model(potential(two_types([rps]), offers(purchase(BIG, 16.0))), [0])
        model.duals(Effort())
        assert model.rounded_up() == {f"{BIG} bought": nodes}
