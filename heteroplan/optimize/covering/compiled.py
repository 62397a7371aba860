"""The dynamic program of `blocks` as compiled loops.

The first use compiles for some seconds, once an installation (`numerics.compiling`); each process
that uses the loops loads them for half a second.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled, own
from heteroplan.numerics.tolerances import COVER_TOLERANCE, ROUNDING

if TYPE_CHECKING:
    from heteroplan.optimize.covering.blocks import Block

type _Floats = NDArray[np.float64]
type _Ints = NDArray[np.int64]
type _Flags = NDArray[np.bool_]


class Arrays(NamedTuple):
    """A block without options: what is None in `blocks.Block` has a value without effect here."""

    price: _Floats
    """[E, T]"""
    start: _Floats
    """[E, T]"""
    change: _Floats
    """[E]"""
    reach: _Floats
    """[E, N + 1, T] share of the demand that 0, 1, ..., N replicas serve."""
    queue: _Ints
    """[E] the first engine of those whose replicas are one queue."""
    low: _Ints
    """[E, T]"""
    high: _Ints
    """[E, T]; below `low` nothing is allowed."""
    need: _Floats
    """[T]"""
    serve: _Floats
    """[T] after a loss; 0 where none may come."""
    places: _Ints
    """[E] of which one has an equal part of an engine's replicas or more."""
    replicas: _Ints
    """[E] that are lost there at most."""
    node_serve: float
    """Part of what is served that still is after the loss of a node; 0 where none may come."""
    node: _Ints
    """[E] number of the node type that an engine stands on."""
    node_gpus: _Ints
    """Of a node of each type."""
    gpus: _Ints
    """[E] of a replica on one node."""
    gone: _Ints
    """[E] replicas that one node takes away at most."""
    penalty: _Floats
    """[S, T]"""
    fewest: _Ints
    """[T]"""
    most: _Ints
    """[T]"""
    sides: _Flags
    """[S, E]"""
    weight: _Floats
    """[R, E]"""
    room: _Ints
    """[R, T]"""
    filling: _Floats
    """[S, T, G + 1]"""
    step: float
    """Of the filling."""


def arrays_of(block: "Block", engines: list[int]) -> Arrays:
    """Some engines of a block."""
    intervals, sides, lost = len(block.need), block.all_sides(), block.least_lost
    loss, none = block.node_loss, np.zeros(0, dtype=np.int64)
    return Arrays(
        price=own(block.price[engines]),
        start=own(block.start[engines]),
        change=np.zeros(len(engines)) if block.change is None else block.change[engines],
        reach=_tables(block, engines),
        queue=_queues(block, engines),
        low=own(block.low[engines]),
        high=own(block.high[engines]),
        need=own(block.need),
        serve=np.zeros(intervals) if lost is None else own(lost.serve),
        places=np.ones(len(engines), dtype=np.int64) if lost is None else lost.places[engines],
        replicas=np.zeros(len(engines), dtype=np.int64) if lost is None else lost.replicas[engines],
        node_serve=0.0 if loss is None else loss.serve,
        node=none if loss is None else loss.node[engines],
        node_gpus=none if loss is None else loss.node_gpus,
        gpus=none if loss is None else loss.gpus[engines],
        gone=none if loss is None else loss.replicas()[engines],
        penalty=own(np.broadcast_to(block.penalty, (len(sides), intervals))),
        fewest=own(block.fewest),
        most=np.full(intervals, -1) if block.most is None else own(block.most),
        sides=own(sides[:, engines]),
        weight=np.zeros((0, len(engines)))
        if block.weight is None
        else own(block.weight[:, engines]),
        room=np.zeros((0, intervals), dtype=np.int64) if block.room is None else own(block.room),
        filling=np.zeros((len(sides), 0, 0)) if block.filling is None else own(block.filling.cost),
        step=1.0 if block.filling is None else block.filling.step,
    )


def _tables(block: "Block", engines: list[int]) -> _Floats:
    """[E', N + 1, T] share of the demand that 0, 1, ..., N replicas of some engines serve."""
    if block.by_count is not None:
        return own(block.by_count[engines])
    counts = np.arange(int(max(block.high.max(initial=0), block.low.max(initial=0))) + 2)
    return own(block.share[engines][:, None, :] * counts[:, None])


def _queues(block: "Block", engines: list[int]) -> _Ints:
    """[E'] of some engines, numbered among themselves."""
    if block.queue is None:
        return np.arange(len(engines), dtype=np.int64)
    queue = block.queue[engines].tolist()
    return np.array([queue.index(each) for each in queue], dtype=np.int64)


@compiled
def _reach(reach: _Floats, e: int, count: int, t: int) -> float:
    """Share of the demand that so many replicas of an engine serve, by a table [E, N + 1, T]."""
    last = reach.shape[1] - 1
    if count <= last:
        return float(reach[e, count, t])
    return float(reach[e, last, t] / last * count)


@compiled
def _next(counts: _Ints, low: _Ints, size: _Ints) -> None:
    """The next cell of a box, into `counts`; after the last one the first."""
    for e in range(len(size) - 1, -1, -1):
        counts[e] += 1
        if counts[e] < low[e] + size[e]:
            break
        counts[e] = low[e]


@compiled
def _survived(of: Arrays, t: int, s: int, counts: _Ints, whole: _Ints, cover: float) -> float:
    """What may be served of `cover` so that the loss of a node is survived.

    Pools are then as small as are left at least of all in their queue. A node holds at most what
    the dual of filling it says (`mix.most_on_a_node`).
    """
    engines = len(counts)
    each, lacking = np.zeros(engines), np.zeros(engines)
    for e in range(engines):
        size = max(1, whole[of.queue[e]] - of.gone[e])
        each[e] = _reach(of.reach, e, size, t) / size
        size = max(1, whole[of.queue[e]])
        lacking[e] = (_reach(of.reach, e, size, t) / size - each[e]) * counts[e]
    served = cover
    for m in range(len(of.node_gpus)):
        left, some = cover, False
        for e in range(engines):
            here = False
            for other in range(engines):
                mine = of.sides[s, other] and of.node[other] == m
                here = here or (mine and of.queue[other] == of.queue[e])
            some = some or here
            if here and of.sides[s, e]:
                left -= lacking[e]
        if not some:
            continue
        lost = np.inf
        for k in range(-1, engines):
            if k >= 0 and not (of.sides[s, k] and of.node[k] == m):
                continue
            price = 0.0 if k < 0 else each[k] / of.gpus[k]
            taken = of.node_gpus[m] * price
            for e in range(engines):
                if of.sides[s, e] and of.node[e] == m and each[e] > 0.0:
                    taken += counts[e] * each[e] * max(0.0, 1.0 - price * of.gpus[e] / each[e])
            lost = min(lost, taken)
        served = min(served, max(0.0, left - lost) / of.node_serve)
    return served


@compiled
def _missing(
    of: Arrays, t: int, s: int, low: _Ints, size: _Ints, cost: _Floats, out: _Floats
) -> None:
    """Share of the demand that is left unserved on a side in each cell of a box of finite cost."""
    sides, queue, reach, places, replicas = of.sides, of.queue, of.reach, of.places, of.replicas
    need, serve = of.need[t], of.serve[t]
    engines = len(size)
    counts, whole = low.copy(), low.copy()
    for cell in range(out.shape[0]):
        if cost[cell] < np.inf:
            whole[:] = 0
            for e in range(engines):
                whole[queue[e]] += counts[e]
            cover = 0.0
            lost = 0.0
            for e in range(engines):
                count = whole[queue[e]]
                if sides[s, e] and counts[e] > 0:
                    reached = _reach(reach, e, count, t)
                    if counts[e] != count:
                        reached *= counts[e] / count
                    cover += reached
                    if serve > 0.0:
                        gone = min(replicas[e], (count - 1) // places[e] + 1)
                        lost = max(lost, reached * gone / count)
            if of.node_serve > 0.0:
                cover = _survived(of, t, s, counts, whole, cover)
            left = need - cover
            if serve > 0.0:
                left = max(need, serve + lost) - cover
            out[cell] = left if left > COVER_TOLERANCE else 0.0
        _next(counts, low, size)


@compiled
def missing(of: Arrays, counts: _Ints) -> _Floats:
    """[S, T] share of the demand that counts [E, T] leave unserved on each side."""
    sides, intervals = of.penalty.shape
    found = np.zeros((sides, intervals))
    one, free = np.ones(counts.shape[0], dtype=np.int64), np.zeros(1)
    for t in range(intervals):
        for s in range(sides):
            _missing(of, t, s, counts[:, t], one, free, found[s, t : t + 1])
    return found


@compiled
def _stage(of: Arrays, t: int, size: _Ints, out: _Floats) -> None:
    """Running cost and penalty of each cell of interval t; inf where it is not allowed."""
    price, high, weight, room = of.price, of.high, of.weight, of.room
    low, fewest, most = of.low[:, t], of.fewest[t], of.most[t]
    engines = len(size)
    counts = low.copy()
    for cell in range(out.shape[0]):
        cost = 0.0
        total = 0
        for e in range(engines):
            cost += price[e, t] * counts[e]
            total += counts[e]
            if counts[e] > high[e, t]:
                cost = np.inf
        if total < fewest or (most >= 0 and total > most):
            cost = np.inf
        for r in range(weight.shape[0]):
            held = 0.0
            for e in range(engines):
                held += weight[r, e] * counts[e]
            if held > room[r, t]:
                cost = np.inf
        out[cell] = cost
        _next(counts, low, size)
    filling, lacking = of.filling, np.zeros(out.shape[0])
    for s in range(of.sides.shape[0]):
        penalty = of.penalty[s, t]
        _missing(of, t, s, low, size, out, lacking)
        for cell in range(out.shape[0]):
            if lacking[cell] > 0.0 and out[cell] < np.inf:
                priced = penalty * lacking[cell]
                if filling.shape[1] > 0:
                    at = int(lacking[cell] / of.step - ROUNDING)
                    if filling[s, t, at] > priced:
                        priced = filling[s, t, at]
                out[cell] += priced


@compiled
def _step(
    value: _Floats,
    axis_size: int,
    inner: int,
    low: int,
    new_low: int,
    new_size: int,
    start: float,
    change: float,
) -> _Floats:
    """Along one engine, for each n' of a new box the least cost of arriving there.

    It is min over n of value(n) + start·max(0, n' - n) + change·[n' != n].
    """
    outer = value.shape[0] // (axis_size * inner)
    out = np.empty(outer * new_size * inner)
    line = np.empty(axis_size)
    for o in range(outer):
        for i in range(inner):
            first = o * axis_size * inner + i
            for n in range(axis_size - 1, -1, -1):
                v = value[first + n * inner]
                line[n] = v if n == axis_size - 1 or v < line[n + 1] else line[n + 1]
            best = np.inf
            n = 0
            target = o * new_size * inner + i
            for m in range(new_size):
                want = new_low + m
                while n < axis_size and low + n <= want:
                    reached = value[first + n * inner] - start * (low + n)
                    if reached < best:
                        best = reached
                    n += 1
                up = best + start * want
                at = want - low
                if at < axis_size:
                    down = line[at if at > 0 else 0]
                    if down < up:
                        up = down
                out[target + m * inner] = up
            if change > 0.0:
                for m in range(new_size):
                    at = new_low + m - low
                    moved = out[target + m * inner] + change
                    if 0 <= at < axis_size and value[first + at * inner] < moved:
                        moved = value[first + at * inner]
                    out[target + m * inner] = moved
    return out


@compiled
def _arrive(of: Arrays, b: int, t: int, size: _Ints, left: _Floats, value: _Floats) -> None:
    """Add to each cell of interval t the least cost of coming from those `left` in interval b."""
    engines = size.shape[0]
    shape = size[:, b].copy()
    arrived = left
    for e in range(engines):
        inner = 1
        for other in range(e + 1, engines):
            inner *= shape[other]
        arrived = _step(
            arrived, shape[e], inner, of.low[e, b], of.low[e, t], size[e, t], of.start[e, t],
            of.change[e],
        )  # fmt: skip
        shape[e] = size[e, t]
    for cell in range(value.shape[0]):
        value[cell] += arrived[cell]


@compiled
def _begin(of: Arrays, t: int, size: _Ints, fixed: _Ints, before: _Ints, value: _Floats) -> None:
    """Rule out all cells but `fixed`, or where that is empty add what `before` costs to change."""
    low = of.low[:, t]
    here = low.copy()
    for cell in range(value.shape[0]):
        for e in range(len(size)):
            if len(fixed) > 0:
                if here[e] != fixed[e]:
                    value[cell] = np.inf
            elif here[e] != before[e]:
                value[cell] += of.start[e, t] * max(0, here[e] - before[e]) + of.change[e]
        _next(here, low, size)


@compiled
def _cheapest_before(
    value: _Floats,
    low: _Ints,
    size: _Ints,
    start: _Floats,
    change: _Floats,
    target: _Ints,
    counts: _Ints,
) -> float:
    """The cell from which `target` is reached at least cost, written into `counts`; its cost."""
    engines = len(size)
    here = low.copy()
    best = np.inf
    for cell in range(value.shape[0]):
        cost = value[cell]
        if cost < best:
            for e in range(engines):
                if target[e] != here[e]:
                    cost += start[e] * max(0, target[e] - here[e]) + change[e]
            if cost < best:
                best = cost
                for e in range(engines):
                    counts[e] = here[e]
        _next(here, low, size)
    return best


@compiled
def open_path(of: Arrays, first: int, fixed: _Ints, before: _Ints) -> tuple[float, _Ints]:
    """Cheapest schedule from `first` once around: its cost and counts [E, T]; inf where none is.

    With `fixed` [E] the day begins and ends there; otherwise it is begun from `before` [E], or for
    free. Each is empty where there is none.
    """
    engines, intervals = of.price.shape
    low, start, free = of.low, of.start, np.zeros(engines)
    has_fixed = len(fixed) > 0
    size = np.maximum(low, of.high) - low + 1
    offset = np.zeros(intervals + 1, dtype=np.int64)
    for i in range(intervals):
        t = (first + i) % intervals
        cells = 1
        for e in range(engines):
            cells *= size[e, t]
        offset[i + 1] = offset[i] + cells
    values = np.empty(offset[intervals])
    counts = np.zeros((engines, intervals), dtype=np.int64)
    for i in range(intervals):
        t = (first + i) % intervals
        value = values[offset[i] : offset[i + 1]]
        _stage(of, t, size[:, t], value)
        if i > 0:
            b = (first + i - 1) % intervals
            _arrive(of, b, t, size, values[offset[i - 1] : offset[i]], value)
        elif has_fixed or len(before) > 0:
            _begin(of, t, size[:, t], fixed, before, value)
    last = (first + intervals - 1) % intervals
    target = fixed if has_fixed else np.zeros(engines, dtype=np.int64)
    closing, change = (start[:, first], of.change) if has_fixed else (free, free)
    at = np.zeros(engines, dtype=np.int64)
    total = _cheapest_before(
        values[offset[intervals - 1] :], low[:, last], size[:, last], closing, change, target, at
    )
    if not np.isfinite(total):
        return np.inf, counts
    for e in range(engines):
        counts[e, last] = at[e]
    for i in range(intervals - 2, -1, -1):
        t, later = (first + i) % intervals, (first + i + 1) % intervals
        _cheapest_before(
            values[offset[i] : offset[i + 1]], low[:, t], size[:, t], start[:, later],
            of.change, counts[:, later], at,
        )  # fmt: skip
        for e in range(engines):
            counts[e, t] = at[e]
    return total, counts


@compiled
def cheapest_fill(price: _Floats, steps: _Ints, most: int) -> tuple[_Floats, _Ints]:
    """[T, G + 1] least price of g = 0..`most` steps or more, and which engine goes first.

    One replica of engine f costs `price` [F, T] and fills `steps` [F, T].
    """
    engines, intervals = price.shape
    cost = np.zeros((intervals, most + 1))
    choice = np.zeros((intervals, most + 1), dtype=np.int64)
    for t in range(intervals):
        for g in range(1, most + 1):
            best = np.inf
            for f in range(engines):
                rest = g - steps[f, t]
                total = price[f, t] + cost[t, rest if rest > 0 else 0]
                if total < best:
                    best = total
                    choice[t, g] = f
            cost[t, g] = best
    return cost, choice
