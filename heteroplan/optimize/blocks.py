"""The covering block: one workload, one role, one domain, over the whole day.

    min  Σ_t [ Σ_e price[e,t]·n[e,t] + start[e,t]·max(0, n[e,t] - n[e,t-1])
               + penalty[t]·max(0, need[t] - Σ_e share[e,t]·n[e,t]) ]
    over integers low[e,t] <= n[e,t] <= high[e,t]

A dynamic program over the grid of counts solves it exactly. Start costs are separable by
engine, so the step from one interval to the next is, engine by engine, a running minimum:
with slope `start` upwards, free downwards; O(cells) an interval, no pairs of states.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from heteroplan.optimize.problem import COVER_TOLERANCE, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """E engines over T intervals; the class docstring of the module has the program."""

    price: Floats
    """[E, T] of one running replica."""
    start: Floats
    """[E, T] of one replica that starts to serve at t."""
    share: Floats
    """[E, T] share of the demand that one replica serves."""
    low: Ints
    """[E, T]"""
    high: Ints
    """[E, T]"""
    need: Floats
    """[T] share of the demand to be served."""
    penalty: Floats
    """[T] for leaving all demand unserved; inf where it must be served."""
    fewest: int = 0
    """Replicas of all engines together, at every interval."""
    most: int | None = None
    weight: Floats | None = None
    """[R, E] GPUs of a supply row that one replica holds; None where no two engines share one."""
    room: Ints | None = None
    """[R, T] GPUs left on those rows."""

    def cells(self) -> float:
        """Mean number of states an interval."""
        widths = np.maximum(0, self.high - self.low) + 1
        return float(np.prod(widths, axis=0, dtype=np.float64).mean()) if len(self.need) else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A schedule of a block."""

    counts: Ints
    """[E, T]"""
    cost: float
    """Of the schedule, penalties included."""
    bound: float
    """No schedule costs less."""


def cheapest_path(block: Block, *, cyclic: bool) -> Path | None:
    """The cheapest schedule, or None where none meets `need`.

    A cyclic day is opened where its demand is least, and the start into that interval is
    free: that gives `bound`. Closing the day at the state found there gives `cost`; the two
    agree unless the best closed day avoids that state.
    """
    intervals = len(block.need)
    if not cyclic:
        counts, value = _open_path(block, 0, None)
        return None if counts is None else Path(counts, value, value)
    required = _required(block)
    join = int(np.argmin(required)) if intervals else 0
    counts, bound = _open_path(block, join, None)
    if counts is None:
        return None
    cost = block_cost(block, counts, cyclic=True)
    if cost > bound + 1e-9 * abs(bound):
        closed, closed_cost = _open_path(block, join, counts[:, join])
        if closed is not None and closed_cost < cost:
            counts, cost = closed, closed_cost
    return Path(counts, cost, min(bound, cost))


def block_cost(block: Block, counts: Ints, *, cyclic: bool) -> float:
    """Cost of a schedule by the formula above."""
    before = np.roll(counts, 1, axis=1)
    if not cyclic:
        before[:, 0] = counts[:, 0]
    starts = np.maximum(0, counts - before)
    missing = np.maximum(0.0, block.need - (block.share * counts).sum(axis=0))
    missing[missing <= COVER_TOLERANCE] = 0.0
    unserved = float((block.penalty[missing > 0] * missing[missing > 0]).sum())
    return float((block.price * counts).sum() + (block.start * starts).sum()) + unserved


def useful_counts(price: Floats, start: Floats, share: Floats, need: Floats, fewest: int) -> Ints:
    """[E, T] counts that some cheapest schedule stays within.

    A replica that could be spared in an interval is spared where starting it again costs no
    more than running it meanwhile; then nothing beyond what covers the interval alone is of
    use. Where it costs more, nothing beyond what covers the busiest interval is.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.where(share > 0, np.ceil(need / share - COVER_TOLERANCE), 0.0)
    alone = np.maximum(alone, fewest)
    spared = (np.roll(start, -1, axis=1) <= price).all(axis=1)
    busiest = np.broadcast_to(alone.max(axis=1, initial=0.0)[:, None], alone.shape)
    return np.where(spared[:, None], alone, busiest).astype(np.int64)


def not_beaten(
    price: Floats, start: Floats, share: Floats, copies_allowed: bool
) -> NDArray[np.bool_]:
    """[E] whether no number of copies of another engine serves as much for less at all times."""
    kept = np.ones(len(price), dtype=bool)
    for a in range(len(price)):
        for b in np.flatnonzero(kept):
            if a == b or (share[b][share[a] > 0] <= 0).any():
                continue
            ratio = share[a][share[a] > 0] / share[b][share[a] > 0]
            copies = max(1, ceil(float(ratio.max(initial=0.0)) - 1e-12))
            if copies > 1 and not copies_allowed:
                continue
            cheaper = (copies * price[b] <= price[a]).all() and (
                copies * start[b] <= start[a]
            ).all()
            if cheaper:
                kept[a] = False
                break
    return kept


def unit_price(price: Floats, share: Floats) -> Floats:
    """[E, T] running cost of serving all demand in fractions of a replica."""
    useful = share > 0
    return np.where(useful, price / np.where(useful, share, 1.0), np.inf)


def on_grid(
    engines: Sequence[int], price: Floats, share: Floats, high: Ints, most_cells: float
) -> list[int]:
    """The engines that serve cheapest, as many as the grid has room for, in their order."""
    unit = np.minimum(unit_price(price, share), 1e300).mean(axis=1)
    cells = np.ones(high.shape[1])
    grid: list[int] = []
    for e in sorted(engines, key=lambda e: float(unit[e])):
        wider = cells * (high[e] + 1)
        if not grid or wider.mean() <= most_cells:
            grid.append(e)
            cells = wider
    return sorted(grid)


def _required(block: Block) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        fewest = np.where(block.share > 0, block.need / block.share, np.inf).min(
            axis=0, initial=np.inf
        )
    return np.where(block.need > 0, fewest, 0.0)


def _open_path(block: Block, first: int, fixed: Ints | None) -> tuple[Ints | None, float]:
    """Cheapest schedule from `first` once around, its first start free.

    With `fixed` [E] the day begins there and returns there, start costs included.
    """
    intervals = len(block.need)
    order = [(first + i) % intervals for i in range(intervals)]
    values: list[Floats] = []
    for i, t in enumerate(order):
        value = _stage_cost(block, t)
        if i == 0:
            if fixed is not None:
                value = _only(value, fixed - block.low[:, t])
        else:
            value = value + _transition(values[-1], block, order[i - 1], t)
        values.append(value)
    last = values[-1]
    if fixed is not None:
        last = last + _start_cost_to(block, order[-1], first, fixed)
    cell = np.unravel_index(int(np.argmin(last)), last.shape)
    total = float(last[cell])
    if not np.isfinite(total):
        return None, np.inf
    counts = np.zeros(block.low.shape, dtype=np.int64)
    counts[:, order[-1]] = np.array(cell, dtype=np.int64) + block.low[:, order[-1]]
    for i in range(intervals - 2, -1, -1):
        t, later = order[i], order[i + 1]
        reach = values[i] + _start_cost_to(block, t, later, counts[:, later])
        cell = np.unravel_index(int(np.argmin(reach)), reach.shape)
        counts[:, t] = np.array(cell, dtype=np.int64) + block.low[:, t]
    return counts, total


def _axis(values: Floats, e: int, engines: int) -> Floats:
    """`values` laid along dimension e of the grid."""
    return values.reshape([-1 if axis == e else 1 for axis in range(engines)])


def _stage_cost(block: Block, t: int) -> Floats:
    """Running cost and penalty of every state of interval t; inf where it is not allowed."""
    engines = len(block.low)
    ranges = [
        np.arange(lo, max(lo, hi) + 1)
        for lo, hi in zip(block.low[:, t], block.high[:, t], strict=True)
    ]
    cost = np.zeros([len(r) for r in ranges])
    cover = np.zeros_like(cost)
    total = np.zeros_like(cost)
    for e, counts in enumerate(ranges):
        cost = cost + _axis(block.price[e, t] * counts, e, engines)
        cover = cover + _axis(block.share[e, t] * counts, e, engines)
        total = total + _axis(counts.astype(np.float64), e, engines)
        if block.high[e, t] < block.low[e, t]:
            cost = cost + np.inf
    missing = np.maximum(0.0, block.need[t] - cover)
    short = missing > COVER_TOLERANCE
    cost = cost + np.where(
        short, missing * block.penalty[t] if np.isfinite(block.penalty[t]) else np.inf, 0.0
    )
    allowed = total >= block.fewest
    if block.most is not None:
        allowed &= total <= block.most
    if block.weight is not None and block.room is not None:
        for weight, room in zip(block.weight, block.room[:, t], strict=True):
            held = np.zeros_like(cost)
            for e, counts in enumerate(ranges):
                held = held + _axis(weight[e] * counts, e, engines)
            allowed &= held <= room
    return np.where(allowed, cost, np.inf)


def _transition(value: Floats, block: Block, before: int, now: int) -> Floats:
    """Least cost of arriving at each state of `now`, starts paid, stops free."""
    for e in range(len(block.low)):
        value = _along(value, block, e, before, now)
    return value


def _along(value: Floats, block: Block, e: int, before: int, now: int) -> Floats:
    """The step of one engine: min over n of value(n) + start·max(0, n' - n)."""
    lows = (int(block.low[e, before]), int(block.low[e, now]))
    highs = (max(lows[0], int(block.high[e, before])), max(lows[1], int(block.high[e, now])))
    if lows[0] != lows[1] or highs[0] != highs[1]:
        padding = [(0, 0)] * value.ndim
        padding[e] = (lows[0] - min(lows), max(highs) - highs[0])
        value = np.pad(value, padding, constant_values=np.inf)
    slope = _axis(block.start[e, now] * np.arange(value.shape[e]), e, value.ndim)
    upwards = np.minimum.accumulate(value - slope, axis=e) + slope
    downwards = np.flip(np.minimum.accumulate(np.flip(value, axis=e), axis=e), axis=e)
    value = np.minimum(upwards, downwards)
    keep = [slice(None)] * value.ndim
    offset = lows[1] - min(lows)
    keep[e] = slice(offset, offset + highs[1] - lows[1] + 1)
    return value[tuple(keep)]


def _start_cost_to(block: Block, t: int, later: int, target: Ints) -> Floats:
    """Start cost from every state of t to `target` [E] at `later`."""
    engines = len(block.low)
    total = np.zeros([1] * engines)
    for e in range(engines):
        low = int(block.low[e, t])
        counts = np.arange(low, max(low, int(block.high[e, t])) + 1)
        total = total + _axis(block.start[e, later] * np.maximum(0, target[e] - counts), e, engines)
    return total


def _only(value: Floats, cell: Ints) -> Floats:
    """`value` with every other state ruled out."""
    single = np.full_like(value, np.inf)
    single[tuple(cell)] = value[tuple(cell)]
    return single
