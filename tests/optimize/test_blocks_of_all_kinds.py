"""Blocks with every feature at once, against enumeration by a cost that is reckoned otherwise."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from heteroplan.optimize.covering import blocks
from heteroplan.optimize.covering.blocks import Block, Filling, block_cost, cheapest_path
from heteroplan.optimize.covering.losses import NodeLoss
from heteroplan.optimize.program.problem import Ints

type Counts = tuple[int, ...]

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
        nodes=(((0,), 4), (tuple(range(1, engines)), 8)),
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


def most_on_a_node(made: Block, members: list[int], gpus: int, counts: Counts, t: int) -> float:
    """Share of the demand that a node holds at most: those that serve most a GPU come first."""
    assert made.node_loss is not None
    of_replica = {e: int(made.node_loss.gpus[e]) for e in members}
    found, room = 0.0, float(gpus)
    for e in sorted(members, key=lambda e: -made.share[e, t] / of_replica[e]):
        held = min(float(counts[e]), room / of_replica[e])
        found += held * float(made.share[e, t])
        room -= held * of_replica[e]
    return found


def missing(made: Block, counts: Counts, t: int, side: list[int]) -> float:
    served = alive = sum(float(made.share[e, t]) * counts[e] for e in side)
    if made.node_loss is not None:
        for members, gpus in made.node_loss.nodes:
            lost = most_on_a_node(made, [e for e in members if e in side], gpus, counts, t)
            if any(e in side for e in members):
                served = min(served, max(0.0, alive - lost) / made.node_loss.serve)
    left = float(made.need[t]) - served
    return left if left > 1e-9 else 0.0


def allowed(made: Block, counts: Counts, t: int) -> bool:
    if sum(counts) < made.fewest[t] or (made.most is not None and sum(counts) > made.most[t]):
        return False
    if made.weight is None or made.room is None:
        return True
    held = [sum(w * n for w, n in zip(row, counts, strict=True)) for row in made.weight]
    return all(gpus <= room for gpus, room in zip(held, made.room[:, t], strict=True))


def hour_cost(made: Block, counts: Counts, t: int) -> float:
    """Of running, and of what is missing on each side."""
    engines = range(len(counts))
    named = [[e for e in engines if side[e]] for side in made.all_sides()]
    cost = sum(float(made.price[e, t]) * counts[e] for e in engines)
    for s, side in enumerate(named):
        left = missing(made, counts, t, side)
        if left > 0:
            filled = 0.0
            if made.filling is not None:
                filled = float(made.filling.cost[s, t, int(left / STEP - 1e-9)])
            cost += max(float(made.penalty[s, t]) * left, filled)
    return cost


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
    choices = []
    for t in range(len(made.need)):
        ranges = [range(lo, hi + 1) for lo, hi in zip(made.low[:, t], made.high[:, t], strict=True)]
        choices.append(
            [
                (counts, hour_cost(made, counts, t))
                for counts in product(*ranges)
                if allowed(made, counts, t)
            ]
        )
    for hours in product(*choices):
        days = tuple(counts for counts, _ in hours)
        yield days, sum(cost for _, cost in hours) + start_cost(made, days, cyclic)


def quietest(made: Block) -> int:
    """The first of the hours in which the fewest replicas of one engine serve all there is."""
    fewest = [
        min((need / each for each in share if each > 0), default=np.inf) if need > 0 else 0.0
        for need, share in zip(made.need, made.share.T, strict=True)
    ]
    return fewest.index(min(fewest))


def by_hour(counts: Ints) -> tuple[Counts, ...]:
    return tuple(tuple(int(n) for n in column) for column in counts.T)


@pytest.fixture(params=[0, 2_000_000], ids=["boxes move", "one box"])
def seeds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> range:
    """Of blocks whose hours share a box of states or not."""
    monkeypatch.setattr(blocks, "SHARED_CELLS", request.param)
    return range(60) if request.param else range(60, 120)


def test_a_day_that_ends_is_solved_exactly(seeds: range) -> None:
    solved = 0
    for seed in seeds:
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


def test_a_round_day_is_opened_in_its_quietest_hour(seeds: range) -> None:
    """What it costs but for the starts into that hour is proved; closed, it is the cheapest day

    of those that are alike in that hour. Most are the cheapest of all.
    """
    solved, cheapest = 0, 0
    for seed in seeds:
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


def test_what_is_filled_is_counted_in_whole_steps() -> None:
    """On the second side, of 0.25 each; what is missing by a step or less costs nothing yet."""
    cost = np.array([[[0.0] * 4] * 2, [[0.0, 1.0, 3.0, 7.0], [0.0, 2.0, 5.0, 9.0]]])
    table = Filling(cost, 0.25)
    left = np.array([[0.0, 0.25, 0.5, 0.6], [0.0, 0.2, 0.3, 0.8]])
    assert table.of(1, slice(None), left).tolist() == [[0.0, 0.0, 1.0, 3.0], [0.0, 0.0, 2.0, 9.0]]
    assert table.of(0, slice(None), left).tolist() == [[0.0] * 4] * 2
    assert table.of(1, slice(1, 2), left[1:]).tolist() == [[0.0, 0.0, 2.0, 9.0]]
