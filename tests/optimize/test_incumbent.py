"""How plans are ranked: limits, then shortage by priority in whole requests, then cost."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize.incumbent import Incumbent, incumbent, unserved_share
from heteroplan.optimize.program.problem import Problem, Solution
from tests.builders import SHAPE, engine, scenario, workload
from tests.optimize.case import problem_of

HOUR = 3600
NOTHING = Solution(np.zeros((0, 1), dtype=np.int64), ())


def plan(broken: float, unserved: Mapping[int, float], cost: float) -> Incumbent:
    return Incumbent(NOTHING, broken, dict(unserved), cost)


def test_limits_come_before_urgent_requests_before_others_before_cost() -> None:
    """From the best to the worst; priority 1 comes before 2 in whatever order they are named."""
    ranked = [
        plan(0, {2: 0, 1: 0}, 90),
        plan(0, {2: 0, 1: 0}, 91),
        plan(0, {2: 7, 1: 0}, 5),
        plan(0, {2: 9, 1: 0}, 4),
        plan(0, {2: 0, 1: 3}, 3),
        plan(0.5, {2: 0, 1: 0}, 2),
        plan(1, {2: 0, 1: 0}, 1),
    ]
    for better, worse in pairwise(ranked):
        assert better.rank < worse.rank
    assert ranked[3].rank == (0, 0, 9, 4)


@pytest.mark.parametrize(
    ("requests", "counted"),
    [
        (0.0, 0),
        (0.005, 0),
        (0.01, 0),
        (0.02, 1),
        (1.0, 1),
        (1.009, 1),
        (1.02, 2),
        (6.5, 7),
        (3_000_000.0, 2_999_997),
        (3_000_004.0, 3_000_001),
    ],
)
def test_shortage_counts_in_whole_requests_less_noise(requests: float, counted: int) -> None:
    """A hundredth of a request and a millionth of all are noise."""
    assert plan(0, {1: requests}, 0).rank == (0, counted, 0)


@pytest.mark.parametrize(
    ("broken", "unserved", "covered"),
    [(0, {1: 0.0, 2: 0.0}, True), (0, {1: 0.0, 2: 0.004}, False), (0.5, {1: 0.0}, False)],
)
def test_a_plan_covers_demand_where_nothing_is_unserved_or_broken(
    broken: float, unserved: Mapping[int, float], covered: bool
) -> None:
    assert plan(broken, unserved, 1).covered == covered


def two_workloads() -> Problem:
    """`a` asks for 20, 0 and 10 requests/s, three quarters of class x; `b` for 4 at priority 3.

    Prefill and decode of 4 GPUs cost 8 USD an hour and 6 a start; at most two replicas decode.
    """
    classes = (replace(SHAPE, name="x", share=0.75), replace(SHAPE, name="y", share=0.25))
    slow = [engine(role.value, role=role, startup_s=2700.0) for role in Role]
    return problem_of(
        scenario(
            [
                workload(
                    "a",
                    rps=[20.0, 0.0, 10.0],
                    engines=slow[:2],
                    classes=classes,
                    max_replicas={Role.DECODE: 2},
                ),
                workload("b", rps=[0.0, 4.0, 4.0], engines=slow[2:], priority=3),
            ]
        )
    )


def solution(problem: Problem, decoded: Sequence[Sequence[float]], serving: float) -> Solution:
    """Sizes 1 0 1 of `a`'s prefill, 3 0 1 of its decode and 0 1 1 of `b`'s.

    `decoded` [class][t] of `a`; b serves `serving` of its second interval and all of its third.
    """
    by_role = {
        Role.PREFILL: ([1, 0, 1], np.ones((2, 3))),
        Role.DECODE: ([3, 0, 1], np.array(decoded)),
        Role.AGGREGATED: ([0, 1, 1], np.array([[0.0, serving, 1.0]])),
    }
    return Solution(
        np.array([by_role[pool.role][0] for pool in problem.pools]),
        tuple(by_role[pool.role][1] for pool in problem.pools),
    )


def test_a_plan_says_what_it_breaks_leaves_unserved_and_costs() -> None:
    """Of `a` a fifth of 15 and a half of 5 requests/s in one hour, a tenth of 2.5 in another.

    What prefill takes on does not count. 8 replica-hours at 8 USD; 1 + 3 + 1 start; a decode
    replica too many.
    """
    problem = two_workloads()
    found = incumbent(problem, solution(problem, [[0.8, 0, 1], [0.5, 0, 0.9]], 0.75))
    assert found.broken == 1
    assert found.unserved == pytest.approx({1: (3 + 2.5 + 0.25) * HOUR, 3: HOUR})
    assert found.cost == pytest.approx(8 * 8 + 5 * 6)


def test_the_share_left_unserved_is_that_of_the_class_worst_off() -> None:
    problem = two_workloads()
    found = incumbent(problem, solution(problem, [[0.8, 0, 0.7], [0.5, 0, 0.9]], 0.75))
    assert unserved_share(problem, 0, found).tolist() == pytest.approx([0.5, 0.0, 0.3])
    assert unserved_share(problem, 1, found).tolist() == pytest.approx([0.0, 0.25, 0.0])


def test_what_a_solver_rounds_off_is_served() -> None:
    """A part in a million of a class is its tolerance; three parts are not."""
    problem = two_workloads()
    found = incumbent(problem, solution(problem, [[1 - 1e-6, 0, 1], [1, 0, 1 - 3e-6]], 1.0))
    assert unserved_share(problem, 0, found).tolist() == pytest.approx([0.0, 0.0, 3e-6])
    assert found.unserved == pytest.approx({1: 3e-6 * 2.5 * HOUR, 3: 0.0})
