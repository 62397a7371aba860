"""Programs whose rules bend the blocks of the bound: nothing is proved beyond the optimum.

The optimum is of one MIP, so that many programs take little time; `test_random` looks at fewer
of them from all sides.
"""

from collections.abc import Iterator
from itertools import count, islice

import numpy as np
import pytest

from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Problem
from tests.optimize.random_cases import random_problem
from tests.optimize.random_prices import random_prices
from tests.optimize.reference import solved

FAMILIES = ("already_running", "replica_limits", "replica_minima", "divided")
PROGRAMS = 30
"""Of each family."""
CELLS = (8_000, 1)
"""States an interval of a block: room for all engines, and for the one that serves cheapest."""
DRAWS = 3
"""Of prices, beside none at all."""
EXACT = 1e-6
"""Relative: what sums of floats and the MIP's tolerances leave of a cost."""


def covered(feature: str) -> Iterator[tuple[int, Problem, float]]:
    """Seeds, their programs and least costs, of those that can serve everything."""
    for seed in count(5000):
        problem = random_problem(seed, feature)
        best = solved(build_model(problem, allow_short=False)) if problem.pools else None
        if best is not None:
            yield seed, problem, best.cost


@pytest.mark.slow
@pytest.mark.parametrize("feature", FAMILIES)
def test_no_prices_prove_more_than_the_optimum(feature: str) -> None:
    above = []
    for seed, problem, least in islice(covered(feature), PROGRAMS):
        draw = np.random.default_rng(seed)
        prices = [supply_prices(problem), *(random_prices(problem, draw) for _ in range(DRAWS))]
        proved = max(
            priced_bound(problem, each, cells=cells).value for each in prices for cells in CELLS
        )
        if proved > least * (1 + EXACT) + 1e-9:
            above.append(f"seed {seed}: {proved} proved, {least} needed")
    assert above == []
