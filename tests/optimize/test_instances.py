"""Random small scenarios with every feature: the method against the exact program."""

from collections.abc import Sequence

import numpy as np
import pytest

from heteroplan.entities.workload import Loss
from heteroplan.errors import NoPlanError
from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.incumbent import Incumbent
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solve import Outcome, solve
from tests.optimize.case import batches, problem_of
from tests.optimize.instances import small
from tests.optimize.reference import optimum_or_none

PRICES = (0.0, 0.0, 0.3, 1.0, 3.0)
"""USD a GPU and hour on supply rows; GPUs cost 1 and 2."""


@pytest.mark.parametrize("first", batches(20, 0, 10, gate=10, wide=40))
def test_method_finds_the_optimum_of_the_whole_program(first: int) -> None:
    """Shortage to 1e-3 and half a request (the MIPs let rows go by 1e-6), then cost to 1e-6.

    No bound is above the optimum, at whatever prices; every difference is listed.
    """
    domains = (Loss.LEAF, Loss.SPINE)
    assert not [fault for seed in range(first, first + 10) for fault in faults(seed, domains)]


@pytest.mark.parametrize("first", batches(10, 0, 10, wide=20))
def test_method_finds_the_optimum_where_nodes_may_be_lost(first: int) -> None:
    """Shortage, cost and bound agree, without divided engines.

    With them the whole program may take minutes.
    """
    node = (Loss.NODE,)
    seeds = range(1000 + first, 1010 + first)
    assert not [fault for seed in seeds for fault in faults(seed, node, divided=False)]


def faults(seed: int, losses: Sequence[Loss], *, divided: bool = True) -> list[str]:
    problem = problem_of(small(seed, losses, divided=divided))
    best = optimum_or_none(problem)
    try:
        found = solve(problem, gap=0.0, time_limit_s=20)
    except NoPlanError:
        found = None
    return [f"seed {seed}: {fault}" for fault in differences(problem, best, found, seed)]


def differences(
    problem: Problem, best: Incumbent | None, found: Outcome | None, seed: int
) -> list[str]:
    if best is None or found is None:
        return [] if best is None and found is None else [f"a plan or none: {best}, {found}"]
    faults = []
    if found.unserved != pytest.approx(best.unserved, rel=1e-3, abs=0.5):
        faults.append(f"unserved {found.unserved} instead of {best.unserved}")
    elif found.objective != pytest.approx(best.cost, rel=1e-6):
        faults.append(f"cost {found.objective} instead of {best.cost}")
    ceiling = best.cost * (1 + 1e-6) + 1e-9
    if found.bound > ceiling:
        faults.append(f"bound {found.bound} above {best.cost}")
    draw = np.random.default_rng(seed)
    for _ in range(3 if best.covered else 0):
        prices = draw.choice(PRICES, (len(problem.supplies), problem.intervals))
        if (value := priced_bound(problem, supply_prices(problem, prices)).value) > ceiling:
            faults.append(f"bound {value} above {best.cost} at {prices.tolist()}")
    return faults
