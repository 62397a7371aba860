"""Compiled loops find the cheapest schedule, and are not loaded before they are needed."""

import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from heteroplan.optimize.covering.blocks import Block, Filling, Floors, cheapest_path
from heteroplan.optimize.covering.compiled import cheapest_fill
from tests.optimize.block_reference import block_cost, least_open

BLOCKS = 200
WITHOUT_NUMBA = """
import sys
import heteroplan.cli
import heteroplan.planning.make

sys.exit("numba" in sys.modules)
"""


def random_block(seed: int) -> Block:
    """1 to 3 engines on 1 or 2 sides over 1 to 4 intervals, each limit at times.

    In one of three blocks replicas serve more the more there are.
    """
    draw = np.random.default_rng(seed)
    engines, intervals = int(draw.integers(1, 4)), int(draw.integers(1, 5))
    sides = int(draw.integers(1, 3))
    shape = (engines, intervals)
    low = draw.integers(0, 2, shape) * (draw.random() < 0.3)
    limited, fillable = draw.random() < 0.3, draw.random() < 0.4
    must = draw.random((sides, intervals)) < 0.5
    penalty = np.where(must & (not fillable), np.inf, draw.uniform(1.0, 20.0, must.shape))
    share = draw.uniform(0.1, 0.6, shape) * (draw.random(shape) < 0.9)
    counts = np.arange(7)[:, None]
    growing = share[:, None, :] * (counts * (1.0 - 0.5 / np.sqrt(np.maximum(1, counts))))
    price = draw.uniform(0.5, 3.0, shape)
    lines = np.random.default_rng((seed, 1)).uniform(0.0, 1.0, (2, 1 + engines, intervals))
    floors = Floors(-3.0 * lines[:, 0], price + 1.5 * lines[:, 1:])
    return Block(
        price=price,
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
        floors=floors if seed % 5 < 2 else None,
    )


def _filling(draw: np.random.Generator, sides: int, intervals: int) -> Filling:
    """Tables up to all that may be missing, in steps of 0.07, on one side at times free."""
    cost = np.cumsum(draw.uniform(0.0, 0.6, (sides, intervals, 20)), axis=2)
    cost[:, :, 0] = 0.0
    cost[draw.random(sides) < 0.3] = 0.0
    return Filling(cost, 0.07)


@pytest.mark.parametrize("first", range(0, BLOCKS, 50))
def test_a_schedule_is_as_cheap_as_any_and_costs_what_it_says(first: int) -> None:
    """In a day that is cyclic or not; a cyclic one but for starts into its quietest interval."""
    found = 0
    for seed in range(first, first + 50):
        made = random_block(seed)
        cyclic = seed % 4 < 2 and made.before is None
        least = least_open(made, cyclic=cyclic)
        path = cheapest_path(made, cyclic=cyclic)
        assert (path is None) == (least == np.inf), seed
        if path is None:
            continue
        found += 1
        stated = block_cost(made, path.counts, cyclic=cyclic)
        assert path.cost == pytest.approx(stated, rel=1e-9, abs=1e-9), seed
        assert path.bound == pytest.approx(min(least, path.cost), rel=1e-9, abs=1e-9), seed
    assert found > 25


@pytest.mark.parametrize("seed", range(20))
def test_a_fill_is_as_cheap_as_any_of_its_last_replica(seed: int) -> None:
    draw = np.random.default_rng(seed)
    shape = (int(draw.integers(1, 5)), int(draw.integers(1, 6)))
    price, steps = draw.uniform(0.5, 3.0, shape), draw.integers(1, 30, shape)
    cost, choice = cheapest_fill(price, steps, 80)
    assert not cost[:, 0].any()
    for t, g in product(range(shape[1]), range(1, 81)):
        by_engine = [price[f, t] + cost[t, max(0, g - int(steps[f, t]))] for f in range(shape[0])]
        assert cost[t, g] == pytest.approx(min(by_engine), rel=1e-12)
        assert by_engine[choice[t, g]] == min(by_engine)


def test_loops_are_not_loaded_before_a_program_is_solved() -> None:
    """What only reads or checks a scenario starts at once."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_replicas_together_count_for_what_they_serve_together() -> None:
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
    )
    for room, cost, counts in ((3, 3.0, [[3], [0]]), (2, 4.5, [[2], [1]])):
        found = cheapest_path(replace(made, high=np.array([[room], [1]])), cyclic=True)
        assert found is not None
        assert (found.cost, found.counts.tolist()) == (cost, counts)
