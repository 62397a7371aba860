"""What cuts prove of whole programs: more than the LP, never more than the best plan costs."""

from dataclasses import replace

import pytest

from heteroplan.optimize.bound.cuts import INTERVAL_GAP, cut_intervals, prove_by_cuts
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules.mip import Model
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort
from tests.optimize.case import batches
from tests.optimize.random_cases import FEATURES, random_problem
from tests.optimize.reference import optimum, optimum_or_none

EXACT = 1e-6
"""Relative: what sums of floats and the MIPs' tolerances leave of a cost."""


def proven(problem: Problem) -> list[float]:
    """All that is told, in order."""
    told: list[float] = []
    prove_by_cuts(problem, Effort(), told.append)
    return told


@pytest.mark.parametrize("first", batches(8, 4, 4, gate=4, wide=40))
@pytest.mark.parametrize("feature", [None, *FEATURES])
def test_no_cut_proves_more_than_the_optimum(feature: str | None, first: int) -> None:
    faults = []
    for seed in range(6000 + first, 6000 + first + 4):
        problem = random_problem(seed, feature)
        best = optimum_or_none(problem)
        if best is not None and best.covered:
            most = max(proven(problem), default=0.0)
            if most > best.cost + EXACT * abs(best.cost):
                faults.append(f"seed {seed}: {most} proven of {best.cost}")
    assert not faults


@pytest.mark.parametrize("seed", [6003, 6010, 6077, 6110])
def test_where_nothing_ties_intervals_the_lp_with_their_cuts_costs_what_the_optimum_does(
    seed: int,
) -> None:
    """Of one workload, whose replicas start at once and for nothing."""
    problem = random_problem(seed)
    pools = tuple(replace(pool, start_cost=0.0, lead=0) for pool in problem.pools)
    problem = replace(problem, pools=pools, before=None)
    best = optimum(problem)
    model = build_model(problem, allow_short=False)
    assert best.covered
    assert least_cost(model) < 0.5 * best.cost
    cut_intervals(model, Effort())
    assert (1 - INTERVAL_GAP) * best.cost <= least_cost(model) <= (1 + EXACT) * best.cost


def least_cost(model: Model) -> float:
    """Of the LP."""
    found = solver.optimum(model.lp, Effort())
    assert found is not None
    return model.problem.fixed_cost + found * model.cost_scale
