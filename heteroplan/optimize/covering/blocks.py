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
from heteroplan.optimize.covering.filling import Filling
from heteroplan.optimize.covering.losses import LeastLost, NodeLoss, Reached
from heteroplan.optimize.program.problem import Floats, Ints
from heteroplan.optimize.program.transitions import changes_of, starts_of

SHARED_CELLS = 2_000_000
"""States of all intervals together up to which they share one box (16 MB)."""


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
        whole = self.in_queue(counts)
        reach = self._reach(counts, whole)
        parts, after = dict(enumerate(reach)), {}
        for e, fewer in self.exposed().items():
            size = np.maximum(1, whole[e] - fewer)
            one = self._reach_of_one(e, size) / size
            after[e] = (counts[e] * one, one)
        every, counted = slice(None), dict(enumerate(counts))
        left = np.array(
            [
                self.asked(parts, counted, side, every)
                - self.safe(reach[side].sum(axis=0), Reached(parts, after), side, every)
                for side in self.all_sides()
            ]
        )
        return np.where(left <= COVER_TOLERANCE, 0.0, left)

    def in_queue(self, counts: Ints) -> Ints:
        """[E, *] for counts [E, *] of each engine those of its queue, as far as `by_count` goes."""
        if self.queue is None or self.by_count is None:
            return counts
        whole = np.zeros_like(counts)
        np.add.at(whole, self.queue, counts)
        return np.asarray(np.minimum(whole[self.queue], self.by_count.shape[1] - 1))

    def _reach(self, counts: Ints, whole: Ints) -> Floats:
        """[E, T] share of the demand that counts [E, T] of each engine serve, `whole` in queues."""
        if self.by_count is None:
            return self.share * counts
        engines, times = np.indices(counts.shape)
        return np.asarray(self.by_count[engines, whole, times] * (counts / np.maximum(1, whole)))

    def reach_of(self, e: int, counts: Ints, times: slice) -> Floats:
        """[t, ...] share of the demand that counts [...] of one engine serve, alone in a queue."""
        if self.by_count is None:
            return np.multiply.outer(self.share[e, times], counts)
        return np.moveaxis(self.by_count[e][:, times][counts], -1, 0)

    def _reach_of_one(self, e: int, counts: Ints) -> Floats:
        """[T] share of the demand that counts [T] of an engine serve, by `by_count`."""
        assert self.by_count is not None
        return np.asarray(self.by_count[e, counts, np.arange(len(counts))])

    def exposed(self) -> dict[int, int]:
        """Engines that serve less in smaller pools, and how many replicas a node may take away."""
        if self.node_loss is None or self.by_count is None:
            return {}
        gpus = self.node_loss.gpus
        return {
            e: max(1, node_gpus // int(gpus[e]))
            for members, node_gpus in self.node_loss.nodes
            for e in members
        }

    def asked(
        self,
        reached: Mapping[int, Floats],
        counts: Mapping[int, Ints],
        side: NDArray[np.bool_],
        times: slice,
    ) -> Floats:
        """[t, ...] share of the demand that there must be capacity for on a side [E].

        With what is lost at least of what counts [...] of each engine have `reached` [t, ...].
        """
        column = [-1, *[1] * (max(each.ndim for each in reached.values()) - 1)]
        need = self.need[times].reshape(column)
        if self.least_lost is None:
            return need
        lost: Floats = np.zeros_like(need)
        for e in reached:
            if side[e]:
                lost = np.maximum(lost, reached[e] * self.least_lost.part(e, counts[e]))
        return np.maximum(need, self.least_lost.serve[times].reshape(column) + lost)

    def safe(
        self, cover: Floats, reached: Reached, side: NDArray[np.bool_], times: slice
    ) -> Floats:
        """[t, ...] what may be served of `cover` by engines `side` [E] so that the loss of a node
        is survived."""
        if self.node_loss is None:
            return cover
        return self.node_loss.safe(cover, reached, side, self.share[:, times], self.queue)

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
    """Cheapest schedule from `first` once around, what changes into it free, by compiled loops.

    With `fixed` [E] the day begins there and returns there, starts and changes paid.
    """
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
        total = np.zeros([1] * len(self.engines))
        for axis, e in enumerate(self.engines):
            counts = np.arange(self.low[axis, t], self.high[axis, t] + 1)
            cost = self.block.start[e, later] * np.maximum(0, target[e] - counts)
            cost += self._change_cost(e) * (target[e] != counts)
            total = total + _laid(cost, axis, len(self.engines))
        return total

    def cost_from(self, before: Ints, t: int) -> Floats:
        """Cost of starts and changes from counts `before` [E] to every state of t."""
        total = np.zeros([1] * len(self.engines))
        for axis, e in enumerate(self.engines):
            counts = np.arange(self.low[axis, t], self.high[axis, t] + 1)
            cost = self.block.start[e, t] * np.maximum(0, counts - before[e])
            cost += self._change_cost(e) * (counts != before[e])
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
    wholes = _in_queues(block, engines, ranges)
    shape = (len(block.need[times]), *(len(r) for r in ranges))
    cost, total = np.zeros(shape), np.zeros(shape)
    sides = block.all_sides()
    covers = [np.zeros(shape) for _ in sides]
    reaches, laid = dict[int, Floats](), dict[int, Ints]()
    exposed, after = block.exposed(), dict[int, tuple[Floats, Floats]]()
    allowed = np.ones(shape, dtype=bool)
    for axis, (e, counts) in enumerate(zip(engines, ranges, strict=True)):

        def over_time[N: np.generic](values: NDArray[N], axis: int = axis) -> NDArray[N]:
            return values.reshape(
                [shape[0], *(-1 if other == axis else 1 for other in range(len(ranges)))]
            )

        cost += over_time(np.multiply.outer(block.price[e, times], counts))
        mine, whole = _laid(counts, axis, len(ranges)), wholes[axis]
        reach = block.reach_of(e, whole, times) * (mine / np.maximum(1, whole))
        reaches[e], laid[e] = reach, mine
        if e in exposed:
            size = np.maximum(1, whole - exposed[e])
            one = block.reach_of(e, size, times) / size
            after[e] = (one * mine, one)
        for cover, side in zip(covers, sides, strict=True):
            if side[e]:
                cover += reach
        total += _laid(counts.astype(np.float64), axis, len(ranges))
        least, most = block.low[e, times][:, None], block.high[e, times][:, None]
        allowed &= over_time((least <= counts) & (counts <= most))
    column = [shape[0], *[1] * len(ranges)]
    penalties = np.broadcast_to(block.penalty, (len(sides), len(block.need)))
    for s, (cover, side, penalty) in enumerate(zip(covers, sides, penalties, strict=True)):
        served = block.safe(cover, Reached(reaches, after), side, times)
        missing = block.asked(reaches, laid, side, times) - served
        missing[missing <= COVER_TOLERANCE] = 0.0
        cost += _price_of_missing(block, s, times, missing, penalty[times].reshape(column))
    allowed &= total >= block.fewest[times].reshape(column)
    if block.most is not None:
        allowed &= total <= block.most[times].reshape(column)
    if block.weight is not None and block.room is not None:
        for weight, room in zip(block.weight, block.room[:, times], strict=True):
            held = np.zeros(shape[1:])
            for axis, (e, counts) in enumerate(zip(engines, ranges, strict=True)):
                held = held + _laid(weight[e] * counts, axis, len(ranges))
            allowed &= held[None] <= room.reshape(column)
    return np.where(allowed, cost, np.inf)


def _in_queues(block: Block, engines: list[int], ranges: list[Ints]) -> list[Ints]:
    """For each engine of a box the replicas of its queue, laid along the dimensions of these."""
    laid = [_laid(counts, axis, len(ranges)) for axis, counts in enumerate(ranges)]
    if block.queue is None or block.by_count is None:
        return laid
    last = block.by_count.shape[1] - 1
    queue = block.queue[engines].tolist()
    return [
        np.minimum(sum(each for each, other in zip(laid, queue, strict=True) if other == own), last)
        for own in queue
    ]


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
