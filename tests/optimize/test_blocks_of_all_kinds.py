"""Blocks with every feature at once, against enumeration by a cost that is reckoned otherwise."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from heteroplan.optimize.covering.blocks import Block, Filling, cheapest_path, open_day
from heteroplan.optimize.covering.losses import NodeLoss
from heteroplan.optimize.program.problem import Ints
from tests.optimize.block_reference import Counts, block_cost, hour_cost, quietest, states

STEP = 0.07


def random_block(seed: int) -> Block:
    """One or two engines on one or two sides over up to three intervals, each feature at times."""
    draw = np.random.default_rng(seed)
    engines, intervals = int(draw.integers(1, 3)), int(draw.integers(1, 4))
    sides, shape = int(draw.integers(1, 3)), (engines, intervals)
    low = draw.integers(0, 2, shape) * int(draw.random() < 0.3)
    rows = int(draw.random() < 0.3)
    fillable = bool(draw.random() < 0.4)
    must = draw.random((sides, intervals)) < 0.3
    penalty = np.where(must & (not fillable), np.inf, draw.uniform(1.0, 15.0, must.shape))
    filling = np.cumsum(draw.uniform(0.0, 0.6, (sides, intervals, 20)), axis=2)
    filling[:, :, 0] = 0.0
    loss = NodeLoss(
        serve=float(draw.choice((0.7, 1.0))),
        gpus=draw.integers(1, 5, engines),
        node=np.array([0, 1])[:engines],
        node_gpus=np.array([4, 8]),
    )
    return Block(
        price=draw.uniform(0.5, 3.0, shape),
        start=draw.uniform(0.0, 3.0, shape),
        share=draw.uniform(0.2, 0.6, shape) * (draw.random(shape) < 0.9),
        low=low,
        high=low + draw.integers(0, 4, shape),
        need=draw.uniform(0.2, 1.2, intervals) * (draw.random(intervals) < 0.8),
        penalty=penalty,
        fewest=draw.integers(0, 3, intervals) * int(draw.random() < 0.4),
        most=draw.integers(2, 6, intervals) if draw.random() < 0.3 else None,
        before=draw.integers(0, 3, engines) if draw.random() < 0.5 else None,
        sides=None if sides == 1 else draw.random((sides, engines)) < 0.7,
        node_loss=loss if draw.random() < 0.4 else None,
        weight=draw.integers(1, 4, (2, engines)).astype(np.float64) if rows else None,
        room=draw.integers(3, 10, (2, intervals)) if rows else None,
        filling=Filling(filling, STEP) if fillable else None,
    )


def start_cost(made: Block, days: tuple[Counts, ...], cyclic: bool) -> float:
    total = 0.0
    for t, now in enumerate(days):
        if t > 0 or cyclic:
            earlier: Counts = days[t - 1]
        else:
            earlier = now if made.before is None else tuple(int(n) for n in made.before)
        for e, (count, ran) in enumerate(zip(now, earlier, strict=True)):
            total += float(made.start[e, t]) * max(0, count - ran)
    return total


def schedules(made: Block, cyclic: bool) -> Iterator[tuple[tuple[Counts, ...], float]]:
    """Every schedule within the limits, with its cost."""
    choices = [
        [(counts, hour_cost(made, counts, t)) for counts in states(made, t)]
        for t in range(len(made.need))
    ]
    for hours in product(*choices):
        days = tuple(counts for counts, _ in hours)
        yield days, sum(cost for _, cost in hours) + start_cost(made, days, cyclic)


def by_hour(counts: Ints) -> tuple[Counts, ...]:
    return tuple(tuple(int(n) for n in column) for column in counts.T)


@pytest.mark.parametrize("first", [0, 60])
def test_a_day_that_ends_is_solved_exactly(first: int) -> None:
    solved = 0
    for seed in range(first, first + 60):
        made = random_block(seed)
        costs = dict(schedules(made, cyclic=False))
        found = cheapest_path(made, cyclic=False)
        if found is None:
            assert min(costs.values(), default=np.inf) == np.inf, seed
            continue
        solved += 1
        assert found.cost == pytest.approx(min(costs.values())), seed
        assert found.bound == pytest.approx(found.cost), seed
        assert found.cost == pytest.approx(costs[by_hour(found.counts)]), seed
        assert found.cost == pytest.approx(block_cost(made, found.counts, cyclic=False)), seed
    assert solved > 30


@pytest.mark.parametrize("cyclic", [False, True])
def test_what_a_day_costs_does_not_depend_on_whether_its_replicas_are_counted(cyclic: bool) -> None:
    solved = 0
    for seed in range(60):
        made = random_block(seed)
        if cyclic:
            made = replace(made, before=None)
        counted, plain = (open_day(made, cyclic=cyclic, counted=each) for each in (True, False))
        assert (counted is None) == (plain is None), seed
        if counted is not None and plain is not None:
            solved += 1
            assert plain.bound == counted.bound == cheapest_bound(made, cyclic), seed
            assert not plain.counts.any()
    assert solved > 30


def cheapest_bound(made: Block, cyclic: bool) -> float:
    """What `cheapest_path` proves."""
    found = cheapest_path(made, cyclic=cyclic)
    assert found is not None
    return found.bound


@pytest.mark.parametrize("first", [0, 60])
def test_a_round_day_is_opened_in_its_quietest_hour(first: int) -> None:
    """What it costs but for the starts into that hour is proved; closed, it is the cheapest day

    of those that are alike in that hour. Most are the cheapest of all.
    """
    solved, cheapest = 0, 0
    for seed in range(first, first + 60):
        made = replace(random_block(seed), before=None)
        costs = dict(schedules(made, cyclic=True))
        found = cheapest_path(made, cyclic=True)
        if found is None:
            assert min(costs.values(), default=np.inf) == np.inf, seed
            continue
        solved += 1
        days, hour = by_hour(found.counts), quietest(made)
        free = made.start.copy()
        free[:, hour] = 0.0
        opened = min(cost for _, cost in schedules(replace(made, start=free), cyclic=True))
        assert found.bound == pytest.approx(opened), seed
        assert found.cost == pytest.approx(costs[days]), seed
        assert found.cost == pytest.approx(block_cost(made, found.counts, cyclic=True)), seed
        alike = min(cost for other, cost in costs.items() if other[hour] == days[hour])
        assert found.cost == pytest.approx(alike), seed
        cheapest += found.cost < min(costs.values()) * (1 + 1e-9)
    assert cheapest > 0.85 * solved > 30


def test_states_are_counted_by_hour() -> None:
    """3 x 4 and 1 x 2 states: 7 in the mean. Where nothing fits there is none but one."""
    made = replace(
        random_block(0),
        low=np.array([[1, 2], [0, 0]]),
        high=np.array([[3, 2], [3, 1]]),
        need=np.array([1.0, 1.0]),
    )
    assert made.cells() == 7.0
    assert replace(made, low=np.array([[5, 5], [0, 0]])).cells() == 3.0
    assert replace(made, need=np.zeros(0)).cells() == 1.0
