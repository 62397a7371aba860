"""The covering block: one workload, one role, one domain, over the whole day.

    min  Σ_t [ Σ_e price[e,t]·n[e,t] + start[e,t]·max(0, n[e,t] - n[e,t-1])
               + Σ_e change[e]·[n[e,t] != n[e,t-1]]
               + Σ_s penalty[s,t]·max(0, need[t] - Σ_{e on side s} share[e,t]·n[e,t]) ]
    over integers low[e,t] <= n[e,t] <= high[e,t]

There is one side a stage of the requests: prefill and decode, and their parts where an engine
is divided. An aggregated engine counts on all sides.

A dynamic program over the grid of counts solves it exactly. Costs of starts and of changes are
separable by engine, so a step in time is, engine by engine, to stay, or `change` and a running
minimum: with slope `start` upwards, free downwards; O(cells) an interval, no pairs of states.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.tolerances import COVER_TOLERANCE, ROUNDING
from heteroplan.optimize.covering.losses import LeastLost, NodeLoss
from heteroplan.optimize.program.problem import Floats, Ints
from heteroplan.optimize.program.transitions import changes_of, starts_of

SHARED_CELLS = 2_000_000
"""States of all intervals together up to which they share one box (16 MB)."""


@dataclass(frozen=True, slots=True, eq=False)
class Filling:
    """What serving the rest costs at least with engines outside the grid, by how much is left."""

    cost: Floats
    """[S, T, G + 1] for g = 0..G steps of `step` or more on each side."""
    step: float
    """Share of the demand."""

    def of(self, side: int, times: slice, missing: Floats) -> Floats:
        """[t, ...] cost of what is `missing` [t, ...] on a side."""
        table = self.cost[side, times]
        at = (missing * (1.0 / self.step) - ROUNDING).astype(np.int64).clip(0)
        rows = np.arange(len(table)).reshape([-1, *[1] * (missing.ndim - 1)])
        return np.asarray(table[rows, at])


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """E engines over T intervals; the docstring of the module has the program."""

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
    """[T] or [S, T] for leaving all demand unserved on a side; inf where it must be served."""
    fewest: Ints
    """[T] replicas of all engines together."""
    most: Ints | None = None
    before: Ints | None = None
    """[E] replicas that ran before the first interval of a day that is not cyclic, where known."""
    sides: NDArray[np.bool_] | None = None
    """[S, E] engines that count on each side; None where all count on one."""
    node_loss: NodeLoss | None = None
    least_lost: LeastLost | None = None
    """In the place of `node_loss` where pools are added up, each engine with a queue of its own."""
    weight: Floats | None = None
    """[R, E] GPUs of a supply row that one replica holds; None where no two engines share one."""
    room: Ints | None = None
    """[R, T] GPUs left on those rows."""
    filling: Filling | None = None
    """Charged for what is missing where it is more than `penalty`."""
    compiled: bool = False
    """Whether the compiled loops are worth their import."""
    by_count: Floats | None = None
    """[E, N + 1, T] share of the demand that 0, 1, ..., N replicas serve together, where it is more
    than so many times what one does; then `share` is at least what any of them serves."""
    change: Floats | None = None
    """[E] of a change of an engine's count between two intervals; None where all are free."""
    queue: Ints | None = None
    """[E] the first engine of those whose replicas are one queue: each serves what `by_count` says
    of as many as all of them have. None where each engine has its own."""

    def all_sides(self) -> NDArray[np.bool_]:
        """[S, E] the sides, one where none are named."""
        return np.ones((1, len(self.low)), dtype=bool) if self.sides is None else self.sides

    def missing(self, counts: Ints) -> Floats:
        """[S, T] share of the demand that counts [E, T] leave unserved on each side."""
        return np.array(self.missing_of(dict(enumerate(counts)), slice(None)))

    def missing_of(self, counts: Mapping[int, Ints], times: slice) -> list[Floats]:
        """[S][t, ...] share of the demand that some engines leave unserved on each side.

        By counts [t, ...] or [1, ...] of each of them in some intervals, none of the others.
        """
        reached, after = dict[int, Floats](), dict[int, tuple[Floats, Floats]]()
        loss, axes = self.node_loss, max(each.ndim for each in counts.values())
        fewer = {} if loss is None or self.by_count is None else loss.replicas()
        for e, whole in self._in_queues(counts).items():
            reached[e] = self._reach(e, whole, times) * (counts[e] / np.maximum(1, whole))
            after[e] = (reached[e], self.share[e, times].reshape([-1, *[1] * (axes - 1)]))
            if e in fewer:
                size = np.maximum(1, whole - fewer[e])
                one = self._reach(e, size, times) / size
                after[e] = (one * counts[e], one)
        found = []
        for side in self.all_sides():
            mine = {e: each for e, each in reached.items() if side[e]}
            served = sum(mine.values(), np.zeros([1] * axes))
            if loss is not None:
                served = loss.safe(served, reached, after, side, self.queue)
            left = self._asked(mine, counts, times, axes) - served
            found.append(np.where(left <= COVER_TOLERANCE, 0.0, left))
        return found

    def _in_queues(self, counts: Mapping[int, Ints]) -> Mapping[int, Ints]:
        """For counts of some engines those of their queues, as far as `by_count` goes."""
        if self.queue is None or self.by_count is None:
            return counts
        queue, last = self.queue, self.by_count.shape[1] - 1
        return {
            e: np.minimum(sum(n for o, n in counts.items() if queue[o] == queue[e]), last)
            for e in counts
        }

    def _reach(self, e: int, counts: Ints, times: slice) -> Floats:
        """[t, ...] share of the demand that counts of one engine serve, alone in a queue."""
        column = [-1, *[1] * (counts.ndim - 1)]
        if self.by_count is None:
            return np.asarray(self.share[e, times].reshape(column) * counts)
        at = np.arange(len(self.need))[times].reshape(column)
        return np.asarray(self.by_count[e][counts, at])

    def _asked(
        self, reached: Mapping[int, Floats], counts: Mapping[int, Ints], times: slice, axes: int
    ) -> Floats:
        """[t, ...] share of the demand that there must be capacity for.

        With what is lost at least of what counts of each engine have `reached` [t, ...].
        """
        column = [-1, *[1] * (axes - 1)]
        need = self.need[times].reshape(column)
        if self.least_lost is None:
            return need
        lost: Floats = np.zeros_like(need)
        for e, each in reached.items():
            lost = np.maximum(lost, each * self.least_lost.part(e, counts[e]))
        return np.maximum(need, self.least_lost.serve[times].reshape(column) + lost)

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

    A cyclic day is opened where its demand is least, and starts and changes into that interval
    are free: that gives `bound`. Closing the day at the state found there gives `cost`; the two
    agree unless the best closed day avoids that state (and, where changes cost, the one before).
    """
    intervals = len(block.need)
    if not cyclic:
        counts, value = _open_path(block, 0, None)
        value += _given_up(block)
        return None if counts is None else Path(counts, value, value)
    required = _required(block)
    join = int(np.argmin(required)) if intervals else 0
    counts, bound = _open_path(block, join, None)
    if counts is None:
        return None
    cost = block_cost(block, counts, cyclic=True)
    if cost > bound + ROUNDING * abs(bound):
        before = counts[:, join - 1]
        inside = (block.low[:, join] <= before) & (before <= block.high[:, join])
        steady = block.change is not None and inside.all()
        for state in (counts[:, join], before) if steady else (counts[:, join],):
            closed, closed_cost = _open_path(block, join, state)
            if closed is not None and closed_cost < cost:
                counts, cost = closed, closed_cost
    return Path(counts, cost, min(bound, cost))


def block_cost(block: Block, counts: Ints, *, cyclic: bool) -> float:
    """Cost of a schedule by the formula above."""
    starts = starts_of(counts, block.before, cyclic)
    missing = block.missing(counts)
    penalties = np.broadcast_to(block.penalty, missing.shape)
    unserved = sum(
        float(_price_of_missing(block, s, slice(None), left, penalty).sum())
        for s, (left, penalty) in enumerate(zip(missing, penalties, strict=True))
    )
    cost = float((block.price * counts).sum() + (block.start * starts).sum()) + unserved
    if block.change is not None:
        cost += float(block.change @ changes_of(counts, block.before, cyclic).sum(axis=1))
    return cost


def _price_of_missing(
    block: Block, side: int, times: slice, missing: Floats, penalty: Floats
) -> Floats:
    """[t, ...] penalty [t, ...] of what is `missing` [t, ...] on a side, or its filling."""
    with np.errstate(invalid="ignore"):
        price = np.where(missing > 0, missing * penalty, 0.0)
    if block.filling is None:
        return price
    filled = block.filling.of(side, times, missing)
    return np.where(missing > 0, np.maximum(price, filled), 0.0)


def _required(block: Block) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        fewest = np.where(block.share > 0, block.need / block.share, np.inf).min(
            axis=0, initial=np.inf
        )
    return np.where(block.need > 0, fewest, 0.0)


def _open_path(block: Block, first: int, fixed: Ints | None) -> tuple[Ints | None, float]:
    """Cheapest schedule from `first` once around, what changes into it free.

    With `fixed` [E] the day begins there and returns there, starts and changes paid.
    """
    if block.compiled and block.node_loss is None:
        return _compiled_path(block, first, fixed)
    intervals = len(block.need)
    grid = _grid_of(block)
    order = [(first + i) % intervals for i in range(intervals)]
    values: list[Floats] = []
    for i, t in enumerate(order):
        value = grid.stage(t)
        if i > 0:
            value = value + grid.step(values[-1], order[i - 1], t)
        elif fixed is not None:
            value = grid.only(value, t, fixed)
        elif block.before is not None:
            value = value + grid.cost_from(block.before, t)
        values.append(value)
    last = values[-1]
    if fixed is not None:
        last = last + grid.cost_to(order[-1], first, fixed)
    cell = np.unravel_index(int(np.argmin(last)), last.shape)
    total = float(last[cell])
    if not np.isfinite(total):
        return None, np.inf
    counts = np.zeros(block.low.shape, dtype=np.int64)
    counts[grid.engines, order[-1]] = np.array(cell, dtype=np.int64) + grid.low[:, order[-1]]
    for i in range(intervals - 2, -1, -1):
        t, later = order[i], order[i + 1]
        reach = values[i] + grid.cost_to(t, later, counts[:, later])
        cell = np.unravel_index(int(np.argmin(reach)), reach.shape)
        counts[grid.engines, t] = np.array(cell, dtype=np.int64) + grid.low[:, t]
    return counts, total


def _compiled_path(block: Block, first: int, fixed: Ints | None) -> tuple[Ints | None, float]:
    """The same by compiled loops."""
    from heteroplan.optimize.covering.compiled import arrays_of, open_path

    engines = _engines_of(block)
    no_state = np.zeros(0, dtype=np.int64)
    total, found = open_path(
        arrays_of(block, engines),
        first,
        no_state if fixed is None else fixed[engines],
        no_state if block.before is None else block.before[engines],
    )
    if not np.isfinite(total):
        return None, np.inf
    counts = np.zeros(block.low.shape, dtype=np.int64)
    counts[engines] = found
    return counts, float(total)


def _given_up(block: Block) -> float:
    """What changes cost of engines that ran before and may not run."""
    if block.change is None or block.before is None:
        return 0.0
    return float(np.delete(block.change * (block.before > 0), _engines_of(block)).sum())


def _engines_of(block: Block) -> list[int]:
    """Those that may run at all; the first where none may."""
    return [int(e) for e in np.flatnonzero((block.high > 0).any(axis=1))] or [0]


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """The states of a block: the engines that may run at all, each interval's box of counts."""

    block: Block
    engines: list[int]
    low: Ints
    """[E', T] of the engines that count; one box for all intervals where that is small."""
    high: Ints
    shared: Floats | None
    """[T, *box] stage costs of the one box; None where boxes move."""

    def stage(self, t: int) -> Floats:
        """Running cost and penalty of every state of interval t; inf where it is not allowed."""
        if self.shared is not None:
            stage: Floats = self.shared[t]
            return stage
        alone: Floats = _stage_costs(
            self.block, self.engines, self.low[:, t], self.high[:, t], slice(t, t + 1)
        )[0]
        return alone

    def step(self, value: Floats, before: int, now: int) -> Floats:
        """Least cost of arriving at each state of `now`, starts and changes paid, stops free."""
        for axis, e in enumerate(self.engines):
            lows = (int(self.low[axis, before]), int(self.low[axis, now]))
            highs = (int(self.high[axis, before]), int(self.high[axis, now]))
            start = float(self.block.start[e, now])
            value = _along(value, axis, start, self._change_cost(e), lows, highs)
        return value

    def cost_to(self, t: int, later: int, target: Ints) -> Floats:
        """Cost of starts and changes from every state of t to `target` [E] at `later`."""
        return self._transition(t, later, target, 1)

    def cost_from(self, before: Ints, t: int) -> Floats:
        """Cost of starts and changes from counts `before` [E] to every state of t."""
        return self._transition(t, t, before, -1)

    def _transition(self, t: int, start: int, other: Ints, sign: int) -> Floats:
        """From every state of t to counts `other` [E], started at `start`; back with sign -1."""
        total = np.zeros([1] * len(self.engines))
        for axis, e in enumerate(self.engines):
            grown = sign * (other[e] - np.arange(self.low[axis, t], self.high[axis, t] + 1))
            cost = self.block.start[e, start] * np.maximum(0, grown)
            cost += self._change_cost(e) * (grown != 0)
            total = total + _laid(cost, axis, len(self.engines))
        return total

    def _change_cost(self, e: int) -> float:
        return 0.0 if self.block.change is None else float(self.block.change[e])

    def only(self, value: Floats, t: int, state: Ints) -> Floats:
        """`value` with every other state than `state` [E] ruled out."""
        cell = tuple(state[self.engines] - self.low[:, t])
        single = np.full_like(value, np.inf)
        single[cell] = value[cell]
        return single


def _grid_of(block: Block) -> _Grid:
    engines = _engines_of(block)
    low = block.low[engines]
    high = np.maximum(low, block.high[engines])
    one_low, one_high = low.min(axis=1), high.max(axis=1)
    cells = float(np.prod(one_high - one_low + 1.0))
    if cells * len(block.need) > SHARED_CELLS:
        return _Grid(block, engines, low, high, None)
    shared = _stage_costs(block, engines, one_low, one_high, slice(None))
    return _Grid(
        block,
        engines,
        np.repeat(one_low[:, None], len(block.need), axis=1),
        np.repeat(one_high[:, None], len(block.need), axis=1),
        shared,
    )


def _stage_costs(block: Block, engines: list[int], low: Ints, high: Ints, times: slice) -> Floats:
    """[t, *box] running cost and penalty of every state of a box in some intervals."""
    ranges = [np.arange(lo, hi + 1) for lo, hi in zip(low, high, strict=True)]
    column = [-1, *[1] * len(ranges)]
    counts = {
        e: _laid(mine, axis, len(ranges))[None]
        for axis, (e, mine) in enumerate(zip(engines, ranges, strict=True))
    }
    shape = (len(block.need[times]), *map(len, ranges))
    cost, allowed = np.zeros(shape), np.ones(shape, dtype=bool)
    for e, mine in counts.items():
        cost += block.price[e, times].reshape(column) * mine
        allowed &= block.low[e, times].reshape(column) <= mine
        allowed &= block.high[e, times].reshape(column) >= mine
    missing = block.missing_of(counts, times)
    penalties = np.broadcast_to(block.penalty, (len(missing), len(block.need)))
    for s, (left, penalty) in enumerate(zip(missing, penalties, strict=True)):
        cost += _price_of_missing(block, s, times, left, penalty[times].reshape(column))
    total = sum(counts.values())
    allowed &= total >= block.fewest[times].reshape(column)
    if block.most is not None:
        allowed &= total <= block.most[times].reshape(column)
    if block.weight is not None and block.room is not None:
        for weight, room in zip(block.weight, block.room[:, times], strict=True):
            held = sum(weight[e] * mine for e, mine in counts.items())
            allowed &= held <= room.reshape(column)
    return np.where(allowed, cost, np.inf)


def _laid[N: np.generic](values: NDArray[N], axis: int, axes: int) -> NDArray[N]:
    """`values` laid along one dimension of the grid."""
    return values.reshape([-1 if other == axis else 1 for other in range(axes)])


def _along(
    value: Floats,
    axis: int,
    start: float,
    change: float,
    lows: tuple[int, int],
    highs: tuple[int, int],
) -> Floats:
    """The step of one engine: min over n of value(n) + start·max(0, n' - n) + change·[n' != n]."""
    if lows[0] != lows[1] or highs[0] != highs[1]:
        padding = [(0, 0)] * value.ndim
        padding[axis] = (max(0, lows[0] - lows[1]), max(0, highs[1] - highs[0]))
        value = np.pad(value, padding, constant_values=np.inf)
    slope = _laid(start * np.arange(value.shape[axis], dtype=np.float64), axis, value.ndim)
    upwards = np.minimum.accumulate(value - slope, axis=axis) + slope
    backwards = [slice(None)] * value.ndim
    backwards[axis] = slice(None, None, -1)
    reverse = tuple(backwards)
    downwards = np.minimum.accumulate(value[reverse], axis=axis)[reverse]
    moved = np.minimum(upwards, downwards)
    value = np.minimum(value, moved + change) if change else moved
    keep = [slice(None)] * value.ndim
    offset = lows[1] - min(lows)
    keep[axis] = slice(offset, offset + highs[1] - lows[1] + 1)
    return value[tuple(keep)]
