"""Random small programs: plans, bounds and everything on the way against the whole program."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.errors import NoPlanError
from heteroplan.optimize.bound import bound
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.model import build_model, cap_shortage
from heteroplan.optimize.program.problem import Problem, Solution
from heteroplan.optimize.search import Search
from heteroplan.optimize.solve import Outcome, solve
from tests.builders import fleet, scenario, workload
from tests.optimize.case import batches, problem_of
from tests.optimize.plan_checks import faults_of
from tests.optimize.random_cases import FEATURES, random_problem
from tests.optimize.random_prices import bound_at_random_prices
from tests.optimize.reference import optimum_or_none, solved

GAP, WITHIN = 0.004, 0.005
"""Asked for, relative to the plan; promised, relative to the optimum."""
EXACT = 1e-6
"""Relative: what sums of floats and the MIPs' tolerances leave of a cost."""
DRAWS = 4
"""Of prices, for each size of the blocks' grids."""


@pytest.mark.parametrize("first", batches(160, 20, 20, gate=40, wide=500))
def test_plan_and_bounds_enclose_the_optimum(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Supply binding or slack, shortages, missing and aggregated engines, leads, classes."""
    seeds = range(first, first + 20)
    assert not [fault for seed in seeds for fault in faults(seed, None, monkeypatch)]


@pytest.mark.parametrize("first", batches(6, 0, 3, gate=3, wide=15))
@pytest.mark.parametrize("feature", FEATURES)
def test_plan_and_bounds_enclose_the_optimum_with_a_feature(
    feature: str, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = 1000 + 100 * list(FEATURES).index(feature) + first
    seeds = range(start, start + 3)
    assert not [fault for seed in seeds for fault in faults(seed, feature, monkeypatch)]


def faults(seed: int, feature: str | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of every fifth program without the MIP that comes first, as of programs that are larger."""
    problem = random_problem(seed, feature)
    best = optimum_or_none(problem)
    without = frozenset({"whole first"} if seed % 5 == 1 else ())
    try:
        found = solve(problem, gap=GAP, time_limit_s=20.0, without=without)
    except NoPlanError:
        found = None
    if best is None or found is None:
        same = best is None and found is None
        return [] if same else [f"seed {seed}: a plan or none: {best}, {found}"]
    listed = [*plan_faults(problem, found, best), *price_faults(problem, best, seed, monkeypatch)]
    return [f"seed {seed}: {fault}" for fault in listed]


def plan_faults(problem: Problem, found: Outcome, best: Incumbent) -> Iterator[str]:
    """Shortage class by class, then cost: not below the optimum, at most `WITHIN` above it.

    What is proved of a class is proved at the plan's shortage before it.
    """
    for priority, least in sorted(best.unserved.items()):
        lost, proved = found.unserved[priority], found.unserved_bound[priority]
        if proved > least + near(least):
            yield f"class {priority}: {proved} requests proved, {least} needed"
        if lost < least - near(least):
            yield f"class {priority}: {lost} requests unserved, less than the least {least}"
        if lost > least * (1 + WITHIN) + near(least):
            yield f"class {priority}: {lost} requests unserved, {least} needed"
        if abs(lost - least) > near(least):
            break
    yield from cost_faults(found, least_cost(problem, found, best))


def cost_faults(found: Outcome, least: float) -> Iterator[str]:
    """`least` is the cheapest way to leave no more unserved than the plan does."""
    if found.bound > least * (1 + EXACT) + 1e-9:
        yield f"bound {found.bound}, optimum {least}"
    if not least * (1 - EXACT) - 1e-9 <= found.objective <= least * (1 + WITHIN) + 1e-9:
        yield f"cost {found.objective}, optimum {least}"


def least_cost(problem: Problem, found: Outcome, best: Incumbent) -> float:
    """Of the plans that leave no more unserved than the one found."""
    if best.covered and not any(found.unserved.values()):
        return best.cost
    model = build_model(problem)
    cap_shortage(model, {p: lost * (1 + 1e-9) + 1e-6 for p, lost in found.unserved.items()})
    cheapest = solved(model)
    assert cheapest is not None
    return cheapest.cost


def near(requests: float) -> float:
    """Half a request and a thousandth: the MIPs let rows go by 1e-6."""
    return 0.5 + 1e-3 * requests


def price_faults(
    problem: Problem, best: Incumbent, seed: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """No prices prove more than the optimum, with whole grids and with one engine on the grid."""
    draw = np.random.default_rng(seed)
    for cells in (8_000, 1) if best.covered else ():
        with monkeypatch.context() as patched:
            patched.setattr(bound, "BOUND_CELLS", cells)
            values = [bound_at_random_prices(problem, draw) for _ in range(DRAWS)]
        if max(values) > best.cost * (1 + EXACT) + 1e-9:
            yield f"bounds {values} at some prices, {cells} cells, optimum {best.cost}"


@pytest.mark.parametrize(
    ("seed", "feature"),
    [*((seed, None) for seed in range(3000, 3007)), *((3100, feature) for feature in FEATURES)],
)
def test_every_plan_on_the_way_keeps_every_rule(
    seed: int, feature: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the method takes for its best plan, and the plan that it ends with."""
    problem = random_problem(seed, feature)
    seen: list[Incumbent] = []
    offer = Search.offer

    def watched(search: Search, tried: Incumbent) -> bool:
        better = offer(search, tried)
        seen.extend([tried] if better else [])
        return better

    monkeypatch.setattr(Search, "offer", watched)
    last = incumbent(problem, solve(problem, gap=GAP, time_limit_s=20.0).solution)
    assert not last.broken
    assert seen
    assert not [fault for plan in [*seen, last] for fault in faults_of(problem, plan)]


@pytest.mark.parametrize("seed", range(3000, 3007))
def test_what_is_told_on_the_way_encloses_the_optimum(seed: int) -> None:
    """(cost, bound) of the progress line: the bound never above the cost of the best plan.

    Costs fall and bounds rise.
    """
    problem = random_problem(seed)
    best = optimum_or_none(problem)
    assert best is not None
    told: list[tuple[float, float]] = []

    def progress(cost: float | None, bound: float, seconds: float) -> None:
        if cost is not None:
            told.append((cost, bound))

    solve(problem, gap=GAP, time_limit_s=20.0, progress=progress)
    assert bool(told) == best.covered
    costs, bounds = [cost for cost, _ in told], [bound for _, bound in told]
    assert costs == sorted(costs, reverse=True)
    assert bounds == sorted(bounds)
    assert not [
        (cost, bound)
        for cost, bound in told
        if not bound * (1 - EXACT) - 1e-9 <= best.cost <= cost * (1 + EXACT) + 1e-9
    ]


def test_the_checks_on_the_way_see_each_kind_of_fault() -> None:
    """One pair of replicas of 4 GPUs on one node, 10 requests/s: one thing changed at a time."""
    made = scenario([workload()], in_fleet=fleet({"l1": {"h100x8": 1}}))
    problem = problem_of(made)
    plan = incumbent(problem, solve(problem).solution)
    sizes, flow = plan.solution.replicas, plan.solution.flow
    assert not faults_of(problem, plan)
    wrong = {
        "GPUs": replace(plan, solution=Solution(sizes + 1, flow)),
        "is given more": replace(plan, solution=Solution(sizes * 0, flow)),
        "two sides": replace(plan, solution=Solution(sizes, (0.5 * flow[0], *flow[1:]))),
        "costs": replace(plan, cost=plan.cost - 1),
        "unserved": replace(plan, unserved={1: 3600.0}),
    }
    for word, spoilt in wrong.items():
        assert any(word in fault for fault in faults_of(problem, spoilt)), word
    asked = workload(min_replicas={Role.DECODE: 2})
    limited = problem_of(scenario([asked], in_fleet=fleet({"l1": {"h100x8": 2}})))
    assert faults_of(limited, plan) == ["the reference model has no solution with these sizes"]
