"""One MIP in the place of the method: the same promises, on cases that it solves at once."""

import numpy as np
import pytest

from heteroplan.entities.plan import Termination
from heteroplan.entities.workload import Loss, Role
from heteroplan.errors import NoPlanError
from heteroplan.optimize.improve.polish import MipResult
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solve import solve, solve_as_one_mip
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.instances import small
from tests.optimize.reference import optimum, optimum_or_none
from tests.optimize.test_solve import day

DOMAINS = (Loss.LEAF, Loss.SPINE)


def three_hours(nodes: int = 4) -> Problem:
    """One pair of replicas of 4 GPUs serves 10 requests/s; 5, 18 and 40 are asked for."""
    engines = [engine("p", role=Role.PREFILL, startup_s=900), engine("d", startup_s=900)]
    return problem_of(
        scenario(
            [workload(rps=[5.0, 18.0, 40.0], engines=engines)],
            in_fleet=fleet({"l1": {"h100x8": nodes}}),
        )
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_optimum_is_that_of_the_reference(seed: int) -> None:
    problem = problem_of(small(seed, DOMAINS, divided=False))
    best = optimum_or_none(problem)
    if best is None:
        with pytest.raises(NoPlanError):
            solve_as_one_mip(problem, gap=0.0)
        return
    found = solve_as_one_mip(problem, gap=0.0)
    assert found.unserved == pytest.approx(best.unserved, rel=1e-3, abs=0.5)
    assert found.objective == pytest.approx(best.cost, rel=1e-6)
    assert found.bound <= best.cost * (1 + 1e-6)
    assert found.termination is Termination.OPTIMAL


def test_a_shortage_that_cannot_be_helped_is_proved() -> None:
    """3 nodes are 3 pairs: 30 of 40 requests/s in the third hour, 36,000 requests short."""
    problem = three_hours(nodes=3)
    found = solve_as_one_mip(problem, gap=0.0)
    assert found.unserved == pytest.approx({1: 36_000.0})
    assert found.unserved_bound == pytest.approx({1: 36_000.0}, rel=1e-4)
    assert found.objective == pytest.approx(optimum(problem).cost)
    assert found.bound == pytest.approx(found.objective, rel=1e-5)
    assert found.termination is Termination.OPTIMAL


def test_it_is_no_worse_than_its_starts() -> None:
    """No time for the MIP: the start it is, with what the LP proves."""
    problem = three_hours()
    start = solve(problem).solution.replicas
    seen: list[float | None] = []
    found = solve_as_one_mip(
        problem,
        time_limit_s=0.0,
        starts=(np.zeros_like(start), start),
        progress=lambda cost, bound, seconds: seen.append(cost),
    )
    assert found.objective <= problem.cost(start)
    assert 0 < found.bound <= found.objective
    assert seen[:2] == [None, pytest.approx(problem.cost(start))]


def test_a_mip_that_proves_nothing_leaves_the_bound_to_the_lp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with a solver whose interface keeps its bound: unknown is not optimal."""
    problem = three_hours()
    best = solve(problem, gap=0.0)
    silent = MipResult(best.solution, None, {})
    monkeypatch.setattr("heteroplan.optimize.solve.solve_mip", lambda *args: silent)
    found = solve_as_one_mip(problem, gap=0.0)
    assert found.objective == best.objective
    assert 0 < found.bound < found.objective
    assert found.termination is Termination.TIME_LIMIT


def test_an_interrupt_ends_with_the_best_plan_so_far() -> None:
    problem = day()
    start = solve(problem, gap=0.5).solution.replicas
    found = solve_as_one_mip(problem, gap=0.0, starts=(start,), stop=lambda: True)
    assert found.termination is Termination.INTERRUPTED
    assert not any(found.unserved.values())
    assert 0 < found.bound <= found.objective <= problem.cost(start)


def test_a_program_without_pools_is_solved_without_a_word() -> None:
    """Nothing is asked for, and there is no A100 to serve it with."""
    engines = [engine(role=Role.AGGREGATED, gpu="A100")]
    found = solve_as_one_mip(problem_of(scenario([workload(rps=[0.0], engines=engines)])))
    assert (found.objective, found.termination) == (0.0, Termination.OPTIMAL)


def test_limits_that_no_plan_keeps_end_without_one() -> None:
    """Two prefill replicas of 4 GPUs wanted at all times, and a node of 8 GPUs for all."""
    made = scenario(
        [workload(min_replicas={Role.PREFILL: 2, Role.DECODE: 1})],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
    )
    with pytest.raises(NoPlanError, match="one MIP found no plan"):
        solve_as_one_mip(problem_of(made), time_limit_s=5.0)
