"""Replicas that serve more in larger pools: plans and bounds against everything there is."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from heteroplan.errors import NoPlanError
from heteroplan.optimize.incumbent import Incumbent
from heteroplan.optimize.model import cap_shortage
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solve import Outcome, solve
from tests.builders import candidates
from tests.optimize.case import batches
from tests.optimize.enumeration import TooLargeError, best_plan
from tests.optimize.random_cases import FEATURES, random_case
from tests.optimize.reference import minimised, solved
from tests.optimize.sized_cases import sized
from tests.optimize.sized_reference import true_model
from tests.optimize.test_brute_force import requests, tiny

NOT_SEEN = {"resilience"}
"""Features that the reference does not know with sizes."""
SLOW = {1: 15, 5100: 5101, 5101: 5100}
"""Programs that take seconds, and which stands in their place; 5100 takes 3 s, as a long one."""


@pytest.mark.parametrize("first", batches(40, 0, 20, gate=20, wide=200))
def test_plans_of_tiny_scenarios_against_enumeration(first: int) -> None:
    """Never less unserved or cheaper than the best of all plans, nor is it said that none is.

    The shortage is the least there is. Every difference is listed.
    """
    wrong: list[tuple[object, ...]] = []
    for seed in range(first, first + 20):
        of = tiny(seed)
        found = sized(of, candidates(of))
        with suppress(TooLargeError):
            best = best_plan(of, found)
            outcome = solve(build_problem(of, found), gap=0.0, time_limit_s=20)
            least = requests(best)
            if outcome.unserved != pytest.approx(least, abs=1e-3):
                wrong.append((seed, "unserved", outcome.unserved, least))
            elif outcome.objective < best.cost - 1e-6 or outcome.bound > best.cost + 1e-6:
                wrong.append((seed, outcome.objective, outcome.bound, best.cost))
            if any(outcome.unserved_bound[p] > least[p] + 1e-3 for p in least):
                wrong.append((seed, "proved", outcome.unserved_bound, least))
    assert not wrong


def sized_problem(seed: int, feature: str | None) -> Problem:
    of, found = random_case(seed, feature)
    return build_problem(of, sized(of, found))


@pytest.mark.parametrize("first", batches(15, 5, 5, gate=10, wide=120))
def test_plans_and_bounds_enclose_the_optimum(first: int) -> None:
    seeds = (SLOW.get(seed, seed) for seed in range(first, first + 5))
    assert not [each for seed in seeds for each in faults(seed, None)]


@pytest.mark.parametrize("draw", batches(2, 0, gate=1))
@pytest.mark.parametrize("feature", [each for each in FEATURES if each not in NOT_SEEN])
def test_plans_and_bounds_enclose_the_optimum_with_a_feature(feature: str, draw: int) -> None:
    seed = 5000 + 10 * list(FEATURES).index(feature) + draw
    assert not list(faults(SLOW.get(seed, seed), feature))


def faults(seed: int, feature: str | None) -> Iterator[str]:
    """Against the optimum of the model that knows all sizes."""
    problem = sized_problem(seed, feature)
    best = minimised(true_model(problem))
    try:
        found = solve(problem, gap=0.005, time_limit_s=20.0)
    except NoPlanError:
        found = None
    if best is None or found is None:
        if best is not None:
            yield f"seed {seed}: no plan found, the reference has one"
        return
    for priority, least in sorted(best.unserved.items()):
        near = 0.5 + 1e-3 * least
        if found.unserved_bound[priority] > least + near:
            yield f"seed {seed}: {found.unserved_bound} proved unserved, {best.unserved}"
        if found.unserved[priority] < least - near:
            yield f"seed {seed}: {found.unserved} unserved, {best.unserved} are the least"
        if abs(found.unserved[priority] - least) > near:
            break
    least_cost = cheapest(problem, found, best)
    if found.bound > least_cost * (1 + 1e-6) + 1e-9:
        yield f"seed {seed}: bound {found.bound}, optimum {least_cost}"
    if found.objective < least_cost * (1 - 1e-6) - 1e-9:
        yield f"seed {seed}: cost {found.objective}, optimum {least_cost}"


def cheapest(problem: Problem, found: Outcome, best: Incumbent) -> float:
    """Of the plans that leave no more unserved than the one found."""
    if best.covered and not any(found.unserved.values()):
        return best.cost
    model = true_model(problem)
    cap_shortage(model, {p: lost * (1 + 1e-9) + 1e-6 for p, lost in found.unserved.items()})
    plan = solved(model)
    assert plan is not None
    return plan.cost
