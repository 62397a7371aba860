"""The answer does not depend on the order of the inputs nor on what was solved before."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Workload
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solve import Outcome, solve
from tests.optimize.random_cases import FEATURES, Draw, random_case, random_problem
from tests.optimize.random_prices import bound_without_prices

EXACT = 1e-6
"""Relative gap asked for where two optima are compared."""


def cases(other: pytest.MarkDecorator) -> list[object]:
    """(seed, feature); those with a feature are slow, every second has another mark."""
    plain = [(seed, None) for seed in range(4000, 4004)]
    marks = (pytest.mark.slow, other)
    return [*plain, *(pytest.param(4100, f, marks=marks[i % 2]) for i, f in enumerate(FEATURES))]


def solved(problem: Problem, gap: float) -> Outcome:
    return solve(problem, gap=gap, time_limit_s=20.0)


@pytest.mark.parametrize(("seed", "feature"), cases(pytest.mark.long))
def test_two_runs_are_the_same_to_the_last_bit(seed: int, feature: str | None) -> None:
    """But for the seconds."""
    one, other = (solved(random_problem(seed, feature), gap=0.004) for _ in range(2))
    np.testing.assert_array_equal(one.solution.replicas, other.solution.replicas)
    for mine, theirs in zip(one.solution.flow, other.solution.flow, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert told(one) == told(other)


def told(outcome: Outcome) -> tuple[object, ...]:
    """What an outcome says beside its sizes and its seconds."""
    return (
        outcome.objective,
        outcome.bound,
        outcome.unserved,
        outcome.unserved_bound,
        outcome.termination,
    )


@pytest.mark.parametrize(("seed", "feature"), cases(pytest.mark.slow))
def test_order_of_inputs_changes_neither_shortage_nor_cost(seed: int, feature: str | None) -> None:
    """Workloads, leaves, node types, engines and candidates in another order.

    A shortage is known to the MIPs' tolerance, and a hair of it may cost or save a replica.
    """
    made, found = random_case(seed, feature)
    turned = build_problem(*in_another_order(made, found, np.random.default_rng(seed)))
    one, other = solved(build_problem(made, found), EXACT), solved(turned, EXACT)
    assert one.unserved == pytest.approx(other.unserved, rel=1e-3, abs=0.5)
    within = 0.005 if any(one.unserved.values()) else 3 * EXACT
    assert one.objective == pytest.approx(other.objective, rel=within)


@pytest.mark.parametrize("feature", [None, *FEATURES])
def test_order_of_inputs_does_not_change_the_bound(feature: str | None) -> None:
    for seed in range(4200, 4210):
        made, found = random_case(seed, feature)
        turned = build_problem(*in_another_order(made, found, np.random.default_rng(seed)))
        bound = bound_without_prices(build_problem(made, found))
        assert bound_without_prices(turned) == pytest.approx(bound, rel=1e-9), seed


def in_another_order(
    made: Scenario, found: Sequence[Candidate], draw: Draw
) -> tuple[Scenario, list[Candidate]]:
    def turned(load: Workload) -> Workload:
        engines = shuffled(draw, load.profile.engines)
        return replace(load, profile=replace(load.profile, engines=tuple(engines)))

    network = replace(made.fleet.network, leaves=tuple(shuffled(draw, made.fleet.network.leaves)))
    on = replace(
        made.fleet, network=network, node_types=tuple(shuffled(draw, made.fleet.node_types))
    )
    loads = tuple(turned(load) for load in shuffled(draw, made.workloads))
    return replace(made, workloads=loads, fleet=on), shuffled(draw, found)


def shuffled[T](draw: Draw, items: Sequence[T]) -> list[T]:
    return [items[int(i)] for i in draw.permutation(len(items))]
