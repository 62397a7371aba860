"""The bound on plans that leave demand unserved: never above the least cost at their shortage."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize.bound import bound as bounds
from heteroplan.optimize.bound.bound import bound_of_short, priced_bound
from heteroplan.optimize.bound.bounding import rounds
from heteroplan.optimize.incumbent import Incumbent
from heteroplan.optimize.model import build_model, cap_shortage, minimise_cost
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import FEATURES, random_problem
from tests.optimize.random_prices import random_prices
from tests.optimize.reference import optimum, optimum_or_none, solved

SEEDS = range(7000, 7040)
"""Plain programs, some of which leave demand unserved."""
PART = 0.05
"""Of all requests that a plan may leave unserved beyond what it must."""
EXACT = 1e-6
WITH_A_FEATURE = 4
"""Programs with each feature."""


def least_cost(problem: Problem, unserved: float) -> float:
    """Of plans that leave at most so many requests of every priority class unserved."""
    model = build_model(problem, allow_short=True)
    cap_shortage(model, {work.priority: unserved for work in problem.workloads})
    minimise_cost(model)
    found = solved(model)
    assert found is not None
    return found.cost


def requests(problem: Problem) -> float:
    return sum(float(work.rps.sum()) for work in problem.workloads) * problem.hours * 3600


def assert_below_least_cost(problem: Problem, best: Incumbent, seed: int) -> None:
    """At no prices and at random ones, with no more shortage than must be and with some more."""
    draw = np.random.default_rng(seed)
    classes, must = len(best.unserved), max(best.unserved.values())
    for unserved in (must, must + PART * requests(problem)):
        least = least_cost(problem, unserved)
        for prices in (supply_prices(problem), random_prices(problem, draw)):
            proved = bound_of_short(problem, prices, classes * unserved)
            assert proved <= least * (1 + EXACT) + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_no_plan_as_short_costs_less(seed: int) -> None:
    problem = random_problem(seed)
    assert_below_least_cost(problem, optimum(problem), seed)


@pytest.mark.parametrize("feature", FEATURES)
def test_nor_with_a_feature(feature: str) -> None:
    """On the first programs that have a plan at all."""
    for seed, problem, best in islice(planned(feature), WITH_A_FEATURE):
        assert_below_least_cost(problem, best, seed)


def planned(feature: str) -> Iterator[tuple[int, Problem, Incumbent]]:
    """Seeds, programs and their optimum, where limits on replicas leave a plan."""
    for seed in count(7100):
        problem = random_problem(seed, feature)
        best = optimum_or_none(problem)
        if best is not None:
            yield seed, problem, best


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


def test_unserved_requests_lower_the_bound_by_their_price() -> None:
    """3,600 requests are one of two replicas for one of two hours, 8 of 32 USD: 24 are left.

    Just that is proved where a request is priced at what it costs to serve.
    """
    problem = one_pool(2.0, 2.0)
    proved = bound_of_short(problem, supply_prices(problem), 3600.0)
    assert proved == pytest.approx(24.0, rel=1e-4)
    assert proved <= 24.0


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


def test_demand_that_is_left_out_passes_no_pool() -> None:
    """Pairs for 40 of 50 requests/s cost 64, whatever it would cost the rest to pass them."""
    made = scenario(
        [workload(rps=[50.0])], in_fleet=fleet({leaf: {"h100x8": 2} for leaf in ("l1", "l2")})
    )
    problem = problem_of(made)
    plain = supply_prices(problem)
    unserved = 10 * 3600.0
    assert bound_of_short(problem, plain, unserved) == pytest.approx(64.0, rel=1e-4)
    for price in (3.0, 1000.0):
        balance = plain.balance + price * np.arange(len(plain.balance))[:, None, None]
        assert bound_of_short(problem, replace(plain, balance=balance), unserved) <= 64.0


@pytest.mark.parametrize("seed", [4048, 4097])
def test_a_few_requests_lower_a_bound_by_little(seed: int) -> None:
    """Prices of balances count as they do where all must be served."""
    problem = random_problem(seed)
    best = max(rounds(problem), key=lambda found: found.value)
    assert best.prices.balance.any()
    proved = bound_of_short(problem, best.prices, 1.0)
    assert best.value * (1 - 5e-3) < proved <= best.value


def test_the_dearest_request_is_served_before_it_is_left_out() -> None:
    """One workload pays 8 USD for a request/s, the other for 1,000: nothing unserved costs 24."""
    loads = [
        workload(name, rps=[rps], engines=[engine(name, role=Role.AGGREGATED, capacity_rps=each)])
        for name, rps, each in (("dear", 2.0, 1.0), ("cheap", 1000.0, 1000.0))
    ]
    problem = problem_of(scenario(loads))
    proved = bound_of_short(problem, supply_prices(problem), 0.0)
    assert proved == pytest.approx(24.0, rel=1e-3)


@pytest.mark.parametrize(
    ("rps", "unserved", "least"),
    [
        (2.0, 600.0, 16 - 8 / 6),
        (1.5, 500.0, 16 - 8 / 3.6),
        (1.1, 100.0, 16 - 8 / 3.6),
        (1.01, 30.0, 16 - 8 / 1.2),
    ],
)
def test_a_replica_that_serves_little_makes_its_requests_dear(
    rps: float, unserved: float, least: float
) -> None:
    """Two replicas, of which the second serves all it can, or half, a tenth, a hundredth of that.

    So each of its requests costs as much as one does, or 2, 10 or 100 times as much, and so much
    less is proved for each that may be left out.
    """
    problem = one_pool(rps)
    proved = bound_of_short(problem, supply_prices(problem), unserved)
    assert proved == pytest.approx(least, rel=1e-3)
    assert proved <= 16.0
