"""Level demand: windows by hand and by enumeration; plans that keep rules beside other limits."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.clock import never
from heteroplan.entities.workload import RatioBand, Role, Stability
from heteroplan.optimize.improve.kept_sizes import keep_sizes
from heteroplan.optimize.improve.level import level, levelled, stable
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Problem, Solution
from heteroplan.optimize.solve import solve
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of

HOUR_S = 3600


def one_pool(rps: Sequence[float], rules: Stability) -> Problem:
    """A replica of 4 GPUs serves 10 requests/s, an interval an hour."""
    both = engine("both", role=Role.AGGREGATED)
    load = replace(workload(rps=rps, engines=(both,)), stability=rules)
    return problem_of(scenario([load], in_fleet=fleet({"l1": {"h100x8": 20}})))


def levelled_rps(rps: Sequence[float], rules: Stability) -> list[float]:
    problem = one_pool(rps, rules)
    found = level(problem, problem.workloads[0], np.array([rps], dtype=np.float64))
    return [float(x) for x in found[0]]


@pytest.mark.parametrize(
    ("rps", "rules", "expected"),
    [
        ([10, 20, 10, 10], Stability(min_run_s=HOUR_S), [10, 20, 10, 10]),
        ([10, 20, 10, 10], Stability(min_run_s=2 * HOUR_S), [20, 20, 10, 10]),
        ([10, 20, 10, 10, 40], Stability(max_changes=2), [20, 20, 20, 20, 40]),
        ([10, 20, 10, 10, 40], Stability(max_changes=1), [40] * 5),
        ([10, 20, 10, 10, 40], Stability(max_changes=0), [40] * 5),
        ([10, 20, 10, 10, 40], Stability(2 * HOUR_S, 3), [20, 20, 20, 40, 40]),
        ([10, 20, 10], Stability(min_run_s=9 * HOUR_S), [20] * 3),
    ],
)
def test_windows_by_hand(rps: list[float], rules: Stability, expected: list[float]) -> None:
    assert levelled_rps(rps, rules) == expected


def splits(count: int, least: int, most: int) -> Iterator[list[int]]:
    """All ways to divide intervals into windows, by their lengths."""
    if count == 0:
        yield []
    for length in range(least, count + 1) if most else ():
        for rest in splits(count - length, least, most - 1):
            yield [length, *rest]


@given(st.lists(st.integers(1, 9), min_size=4, max_size=9), st.integers(1, 4), st.integers(2, 4))
def test_no_other_windows_ask_for_less(rps: list[int], least: int, most: int) -> None:
    found = levelled_rps(
        [float(x) for x in rps], Stability(min_run_s=least * HOUR_S, max_changes=most)
    )
    costs = []
    for lengths in splits(len(rps), least, most):
        ends = np.cumsum(lengths)
        costs.append(sum(n * max(rps[end - n : end]) for n, end in zip(lengths, ends, strict=True)))
    assert sum(found) == pytest.approx(min(costs), abs=1e-4)


def with_sizes(problem: Problem, sizes: Sequence[Sequence[int]]) -> Incumbent:
    replicas = np.array(sizes)
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def test_a_ratio_that_pools_changed_one_by_one_break_is_kept() -> None:
    """Prefill serves 10, decode 5; always 2 decode a prefill, and 2 changes a day at most."""
    engines = (
        engine("prefill", role=Role.PREFILL, capacity_rps=10.0),
        engine("decode", role=Role.DECODE, capacity_rps=5.0),
    )
    load = replace(
        workload(rps=[10.0, 30.0, 10.0, 20.0], engines=engines),
        stability=Stability(max_changes=2, min_run_s=2 * HOUR_S),
        pd_ratio=RatioBand(0.5, 0.5),
    )
    problem = problem_of(scenario([load], in_fleet=fleet({"l1": {"h100x8": 20}})))
    found = stable(problem, with_sizes(problem, [[1, 3, 1, 2], [2, 6, 2, 4]]), never)
    assert found.covered
    assert (2 * found.solution.replicas[0] == found.solution.replicas[1]).all()


def test_others_make_room_for_sizes_that_never_change() -> None:
    """Both peaks need both nodes of the leaf; the free one goes to the second leaf then."""
    both = engine("both", role=Role.AGGREGATED, gpus=8)
    ruled = replace(
        workload("ruled", rps=[20.0, 10.0], engines=(both,)), stability=Stability(max_changes=0)
    )
    free = workload("free", rps=[10.0, 20.0], engines=(both,))
    problem = problem_of(
        scenario([ruled, free], in_fleet=fleet({"l1": {"h100x8": 3}, "l2": {"h100x8": 2}}))
    )
    places = {(pool.workload, pool.domain): p for p, pool in enumerate(problem.pools)}
    sizes = np.zeros((len(problem.pools), 2), dtype=np.int64)
    (first, *_), (second, *_) = (
        [p for (w, _), p in places.items() if w == each] for each in (0, 1)
    )
    sizes[first], sizes[second] = (2, 1), (1, 2)
    plan = with_sizes(problem, sizes.tolist())
    assert not keep_sizes(problem, plan).covered
    found = levelled(problem, plan, never)
    assert found.covered
    assert (found.solution.replicas[first] == 2).all()


@pytest.mark.parametrize("seed", range(40))
def test_a_stable_plan_keeps_all_rules_and_serves_no_less_than_pools_alone(seed: int) -> None:
    """Two workloads with limits on roles beside their rules, on two leaves that are nearly full."""
    draw = np.random.default_rng(seed)
    loads = []
    for name in ("a", "b"):
        engines = (
            engine(f"{name}-prefill", role=Role.PREFILL, capacity_rps=10.0),
            engine(f"{name}-decode", role=Role.DECODE, capacity_rps=5.0),
        )
        load = workload(name, rps=[float(x) for x in draw.integers(1, 40, 8)], engines=engines)
        rules = Stability(int(draw.integers(1, 4)) * HOUR_S, int(draw.integers(0, 5)))
        loads.append(replace(load, stability=rules, max_replicas={Role.DECODE: 9}))
    nodes = int(draw.integers(4, 9))
    of = scenario(loads, in_fleet=fleet({leaf: {"h100x8": nodes} for leaf in ("l1", "l2")}))
    problem = problem_of(of)
    free = solve(problem.without_stability(), steps=6, time_limit_s=60.0)
    plan = incumbent(problem.without_stability(), free.solution)
    found = stable(problem, plan, never)
    assert not found.broken
    assert found.rank <= keep_sizes(problem, plan).rank
    assert all((gpus >= 0).all() for gpus in problem.residual(found.solution.replicas))
