"""Blocks in which replicas of several engines are one queue, against enumeration."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from heteroplan.optimize.covering.blocks import Block, cheapest_path
from heteroplan.optimize.covering.losses import NodeLoss

MOST = 6
"""Replicas up to which a queue serves more the more there are."""


def random_block(seed: int) -> Block:
    """Two engines that are one queue and one that is its own, over one or two intervals.

    At times counts go beyond what the table has, and the loss of a node is to be survived.
    """
    draw = np.random.default_rng(seed)
    intervals = int(draw.integers(1, 3))
    counts = np.arange(MOST + 1)[:, None]
    part = counts * (1.0 - draw.uniform(0.2, 0.7) / np.sqrt(np.maximum(1, counts)))
    share = draw.uniform(0.15, 0.5, (2, intervals))[[0, 0, 1]]
    loss = NodeLoss(
        serve=float(draw.choice((0.6, 1.0))),
        gpus=np.array([2, 2, 4]),
        node=np.array([0, 1, 0]),
        node_gpus=np.array([4, 4]),
    )
    return Block(
        price=draw.uniform(0.5, 3.0, (3, intervals)),
        start=draw.uniform(0.0, 3.0, (3, intervals)),
        share=share,
        by_count=share[:, None, :] * part,
        queue=np.array([0, 0, 2]),
        low=np.zeros((3, intervals), dtype=np.int64),
        high=draw.integers(1, 5, (3, intervals)),
        need=draw.uniform(0.3, 1.3, intervals),
        penalty=draw.uniform(2.0, 20.0, intervals),
        fewest=np.zeros(intervals, dtype=np.int64),
        node_loss=loss if seed % 3 == 0 else None,
    )


def each_serves(made: Block, e: int, whole: int, t: int) -> float:
    """Of one replica, among `whole` of its queue."""
    assert made.by_count is not None
    size = min(MOST, max(1, whole))
    return float(made.by_count[e, size, t]) / size


def served(made: Block, counts: tuple[int, ...], t: int) -> float:
    """What may be served so that a node of 4 GPUs may be lost: 2 replicas of the first two engines,
    one of the third, and the queue is smaller by as many."""
    wholes = (counts[0] + counts[1], counts[0] + counts[1], counts[2])
    rates = [each_serves(made, e, wholes[e], t) for e in range(3)]
    alive = sum(n * rate for n, rate in zip(counts, rates, strict=True))
    if made.node_loss is None:
        return alive
    found = alive
    for members in ((0, 2), (1,)):
        shrunk = {0, 1} | set(members)
        left = [
            each_serves(made, e, wholes[e] - (2 if e < 2 else 1), t) if e in shrunk else rates[e]
            for e in range(3)
        ]
        whole = sum(n * rate for n, rate in zip(counts, left, strict=True))
        room, lost = 4.0, 0.0
        for e in sorted(members, key=lambda e: -left[e] / (2, 2, 4)[e]):
            held = min(float(counts[e]), room / (2, 2, 4)[e])
            lost += held * left[e]
            room -= held * (2, 2, 4)[e]
        found = min(found, max(0.0, whole - lost) / made.node_loss.serve)
    return found


def schedules(made: Block) -> Iterator[float]:
    """Cost of each."""
    intervals = len(made.need)
    states = [product(*(range(int(n) + 1) for n in made.high[:, t])) for t in range(intervals)]
    for days in product(*states):
        cost = 0.0
        for t, counts in enumerate(days):
            missing = max(0.0, float(made.need[t]) - served(made, counts, t))
            cost += float(made.price[:, t] @ np.array(counts)) + float(made.penalty[t]) * missing
        for t, (before, now) in enumerate(pairwise(days), 1):
            grown = np.maximum(0, np.array(now) - np.array(before))
            cost += float(made.start[:, t] @ grown)
        yield cost


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_the_cheapest_schedule_is_that_of_the_enumeration(first: int) -> None:
    for seed in range(first, first + 20):
        made = random_block(seed)
        least = min(schedules(made))
        found = cheapest_path(made, cyclic=False)
        assert found is not None
        assert found.cost == pytest.approx(least, rel=1e-9), seed


def test_replicas_of_a_queue_serve_what_as_many_of_one_engine_do() -> None:
    """One of each of two engines serve as two of either do: 0.5 and not twice 0.2."""
    made = replace(
        random_block(1),
        by_count=np.array([[[0.0], [0.2], [0.5]]] * 3),
        share=np.full((3, 1), 0.25),
        need=np.ones(1),
        node_loss=None,
    )
    assert made.missing(np.array([[1], [1], [0]])) == pytest.approx(0.5)
    assert made.missing(np.array([[2], [0], [0]])) == pytest.approx(0.5)
    assert made.missing(np.array([[1], [0], [1]])) == pytest.approx(0.6)
