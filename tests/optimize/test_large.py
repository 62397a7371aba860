"""The search for large programs on small ones, whose optimum is known."""

from dataclasses import replace

import pytest

from heteroplan.entities.plan import Termination
from heteroplan.entities.workload import Role
from heteroplan.errors import NoPlanError
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.search import INGREDIENTS
from heteroplan.optimize.solve import Outcome, solve
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.plan_checks import faults_of
from tests.optimize.random_cases import random_problem
from tests.optimize.reference import optimum, optimum_or_none

COVERED = (4002, 4006, 4012, 4014, 4021, 4028, 4033, 4036)
"""Seeds of programs that can serve everything, half of them on scarce supply."""
SCARCE = (4014, 4033)
"""Of these, some where the rounds go on until patience ends."""
FEATURES = (
    "replica_limits",
    "replica_minima",
    "ratio_band",
    "resilience",
    "max_groups",
    "anti_affinity",
)
"""Rules that placing one workload after another may run into."""
EXACT = 1e-6
TIME_LIMIT_S = 60.0
"""Patience ends these searches long before, also while loops are compiled on a busy machine."""


def searched(problem: Problem) -> Outcome:
    return solve(replace(problem, large=True), gap=0.01, time_limit_s=TIME_LIMIT_S, beside=False)


def assert_encloses(problem: Problem, found: Outcome, best: Incumbent) -> None:
    """A plan that keeps every rule, and bound <= optimum <= cost where it serves everything."""
    plan = incumbent(problem, found.solution)
    assert faults_of(problem, plan) == []
    assert found.objective == pytest.approx(plan.cost, rel=1e-9)
    if plan.covered:
        assert found.bound <= best.cost * (1 + EXACT) + 1e-9
        assert found.objective >= best.cost * (1 - EXACT) - 1e-9


@pytest.mark.parametrize("seed", COVERED)
def test_plan_and_bound_enclose_the_optimum(seed: int) -> None:
    problem = random_problem(seed)
    best = optimum(problem)
    assert best.covered
    found = searched(problem)
    assert_encloses(problem, found, best)
    assert not any(found.unserved.values())
    assert found.objective <= 1.05 * best.cost


@pytest.mark.parametrize("seed", SCARCE[1:])
def test_the_same_is_found_again(seed: int) -> None:
    one, other = (searched(random_problem(seed)) for _ in range(2))
    assert one.solution.replicas.tolist() == other.solution.replicas.tolist()
    assert (one.objective, one.bound) == (other.objective, other.bound)
    assert one.termination is other.termination


@pytest.mark.parametrize("seed", [4102, 4104])
@pytest.mark.parametrize("feature", FEATURES)
def test_no_plan_breaks_a_rule(feature: str, seed: int) -> None:
    problem = random_problem(seed, feature)
    found = searched(problem)
    assert not incumbent(problem, found.solution).broken
    assert_encloses(problem, found, optimum(problem))


def test_a_minimum_is_kept_beside_engines_that_serve_for_less() -> None:
    """Replicas of 10 requests/s that do both stages for 8 USD; a pair costs 16, and one must run.

    20 requests/s are one of either kind, 24 USD.
    """
    engines = [
        engine("prefill", role=Role.PREFILL),
        engine("decode"),
        engine("both", role=Role.AGGREGATED),
    ]
    minima = {Role.PREFILL: 1, Role.DECODE: 1}
    load = workload(rps=[20.0, 20.0], engines=engines, min_replicas=minima)
    problem = problem_of(scenario([load]))
    found = searched(problem)
    assert_encloses(problem, found, optimum(problem))
    assert found.objective == pytest.approx(2 * 24.0)


def test_a_minimum_is_kept_on_several_spines_where_none_has_room() -> None:
    """Each of two spines has room for three replicas of 4 GPUs; 4 of decode must run, 10 served."""
    load = workload(min_replicas={Role.DECODE: 4})
    on = fleet(
        {leaf: {"h100x4": 3} for leaf in ("l1", "l2")}, node_types=[node_type("h100x4", gpus=4)]
    )
    problem = problem_of(scenario([load], in_fleet=on))
    found = searched(problem)
    assert_encloses(problem, found, optimum(problem))
    assert not any(found.unserved.values())
    assert found.objective == pytest.approx(5 * 8.0)


def test_there_is_no_plan_only_where_limits_leave_none() -> None:
    """Two decode replicas of 4 GPUs fill a node of 8: the limit is kept and nothing is served.

    On two nodes everything is; three replicas do not fit on one.
    """
    asked = workload(min_replicas={Role.DECODE: 2})
    one, two = (
        problem_of(scenario([asked], in_fleet=fleet({"l1": {"h100x8": nodes}}))) for nodes in (1, 2)
    )
    assert optimum_or_none(one) is not None
    assert searched(one).unserved == {1: pytest.approx(36_000.0)}
    assert searched(two).unserved == {1: 0.0}
    three = problem_of(
        scenario(
            [replace(asked, min_replicas={Role.DECODE: 3})],
            in_fleet=fleet({"l1": {"h100x8": 1}}),
        )
    )
    assert optimum_or_none(three) is None
    with pytest.raises(NoPlanError):
        searched(three)


def test_a_program_without_pools_leaves_everything_unserved() -> None:
    made = scenario([workload()], in_fleet=fleet({"l1": {"h100x8": 0}}))
    problem = problem_of(made)
    assert not problem.pools
    assert searched(problem).unserved == {1: pytest.approx(36_000.0)}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("ingredient", INGREDIENTS)
def test_without_an_ingredient_plan_and_bound_hold(ingredient: str, large: bool) -> None:
    problem = random_problem(4014)
    found = solve(
        replace(problem, large=large),
        gap=0.01,
        time_limit_s=TIME_LIMIT_S,
        without=frozenset({ingredient}),
        beside=False,
    )
    assert found.objective > found.bound > 0
    assert_encloses(problem, found, optimum(problem))


def test_a_search_that_left_time_over_is_not_told_as_stopped_by_the_clock() -> None:
    """What a large program's bound leaves out stays between its plan and its bound."""
    problem = replace(random_problem(4024), large=True)
    no_mip = frozenset({"whole first"})
    found = solve(problem, gap=0.0, time_limit_s=TIME_LIMIT_S, without=no_mip, beside=False)
    assert found.objective > found.bound
    assert found.termination is found.unfinished is Termination.EXHAUSTED
