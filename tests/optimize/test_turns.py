"""Turns: when the best plan is swept again, by hand."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heteroplan.clock import never
from heteroplan.numerics.tolerances import LEAST_GAIN
from heteroplan.optimize import turns
from heteroplan.optimize.bound.bounding import Rounds
from heteroplan.optimize.construct.guide import NearGuide
from heteroplan.optimize.incumbent import Incumbent
from heteroplan.optimize.program.problem import Floats
from heteroplan.optimize.search import Search
from heteroplan.optimize.solve import solve
from tests.optimize.improve.test_sweeps import plan_of, search_of, sized, two_spines

ENOUGH = 1.0 - 2 * LEAST_GAIN
TOO_LITTLE = 1.0 - LEAST_GAIN / 2


@pytest.mark.parametrize(
    ("costs", "passes"),
    [
        pytest.param([1.0, 1.0, 1.0], 1, id="no gain"),
        pytest.param([1.1, 1.05, ENOUGH, 1.0, 1.0, 1.0], 2, id="a gain, after dearer plans"),
        pytest.param([1.0, 1.0, TOO_LITTLE], 1, id="too little"),
    ],
)
def test_the_best_plan_is_swept_again_while_that_gains(
    monkeypatch: pytest.MonkeyPatch, costs: list[float], passes: int
) -> None:
    """Each pass begins with the best plan, at whole prices, and goes through the other order."""
    problem = two_spines(3, 3, {"rps": 30.0}, {"rps": 30.0})
    search = search_of(problem)
    first = plan_of(problem, sized(problem, (0, 3), (3, 0)))
    search.best = first
    prices = np.ones((len(problem.supplies), problem.intervals))
    told: list[tuple[float, float, tuple[int, ...], bool]] = []

    def swept(
        _: Search, plan: Incumbent, at: Floats, order: Sequence[int], *, moves: bool
    ) -> Incumbent:
        told.append((plan.cost / first.cost, float(at.max()), tuple(order), moves))
        return replace(plan, cost=costs[len(told) - 1] * first.cost)

    monkeypatch.setattr(turns, "swept", swept)
    for _ in turns.swept_again(search, prices, (0, 1)):
        pass
    begins = [1.0, ENOUGH][:passes]
    parts, orders = turns.AGAIN, ((1, 0), (0, 1))
    assert parts[0] == 1.0
    assert parts[-1] == 0.0
    expected = []
    for number, begin in enumerate(begins):
        before = [begin, *costs[number * len(parts) :]]
        for part, cost in zip(parts, before, strict=False):
            expected.append((pytest.approx(cost), part, orders[number], part > 0.0))
    assert told == expected
    assert search.plan.cost == pytest.approx(min(1.0, *costs) * first.cost)


def test_a_plan_that_costs_nothing_is_swept_again_once() -> None:
    problem = two_spines(1, 1, {"rps": 0.0})
    search = search_of(problem)
    search.best = plan_of(problem, sized(problem, (0, 0)))
    assert search.plan.cost == 0.0
    prices = np.ones((len(problem.supplies), problem.intervals))
    assert len(list(turns.swept_again(search, prices, (0,)))) == len(turns.AGAIN)


@pytest.mark.parametrize(
    ("times", "steps", "plans"), [(0.0, None, 2), (np.inf, None, 1), (np.inf, 1000, 2)]
)
def test_the_first_plan_of_a_large_program_is_swept_where_time_for_the_second_is_short(
    monkeypatch: pytest.MonkeyPatch, times: float, steps: int | None, plans: int
) -> None:
    """How many plans are begun before the first sweep, by how many times as long has to be left.

    Where steps are counted the clock decides nothing.
    """
    problem = replace(two_spines(3, 3, {"rps": 30.0}, {"rps": 30.0}), large=True)
    search = search_of(problem)
    search.best, search.steps = plan_of(problem, sized(problem, (0, 3), (3, 0))), steps
    begun, told = list[int](), list[int]()
    begin, sweep = turns._mended, turns._swept

    def counted(*args: Any) -> Any:
        begun.append(1)
        return begin(*args)

    def swept(*args: Any) -> Any:
        told.append(len(begun))
        return sweep(*args)

    monkeypatch.setattr(turns, "SECOND", times)
    monkeypatch.setattr(turns, "_mended", counted)
    monkeypatch.setattr(turns, "_swept", swept)
    rounds = Rounds(problem, never, frozenset(), beside=False)
    for _ in turns.in_turns(search, rounds, turns.begun_large(search)):
        pass
    assert told[0] == plans


@pytest.mark.parametrize("costs", [(2.0, 3.0), (3.0, 2.0)])
def test_of_the_first_two_plans_of_a_large_program_the_cheaper_is_swept(
    monkeypatch: pytest.MonkeyPatch, costs: tuple[float, float]
) -> None:
    """Later ones are swept although the best plan is cheaper."""
    problem = replace(two_spines(3, 3, {"rps": 30.0}, {"rps": 30.0}), large=True)
    search = search_of(problem)
    search.best = first = plan_of(problem, sized(problem, (0, 3), (3, 0)))
    left = [*costs, 4.0, 4.0, 4.0]
    told = list[float]()

    def begun(*_: Any) -> Generator[None, None, Incumbent]:
        yield
        return replace(first, cost=left.pop(0) * first.cost)

    def swept(_: Search, plan: Incumbent, *__: Any) -> Iterator[None]:
        told.append(plan.cost / first.cost)
        yield

    monkeypatch.setattr(turns, "SECOND", 0.0)
    monkeypatch.setattr(turns, "_mended", begun)
    monkeypatch.setattr(turns, "_swept", swept)
    rounds = Rounds(problem, never, frozenset(), beside=False)
    for _ in turns.in_turns(search, rounds, turns.begun_large(search)):
        pass
    assert told == pytest.approx([2.0, 4.0, 4.0, 4.0])


@pytest.mark.parametrize("without", [frozenset[str](), frozenset({"near guide"})])
def test_a_large_program_has_a_plan_near_a_guide_before_any_schedule(
    monkeypatch: pytest.MonkeyPatch, without: frozenset[str]
) -> None:
    """In nine tenths of the time; the schedule that follows has the rest, and counts as well."""
    problem = replace(two_spines(3, 3, {"rps": 30.0}, {"rps": 30.0}), large=True)
    greedy = sized(problem, (3, 3), (3, 3))
    told = list[str]()
    left = list[float]()
    guide = NearGuide.of

    def of(_: type, search: Search, relaxed: None) -> NearGuide | None:
        told.append("guide")
        left.append(search.deadline - search.started)
        return guide(search, relaxed)

    def schedules() -> Iterator[Any]:
        told.append("schedule")
        yield greedy

    monkeypatch.setattr(NearGuide, "of", classmethod(of))
    found = solve(problem, starts=schedules(), without=without, beside=False, time_limit_s=100.0)
    first = ["guide", "schedule"] if not without else ["schedule"]
    assert told[: len(first)] == first
    assert left[:1] == pytest.approx([90.0 * 0.95] * (not without), rel=0.02)
    assert found.objective < plan_of(problem, greedy).cost
