"""Rounds of bounds: the same from a process beside and from this one, and an end to both."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from heteroplan.clock import Stop, never
from heteroplan.optimize.bound import bounding
from heteroplan.optimize.bound.bound import PricedBound
from heteroplan.optimize.bound.bounding import Rounds, rounds
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solve import solve
from tests.optimize.random_cases import random_problem
from tests.optimize.reference import optimum

PATIENCE_S = 60.0
SINGLE = ("single intervals",)
SEED = 4000
"""Three workloads on scarce supply, two intervals: prices and rounds that differ."""
RISING_SEED = 4048
"""Two workloads whose bound the LP of the whole day and better prices of balances raise."""


@pytest.fixture(name="problem", scope="module")
def problem_fixture() -> Problem:
    return random_problem(SEED)


@contextmanager
def opened(
    problem: Problem,
    beside: bool,
    stop: Stop = never,
    without: frozenset[str] = frozenset(),
) -> Iterator[Rounds]:
    """Rounds that are closed in the end."""
    made = Rounds(problem, stop, without, beside)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(name="started", autouse=True)
def started_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Every process that was started; its pipes are closed in the end."""
    started: list[subprocess.Popen[bytes]] = []

    def noted(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(*args, **options))
        return started[-1]

    monkeypatch.setattr(bounding, "Popen", noted)
    yield started
    for process in started:
        with suppress(BrokenPipeError), process:
            process.kill()


def assert_same(one: PricedBound, other: PricedBound) -> None:
    assert one.value == other.value
    np.testing.assert_array_equal(one.prices.supply, other.prices.supply)
    np.testing.assert_array_equal(one.prices.balance, other.prices.balance)
    np.testing.assert_array_equal(one.prices.starting, other.prices.starting)


def test_rounds_are_the_same_beside_and_here(
    problem: Problem, started: list[subprocess.Popen[bytes]]
) -> None:
    """Values and prices, for the first three."""
    with opened(problem, beside=False) as here:
        assert not started
        plain = [here.take() for _ in range(3)]
    with opened(problem, beside=True) as there:
        (process,) = started
        beside = [there.take() for _ in range(3)]
        assert process.poll() is None
    assert process.poll() is not None
    for one, other in zip(plain, beside, strict=True):
        assert one is not None
        assert other is not None
        assert_same(one, other)


def test_close_leaves_no_pipe_open(
    problem: Problem, started: list[subprocess.Popen[bytes]]
) -> None:
    with opened(problem, beside=True) as made:
        assert made.take() is not None
    pipes = [pipe for process in started for pipe in (process.stdin, process.stdout)]
    assert all(pipe is not None and pipe.closed for pipe in pipes)


@pytest.mark.parametrize("seed", [4033])
def test_a_search_finds_the_same_beside_and_here(
    seed: int, started: list[subprocess.Popen[bytes]]
) -> None:
    """Plan, bound and why it ended; the process ends with the search."""
    large = replace(random_problem(seed), large=True)
    here, beside = (
        solve(large, gap=0.01, time_limit_s=10.0, beside=each) for each in (False, True)
    )
    assert here.solution.replicas.tolist() == beside.solution.replicas.tolist()
    assert (here.objective, here.bound) == (beside.objective, beside.bound)
    assert here.termination is beside.termination
    (process,) = started
    assert process.poll() is not None


def test_no_round_proves_more_than_the_optimum() -> None:
    rising = random_problem(RISING_SEED)
    best = optimum(rising)
    assert best.covered
    values = [found.value for found in rounds(rising)]
    assert values == sorted(values)
    assert values[0] < values[-1] <= best.cost * (1 + 1e-9)


@pytest.mark.parametrize("beside", [False, True])
def test_after_the_last_round_there_is_none_at_once(problem: Problem, beside: bool) -> None:
    """However often it is asked for: once that is known, nobody looks whether to go on waiting."""
    looks: list[str] = []

    def looked() -> bool:
        looks.append("look")
        return False

    with opened(problem, beside, looked) as made:
        for _ in rounds(problem):
            assert made.take() is not None
        assert made.take() is None
        looks.clear()
        assert made.take() is None
        assert list(made.ready()) == []
        assert looks == []


@pytest.mark.parametrize("beside", [False, True])
def test_a_stop_ends_the_wait(problem: Problem, beside: bool) -> None:
    with opened(problem, beside, stop=lambda: True) as made:
        assert made.take() is None


def test_a_process_that_dies_leaves_no_round(
    problem: Problem, started: list[subprocess.Popen[bytes]]
) -> None:
    with opened(problem, beside=True) as made:
        started[0].kill()
        while made.take() is not None:
            pass
        assert made.take() is None


def test_where_no_process_starts_the_rounds_come_from_here(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: Any, **options: Any) -> None:
        raise OSError

    monkeypatch.setattr(bounding, "Popen", refused)
    with opened(problem, beside=True) as made:
        first, same = made.take(), next(rounds(problem))
        assert first is not None
        assert_same(first, same)


@pytest.mark.parametrize("seed", [6003, 6010])
def test_single_intervals_can_be_left_out(seed: int) -> None:
    """Where a workload has several classes; blocks alone prove less."""
    problem = random_problem(seed)
    every, without = (list(rounds(problem, without=frozenset(each))) for each in ((), SINGLE))
    assert without[-1].value < 0.9 * every[-1].value
    assert every[-1].value <= optimum(problem).cost * (1 + 1e-9)


@pytest.mark.parametrize("seed", [6003, 6028])
def test_a_workload_without_pools_has_no_interval_that_serves_it(seed: int) -> None:
    assert list(rounds(random_problem(seed, "resilience")))


def test_rounds_found_already_wait_for_nobody(problem: Problem) -> None:
    with opened(problem, beside=True) as made:
        found: list[PricedBound] = []
        end = monotonic() + PATIENCE_S
        while len(found) < 2:
            found += made.ready()
            assert monotonic() < end
            sleep(0.01)


def test_prices_of_balances_can_be_left_out(problem: Problem) -> None:
    """Rounds then end with those of the LPs."""
    found = list(rounds(problem, without=frozenset({"balance prices"})))
    assert found
    assert not any(each.prices.balance.any() for each in found)
