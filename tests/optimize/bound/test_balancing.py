"""Prices of balances improved workload by workload: never above the optimum, often better."""

import numpy as np
import pytest

from heteroplan.clock import never
from heteroplan.entities.workload import Role
from heteroplan.optimize.bound import balancing
from heteroplan.optimize.bound.balancing import balanced, balanced_each
from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.bound.relaxation import relax
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers.solver import Effort
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import random_problem
from tests.optimize.random_prices import random_prices
from tests.optimize.reference import optimum_or_none

CELLS = 10_000
"""More than the grids here have."""


@pytest.mark.parametrize("first", range(6100, 6120, 5))
def test_no_prices_prove_more_than_the_optimum_nor_less_than_those_before(first: int) -> None:
    """From the LP's duals and from prices that nobody would choose."""
    seen = 0
    for seed in range(first, first + 5):
        problem = random_problem(seed)
        best, relaxed = optimum_or_none(problem), relax(problem, Effort())
        if best is None or not best.covered or relaxed is None:
            continue
        for start in (relaxed.prices, random_prices(problem, np.random.default_rng(seed))):
            before = priced_bound(problem, start, cells=CELLS).value
            after = priced_bound(problem, balanced(problem, start, never, CELLS), cells=CELLS).value
            assert after <= best.cost * (1 + 1e-6) + 1e-9, seed
            assert after >= before - 1e-6 * abs(before), seed
        seen += 1
    assert seen


def crossed() -> Problem:
    """Prefill takes 2 GPUs in the first domain and 6 in the second, decode the other way round."""
    gpus = {"A": (2, 6), "B": (6, 2)}
    engines = [
        engine(f"{role.value}-{gpu}", role=role, gpu=gpu, gpus=count, capacity_rps=1.0)
        for gpu, counts in gpus.items()
        for role, count in zip((Role.PREFILL, Role.DECODE), counts, strict=True)
    ]
    types = [node_type(gpu, gpu=gpu, usd_per_gpu_hour=1.0) for gpu in gpus]
    made = scenario(
        [workload(rps=[1.0, 2.0, 0.0], engines=engines)],
        in_fleet=fleet({"l1": {"A": 4}, "l2": {"B": 4}}, node_types=types),
    )
    return problem_of(made)


def test_prices_keep_prefill_and_decode_together() -> None:
    """8 USD where both stand in one domain, 4 where each stands where it is cheap; 3 replica-hours.

    None where nothing is served.
    """
    problem = crossed()
    start = supply_prices(problem)
    start.balance[:, :, :2] = np.array([0.1, -0.1]).reshape(-1, 1, 1)
    found = balanced(problem, start, never, CELLS)
    assert priced_bound(problem, supply_prices(problem)).value == pytest.approx(3 * 4, rel=1e-4)
    assert priced_bound(problem, found).value == pytest.approx(3 * 8, rel=0.02)
    assert not found.balance[:, :, 2].any()


@pytest.mark.parametrize("first", range(6200, 6220, 10))
def test_what_prices_of_one_after_another_prove_more_is_what_the_bound_is_then(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On grids of any size: never above the optimum, and no less than they said."""
    monkeypatch.setattr(balancing, "MOST_RISE", np.inf)
    seen = 0
    for seed in range(first, first + 10):
        problem = random_problem(seed)
        best = optimum_or_none(problem)
        if best is None or not best.covered:
            continue
        start = random_prices(problem, np.random.default_rng(seed))
        proven = priced_bound(problem, start, cells=20)
        value, by_work = proven.value, proven.by_work.copy()
        for prices, more in balanced_each(problem, start, by_work, never, 20, CELLS):
            assert more > 0
            value += more
            seen += 1
            found = priced_bound(problem, prices, cells=CELLS)
            assert found.value >= value - 1e-9 * abs(value), seed
            assert value <= best.cost * (1 + 1e-6) + 1e-9, seed
        assert (by_work >= proven.by_work).all()
    assert seen


def test_a_workload_whose_cost_would_rise_far_keeps_its_prices() -> None:
    """From 12 to almost 24 USD: as prices do where demand cannot be served."""
    problem = crossed()
    start = supply_prices(problem)
    start.balance[:, :, :2] = np.array([0.1, -0.1]).reshape(-1, 1, 1)
    by_work = priced_bound(problem, start).by_work
    assert list(balanced_each(problem, start, by_work, never, CELLS, CELLS)) == []


def test_a_stop_leaves_prices_as_they_are() -> None:
    problem = crossed()
    start = supply_prices(problem)
    start.balance[0] = 1.0
    found = balanced(problem, start, lambda: True, CELLS)
    np.testing.assert_array_equal(found.balance, start.balance)
    none = balanced_each(problem, start, np.zeros(1), lambda: True, CELLS, CELLS)
    assert list(none) == []
