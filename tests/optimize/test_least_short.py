"""What single intervals prove of demand that no plan serves."""

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize.least_short import least_unserved
from heteroplan.optimize.mix import mixed_flow
from heteroplan.optimize.primal import Incumbent, by_size, incumbent, place_all
from heteroplan.optimize.problem import Problem, Solution
from heteroplan.optimize.relaxation import relax
from heteroplan.optimize.solve import solve
from heteroplan.optimize.solver import Effort
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import FEATURES, random_problem
from tests.optimize.reference import optimum_or_none

HOUR_S = 3600.0


def nothing(problem: Problem) -> Incumbent:
    """The plan that serves nothing, so that every interval with demand is looked at."""
    replicas = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def proven(problem: Problem) -> float:
    return max(least_unserved(problem, nothing(problem), Effort()), default=0.0)


def test_what_capacity_lacks_is_proven() -> None:
    """4 nodes hold 4 prefill and 4 decode replicas of 4 GPUs at 10 rps: 40; 47 and 50 asked."""
    problem = problem_of(scenario([workload(rps=[47.0, 30.0, 50.0])]))
    assert proven(problem) == pytest.approx((7 + 10) * HOUR_S, rel=1e-4)


def test_the_worst_interval_is_tried_first() -> None:
    """So that the time is spent where most is to be proven: 10 short of 40, then 7 besides."""
    problem = problem_of(scenario([workload(rps=[47.0, 30.0, 50.0])]))
    grown = list(least_unserved(problem, nothing(problem), Effort()))
    assert grown == pytest.approx([10 * HOUR_S, 17 * HOUR_S], rel=1e-4)


def test_what_only_whole_replicas_lack_is_proven() -> None:
    """Two workloads need half a replica of each role: 8 GPUs in fractions, 16 in whole ones."""
    loads = [workload(name, rps=[5.0]) for name in ("a", "b")]
    problem = problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 1}})))
    assert proven(problem) == pytest.approx(5 * HOUR_S, rel=1e-4)


def test_nothing_is_proven_of_demand_that_fits() -> None:
    assert proven(problem_of(scenario([workload(rps=[40.0, 1.0])]))) == 0.0


@pytest.mark.parametrize("excess", [0.5e-6, 1.2e-6, 1.9e-6])
def test_nothing_is_proven_of_what_a_plan_may_lack_and_count_as_covered(excess: float) -> None:
    """4 nodes serve 40 rps, which is all of 40 but for the solver's rounding."""
    problem = problem_of(scenario([workload(rps=[40.0 * (1 + excess)])]))
    assert not any(solve(problem).unserved.values())
    assert proven(problem) == 0.0
    relaxed = relax(problem, Effort())
    assert relaxed is not None
    assert not any(relaxed.unserved.values())


def cases() -> list[tuple[int, str | None]]:
    return [*((seed, None) for seed in range(8200, 8220)), *((8232, each) for each in FEATURES)]


@pytest.mark.parametrize(("seed", "feature"), cases())
def test_no_plan_leaves_less(seed: int, feature: str | None) -> None:
    problem = random_problem(seed, feature)
    best = optimum_or_none(problem)
    assert best is not None
    assert proven(problem) <= sum(best.unserved.values()) * (1 + 1e-6) + 1e-6


def test_a_search_says_that_demand_cannot_be_covered() -> None:
    """One engine for both roles, 8 GPUs at 1 rps, 4 nodes: 4 of 9 rps served."""
    engines = [engine("a", role=Role.AGGREGATED, gpus=8, capacity_rps=1.0)]
    problem = problem_of(scenario([workload(rps=[9.0], engines=engines)]))
    assert solve(problem).least_unserved == pytest.approx(5 * HOUR_S, rel=1e-4)
    first = place_all(problem, np.zeros((1, 1)), by_size(problem)).solution.replicas
    late = solve(problem, time_limit_s=0.0, starts=[first])
    assert sum(late.unserved.values()) == pytest.approx(5 * HOUR_S, rel=1e-4)
    assert late.least_unserved == 0.0
