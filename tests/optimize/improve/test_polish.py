"""Neighbourhoods by hand, and against the optimum; nothing outside of them ever changes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize.bound.relaxation import MIP_MARGIN
from heteroplan.optimize.construct.all_workloads import place_all
from heteroplan.optimize.improve.polish import (
    Neighbourhood,
    polish,
    run_from,
    solve_mip,
)
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Ints, Problem, Solution
from heteroplan.optimize.rules.mip import Box
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Answer, Effort, Verdict
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.plan_checks import faults_of
from tests.optimize.random_cases import random_problem
from tests.optimize.reference import optimum

BOTH = engine("both", role=Role.AGGREGATED)
EXACT = Effort(gap=0.0)


def plan_of(problem: Problem, sizes: Sequence[Sequence[int]] | Ints) -> Incumbent:
    replicas = np.array(sizes, dtype=np.int64).reshape(len(problem.pools), problem.intervals)
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def polished(
    problem: Problem, start: Sequence[Sequence[int]], around: Neighbourhood
) -> list[object]:
    found = polish(problem, plan_of(problem, start), around, EXACT)
    return list(found.solution.replicas.tolist())


def three_workloads(startup_s: float = 0.0, *, cyclic: bool = True) -> Problem:
    """Each asks for 20 requests/s over six hours, of which a replica of 4 GPUs takes 10."""
    both = replace(BOTH, startup_s=startup_s)
    loads = [workload(name, rps=[20.0] * 6, engines=[both]) for name in "abc"]
    return problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 12}}), cyclic=cyclic))


@pytest.mark.parametrize(("radius", "sizes"), [(None, 2), (5, 2), (3, 2), (2, 3), (1, 4), (0, 5)])
def test_sizes_change_by_no_more_than_the_radius(radius: int | None, sizes: int) -> None:
    """5 replicas where 2 do, and 7 of others that are not asked about."""
    start = [[5] * 6, [7] * 6, [3] * 6]
    found = polished(three_workloads(), start, Neighbourhood((0,), None, radius))
    assert found == [[sizes] * 6, [7] * 6, [3] * 6]


@pytest.mark.parametrize(
    ("times", "sizes"),
    [
        ((2, 3), [5, 5, 2, 2, 5, 5]),
        ((0,), [2, 5, 5, 5, 5, 5]),
        ((5, 0), [2, 5, 5, 5, 5, 2]),
        ((0, 1, 2, 3, 4, 5), [2] * 6),
    ],
)
@pytest.mark.parametrize("startup_s", [0.0, 360.0])
def test_only_a_window_changes_which_may_go_around_the_day(
    times: tuple[int, ...], sizes: list[int], startup_s: float
) -> None:
    """A start of a tenth of an hour is cheaper than a replica for the hour."""
    problem = three_workloads(startup_s)
    start = [[5] * 6, [7] * 6, [3] * 6]
    around = Neighbourhood((0, 2), times)
    third = [2 if size == 2 else 3 for size in sizes]
    assert polished(problem, start, around) == [sizes, [7] * 6, third]


def test_starts_on_the_edge_of_a_window_are_paid_and_hold_gpus() -> None:
    """Up to 5 replicas; a start costs as much as 2.5 replica-hours, so that 1 hour is no saving.

    Three hours without 3 replicas save 9 replica-hours for 3 starts after them.
    """
    problem = three_workloads(9000.0)
    start = [[5] * 6, [2] * 6, [2] * 6]
    assert polished(problem, start, Neighbourhood((0,), (2,))) == start
    assert polished(problem, start, Neighbourhood((0,), (1, 2))) == start
    found = polished(problem, start, Neighbourhood((0,), (1, 2, 3)))
    assert found == [[5, 2, 2, 2, 5, 5], [2] * 6, [2] * 6]
    night = polished(three_workloads(9000.0, cyclic=False), start, Neighbourhood((0,), (4, 5)))
    assert night == [[5, 5, 5, 5, 2, 2], [2] * 6, [2] * 6]


def test_a_window_sees_what_starts_after_it_hold() -> None:
    """Supply of 6 replicas. `b` starts 4 at 4 and holds their GPUs from 2 on.

    At 2 and 3 `a` may have 2 replicas and lacks a third; at 1 there is room.
    """
    slow = replace(BOTH, startup_s=7200.0)
    loads = [
        workload("a", rps=[30.0] * 6, engines=[BOTH]),
        workload("b", rps=[0.0, 0.0, 0.0, 0.0, 40.0, 0.0], engines=[slow]),
    ]
    problem = problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 3}}), cyclic=False))
    start = [[1] * 6, [0, 0, 0, 0, 4, 0]]
    found = polished(problem, start, Neighbourhood((0,), (1, 2, 3)))
    assert found == [[1, 3, 2, 2, 1, 1], [0, 0, 0, 0, 4, 0]]


def test_shortage_counts_before_cost() -> None:
    start = [[1, 1, 5, 2, 2, 2], [2] * 6, [2] * 6]
    found = polished(three_workloads(), start, Neighbourhood((0,)))
    assert found == [[2] * 6] * 3


def test_a_workload_with_its_groups_opens_none_in_a_window() -> None:
    """One group at most: the rest of the day stands on l1, so the window stays there too."""
    load = workload(rps=[20.0] * 4, engines=[BOTH], max_groups=1)
    on = fleet({"l1": {"h100x8": 9}, "l2": {"h100x8": 9}})
    problem = problem_of(scenario([load], in_fleet=on))
    start = [[1, 1, 1, 1], [0, 0, 0, 0]]
    assert polished(problem, start, Neighbourhood((0,), (1, 2))) == [[1, 2, 2, 1], [0] * 4]
    two_groups = [[1, 1, 1, 1], [1, 1, 1, 1]]
    found = polish(problem, plan_of(problem, two_groups), Neighbourhood((0,)), EXACT)
    assert (found.broken, found.covered) == (0, True)


def test_nothing_to_change_leaves_the_plan() -> None:
    problem = three_workloads()
    best = plan_of(problem, [[2] * 6] * 3)
    assert polish(problem, best, Neighbourhood(()), EXACT) is best
    assert polish(problem, best, Neighbourhood((0, 1)), EXACT) is best


FEATURES = (
    None, "ratio_band", "replica_limits", "leads", "maintenance", "nested_supply", "divided",
    "max_groups", "anti_affinity", "already_running", "max_engines",
)  # fmt: skip


@pytest.mark.parametrize("feature", FEATURES)
def test_a_polished_plan_ranks_no_worse_and_keeps_what_is_outside(feature: str | None) -> None:
    """Some workloads, a window or the whole day, and 0 to 2 replicas up and down or any."""
    for seed in range(6):
        problem = random_problem(seed, feature)
        draw = np.random.default_rng(seed)
        start = place_all(
            problem,
            draw.uniform(0.0, 1.0, (len(problem.supplies), problem.intervals)),
            range(len(problem.workloads)),
        )
        workloads = np.flatnonzero(draw.random(len(problem.workloads)) < 0.7).tolist()
        first, length = draw.integers(0, problem.intervals), draw.integers(1, 4)
        window = [int(first + i) for i in range(length)]
        if problem.cyclic:
            window = [t % problem.intervals for t in window]
        times = tuple(dict.fromkeys(t for t in window if t < problem.intervals))
        radius = (None, 0, 1, 2)[int(draw.integers(4))]
        around = Neighbourhood(tuple(workloads), times if seed % 3 else None, radius)
        found = polish(problem, start, around, EXACT)
        assert found.rank <= start.rank
        assert not found.broken or start.broken
        assert faults_of(problem, found) == []
        change = found.solution.replicas - start.solution.replicas
        for p, pool in enumerate(problem.pools):
            inside = set(range(problem.intervals)) if around.times is None else set(around.times)
            outside = sorted(set(range(problem.intervals)) - inside)
            if pool.workload not in workloads:
                outside = list(range(problem.intervals))
                assert (found.solution.flow[p] == start.solution.flow[p]).all()
            assert not change[p, outside].any()
            assert radius is None or abs(change[p]).max() <= radius


@pytest.mark.parametrize("feature", [None, "ratio_band", "leads", "max_groups"])
def test_the_whole_day_of_all_workloads_is_solved_to_the_optimum(feature: str | None) -> None:
    for seed in range(20, 25):
        problem = random_problem(seed, feature)
        nothing = plan_of(
            problem, np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
        )
        found = polish(problem, nothing, Neighbourhood(tuple(range(len(problem.workloads)))), EXACT)
        best = optimum(problem)
        assert found.rank[:-1] == best.rank[:-1]
        assert found.cost == pytest.approx(best.cost, rel=1e-6, abs=1e-6)


def scarce() -> Problem:
    """Two nodes of two replicas each; 20, 30 and 10 requests/s of priorities 1, 3 and 3."""
    loads = [
        workload(name, rps=[rps], engines=[BOTH], priority=priority)
        for name, rps, priority in (("a", 20.0, 1), ("b", 30.0, 3), ("c", 10.0, 3))
    ]
    return problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 2}})))


def test_one_mip_proves_the_least_shortage_of_each_priority() -> None:
    """Four replicas serve 40: all of 20, and 20 of the 40 requests/s of priority 3."""
    found = solve_mip(scarce(), None, None, EXACT)
    assert found.solution is not None
    assert found.unserved_bound == pytest.approx({1: 0.0, 3: 20 * 3600}, rel=1e-6)
    assert found.bound == pytest.approx(4 * 4 * 2.0)
    assert found.bound is not None
    assert found.bound <= 32 * (1 - MIP_MARGIN / 2)


def test_bounds_hold_inside_the_box_alone() -> None:
    """With two replicas of `a` and two of `b` at least, 10 of `b` and 10 of `c` stay unserved."""
    low = np.array([[2], [2], [0]])
    found = solve_mip(scarce(), Box(low, low + 1), None, EXACT)
    assert found.solution is not None
    assert found.solution.replicas.tolist() == low.tolist()
    assert solve_mip(scarce(), Box(low + 1, low + 1), None, EXACT).solution is None


def test_from_a_plan_that_covers_demand_only_cost_is_minimised() -> None:
    """Of what runs when the horizon starts the cost of draining is part of the bound."""
    problem = replace(three_workloads(), fixed_cost=100.0)
    start = plan_of(problem, [[5] * 6] * 3)
    found = solve_mip(problem, None, start.solution, EXACT)
    assert found.unserved_bound == {}
    assert found.bound == pytest.approx(100 + 3 * 2 * 6 * 8)


@pytest.mark.parametrize(("bound", "calls"), [(10.0, [True]), (8.0, [True, False]), (9.95, [True])])
def test_a_start_that_comes_back_as_optimal_above_its_bound_is_solved_again(
    monkeypatch: pytest.MonkeyPatch, bound: float, calls: list[bool]
) -> None:
    """A gap of 1 % is asked for."""
    warm_calls = []

    def answered(_: object, __: Effort, *, integer: bool, warm: bool = False) -> Answer:
        assert integer
        warm_calls.append(warm)
        return Answer(Verdict.OPTIMAL, True, 10.0, bound)

    monkeypatch.setattr(solver, "run", answered)
    problem = three_workloads()
    run_from(build_model(problem), plan_of(problem, [[2] * 6] * 3).solution, Effort(gap=0.01))
    assert warm_calls == calls
