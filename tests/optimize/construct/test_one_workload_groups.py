"""Groups sized again: never less served, never dearer, and never where limits tie the sizes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.construct.one_workload import is_loose, refit
from heteroplan.optimize.construct.task import task_of
from heteroplan.optimize.improve.two_groups import regroup
from heteroplan.optimize.program.mix import group_cover
from heteroplan.optimize.program.prices import pool_prices, start_prices
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.rules import broken_limits, open_pools
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import changed_by, place_beside, problem_of
from tests.optimize.random_cases import random_problem

TIED = ("ratio_band", "divided", "resilience")
"""Features that tie sizes to one another or to nodes."""
LIMITED = ("replica_limits", "replica_minima", "max_groups", "max_engines", "anti_affinity")


def lacking(problem: Problem, w: int, replicas: Ints) -> float:
    """Demand that a workload's groups leave unserved, summed over the day."""
    asked = problem.workloads[w].rps.sum(axis=0) > 0
    served = np.zeros(problem.intervals)
    for members in problem.groups(w).values():
        served = served + group_cover(problem, members, replicas)
    return float(np.maximum(0.0, asked - served).sum())


def cost_at(problem: Problem, w: int, replicas: Ints, held_price: Floats) -> float:
    """Running and starts of a workload's pools, and what the GPUs they hold cost beside."""
    starts, price = problem.starts(replicas), start_prices(problem, held_price)
    total = 0.0
    for p in problem.workloads[w].pools:
        pool = problem.pools[p]
        total += float((pool.run_cost + held_price[p]) @ replicas[p])
        total += float(price[p] @ starts[p])
    return total


def wasteful(problem: Problem, draw: np.random.Generator) -> Ints:
    """A plan that fits, with some replicas too many and some missing."""
    free = np.zeros((len(problem.pools), problem.intervals))
    replicas = np.zeros(free.shape, dtype=np.int64)
    for w in range(len(problem.workloads)):
        place_beside(problem, w, replicas, free)
    for _ in range(3 * len(problem.pools)):
        p, t = int(draw.integers(len(problem.pools))), int(draw.integers(problem.intervals))
        tried = replicas.copy()
        tried[p, t] = max(0, tried[p, t] + int(draw.choice((-1, 1, 1, 2))))
        if all((left >= 0).all() for left in problem.residual(tried)):
            replicas = tried
    return replicas


def cases(first: int, feature: str | None = None) -> Iterator[tuple[int, Problem, Ints, Floats]]:
    """Seeds, programs, plans that fit, and prices of GPUs, none on every other seed."""
    for seed in range(first, first + 10):
        draw = np.random.default_rng(seed)
        problem = random_problem(seed, feature)
        replicas = wasteful(problem, draw)
        of_row = draw.uniform(0.0, 2.0, (len(problem.supplies), problem.intervals))
        yield seed, problem, replicas, pool_prices(problem, of_row * (seed % 2))


def changed(
    change: Callable[..., Ints],
    problem: Problem,
    w: int,
    replicas: Ints,
    held_price: Floats,
) -> tuple[float, float, float]:
    """Cost of workload w after a change and before, and demand that it serves less [intervals].

    No other workload's sizes change, all fits, and no less is served.
    """
    before = replicas.copy()
    changed_by(change, problem, w, replicas, held_price)
    others = np.delete(np.arange(len(problem.pools)), list(problem.workloads[w].pools))
    assert (replicas[others] == before[others]).all()
    assert all((left >= 0).all() for left in problem.residual(replicas))
    served_less = lacking(problem, w, replicas) - lacking(problem, w, before)
    assert served_less <= COVER_TOLERANCE * (1 + problem.intervals)
    cost, was = (cost_at(problem, w, each, held_price) for each in (replicas, before))
    return cost, was, served_less


@pytest.mark.parametrize("feature", [None, "nested_supply", "already_running", *LIMITED])
def test_a_workload_by_itself_costs_holds_and_may_open_what_it_does_among_all(
    feature: str | None,
) -> None:
    for seed, problem, replicas, held_price in cases(7300, feature):
        for w, work in enumerate(problem.workloads):
            task = task_of(problem, w, replicas, held_price)
            own = replicas[task.pools]
            left = problem.residual_of(work.pools, replicas)
            assert np.array_equal(
                list(left.values()), list(task.left(range(len(own)), own).values())
            ), seed
            open_to_it = {task.pools[i] for i in task.open_pools(own)}
            assert open_to_it == open_pools(problem, w, replicas), seed
            cost = cost_at(problem, w, replicas, held_price)
            assert task.cost(range(len(own)), own) == pytest.approx(cost), seed


@pytest.mark.parametrize("feature", [None, "leads", "nested_supply", "already_running"])
@pytest.mark.parametrize("first", [7000, 7010])
def test_no_less_is_served_and_nothing_costs_more(first: int, feature: str | None) -> None:
    """At a price and without; what fits still fits, and no other workload's sizes change."""
    cheaper = 0
    for seed, problem, replicas, held_price in cases(first, feature):
        for w in range(len(problem.workloads)):
            cost, was, served_less = changed(refit, problem, w, replicas, held_price)
            assert cost <= was + 1e-9 * abs(was) or served_less < -COVER_TOLERANCE, seed
            cheaper += cost < was - 1e-9
    assert cheaper > 2


def test_no_pool_grows_that_may_not() -> None:
    cheaper = 0
    for seed, problem, replicas, held_price in cases(7000, None):
        for w in range(len(problem.workloads)):
            before = replicas.copy()
            cost, was, _ = changed(partial(refit, grow=False), problem, w, replicas, held_price)
            assert (replicas <= before).all(), seed
            assert cost <= was + 1e-9 * abs(was), seed
            cheaper += cost < was - 1e-9
    assert cheaper > 2


@pytest.mark.parametrize("feature", TIED)
def test_groups_of_tied_workloads_are_not_divided_anew(feature: str) -> None:
    tied = 0
    for seed, problem, replicas, held_price in cases(7100, feature):
        for w in range(len(problem.workloads)):
            if not is_loose(problem, w):
                tied += 1
                before = replicas.copy()
                changed_by(regroup, problem, w, replicas, held_price)
                assert (replicas == before).all(), seed
    assert tied > 2


@pytest.mark.parametrize("change", [refit, regroup])
@pytest.mark.parametrize("feature", [*LIMITED, "ratio_band"])
def test_limits_are_not_broken_further(feature: str, change: Callable[..., Ints]) -> None:
    cheaper = 0
    for seed, problem, replicas, held_price in cases(7200, feature):
        for w in range(len(problem.workloads)):
            before = broken_limits(problem, replicas)
            cost, was, _ = changed(change, problem, w, replicas, held_price)
            assert broken_limits(problem, replicas) <= before + COVER_TOLERANCE, seed
            cheaper += cost < was - 1e-9
    assert cheaper > 0 or (change is regroup and feature == "ratio_band")


def test_what_is_too_much_goes() -> None:
    """Two replicas of each role serve 20 requests/s; of 3 and 4 the rest goes."""
    problem = problem_of(scenario([workload(rps=[20.0, 20.0])]))
    replicas = np.array([[3, 3], [4, 4]])
    changed_by(refit, problem, 0, replicas, np.zeros((2, 2)))
    assert replicas.tolist() == [[2, 2], [2, 2]]


def test_what_another_group_serves_needs_no_second_home() -> None:
    """Two spines serve all of it each: the first is emptied, the second stays."""
    made = scenario(
        [workload(rps=[10.0])], in_fleet=fleet({leaf: {"h100x8": 2} for leaf in ("l1", "l2")})
    )
    problem = problem_of(made)
    replicas = np.ones((4, 1), dtype=np.int64)
    changed_by(refit, problem, 0, replicas, np.zeros((4, 1)))
    assert replicas.sum() == 2
    assert lacking(problem, 0, replicas) == 0.0


def test_a_price_moves_a_group_to_the_engine_that_holds_fewer_gpus() -> None:
    """4 GPUs at 8 USD serve as much as 2 at 9; at 1 USD a GPU held it is 12 against 11."""
    engines = [
        engine("wide", role=Role.AGGREGATED, gpus=4, capacity_rps=10.0),
        engine("narrow", role=Role.AGGREGATED, gpus=2, capacity_rps=10.0),
    ]
    problem = problem_of(scenario([workload(rps=[10.0], engines=engines)]))
    dear = tuple(
        replace(pool, run_cost=np.full(1, {"wide": 8.0, "narrow": 9.0}[pool.engine]))
        for pool in problem.pools
    )
    problem = replace(problem, pools=dear)
    assert [pool.engine for pool in problem.pools] == ["wide", "narrow"]
    replicas = np.array([[1], [0]])
    changed_by(refit, problem, 0, replicas, np.zeros((2, 1)))
    assert replicas.tolist() == [[1], [0]]
    changed_by(refit, problem, 0, replicas, np.array([[4.0], [2.0]]))
    assert replicas.tolist() == [[0], [1]]


def test_sizes_stay_where_nothing_is_cheaper() -> None:
    """Two engines alike: whichever runs keeps running."""
    engines = [engine(name, role=Role.AGGREGATED) for name in ("one", "other")]
    problem = problem_of(scenario([workload(rps=[10.0], engines=engines)]))
    for sizes in ([[1], [0]], [[0], [1]]):
        replicas = np.array(sizes)
        changed_by(refit, problem, 0, replicas, np.zeros((2, 1)))
        assert replicas.tolist() == sizes
