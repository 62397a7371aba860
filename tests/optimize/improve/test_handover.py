"""What starts before the horizon beside what ran then: by hand, and every tiny program by hand.

An interval is an hour and every start takes half of one, so that it holds its GPUs in the hour
before. Replicas have 4 GPUs at 2 USD an hour: 8 USD.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.fleet import Outage
from heteroplan.entities.scenario import Running
from heteroplan.entities.workload import Role
from heteroplan.optimize.improve.handover import starting_later
from heteroplan.optimize.incumbent import incumbent
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Problem, Solution
from heteroplan.optimize.solve import solve, solve_as_one_mip
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of

OLD = engine("old", role=Role.AGGREGATED, startup_s=1800.0)
NEW = engine("new", role=Role.AGGREGATED, startup_s=1800.0, capacity_rps=20.0)


def handed(
    rps: Sequence[float],
    ran: dict[str, int],
    *,
    nodes: int = 1,
    outages: Sequence[Outage] = (),
    startup_s: float = 1800.0,
) -> Problem:
    """One workload on one leaf of 8 GPUs a node; an old replica serves 10 requests/s, a new 20."""
    engines = tuple(replace(each, startup_s=startup_s) for each in (OLD, NEW))
    made = scenario(
        [workload(rps=rps, engines=engines)],
        in_fleet=fleet({"l1": {"h100x8": nodes}}, outages=outages),
        cyclic=False,
    )
    running = [Running("w", name, "h100x8", "l1", ()) for name, n in ran.items() for _ in range(n)]
    return problem_of(replace(made, current=tuple(running)))


def sizes(problem: Problem) -> dict[str, list[int]]:
    found = solve(problem, gap=0.0, time_limit_s=10)
    return {
        pool.engine: row.tolist()
        for pool, row in zip(problem.pools, found.solution.replicas, strict=True)
    }


def test_old_replicas_stay_until_there_is_room_for_a_new_one() -> None:
    """Two old ones hold all 8 GPUs. At 1:00 one suffices, and a new one starts beside it."""
    problem = handed([20.0, 10.0, 20.0, 20.0], {"old": 2})
    assert [row.free_before for row in problem.supplies] == [0]
    assert sizes(problem) == {"old": [2, 1, 0, 0], "new": [0, 0, 1, 1]}


def test_with_room_beside_it_the_new_one_starts_before_midnight() -> None:
    problem = handed([20.0, 10.0, 20.0, 20.0], {"old": 2}, nodes=2)
    assert [row.free_before for row in problem.supplies] == [8]
    assert sizes(problem) == {"old": [0] * 4, "new": [1] * 4}


def test_what_no_time_is_needed_for_may_start_at_once() -> None:
    problem = handed([20.0] * 3, {"old": 2}, startup_s=0.0)
    assert sizes(problem) == {"old": [0] * 3, "new": [1] * 3}


def test_demand_goes_short_where_nothing_can_start_before_midnight() -> None:
    """One old replica and none beside it: 30 requests/s at midnight, of which it serves 10.

    20 go short for an hour, and that is proven: nobody serves more.
    """
    problem = handed([30.0, 30.0], {"old": 1}, nodes=1)
    full = replace(problem, supplies=tuple(replace(row, free_before=0) for row in problem.supplies))
    found = solve(full, gap=0.0, time_limit_s=10)
    assert found.unserved == pytest.approx({1: 20.0 * 3600})
    assert found.least_unserved == pytest.approx(20.0 * 3600, rel=1e-3)
    assert found.solution.replicas[:, 0].tolist() == [1, 0]


def test_nodes_that_come_back_at_midnight_are_not_there_before() -> None:
    """Of two nodes one is away until midnight; the old replica holds half of the other."""
    start = scenario([workload()]).horizon.start
    outage = Outage("l1", "h100x8", 1, start - timedelta(hours=4), start)
    problem = handed([10.0] * 2, {"old": 1}, nodes=2, outages=(outage,))
    assert [row.free_before for row in problem.supplies] == [4]


def test_starts_of_the_least_urgent_come_later() -> None:
    """Both workloads would start one replica on the 4 GPUs that are free before midnight."""
    loads = [
        workload(name, rps=[10.0, 10.0], engines=(OLD,), priority=priority)
        for name, priority in (("late", 2), ("soon", 1))
    ]
    made = scenario(loads, in_fleet=fleet({"l1": {"h100x8": 1}}), cyclic=False)
    problem = problem_of(replace(made, current=()))
    tight = replace(problem, supplies=tuple(replace(r, free_before=4) for r in problem.supplies))
    replicas = np.array([[1, 1], [1, 1]])
    plan = incumbent(tight, Solution(replicas, mixed_flow(tight, replicas)))
    assert plan.broken == 4
    kept = starting_later(tight, plan)
    assert (kept.broken, kept.solution.replicas.tolist()) == (0, [[0, 1], [1, 1]])
    assert starting_later(tight, kept) is kept


def least(problem: Problem) -> tuple[float, ...]:
    """Rank of the best sizes, trying all of them, GPUs counted here."""
    assert problem.before is not None
    (row,) = problem.supplies
    most = [int(pool.most.max()) for pool in problem.pools]
    best: tuple[float, ...] | None = None
    ways = [range(n + 1) for n in most for _ in range(problem.intervals)]
    for flat in product(*ways):
        replicas = np.array(flat).reshape(len(most), problem.intervals)
        n = np.column_stack([problem.before, replicas])
        held = 4 * (n[:, 1:] + np.column_stack([np.maximum(0, np.diff(n))[:, 1:], [0, 0]]))
        if (held.sum(axis=0) > row.gpus).any():
            continue
        if 4 * np.maximum(0, n[:, 1] - n[:, 0]).sum() > (row.free_before or 0):
            continue
        rank = incumbent(problem, Solution(replicas, mixed_flow(problem, replicas))).rank
        best = rank if best is None else min(best, rank)
    assert best is not None
    return best


@pytest.mark.slow
@settings(max_examples=15)
@given(
    rps=st.lists(st.sampled_from([0.0, 10.0, 20.0, 30.0]), min_size=3, max_size=3),
    old=st.integers(0, 2),
    new=st.integers(0, 1),
    nodes=st.integers(1, 2),
)
def test_as_good_as_the_best_of_all_sizes(rps: list[float], old: int, new: int, nodes: int) -> None:
    if 4 * (old + new) > 8 * nodes:
        nodes = 2
    problem = handed(rps, {"old": old, "new": new}, nodes=nodes)
    expected = least(problem)
    for method in (solve, solve_as_one_mip):
        found = method(problem, gap=0.0, time_limit_s=10)
        rank = incumbent(problem, found.solution).rank
        assert rank == pytest.approx(expected, abs=1e-6)
        assert found.bound <= found.objective + 1e-6
