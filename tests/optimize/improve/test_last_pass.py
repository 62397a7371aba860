"""The last pass: fewer changes for no more than may be spent, and rules of stability kept."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.clock import never
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.workload import Role, Stability
from heteroplan.errors import NoPlanError
from heteroplan.optimize.improve import last_pass
from heteroplan.optimize.improve.last_pass import NODES_A_STEP, calmness, fewer_changes
from heteroplan.optimize.improve.polish import put_better_of_mip
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Problem, Solution
from heteroplan.optimize.search import Search
from heteroplan.optimize.solve import solve
from heteroplan.optimize.solvers.solver import Effort
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.plan_checks import faults_of
from tests.optimize.random_cases import random_problem
from tests.optimize.reference import optimum
from tests.optimize.stability_cases import STABILITY_CASES, steady

BOTH = engine("both", role=Role.AGGREGATED)


def plan_of(problem: Problem, *sizes: list[int]) -> Incumbent:
    replicas = np.array(sizes)
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def sizes_of(plan: Incumbent) -> list[list[int]]:
    sizes: list[list[int]] = plan.solution.replicas.tolist()
    return sizes


@pytest.mark.parametrize(("most", "sizes"), [(64.0, [2, 2, 2, 2]), (63.0, [2, 1, 2, 2])])
def test_a_pool_stays_larger_where_that_costs_little_enough(most: float, sizes: list[int]) -> None:
    """2, 1, 2, 2 replicas at 8 USD are 56 USD and two changes; 2 all day are 64 USD."""
    problem = steady([20.0, 10.0, 20.0, 20.0])
    before = plan_of(problem, [2, 1, 2, 2])
    calm = calmness(problem, before)
    assert (calm.changes, calm.objective) == (2, 56.0)
    found, _ = fewer_changes(problem, before, most, never)
    assert sizes_of(found) == [sizes]


def test_the_frontier_goes_on_beyond_what_may_be_spent() -> None:
    problem = steady([20.0, 10.0, 20.0, 20.0])
    before = plan_of(problem, [2, 1, 2, 2])
    found, frontier = fewer_changes(problem, before, 56.0, never, whole=True)
    assert sizes_of(found) == [[2, 1, 2, 2]]
    assert [(each.changes, each.objective) for each in frontier] == [(2, 56.0), (0, 64.0)]


def two_spines() -> Fleet:
    return fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}})


def test_a_workload_does_not_move_to_another_spine_at_midnight() -> None:
    """One replica, on l1 in the morning and on l2 in the evening: four changes for nothing."""
    load = workload(rps=[10.0] * 4, engines=(BOTH,))
    problem = problem_of(scenario([load], in_fleet=two_spines()))
    moving = plan_of(problem, [1, 1, 0, 0], [0, 0, 1, 1])
    found, _ = fewer_changes(problem, moving, moving.cost, never)
    changes = [problem.changes(plan.solution.replicas).sum() for plan in (moving, found)]
    assert changes == [4, 0]


def test_a_workload_stays_where_it_runs_when_the_horizon_begins() -> None:
    """It ran on l2; on l1 all day it would change two pools at the beginning."""
    load = workload(rps=[10.0] * 4, engines=(BOTH,))
    problem = problem_of(scenario([load], in_fleet=two_spines(), cyclic=False))
    problem = replace(problem, before=np.array([0, 1]))
    moved = plan_of(problem, [1, 1, 1, 1], [0, 0, 0, 0])
    assert problem.changes(moved.solution.replicas).sum() == 2
    found, _ = fewer_changes(problem, moved, moved.cost, never)
    assert sizes_of(found) == [[0, 0, 0, 0], [1, 1, 1, 1]]


@pytest.mark.parametrize("seed", range(3200, 3212))
def test_service_and_rows_are_kept_and_no_more_is_spent(seed: int) -> None:
    problem = random_problem(seed)
    plan = incumbent(problem, solve(problem, gap=0.0, time_limit_s=5.0).solution)
    found, _ = fewer_changes(problem, plan, 1.05 * plan.cost, never)
    assert not list(faults_of(problem, found))
    assert found.rank[:-1] <= plan.rank[:-1]
    assert found.cost <= 1.05 * plan.cost * (1 + 1e-9)
    before, after = (problem.changes(each.solution.replicas).sum() for each in (plan, found))
    assert after <= before


@pytest.mark.parametrize("name", STABILITY_CASES)
def test_hand_cases_are_solved(name: str) -> None:
    """See `stability_cases`."""
    case = STABILITY_CASES[name]
    found = solve(case.make(), gap=0.0, time_limit_s=5.0)
    assert (found.objective, found.unserved) == (pytest.approx(case.cost), case.unserved)


@pytest.mark.parametrize("seed", range(3300, 3320))
def test_rules_are_kept_at_nearly_the_least_cost(seed: int) -> None:
    """Within 5 % of one MIP that knows them, at the same shortage."""
    draw = np.random.default_rng(seed)
    min_run, max_changes = int(draw.integers(1, 4)), int(draw.integers(0, 4))
    problem = random_problem(seed)
    ruled = (replace(w, min_run=min_run, max_changes=max_changes) for w in problem.workloads)
    problem = replace(problem, workloads=tuple(ruled))
    found, best = solve(problem, gap=0.004, time_limit_s=5.0), optimum(problem)
    assert not incumbent(problem, found.solution).broken
    assert found.unserved == pytest.approx(best.unserved, rel=0.01, abs=1.0)
    assert best.cost * (1 - 1e-6) <= found.objective <= 1.05 * best.cost + 1e-9
    assert found.bound <= best.cost * (1 + 1e-6)


@pytest.mark.parametrize(("steps", "nodes"), [(3, 3 * NODES_A_STEP), (None, None)])
def test_the_mip_with_rules_counts_nodes_where_steps_are_counted(
    steps: int | None, nodes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a case of a sweep, or a fleet that a size tries, would take all the time there is."""
    efforts: list[Effort] = []

    def put(search: Search, problem: Problem, plan: Incumbent, effort: Effort) -> None:
        efforts.append(effort)
        put_better_of_mip(search, problem, plan, effort)

    monkeypatch.setattr(last_pass, "put_better_of_mip", put)
    problem = steady([10.0, 20.0, 10.0, 10.0], Stability(min_run_s=7200))
    found = solve(problem, gap=0.0, time_limit_s=20.0, steps=steps)
    assert problem.cost(found.solution.replicas) == 48.0
    assert [each.nodes for each in efforts] == [nodes]


def test_where_no_plan_keeps_what_runs_now_that_is_said() -> None:
    """Two replicas run, one node is left, which holds one of them: a change that is not allowed."""
    load = workload(rps=[10.0] * 2, engines=(engine("both", role=Role.AGGREGATED, gpus=8),))
    made = scenario(
        [replace(load, stability=Stability(max_changes=0))],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
        cyclic=False,
    )
    problem = replace(problem_of(made), before=np.array([2]))
    with pytest.raises(NoPlanError, match="min_run and max_changes"):
        solve(problem, time_limit_s=5.0)
