"""Prices improved step by step: never above the optimum, never given away."""

from dataclasses import replace
from itertools import count, islice

import numpy as np
import pytest

from heteroplan.clock import never
from heteroplan.entities.workload import Role
from heteroplan.optimize.bound.ascent import improve_prices
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

STEPS = 8
"""A few turns: some help, some do not."""
MANY = 100
EXACT = 1e-6


@pytest.mark.parametrize("cells", [None, 1])
@pytest.mark.parametrize("first", range(6000, 6020, 10))
def test_no_step_proves_more_than_the_optimum(first: int, cells: int | None) -> None:
    """From the LP's duals and from prices that nobody would choose."""
    seen = 0
    for seed in range(first, first + 6):
        problem = random_problem(seed)
        best = optimum_or_none(problem)
        relaxed = relax(problem, Effort())
        if best is None or not best.covered or relaxed is None:
            continue
        for start in (relaxed.prices, random_prices(problem, np.random.default_rng(seed))):
            steps = improve_prices(problem, start, steps=STEPS, stop=never, cells=cells)
            values = [bound.value for bound, _ in steps]
            assert values[0] == priced_bound(problem, start, cells=cells).value
            assert max(values) <= best.cost * (1 + EXACT) + 1e-9, seed
        seen += 1
    assert seen >= 2


def test_each_bound_comes_with_the_prices_that_prove_it() -> None:
    problem = scarce()
    steps = improve_prices(problem, supply_prices(problem), steps=STEPS, stop=never)
    for bound, prices in steps:
        assert bound.value == priced_bound(problem, prices).value
        assert (prices.supply >= 0).all()
        assert ((prices.starting >= 0) & (prices.starting <= 1)).all()


def scarce(nodes: int = 1) -> Problem:
    """One cheap replica where two are wanted at noon; a dear one costs twice as much."""
    types = [
        node_type("cheap", gpu="C", usd_per_gpu_hour=1.0),
        node_type("dear", gpu="D", usd_per_gpu_hour=2.0),
    ]
    engines = [
        engine(f"on-{gpu}", role=Role.AGGREGATED, gpu=gpu, gpus=8, capacity_rps=1.0)
        for gpu in ("C", "D")
    ]
    made = scenario(
        [workload(rps=[1.0, 2.0, 1.0], engines=engines)],
        in_fleet=fleet({"l1": {"cheap": nodes, "dear": 2}}, node_types=types),
    )
    return problem_of(made)


def test_prices_that_say_all_are_left_where_they_are() -> None:
    """At 1 USD a cheap GPU at noon the bound is the optimum, 40 USD: no step finds more.

    So steps grow smaller until the search ends by itself.
    """
    problem = scarce()
    prices = supply_prices(problem)
    (cheap,) = (r for r, row in enumerate(problem.supplies) if row.node_type == "cheap")
    prices.supply[cheap, 1] = 1.0
    steps = improve_prices(problem, prices, steps=10 * MANY, stop=never)
    values = [bound.value for bound, _ in islice(steps, MANY)]
    assert len(values) < MANY
    assert values[0] == pytest.approx(40.0, rel=1e-6)
    assert max(values) <= 40.0


def test_a_better_grid_of_the_same_prices_is_asked_for_by_cells() -> None:
    """The first bound is that of the cells asked for."""
    problem = scarce(nodes=2)
    for cells in (1, 1000):
        first, _ = next(
            improve_prices(problem, supply_prices(problem), steps=0, stop=never, cells=cells)
        )
        assert first.value == priced_bound(problem, supply_prices(problem), cells=cells).value


def test_steps_end_with_their_number_and_with_the_wish_to_stop() -> None:
    """The bound at the start and one a step; what is cut short is not told."""
    problem = scarce()
    start = supply_prices(problem)
    assert len(list(improve_prices(problem, start, steps=0, stop=never))) == 1
    assert len(list(improve_prices(problem, start, steps=4, stop=never))) == 5
    asked = count()
    few = list(improve_prices(problem, start, steps=1000, stop=lambda: next(asked) > 4))
    assert 1 < len(few) < 10
    assert all(np.isfinite(bound.value) for bound, _ in few)


def test_a_program_that_cannot_serve_everything_takes_no_steps() -> None:
    """No block covers: the first bound is infinite, and prices change nothing about that."""
    problem = scarce()
    unable = replace(
        problem,
        pools=tuple(replace(pool, load=np.full_like(pool.load, np.inf)) for pool in problem.pools),
    )
    (only,) = improve_prices(unable, supply_prices(unable), steps=STEPS, stop=never)
    assert only[0].value == np.inf
