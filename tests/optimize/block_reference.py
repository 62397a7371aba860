"""What a covering block costs, state by state, in the words of its program.

Slow and plain: no running minima, no tables, one replica type after another.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from heteroplan.optimize.covering.blocks import Block, Filling
from heteroplan.optimize.program.problem import Floats, Ints

type Counts = tuple[int, ...]


def allowed(made: Block, counts: Counts, t: int) -> bool:
    """Whether so many replicas may run at a time."""
    if sum(counts) < made.fewest[t] or (made.most is not None and sum(counts) > made.most[t]):
        return False
    if made.weight is None or made.room is None:
        return True
    held = [sum(w * n for w, n in zip(row, counts, strict=True)) for row in made.weight]
    return all(gpus <= room for gpus, room in zip(held, made.room[:, t], strict=True))


def states(made: Block, t: int) -> Iterator[Counts]:
    """Every allowed state within the limits."""
    ranges = [range(lo, hi + 1) for lo, hi in zip(made.low[:, t], made.high[:, t], strict=True)]
    return (counts for counts in product(*ranges) if allowed(made, counts, t))


def served(made: Block, e: int, count: int, t: int) -> float:
    """Share of the demand that so many replicas of one engine serve."""
    if made.by_count is None:
        return float(made.share[e, t]) * count
    return float(made.by_count[e, count, t])


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
    """Share of the demand that is left unserved on a side of these engines.

    The loss of a node only of engines whose replicas serve as much however many there are.
    """
    reached = alive = sum(served(made, e, counts[e], t) for e in side)
    if made.node_loss is not None:
        assert made.by_count is None
        for m, gpus in enumerate(made.node_loss.node_gpus.tolist()):
            members = [e for e in side if made.node_loss.node[e] == m]
            lost = most_on_a_node(made, members, gpus, counts, t)
            if members:
                reached = min(reached, max(0.0, alive - lost) / made.node_loss.serve)
    left = float(made.need[t]) - reached
    return left if left > 1e-9 else 0.0


def filled_at(table: Filling, side: int, t: int, left: float) -> float:
    """Of the engines outside the grid, for what is missing on a side at a time."""
    return float(table.cost[side, t, int(left / table.step - 1e-9)])


def filled_for(table: Filling, side: int, missing: Floats) -> list[float]:
    """Of the same, for what is `missing` [T] on a side."""
    return [filled_at(table, side, t, left) for t, left in enumerate(missing.tolist())]


def hour_cost(made: Block, counts: Counts, t: int) -> float:
    """Of running, and of what is missing on each side."""
    engines = range(len(counts))
    sides = [[e for e in engines if side[e]] for side in made.all_sides()]
    penalty = np.broadcast_to(made.penalty, (len(sides), len(made.need)))
    cost = sum(float(made.price[e, t]) * counts[e] for e in engines)
    if made.floors is not None:
        for constant, price in zip(made.floors.constant, made.floors.price, strict=True):
            line = float(constant[t]) + sum(float(price[e, t]) * counts[e] for e in engines)
            cost = max(cost, line)
    for s, side in enumerate(sides):
        left = missing(made, counts, t, side)
        if left > 0:
            filled = 0.0
            if made.filling is not None:
                filled = filled_at(made.filling, s, t, left)
            cost += max(float(penalty[s, t]) * left, filled)
    return cost


def steps(made: Block, before: Ints, now: Ints, t: int) -> NDArray[np.float64]:
    """[*] what starts and changes into interval t cost, from counts [*, E] to counts [*, E]."""
    grown = now - before
    cost = (made.start[:, t] * np.maximum(0, grown)).sum(axis=-1)
    if made.change is not None:
        cost = cost + (made.change * (grown != 0)).sum(axis=-1)
    return np.asarray(cost)


def block_cost(made: Block, counts: Ints, *, cyclic: bool) -> float:
    """Of counts [E, T]."""
    cost = 0.0
    for t in range(counts.shape[1]):
        cost += hour_cost(made, tuple(counts[:, t].tolist()), t)
        if t > 0 or cyclic:
            cost += float(steps(made, counts[:, t - 1], counts[:, t], t))
        elif made.before is not None:
            cost += float(steps(made, made.before, counts[:, 0], 0))
    return cost


def quietest(made: Block) -> int:
    """The first of the hours in which the fewest replicas of one engine serve all there is."""
    fewest = [
        min((need / each for each in share if each > 0), default=np.inf) if need > 0 else 0.0
        for need, share in zip(made.need, made.share.T, strict=True)
    ]
    return fewest.index(min(fewest))


def least_open(made: Block, *, cyclic: bool) -> float:
    """Least cost of a day; of a cyclic one but for what comes into its quietest hour."""
    intervals = len(made.need)
    first = quietest(made) if cyclic else 0
    value, known = np.zeros(1), None if cyclic or made.before is None else made.before[None, :]
    for t in ((first + i) % intervals for i in range(intervals)):
        now = np.array(list(states(made, t)), dtype=np.int64).reshape(-1, len(made.low))
        if not len(now):
            return np.inf
        here = np.array([hour_cost(made, tuple(each), t) for each in now.tolist()])
        if known is None:
            value = here
        else:
            come = value[:, None] + steps(made, known[:, None, :], now[None, :, :], t)
            value = here + come.min(axis=0)
        known = now
    return float(value.min())
