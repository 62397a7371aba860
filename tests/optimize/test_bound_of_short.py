"""The bound on plans that leave demand unserved: never above the least cost at their shortage."""

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize import bound as bounds
from heteroplan.optimize.bound import bound_of_short, priced_bound
from heteroplan.optimize.model import build_model, cap_shortage, minimise_cost
from heteroplan.optimize.prices import supply_prices
from heteroplan.optimize.problem import Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import FEATURES, random_problem
from tests.optimize.random_prices import random_prices
from tests.optimize.reference import optimum_or_none, solved

SEEDS = range(7000, 7040)
"""Plain programs, some of which leave demand unserved."""
PART = 0.05
"""Of all requests that a plan may leave unserved beyond what it must."""
EXACT = 1e-6


def least_cost(problem: Problem, unserved: float) -> float:
    """Of plans that leave at most so many requests of every priority class unserved."""
    model = build_model(problem, allow_short=True)
    cap_shortage(model, {work.priority: unserved for work in problem.works})
    minimise_cost(model)
    found = solved(model)
    assert found is not None
    return found.cost


def requests(problem: Problem) -> float:
    return sum(float(work.rps.sum()) for work in problem.works) * problem.hours * 3600


def assert_below_least_cost(problem: Problem, seed: int) -> None:
    """At no prices and at random ones, with no more shortage than must be and with some more."""
    draw = np.random.default_rng(seed)
    best = optimum_or_none(problem)
    if best is None:
        return
    classes, must = len(best.unserved), max(best.unserved.values())
    for unserved in (must, must + PART * requests(problem)):
        least = least_cost(problem, unserved)
        for prices in (supply_prices(problem), random_prices(problem, draw)):
            proved = bound_of_short(problem, prices, classes * unserved)
            assert proved <= least * (1 + EXACT) + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_no_plan_as_short_costs_less(seed: int) -> None:
    assert_below_least_cost(random_problem(seed), seed)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("seed", range(7100, 7104))
def test_nor_with_a_feature(feature: str, seed: int) -> None:
    assert_below_least_cost(random_problem(seed, feature), seed)


def one_pool(*rps: float) -> Problem:
    """Aggregated replicas of 1 request/s, 8 USD an hour each."""
    engines = [engine("pair", role=Role.AGGREGATED, gpu="C", gpus=8, capacity_rps=1.0)]
    types = [node_type("cheap", gpu="C", usd_per_gpu_hour=1.0)]
    made = scenario(
        [workload(rps=rps, engines=engines)],
        in_fleet=fleet({"l1": {"cheap": 4}}, node_types=types),
    )
    return problem_of(made)


def test_by_hand() -> None:
    """2 replicas at all times; as long as 3,600 requests cost more than one of them for an hour."""
    problem = one_pool(2.0, 2.0)
    assert bound_of_short(problem, supply_prices(problem), 0.0) == pytest.approx(32.0, rel=1e-4)
    few = bound_of_short(problem, supply_prices(problem), 1.0)
    assert 31.0 < few < 32.0


def test_a_dear_request_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a price beyond all bounds nothing is left unserved; at none, everything is."""
    problem = one_pool(2.0, 1.0)
    prices = supply_prices(problem)
    must = priced_bound(problem, prices).value
    assert priced_bound(problem, prices, request_price=1e9).value == pytest.approx(must, rel=1e-6)
    assert priced_bound(problem, prices, request_price=0.0).value == pytest.approx(0.0, abs=1e-6)
    monkeypatch.setattr(bounds, "URGENCIES", (0.0,))
    assert bound_of_short(problem, prices, 0.0) == pytest.approx(0.0, abs=1e-6)


def test_a_stop_proves_nothing() -> None:
    problem = one_pool(1.0)
    assert bound_of_short(problem, supply_prices(problem), 0.0, lambda: True) == 0.0
