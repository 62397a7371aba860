"""Two groups sized at once: what each alone cannot find, never dearer, never less served."""

from collections.abc import Sequence

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.construct.one_workload import refit
from heteroplan.optimize.improve.two_groups import regroup
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import changed_by, problem_of
from tests.optimize.construct.test_one_workload_groups import cases, changed, lacking
from tests.optimize.reference import optimum


def two_kinds(
    rps: Sequence[float],
    nodes: tuple[int, int] = (4, 4),
    *,
    startup_s: float = 0.0,
    cyclic: bool = True,
) -> Problem:
    """On one spine replicas hold 3 GPUs and serve 6 requests/s, on the other 5 and 10.

    A GPU-hour costs 1 USD. Pools are prefill and decode of the first spine, then of the second.
    """
    kinds = {"A": (3, 6.0), "B": (5, 10.0)}
    engines = [
        engine(
            f"{role}-{gpu}",
            role=role,
            gpu=gpu,
            gpus=gpus,
            capacity_rps=capacity_rps,
            startup_s=startup_s,
        )
        for gpu, (gpus, capacity_rps) in kinds.items()
        for role in (Role.PREFILL, Role.DECODE)
    ]
    shapes = [
        node_type(gpu, gpu=gpu, gpus=2 * gpus, usd_per_gpu_hour=1.0)
        for gpu, (gpus, _) in kinds.items()
    ]
    on = fleet({"l1": {"A": nodes[0]}, "l2": {"B": nodes[1]}}, node_types=shapes)
    problem = problem_of(scenario([workload(rps=rps, engines=engines)], in_fleet=on, cyclic=cyclic))
    engines_in_order = [pool.engine for pool in problem.pools]
    assert engines_in_order == ["prefill-A", "decode-A", "prefill-B", "decode-B"]
    return problem


def sizes(*both: tuple[int, int]) -> Ints:
    """[4, T] as many prefill as decode replicas, on the first and on the second spine."""
    first, second = np.array(both).T
    return np.array([first, first, second, second])


def free(problem: Problem) -> Floats:
    """[P, T] GPUs that cost nothing beside."""
    return np.zeros((len(problem.pools), problem.intervals))


def test_two_groups_divide_what_neither_can_alone() -> None:
    """22 requests/s: 1 of 6 and 2 of 10 hold 26 GPUs; 2 of 6 and 1 of 10 hold 22."""
    problem = two_kinds([22.0])
    replicas = sizes((1, 2))
    changed_by(refit, problem, 0, replicas, free(problem))
    assert (replicas == sizes((1, 2))).all()
    changed_by(regroup, problem, 0, replicas, free(problem))
    assert (replicas == sizes((2, 1))).all()


def test_a_group_with_no_room_is_not_given_more() -> None:
    """One node on the first spine holds a pair: nothing better is left."""
    problem = two_kinds([22.0], nodes=(1, 4))
    replicas = sizes((1, 2))
    changed_by(regroup, problem, 0, replicas, free(problem))
    assert (replicas == sizes((1, 2))).all()


@pytest.mark.parametrize("cyclic", [False, True])
def test_starts_are_paid_for(cyclic: bool) -> None:
    """For one quiet hour out of three it is not worth a start to save 4 GPUs of 26.

    26 requests/s take 1 of 6 and 2 of 10. At 22, 2 of 6 and 1 of 10 hold 2 x 2 GPUs less, but a
    pair of 6 starts, for 5 hours in which 6 GPUs wait, and one of 10 starts again after.
    """
    dear = two_kinds([26.0, 22.0, 26.0], startup_s=5 * 3600.0, cyclic=cyclic)
    replicas = sizes((1, 2), (1, 2), (1, 2))
    changed_by(regroup, dear, 0, replicas, free(dear))
    assert (replicas == sizes((1, 2), (1, 2), (1, 2))).all()
    cheap = two_kinds([26.0, 22.0, 26.0], startup_s=300.0, cyclic=cyclic)
    changed_by(regroup, cheap, 0, replicas, free(cheap))
    assert (replicas == sizes((1, 2), (2, 1), (1, 2))).all()


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("startup_s", [0.0, 900.0, 3600.0])
def test_the_optimum_of_two_groups_is_found(startup_s: float, cyclic: bool) -> None:
    """From what a careless planner holds, as cheap as one MIP, in most of 20 small days."""
    exact = 0
    for seed in range(20):
        draw = np.random.default_rng(seed)
        rps = draw.integers(8, 45, size=4).astype(float)
        problem = two_kinds(rps.tolist(), nodes=(6, 6), startup_s=startup_s, cyclic=cyclic)
        second = np.minimum(4, rps // 10).astype(np.int64)
        first = np.maximum(1, np.ceil((rps - 10 * second) / 6)).astype(np.int64)
        replicas = sizes(*zip(first, second, strict=True))
        changed_by(regroup, problem, 0, replicas, free(problem))
        assert lacking(problem, 0, replicas) <= COVER_TOLERANCE
        best = optimum(problem).cost
        assert problem.cost(replicas) >= best - 1e-6
        exact += problem.cost(replicas) <= best * (1 + 1e-6)
    assert exact >= 15


@pytest.mark.parametrize("feature", [None, "leads", "nested_supply", "already_running"])
def test_no_less_is_served_and_nothing_costs_more(feature: str | None) -> None:
    """At a price and without; what fits still fits, and no other workload's sizes change."""
    cheaper = 0
    for first in (7200, 7210, 7220):
        for seed, problem, replicas, held_price in cases(first, feature):
            for w in range(len(problem.workloads)):
                cost, was, _ = changed(regroup, problem, w, replicas, held_price)
                assert cost <= was + 1e-9 * abs(was), seed
                cheaper += cost < was - 1e-9
    assert cheaper > 2


def test_many_engines_are_not_all_changed_at_once() -> None:
    """3^14 ways to change 14 pools would not fit in memory."""
    engines = [
        *(engine(f"p{i}", role=Role.PREFILL, gpus=1, capacity_rps=5.0 + i) for i in range(14)),
        engine("d", role=Role.DECODE, gpus=1, capacity_rps=5.0),
    ]
    on = fleet({"l1": {"h100x8": 20}, "l2": {"h100x8": 20}})
    problem = problem_of(scenario([workload(rps=[100.0, 130.0], engines=engines)], in_fleet=on))
    replicas = np.array(
        [[1, 1] if pool.role is Role.PREFILL else [14, 14] for pool in problem.pools]
    )
    before = problem.cost(replicas)
    changed_by(regroup, problem, 0, replicas, free(problem))
    assert lacking(problem, 0, replicas) <= COVER_TOLERANCE
    assert problem.cost(replicas) < before
