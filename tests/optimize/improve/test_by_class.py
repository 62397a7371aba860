"""Classes that are served apart: hand arithmetic, and never better than the optimum."""

from dataclasses import replace
from time import monotonic

import numpy as np
import pytest

from heteroplan.clock import never
from heteroplan.entities.workload import Role
from heteroplan.optimize.improve.by_class import (
    Configurations,
    by_class,
    most_expensive,
    with_classes,
)
from heteroplan.optimize.improve.repair import divided_again, repaired
from heteroplan.optimize.incumbent import Incumbent, of_sizes, resized, unserved_share
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers.solver import Effort
from tests.builders import SHAPE, engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.plan_checks import faults_of
from tests.optimize.random_cases import random_problem
from tests.optimize.reference import optimum

SHORT, LONG = replace(SHAPE, name="short", share=0.5), replace(SHAPE, name="long", share=0.5)
RATES = {("a", "short"): 10.0, ("a", "long"): 1.0, ("b", "short"): 1.0, ("b", "long"): 10.0}


def two_engines(
    rps: list[float], *, nodes: int = 30, startup_s: float = 0.0, cyclic: bool = True
) -> Problem:
    """Each on a node of 8 USD an hour; a serves short requests, b long ones ten times as fast."""
    engines = [
        engine(name, role=Role.AGGREGATED, gpu=name, gpus=8, startup_s=startup_s) for name in "ab"
    ]
    types = [node_type(name, gpu=name, usd_per_gpu_hour=1.0) for name in "ab"]
    made = scenario(
        [workload(rps=rps, engines=engines, classes=(SHORT, LONG))],
        in_fleet=fleet({"l1": {"a": nodes, "b": nodes}}, node_types=types),
        cyclic=cyclic,
    )
    return problem_of(made, RATES)


def apart(problem: Problem, sizes: list[list[int]], times: range | None = None) -> Incumbent:
    start = of_sizes(problem, np.array(sizes))
    return by_class(
        problem, start, 0, times or range(problem.intervals), Effort(), Configurations()
    )


def test_each_engine_serves_the_class_that_it_is_fast_at() -> None:
    """40 requests/s are 20 of each class: in the mix 22 replicas, apart 2 of each engine."""
    problem = two_engines([40.0])
    found = apart(problem, [[11], [11]])
    assert found.solution.replicas.tolist() == [[2], [2]]
    assert found.covered
    assert found.cost == pytest.approx(4 * 8)
    np.testing.assert_allclose(found.solution.flow[0][:, 0], [1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(found.solution.flow[1][:, 0], [0.0, 1.0], atol=1e-9)


def test_replicas_run_on_where_starting_them_again_costs_more() -> None:
    """20 requests/s of each class in two hours, none in one between.

    A replica costs 8 USD an hour, a start of two hours 16: it stays. One of six minutes does not.
    """
    stays = apart(two_engines([40.0, 0.0, 40.0], startup_s=7200.0, cyclic=False), [[11] * 3] * 2)
    assert stays.solution.replicas.tolist() == [[2, 2, 2]] * 2
    stops = apart(two_engines([40.0, 0.0, 40.0], startup_s=360.0, cyclic=False), [[11] * 3] * 2)
    assert stops.solution.replicas.tolist() == [[2, 0, 2]] * 2


def test_other_intervals_use_what_some_have_found() -> None:
    """Sizes are looked for in the first hour alone; the last asks for no more."""
    found = apart(two_engines([40.0, 60.0, 38.0]), [[11, 17, 11]] * 2, range(1))
    assert found.solution.replicas[:, [0, 2]].tolist() == [[2, 2], [2, 2]]
    assert found.covered


def test_a_plan_that_is_short_is_covered_where_it_can_be() -> None:
    """Two nodes of each type serve 3.6 requests/s in the mix, and 40 apart."""
    problem = two_engines([40.0], nodes=2)
    start = of_sizes(problem, np.array([[2], [2]]))
    assert not start.covered
    assert by_class(problem, start, 0, range(1), Effort(), Configurations()).covered


def test_a_plan_that_lacks_one_replica_is_covered_without_a_look() -> None:
    """Of b there is one at 1, where 20 requests/s of the long class take two."""
    found = by_class(*lacking_one(), 0, (), Effort(), Configurations())
    assert found.solution.replicas.tolist() == [[2, 2, 2], [2, 2, 2]]
    assert found.covered


def lacking_one() -> tuple[Problem, Incumbent]:
    """All of 40 requests/s are served apart at 0 and 2; in the mix six nodes would serve 10.9."""
    problem = two_engines([40.0] * 3, nodes=3)
    plan = apart(problem, [[2] * 3] * 2)
    assert plan.covered
    return problem, resized(problem, plan, np.array([[2, 2, 2], [2, 1, 2]]))


def test_other_sizes_leave_classes_apart_where_no_pool_shrinks() -> None:
    problem, plan = lacking_one()
    assert unserved_share(problem, 0, plan).astype(bool).tolist() == [False, True, False]
    grown = resized(problem, plan, np.array([[2, 2, 3], [2, 2, 2]]))
    assert unserved_share(problem, 0, grown)[[0, 2]].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(grown.solution.flow[0][:, 2], [1.0, 0.0], atol=1e-9)
    assert faults_of(problem, grown) == []


def test_other_sizes_are_mixed_where_that_serves_more() -> None:
    """40 requests/s take 22 replicas in the mix; the plan at hand serves none of them."""
    problem = two_engines([40.0])
    nothing = of_sizes(problem, problem.no_replicas())
    assert resized(problem, nothing, np.array([[11], [11]])).covered


def test_classes_are_divided_anew_among_pools_of_the_same_sizes() -> None:
    problem = two_engines([40.0] * 2, nodes=2)
    mixed = of_sizes(problem, np.array([[2, 2], [2, 2]]))
    assert not mixed.covered
    found = divided_again(problem, mixed, never, monotonic() + 60)
    assert found.covered
    assert (found.solution.replicas == mixed.solution.replicas).all()
    assert divided_again(problem, mixed, lambda: True, monotonic() + 60) is mixed


def test_a_repair_keeps_classes_apart() -> None:
    """In the mix there is no room to serve all with three nodes of each type."""
    problem, plan = lacking_one()
    found = repaired(problem, plan, [0], 0.0, never, monotonic() + 60)
    assert found.covered
    assert found.cost == pytest.approx(3 * 4 * 8)


def test_intervals_are_looked_at_where_the_plan_costs_most_beside_the_cheapest_engines() -> None:
    """40 and 20 requests/s take 4 and 2 replicas apart; the plan has 4, 6 and 22: 0, 4 and 18 more.

    Then those that were looked at less often come first.
    """
    problem = two_engines([40.0, 20.0, 40.0])
    plan = of_sizes(problem, np.array([[2, 3, 11], [2, 3, 11]]))
    assert most_expensive(problem, plan, 0, [], 2) == [2, 1]
    assert most_expensive(problem, plan, 0, [2, 1], 2) == [0, 2]


def test_only_workloads_that_have_a_choice_are_divided() -> None:
    assert with_classes(two_engines([40.0])) == [0]
    one = [workload(classes=(SHORT, LONG), engines=[engine("a", role=Role.AGGREGATED)])]
    assert with_classes(problem_of(scenario(one))) == []
    pair = [workload(classes=(SHORT, LONG))]
    assert with_classes(problem_of(scenario(pair))) == []


@pytest.mark.parametrize(
    "feature",
    [None, "leads", "already_running", "change_cost", "resilience", "divided"],
)
def test_no_plan_is_worse_or_breaks_a_rule_or_costs_less_than_the_optimum(
    feature: str | None,
) -> None:
    """From what the mix needs, on random programs with classes, all workloads after one another."""
    seen = better = 0
    for seed in range(400):
        problem = random_problem(seed, feature)
        divided = with_classes(problem)
        if not divided:
            continue
        best = optimum(problem)
        plan = start = of_sizes(problem, problem.no_replicas())
        for w in divided:
            plan = by_class(problem, plan, w, range(problem.intervals), Effort(), Configurations())
        assert faults_of(problem, plan) == []
        assert best.rank[:-1] <= plan.rank[:-1] <= start.rank[:-1]
        if plan.rank[:-1] == best.rank[:-1]:
            assert plan.cost >= best.cost * (1 - 1e-6)
        seen += 1
        better += plan.rank < start.rank
        if seen == 8:
            break
    assert seen == 8
    assert better >= 3
