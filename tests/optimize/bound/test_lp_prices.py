"""Prices of single intervals, by hand: supply has a price where and when it binds."""

from collections.abc import Sequence

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.bound.lp_prices import UNSERVED, best_of, interval_prices, plainer
from heteroplan.optimize.program.prices import Prices
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.optimize.solvers.solver import Effort
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import random_problem
from tests.optimize.reference import optimum


def cheap_and_dear(
    *rps: float,
    roles: Sequence[Role] = (Role.PREFILL, Role.DECODE),
    nodes: tuple[int, int] = (2, 2),
    startup_s: float = 0.0,
    cyclic: bool = True,
) -> Problem:
    """8 USD an interval for a replica of 1 request/s on the cheap type, 16 USD on the dear one.

    One replica a node; `nodes` of the cheap type and of the dear one.
    """
    types = [
        node_type("cheap", gpu="C", usd_per_gpu_hour=1.0),
        node_type("dear", gpu="D", usd_per_gpu_hour=2.0),
    ]
    engines = [
        engine(
            f"{role}-on-{gpu}",
            role=role,
            gpu=gpu,
            gpus=8,
            capacity_rps=1.0,
            startup_s=startup_s,
        )
        for role in roles
        for gpu in ("C", "D")
    ]
    made = scenario(
        [workload(rps=rps, engines=engines)],
        in_fleet=fleet({"l1": dict(zip(("cheap", "dear"), nodes, strict=True))}, node_types=types),
        cyclic=cyclic,
    )
    return problem_of(made)


def prices_of(problem: Problem, every: int = 1) -> Prices:
    found = interval_prices(problem, Effort(), every)
    assert found is not None
    return found


def of_type(problem: Problem, prices: Prices, node_type: str) -> Floats:
    """[T] of the only row of a node type."""
    (row,) = (r for r, each in enumerate(problem.supplies) if each.node_type == node_type)
    return np.asarray(prices.supply[row])


@pytest.mark.parametrize("cyclic", [True, False])
def test_supply_that_binds_at_noon_has_a_price_at_noon_alone(cyclic: bool) -> None:
    """Two cheap replicas serve one pair; half a pair more is dear: 8 USD more for 8 GPUs."""
    problem = cheap_and_dear(0.5, 1.5, 0.5, cyclic=cyclic)
    found = prices_of(problem)
    np.testing.assert_allclose(of_type(problem, found, "cheap"), [0.0, 1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(of_type(problem, found, "dear"), 0.0, atol=1e-9)


def test_supply_that_one_pool_fills_has_a_price_too() -> None:
    """One cheap replica, one and a half wanted at noon."""
    problem = cheap_and_dear(0.5, 1.5, 0.5, roles=[Role.AGGREGATED], nodes=(1, 2))
    found = of_type(problem, prices_of(problem), "cheap")
    np.testing.assert_allclose(found, [0.0, 1.0, 0.0], atol=1e-9)


def test_starts_have_no_part_in_them() -> None:
    """Whatever a start costs and however long it holds its GPUs: the prices above."""
    problem = cheap_and_dear(0.5, 1.5, 0.5, startup_s=5400.0)
    assert all(pool.start_cost > 0 and pool.lead > 0 for pool in problem.pools)
    found = prices_of(problem)
    np.testing.assert_allclose(of_type(problem, found, "cheap"), [0.0, 1.0, 0.0], atol=1e-9)
    assert not found.starting.any()


@pytest.mark.parametrize(("cyclic", "last"), [(True, [1.0, 0.5]), (False, [1.0, 1.0])])
def test_prices_lie_between_those_of_every_second_interval(cyclic: bool, last: list[float]) -> None:
    """0 at 0.5 and 1 at 1.5 requests/s. After the last one the day begins again, or ends."""
    problem = cheap_and_dear(0.5, 0.5, 1.5, 0.5, 1.5, 0.5, cyclic=cyclic)
    found = of_type(problem, prices_of(problem, every=2), "cheap")
    np.testing.assert_allclose(found, [0.0, 0.5, 1.0, 1.0, *last], atol=1e-9)


def test_a_shorter_last_step_ends_where_the_day_begins_again() -> None:
    """Of every three of four: 0 and, alone at the end, 1."""
    problem = cheap_and_dear(0.5, 1.5, 1.5, 1.5)
    found = of_type(problem, prices_of(problem, every=3), "cheap")
    np.testing.assert_allclose(found, [0.0, 1 / 3, 2 / 3, 1.0], atol=1e-9)


def test_unserved_demand_is_dear_and_not_ruled_out() -> None:
    """4 requests/s cost 8 x 8 = 64 USD to serve; there is room for 7 replicas of 8.

    One more saves an eighth of 100 x 64 USD and costs 8: 792 USD for 8 GPUs.
    """
    problem = cheap_and_dear(4.0, nodes=(7, 0))
    assert UNSERVED == 100.0
    np.testing.assert_allclose(of_type(problem, prices_of(problem), "cheap"), [99.0])


def test_passing_on_is_worth_what_prefill_costs() -> None:
    """Half a cheap replica, 4 USD, for all demand of an hour; decode takes over at that price."""
    found = prices_of(cheap_and_dear(0.5, 0.0))
    np.testing.assert_allclose(found.balance, [[[-4.0, 0.0]]], atol=1e-9)


def test_an_interior_price_is_inside_the_optimal_face() -> None:
    """Two cheap replicas are there and just enough: one GPU more is worth nothing, one less 1 USD.

    Any price between is as good for the LP. Blocks prove more at those inside than at corners.
    """
    problem = cheap_and_dear(1.0)
    found = interval_prices(problem, Effort(interior=True))
    assert found is not None
    (price,) = of_type(problem, found, "cheap")
    assert 0.01 < price < 0.99


def test_none_where_the_effort_ran_out() -> None:
    assert interval_prices(cheap_and_dear(0.5, 1.5), Effort(stop=lambda: True)) is None


def test_no_demand_has_no_prices() -> None:
    found = prices_of(cheap_and_dear(0.0, 0.0))
    assert not found.supply.any()
    assert not found.balance.any()


def test_of_two_prices_each_workload_has_those_that_prove_more() -> None:
    """The bound at them, and at the better ones workload by workload, against one MIP."""
    seen = 0
    for seed in range(12):
        problem = random_problem(seed)
        best, tried = optimum(problem), plainer(prices_of(problem))
        if not best.covered or len(tried) < 2:
            continue
        seen += 1
        one, other = tried[0], tried[-1]
        least, others = priced_bound(problem, one), priced_bound(problem, other)
        mixed = best_of(problem, one, other, others.by_work > least.by_work)
        found = priced_bound(problem, mixed)
        np.testing.assert_allclose(
            found.by_work, np.maximum(least.by_work, others.by_work), rtol=1e-9, atol=1e-9
        )
        assert found.value <= best.cost * (1 + 1e-9)
    assert seen > 4
