"""What workloads cost at least, interval by interval in whole replicas."""

from dataclasses import replace
from typing import Any

import pytest

from heteroplan.clock import never
from heteroplan.entities.workload import Loss, RatioBand, Resilience, Role
from heteroplan.optimize.bound.bound import PricedBound, priced_bound
from heteroplan.optimize.bound.lp_prices import interval_prices
from heteroplan.optimize.bound.own_intervals import INTERVAL_GAP, lets_go, with_own_intervals
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers.solver import Effort
from tests.builders import fleet, scenario, workload
from tests.optimize.case import batches, problem_of
from tests.optimize.random_cases import FEATURES, random_problem
from tests.optimize.reference import optimum, optimum_or_none

EXACT = 1e-6
"""Relative: what sums of floats and the MIPs' tolerances leave of a cost."""


def at_no_prices(problem: Problem) -> PricedBound:
    return priced_bound(problem, supply_prices(problem))


def told(problem: Problem, best: PricedBound) -> list[float]:
    return [found.value for found in with_own_intervals(problem, best, never)]


@pytest.mark.parametrize("first", batches(8, 4, 4, gate=4, wide=40))
@pytest.mark.parametrize("feature", [None, *FEATURES])
def test_never_above_the_optimum(feature: str | None, first: int) -> None:
    """At no prices and at those of single intervals; each bound no less than the one before."""
    for seed in range(6000 + first, 6000 + first + 4):
        problem = random_problem(seed, feature)
        best = optimum_or_none(problem)
        if best is None or not best.covered:
            continue
        for prices in (supply_prices(problem), interval_prices(problem, Effort())):
            assert prices is not None
            blocks = priced_bound(problem, prices)
            values = [blocks.value, *told(problem, blocks)]
            assert values == sorted(values), seed
            assert values[-1] <= best.cost + EXACT * abs(best.cost), seed


@pytest.mark.parametrize(
    ("seed", "feature"),
    [
        *((seed, None) for seed in (6003, 6010, 6041)),
        (6097, "resilience"),
        (6081, "ratio_band"),
        (6010, "divided"),
        (6049, "max_engines"),
    ],
)
def test_where_nothing_ties_intervals_it_is_what_the_optimum_costs(
    seed: int, feature: str | None
) -> None:
    """Of one workload, whose replicas start at once and for nothing; blocks prove much less."""
    problem = random_problem(seed, feature)
    pools = tuple(replace(pool, start_cost=0.0, lead=0) for pool in problem.pools)
    problem = replace(problem, pools=pools, before=None)
    best = optimum(problem)
    assert best.covered
    blocks = at_no_prices(problem)
    assert blocks.value < 0.9 * best.cost
    values = told(problem, blocks)
    assert (1 - INTERVAL_GAP) * best.cost <= values[-1] <= (1 + EXACT) * best.cost


def test_nothing_more_once_time_is_up() -> None:
    problem = random_problem(6077)
    best = at_no_prices(problem)
    values = [found.value for found in with_own_intervals(problem, best, lambda: True)]
    assert set(values) == {best.value}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"min_replicas": {Role.PREFILL: 1}}, False),
        ({"resilience": Resilience(Loss.SPINE, 0.5)}, True),
        ({"max_groups": 1}, True),
        ({"pd_ratio": RatioBand(0.5, 2.0)}, True),
    ],
)
def test_of_workloads_whose_rules_blocks_let_go(given: dict[str, Any], expected: bool) -> None:
    leaves = {leaf: {"h100x8": 2} for leaf in ("l1", "l2")}
    made = problem_of(scenario([workload(**given)], in_fleet=fleet(leaves)))
    assert lets_go(made, 0) == expected
