"""Sizes that keep `min_run` and `max_changes`: exact for one pool, by hand and by enumeration."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from heteroplan.entities.workload import Role, Stability
from heteroplan.optimize.improve.kept_sizes import keep_sizes
from heteroplan.optimize.incumbent import incumbent
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Ints, Problem, Solution
from heteroplan.optimize.rules.changes import breaks_stability
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of


def one_pool(
    rps: Sequence[float], rules: Stability, *, nodes: int = 3, cyclic: bool = True
) -> Problem:
    """A workload whose replicas of 4 GPUs serve 10 requests/s, an interval an hour; 2 USD a GPU."""
    both = engine("both", role=Role.AGGREGATED, startup_s=1800.0)
    load = replace(workload(rps=rps, engines=(both,)), stability=rules)
    return problem_of(scenario([load], in_fleet=fleet({"l1": {"h100x8": nodes}}), cyclic=cyclic))


def kept(problem: Problem, sizes: Sequence[int]) -> list[int]:
    replicas = np.array([sizes])
    plan = incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))
    found: list[int] = keep_sizes(problem, plan).solution.replicas[0].tolist()
    return found


@pytest.mark.parametrize(
    ("sizes", "rules", "expected"),
    [
        ([1, 2, 1, 1], Stability(), [1, 2, 1, 1]),
        ([1, 2, 1, 1, 1], Stability(min_run_s=7200), [1, 2, 2, 1, 1]),
        ([1, 3, 1, 2, 1, 1], Stability(min_run_s=3 * 3600), [1, 3, 3, 3, 1, 1]),
        ([1, 3, 1, 3, 1, 1], Stability(max_changes=2), [1, 3, 3, 3, 1, 1]),
        ([1, 3, 1, 1], Stability(max_changes=1), [3, 3, 3, 3]),
        ([1, 3, 1, 1], Stability(max_changes=0), [3, 3, 3, 3]),
    ],
)
def test_replicas_stop_later_or_start_earlier(
    sizes: list[int], rules: Stability, expected: list[int]
) -> None:
    problem = one_pool([10.0 * n for n in sizes], rules)
    assert kept(problem, sizes) == expected


def test_without_room_a_pool_is_smaller_and_the_rest_unserved() -> None:
    """2 nodes hold 4 replicas, in the third hour 2 of them are away: the pool has 2 all day."""
    problem = one_pool([10.0, 40.0, 10.0, 10.0], Stability(max_changes=0), nodes=2)
    row = problem.supplies[0]
    tight = replace(problem, supplies=(replace(row, gpus=np.array([16, 16, 8, 16])),))
    pool = replace(tight.pools[0], most=np.array([4, 4, 2, 4]))
    tight = replace(tight, pools=(pool,))
    replicas = np.array([[1, 4, 1, 1]])
    plan = incumbent(tight, Solution(replicas, mixed_flow(tight, replicas)))
    found = keep_sizes(tight, plan)
    assert found.solution.replicas.tolist() == [[2, 2, 2, 2]]
    assert found.unserved == pytest.approx({1: 20.0 * 3600})
    assert not found.broken


def cheapest(problem: Problem, sizes: Ints) -> float:
    """Least cost of sizes that are no smaller and keep the rules, by enumeration."""
    top = int(sizes.max())
    ranges = [range(int(n), top + 1) for n in sizes]
    costs = (
        problem.cost(np.array([found]))
        for found in product(*ranges)
        if not breaks_stability(problem, problem.workloads[0], 0, np.array(found))
    )
    return min(costs, default=np.inf)


@pytest.mark.parametrize("seed", range(40))
def test_no_larger_sizes_that_keep_the_rules_cost_less(seed: int) -> None:
    """Of 6 intervals of an hour, or of 8 in two days; where no larger ones do, some are smaller."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 4, 6)
    rules = Stability(
        min_run_s=3600 * int(draw.integers(0, 4)),
        max_changes=int(draw.integers(0, 5)) if draw.random() < 0.6 else None,
        change_cost_usd=float(draw.choice((0.0, 3.0))),
    )
    problem = one_pool([10.0 * int(n) for n in sizes], rules, cyclic=draw.random() < 0.6)
    if seed % 4 == 0:
        problem = replace(problem, hours=8.0)
    if not problem.cyclic and seed % 3 == 0:
        problem = replace(problem, before=np.array([2]))
    found = np.array(kept(problem, sizes.tolist()))
    work = problem.workloads[0]
    assert not breaks_stability(problem, work, 0, found)
    best = cheapest(problem, sizes)
    if not breaks_stability(problem, work, 0, sizes):
        assert (found == sizes).all()
    elif np.isfinite(best):
        assert (found >= sizes).all()
        assert problem.cost(found[None, :]) <= best * (1 + 1e-9)
    else:
        assert (found < sizes).any()
