"""Compiled loops find what the plain ones find, and stay away where they are not wanted."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.optimize.covering.blocks import Block, Filling, block_cost, cheapest_path
from heteroplan.optimize.covering.role_blocks import _cheapest_fill

BLOCKS = 200
WITHOUT_NUMBA = """
import sys
from heteroplan.optimize.solve import solve
from tests.optimize.random_cases import random_problem

solve(random_problem(3000), gap=0.05, time_limit_s=5.0)
sys.exit("numba" in sys.modules)
"""


def random_block(seed: int) -> Block:
    """1 to 3 engines on 1 or 2 sides over 1 to 5 intervals, each limit at times.

    In one of three blocks replicas serve more the more there are.
    """
    draw = np.random.default_rng(seed)
    engines, intervals = int(draw.integers(1, 4)), int(draw.integers(1, 6))
    sides = int(draw.integers(1, 3))
    shape = (engines, intervals)
    low = draw.integers(0, 2, shape) * (draw.random() < 0.3)
    limited, fillable = draw.random() < 0.3, draw.random() < 0.4
    must = draw.random((sides, intervals)) < 0.5
    penalty = np.where(must & (not fillable), np.inf, draw.uniform(1.0, 20.0, must.shape))
    share = draw.uniform(0.1, 0.6, shape) * (draw.random(shape) < 0.9)
    counts = np.arange(7)[:, None]
    growing = share[:, None, :] * (counts * (1.0 - 0.5 / np.sqrt(np.maximum(1, counts))))
    return Block(
        price=draw.uniform(0.5, 3.0, shape),
        start=draw.uniform(0.0, 3.0, shape),
        share=share,
        by_count=growing if seed % 3 == 0 else None,
        low=low.astype(np.int64),
        high=low + draw.integers(0, 5, shape),
        need=draw.uniform(0.0, 1.2, intervals) * (draw.random(intervals) < 0.9),
        penalty=penalty,
        fewest=draw.integers(0, 3, intervals) * (draw.random() < 0.5),
        most=draw.integers(2, 7, intervals) if draw.random() < 0.3 else None,
        before=draw.integers(0, 4, engines) if draw.random() < 0.5 else None,
        sides=None if sides == 1 else draw.random((sides, engines)) < 0.7,
        weight=draw.integers(1, 5, (2, engines)).astype(np.float64) if limited else None,
        room=draw.integers(4, 16, (2, intervals)) if limited else None,
        filling=_filling(draw, sides, intervals) if fillable else None,
        change=draw.uniform(0.0, 2.0, engines) if seed % 2 else None,
    )


def _filling(draw: np.random.Generator, sides: int, intervals: int) -> Filling:
    """Tables up to all that may be missing, in steps of 0.07, on one side at times free."""
    cost = np.cumsum(draw.uniform(0.0, 0.6, (sides, intervals, 20)), axis=2)
    cost[:, :, 0] = 0.0
    cost[draw.random(sides) < 0.3] = 0.0
    return Filling(cost, 0.07)


@pytest.mark.parametrize("first", range(0, BLOCKS, 50))
def test_both_find_equally_cheap_schedules(first: int) -> None:
    """And both cost what they say, in a day that is cyclic or not."""
    found = 0
    for seed in range(first, first + 50):
        made = random_block(seed)
        cyclic = seed % 4 < 2 and made.before is None
        plain = cheapest_path(made, cyclic=cyclic)
        compiled = cheapest_path(replace(made, compiled=True), cyclic=cyclic)
        assert (plain is None) == (compiled is None), seed
        if plain is None or compiled is None:
            continue
        found += 1
        for path in (plain, compiled):
            stated = block_cost(made, path.counts, cyclic=cyclic)
            assert path.cost == pytest.approx(stated, rel=1e-9, abs=1e-9), seed
        assert compiled.cost == pytest.approx(plain.cost, rel=1e-9, abs=1e-9), seed
        assert compiled.bound == pytest.approx(plain.bound, rel=1e-9, abs=1e-9), seed
    assert found > 25


@pytest.mark.parametrize("seed", range(20))
def test_both_fill_for_the_same(seed: int) -> None:
    draw = np.random.default_rng(seed)
    shape = (int(draw.integers(1, 5)), int(draw.integers(1, 6)))
    price, steps = draw.uniform(0.5, 3.0, shape), draw.integers(1, 30, shape)
    plain_cost, plain_choice = _cheapest_fill(price, steps, 80, compiled=False)
    cost, choice = _cheapest_fill(price, steps, 80, compiled=True)
    np.testing.assert_allclose(cost, plain_cost, rtol=1e-12)
    np.testing.assert_array_equal(choice, plain_choice)


def test_a_program_that_is_not_compiled_never_imports_numba() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiled", [False, True])
def test_replicas_together_count_for_what_they_serve_together(compiled: bool) -> None:
    """Three of the first serve 0.9, of which one alone serves 0.1: so does one of the second.

    Two of the first and one of the second serve 0.4 + 0.5.
    """
    made = Block(
        price=np.array([[1.0], [2.5]]),
        start=np.zeros((2, 1)),
        share=np.array([[0.3], [0.5]]),
        low=np.zeros((2, 1), dtype=np.int64),
        high=np.array([[3], [1]]),
        need=np.array([0.9]),
        penalty=np.array([np.inf]),
        fewest=np.zeros(1, dtype=np.int64),
        by_count=np.array([[0.0, 0.1, 0.4, 0.9], [0.0, 0.5, 1.0, 1.5]])[:, :, None],
        compiled=compiled,
    )
    for room, cost, counts in ((3, 3.0, [[3], [0]]), (2, 4.5, [[2], [1]])):
        found = cheapest_path(replace(made, high=np.array([[room], [1]])), cyclic=True)
        assert found is not None
        assert (found.cost, found.counts.tolist()) == (cost, counts)
