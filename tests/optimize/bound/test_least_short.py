"""What single intervals prove of demand that no plan serves."""

from functools import partial

import numpy as np
import pulp
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize.bound.least_short import NODES, least_unserved
from heteroplan.optimize.bound.relaxation import relax
from heteroplan.optimize.construct.all_workloads import by_size, place_all
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Problem, Solution
from heteroplan.optimize.solve import solve
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Answer, Effort, Verdict
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


@pytest.mark.parametrize("interval_s", [900, 3600, 14_400])
def test_the_margin_is_a_share_of_the_requests_of_an_interval(interval_s: int) -> None:
    """40 rps are served; of 1e-4 more all but 3e-6 of the requests are proven to be lost."""
    problem = problem_of(scenario([workload(rps=[40.0 * (1 + 1e-4)])], interval_s=interval_s))
    lost = 40.0 * interval_s * (1e-4 - 3e-6)
    assert proven(problem) == pytest.approx(lost, rel=2e-3)


def test_the_margin_counts_what_all_workloads_ask_for() -> None:
    """40 rps are served of 20 and 20 and 1.2e-4 beside: of that 3e-6 of 40 may be missed."""
    loads = [workload(name, rps=[20.0 + 6e-5]) for name in ("a", "b")]
    lost = (1.2e-4 - 3e-6 * 40.0) * HOUR_S
    assert proven(problem_of(scenario(loads))) == pytest.approx(lost, abs=0.02)


def test_without_whole_replicas_only_fractions_prove() -> None:
    """Two workloads on one node: half a replica of each role would do in every hour but one."""
    loads = [workload(name, rps=[5.0, 15.0]) for name in ("a", "b")]
    problem = problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 1}})))
    plan = nothing(problem)
    in_fractions = list(least_unserved(problem, plan, Effort(), whole=False))
    assert in_fractions == pytest.approx([20 * HOUR_S], rel=1e-4)
    in_whole = list(least_unserved(problem, plan, Effort()))
    assert in_whole == pytest.approx([20 * HOUR_S, 25 * HOUR_S], rel=1e-4)


def runs_of(monkeypatch: pytest.MonkeyPatch, answer: Answer | None = None) -> list[bool]:
    """For each run of the solver whether it is of whole replicas; `answer` is what it answers."""
    found: list[bool] = []
    run = solver.run

    def noted(lp: pulp.LpProblem, effort: Effort, *, integer: bool) -> Answer:
        found.append(integer)
        assert effort.nodes == NODES
        return answer or run(lp, effort, integer=integer)

    monkeypatch.setattr(solver, "run", noted)
    return found


def test_only_intervals_that_the_plan_leaves_short_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pair serves 10 rps: that is all in the second and third hour, where nothing is lost.

    Fractions serve all of the others, so that each is tried with whole replicas as well.
    """
    problem = problem_of(scenario([workload(rps=[12.0, 10.0, 0.0, 20.0])]))
    sizes = np.ones((2, 4), dtype=np.int64)
    plan = incumbent(problem, Solution(sizes, mixed_flow(problem, sizes)))
    runs = runs_of(monkeypatch)
    assert list(least_unserved(problem, plan, Effort())) == []
    assert runs == [False, False, True, True]


def test_intervals_that_fractions_lack_are_not_tried_with_whole_replicas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = problem_of(scenario([workload(rps=[47.0, 30.0])]))
    runs = runs_of(monkeypatch)
    assert len(list(least_unserved(problem, nothing(problem), Effort()))) == 1
    assert runs == [False, False, True]


def test_the_worst_interval_is_the_one_with_most_requests_lost() -> None:
    """100 rps of one workload in the first hour are more than 40 and 44 of two in the second."""
    loads = [workload("a", rps=[100.0, 40.0]), workload("b", rps=[0.0, 44.0])]
    problem = problem_of(scenario(loads))
    found = list(least_unserved(problem, nothing(problem), Effort()))
    assert found == pytest.approx([60 * HOUR_S, 104 * HOUR_S], rel=1e-4)


@pytest.mark.parametrize(
    ("verdict", "bound", "least"),
    [
        (Verdict.OPTIMAL, 2.0, True),
        (Verdict.LIMIT, 2.0, True),
        (Verdict.LIMIT, None, False),
        (Verdict.INFEASIBLE, 2.0, False),
    ],
)
def test_only_proven_bounds_count(
    monkeypatch: pytest.MonkeyPatch, verdict: Verdict, bound: float | None, least: bool
) -> None:
    """A search that ends early has a bound, too; one that fails says nothing."""
    problem = problem_of(scenario([workload(rps=[47.0])]))
    runs_of(monkeypatch, Answer(verdict, False, None, bound))
    assert any(least_unserved(problem, nothing(problem), Effort())) is least


def test_an_effort_that_is_over_proves_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked before each interval; what is proven by then stands."""
    problem = problem_of(scenario([workload(rps=[47.0, 48.0, 50.0])]))
    runs = runs_of(monkeypatch, Answer(Verdict.OPTIMAL, False, None, 2.0))
    for goes_on in range(4):
        answers = iter([False] * goes_on)
        effort = Effort(stop=partial(next, answers, True))
        runs.clear()
        assert len(list(least_unserved(problem, nothing(problem), effort))) == goes_on
        assert len(runs) == goes_on


def test_less_than_a_request_a_second_is_looked_at_as_well() -> None:
    """4 pairs of 0.1 rps for 0.5."""
    engines = [engine(role.value, role=role, capacity_rps=0.1) for role in list(Role)[:2]]
    problem = problem_of(scenario([workload(rps=[0.5], engines=engines)]))
    assert proven(problem) == pytest.approx(0.1 * HOUR_S, rel=1e-3)
