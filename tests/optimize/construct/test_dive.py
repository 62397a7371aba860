"""Diving: workloads placed one after another, with the LP of the rest in between."""

from collections.abc import Sequence
from time import monotonic

import numpy as np
import pytest

from heteroplan.clock import never, silent
from heteroplan.entities.workload import Engine, Role
from heteroplan.optimize.construct.all_workloads import by_size
from heteroplan.optimize.construct.dive import DIVE, Alternative, Dives, _cost_of_left, follow
from heteroplan.optimize.construct.task import task_of
from heteroplan.optimize.incumbent import Incumbent
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.search import Search
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.plan_checks import faults_of
from tests.optimize.random_cases import random_problem
from tests.optimize.reference import optimum

COVERED = (4002, 4006, 4012, 4014, 4021, 4028, 4033, 4036)
"""Seeds of programs that can serve everything."""


def search_of(problem: Problem, seconds: float = 60.0) -> Search:
    return Search(problem, 0.0, monotonic() + seconds, never, silent)


def dived(problem: Problem, order: Sequence[int] | None = None) -> Incumbent:
    dives = Dives.of(search_of(problem), order or by_size(problem)[::-1])
    assert dives is not None
    return dives.dive(0.4)


def cheap_and_dear(*rps: float, nodes: tuple[int, int] = (2, 8)) -> Problem:
    """Two workloads; 8 or 24 USD a replica of one request/s and a node; one of them gains more.

    Workload b serves only half a request/s on a dear replica.
    """
    types = [
        node_type("cheap", gpu="C", usd_per_gpu_hour=1.0),
        node_type("dear", gpu="D", usd_per_gpu_hour=3.0),
    ]

    def engines(on_dear: float) -> list[Engine]:
        return [
            engine(f"on-{gpu}", role=Role.AGGREGATED, gpu=gpu, gpus=8, capacity_rps=capacity)
            for gpu, capacity in (("C", 1.0), ("D", on_dear))
        ]

    made = scenario(
        [
            workload("a", rps=rps, engines=engines(1.0)),
            workload("b", rps=rps, engines=engines(0.5)),
        ],
        in_fleet=fleet({"l1": {"cheap": nodes[0], "dear": nodes[1]}}, node_types=types),
    )
    return problem_of(made)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_whoever_comes_first_leaves_what_the_other_would_miss_more(order: tuple[int, int]) -> None:
    """2 cheap nodes: a on dear ones costs 2 x 24, b would need 4; 2 x 8 + 2 x 24 an hour."""
    problem = cheap_and_dear(2.0, 2.0)
    plan = dived(problem, order=order)
    assert plan.covered
    assert plan.cost == pytest.approx(2 * (2 * 8.0 + 2 * 24.0))


def test_random_programs_keep_every_rule_and_come_near_the_optimum() -> None:
    """Most within five percent; none below it."""
    near = 0
    for seed in COVERED:
        problem = random_problem(seed)
        plan, best = dived(problem), optimum(problem)
        assert faults_of(problem, plan) == []
        if plan.covered:
            assert plan.cost >= best.cost * (1 - 1e-6)
        near += plan.covered and plan.cost <= 1.05 * best.cost
    assert near >= len(COVERED) - 2


def test_when_time_is_out_nothing_more_is_placed() -> None:
    problem = cheap_and_dear(2.0, 2.0)
    dives = Dives.of(search_of(problem), (0, 1))
    assert dives is not None
    dives.search = search_of(problem, seconds=-1.0)
    assert not dives.dive(0.4).solution.replicas.any()
    assert not dives.near_guide().solution.replicas.any()
    assert Dives.of(dives.search, (0, 1)) is None


def test_near_the_guide_random_programs_keep_every_rule_and_come_near_the_optimum() -> None:
    """Most within ten percent; none below it."""
    near = 0
    for seed in COVERED:
        problem = random_problem(seed)
        dives = Dives.of(search_of(problem), by_size(problem)[::-1])
        assert dives is not None
        plan, best = dives.near_guide(), optimum(problem)
        assert faults_of(problem, plan) == []
        if plan.covered:
            assert plan.cost >= best.cost * (1 - 1e-6)
        near += plan.covered and plan.cost <= 1.1 * best.cost
    assert near >= len(COVERED) - 2


def test_a_dive_begins_only_where_it_may_end_in_time() -> None:
    problem = cheap_and_dear(2.0, 2.0)
    dives = Dives.of(search_of(problem, seconds=1000.0), (0, 1))
    assert dives is not None
    dives.took_s = 900.0 / DIVE
    assert dives.time_for_one()
    dives.took_s = 1100.0 / DIVE
    assert not dives.time_for_one()


def test_of_two_ways_the_one_with_the_cheaper_rest() -> None:
    """a on cheap nodes costs less itself, but leaves b the dear ones: 2 x 8 + 4 x 24 an hour."""
    problem = cheap_and_dear(2.0, 2.0)
    pools = {problem.pools[p].node_type: p for p in problem.workloads[0].pools}
    ways = []
    for name in ("cheap", "dear"):
        replicas = np.zeros((len(problem.pools), 2), dtype=np.int64)
        replicas[pools[name]] = 2
        ways.append(Alternative(replicas, 0.0))
    everywhere = {(1, group) for group in problem.groups(1)}
    sizes, near = follow(search_of(problem), ways, [1], everywhere)
    assert sizes is ways[1].replicas
    assert near is not None
    assert near.cost == pytest.approx(2 * 2 * 8.0)


def test_a_way_that_serves_more_comes_first() -> None:
    problem = cheap_and_dear(2.0, 2.0)
    nothing = np.zeros((len(problem.pools), 2), dtype=np.int64)
    ways = [Alternative(nothing, 1.0), Alternative(nothing.copy(), 0.0)]
    assert follow(search_of(problem), ways, [], set())[0] is ways[1].replicas


@pytest.mark.parametrize(("left", "chosen"), [(1.0, "cheap"), (4.0, "dear")])
def test_what_little_is_left_is_dear_but_not_at_any_price(left: float, chosen: str) -> None:
    """2 x 8 USD an hour, or 2 x 24 and nothing left, two hours: 20 times what is left, or 64."""
    problem = cheap_and_dear(2.0, 2.0)
    pools = {problem.pools[p].node_type: p for p in problem.workloads[0].pools}
    ways = {}
    for name, unserved in (("dear", 0.0), ("cheap", left)):
        replicas = np.zeros((len(problem.pools), 2), dtype=np.int64)
        replicas[pools[name]] = 2
        ways[name] = Alternative(replicas, unserved)
    assert follow(search_of(problem), list(ways.values()), [], set())[0] is ways[chosen].replicas


@pytest.mark.parametrize("rps", [(10.0,), (10.0, *(0.0,) * 22, 10.0), (10.0,) * 24])
def test_what_is_left_costs_no_less_than_serving_it(rps: tuple[float, ...]) -> None:
    """Nothing placed is all left: 10 cheap replicas of 8 USD an hour with demand."""
    problem = cheap_and_dear(*rps, nodes=(40, 0))
    nothing = np.zeros((len(problem.pools), len(rps)), dtype=np.int64)
    task = task_of(problem, 0, nothing, np.zeros(nothing.shape))
    hours = sum(rate > 0 for rate in rps)
    assert _cost_of_left(task, (float(hours), 0.0)) == pytest.approx(hours * 80.0)
    assert _cost_of_left(task, (0.5 * hours, hours * 80.0)) == pytest.approx(hours * 40.0)
    assert _cost_of_left(task, (0.0, hours * 80.0)) == 0.0
