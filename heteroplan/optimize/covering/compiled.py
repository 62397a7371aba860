"""The dynamic program of `blocks` as compiled loops.

The first use compiles for some seconds, once an installation (`numerics.compiling`); each process
that uses the loops loads them for half a second.
"""

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled
from heteroplan.numerics.tolerances import COVER_TOLERANCE, ROUNDING
from heteroplan.optimize.covering.arrays import Arrays

type _Floats = NDArray[np.float64]
type _Ints = NDArray[np.int64]
type _Flags = NDArray[np.bool_]


@compiled
def _reach(reach: _Floats, e: int, count: int, t: int) -> float:
    """Share of the demand that so many replicas of an engine serve, by a table [E, N + 1, T]."""
    last = reach.shape[1] - 1
    if count <= last:
        return float(reach[e, count, t])
    return float(reach[e, last, t] / last * count)


@compiled
def _next(counts: _Ints, low: _Ints, size: _Ints, engines: int) -> None:
    """The next cell of a box of the first engines, into `counts`; after the last one the first."""
    for e in range(engines - 1, -1, -1):
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
        _next(counts, low, size, engines)


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
def _stage(of: Arrays, t: int, low: _Ints, size: _Ints, out: _Floats) -> None:
    """Running cost and penalty of each cell of interval t; inf where it is not allowed.

    Helpers take the arrays that they need: passing all takes longer than what most of them do.
    """
    _running(of.price, of.floor, of.floor_price, t, low, size, out)
    apart = of.node_serve == 0.0 and of.serve[t] == 0.0
    for e in range(len(size)):
        apart = apart and of.queue[e] == e
        if low[e] > of.high[e, t]:
            out[:] = np.inf
    if len(of.weight) > 0 or of.fewest[t] > 0 or of.most[t] >= 0:
        _rule_out(of.weight, of.room[:, t], of.fewest[t], of.most[t], low, size, out)
    lacking = np.empty(len(out))
    for s in range(len(of.sides)):
        if apart:
            _missing_apart(of.reach, t, of.sides[s], of.need[t], low, size, lacking)
        else:
            _missing(of, t, s, low, size, out, lacking)
        _charge(of.penalty[s, t], of.filling[s], of.step, t, lacking, out)


@compiled
def _running(
    price: _Floats,
    floor: _Floats,
    floor_price: _Floats,
    t: int,
    low: _Ints,
    size: _Ints,
    out: _Floats,
) -> None:
    """What the replicas of each cell cost. Cells that differ in the last engine are neighbours."""
    last, inner, counts = len(size) - 1, size[-1], low.copy()
    for first in range(0, len(out), inner):
        cost = price[last, t] * low[last]
        for e in range(last):
            cost += price[e, t] * counts[e]
        for k in range(inner):
            out[first + k] = cost + price[last, t] * k
        most = out[first + inner - 1]
        for i in range(len(floor)):
            slope = floor_price[i, last, t]
            cost = floor[i, t] + slope * low[last]
            for e in range(last):
                cost += floor_price[i, e, t] * counts[e]
            if cost + slope * (inner - 1) > most:
                for k in range(inner):
                    v = cost + slope * k
                    out[first + k] = v if v > out[first + k] else out[first + k]
        _next(counts, low, size, last)


@compiled
def _rule_out(
    weight: _Floats, room: _Ints, fewest: int, most: int, low: _Ints, size: _Ints, out: _Floats
) -> None:
    """Raise to inf the cost of cells with too few or too many replicas, or too many GPUs."""
    last, inner, counts = len(size) - 1, size[-1], low.copy()
    for first in range(0, len(out), inner):
        total = counts[:last].sum() + low[last]
        begin, end = fewest - total, inner
        if most >= 0:
            end = min(end, most - total + 1)
        for r in range(len(weight)):
            left = float(room[r]) - weight[r, last] * low[last]
            for e in range(last):
                left -= weight[r, e] * counts[e]
            if left < 0.0:
                end = 0
            elif weight[r, last] > 0.0:
                end = min(end, int(left / weight[r, last]) + 1)
        for k in range(inner):
            if not begin <= k < end:
                out[first + k] = np.inf
        _next(counts, low, size, last)


@compiled
def _missing_apart(
    reach: _Floats, t: int, side: _Flags, need: float, low: _Ints, size: _Ints, out: _Floats
) -> None:
    """What `_missing` says where no engine shares a queue and nothing may be lost."""
    last, inner, counts = len(size) - 1, size[-1], low.copy()
    mine = np.zeros(inner)
    for k in range(inner if side[last] else 0):
        mine[k] = _reach(reach, last, low[last] + k, t)
    for first in range(0, len(out), inner):
        cover = 0.0
        for e in range(last):
            if side[e]:
                cover += _reach(reach, e, counts[e], t)
        for k in range(inner):
            left = need - (cover + mine[k])
            out[first + k] = left if left > COVER_TOLERANCE else 0.0
        _next(counts, low, size, last)


@compiled
def _charge(
    penalty: float, filling: _Floats, step: float, t: int, lacking: _Floats, out: _Floats
) -> None:
    """Add what it costs to leave unserved on a side what is `lacking` in each cell."""
    filled = len(filling) > 0
    for cell in range(len(out)):
        if lacking[cell] > 0.0 and out[cell] < np.inf:
            priced = penalty * lacking[cell]
            if filled:
                priced = max(priced, filling[t, int(lacking[cell] / step - ROUNDING)])
            out[cell] += priced


@compiled
def _step(
    value: _Floats, inner: int, low: _Ints, size: _Ints, b: int, t: int, start: float, change: float
) -> _Floats:
    """Along one engine, for each n' of interval t the least cost of arriving there from b.

    It is min over n of value(n) + start·max(0, n' - n) + change·[n' != n], for `inner` cells of the
    engines after it at once.
    """
    was, now = size[b], size[t]
    outer = value.shape[0] // (was * inner)
    out = np.empty(outer * now * inner)
    above, below = np.empty(was * inner), np.empty(inner)
    for o in range(outer):
        here, there = o * was * inner, o * now * inner
        at = (was - 1) * inner
        for i in range(inner):
            above[at + i] = value[here + at + i]
            below[i] = np.inf
        for cell in range(at - 1, -1, -1):
            v, w = value[here + cell], above[cell + inner]
            above[cell] = v if v < w else w
        n = 0
        for m in range(now):
            want, to = low[t] + m, there + m * inner
            while n < was and low[b] + n <= want:
                paid = start * (low[b] + n)
                for i in range(inner):
                    v = value[here + n * inner + i] - paid
                    below[i] = v if v < below[i] else below[i]
                n += 1
            paid, at = start * want, max(0, want - low[b]) * inner
            for i in range(inner):
                v = below[i] + paid
                if at < was * inner:
                    w = above[at + i]
                    v = w if w < v else v
                if change > 0.0:
                    v += change
                    if low[b] <= want and at < was * inner:
                        w = value[here + at + i]
                        v = w if w < v else v
                out[to + i] = v
    return out


@compiled
def _step_of_last(
    value: _Floats, low: _Ints, size: _Ints, b: int, t: int, start: float, change: float
) -> _Floats:
    """What `_step` says along the last engine; for one cell at a time this is twice as fast."""
    was, now = size[b], size[t]
    outer = value.shape[0] // was
    out, above = np.empty(outer * now), np.empty(was)
    for o in range(outer):
        here, least = o * was, np.inf
        for n in range(was - 1, -1, -1):
            v = value[here + n]
            least = v if v < least else least
            above[n] = least
        least, n = np.inf, 0
        for m in range(now):
            want = low[t] + m
            while n < was and low[b] + n <= want:
                v = value[here + n] - start * (low[b] + n)
                least = v if v < least else least
                n += 1
            v, at = least + start * want, max(0, want - low[b])
            if at < was:
                v = above[at] if above[at] < v else v
            if change > 0.0:
                v += change
                if low[b] <= want and at < was:
                    w = value[here + at]
                    v = w if w < v else v
            out[o * now + m] = v
    return out


@compiled
def _arrive(of: Arrays, b: int, t: int, size: _Ints, left: _Floats, value: _Floats) -> None:
    """Add to each cell of interval t the least cost of coming from those `left` in interval b."""
    last = size.shape[0] - 1
    low, start, change, arrived = of.low, of.start, of.change, left
    for e in range(last):
        inner = int(size[e + 1 :, b].prod())
        arrived = _step(arrived, inner, low[e], size[e], b, t, start[e, t], change[e])
    arrived = _step_of_last(arrived, low[last], size[last], b, t, start[last, t], change[last])
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
        _next(here, low, size, len(size))


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
    best = np.inf
    for cell in range(value.shape[0]):
        if value[cell] < best:
            cost, rest = value[cell], cell
            for e in range(engines - 1, -1, -1):
                grown = target[e] - low[e] - rest % size[e]
                rest //= size[e]
                if grown != 0:
                    cost += start[e] * max(0, grown) + change[e]
            if cost < best:
                best, rest = cost, cell
                for e in range(engines - 1, -1, -1):
                    counts[e] = low[e] + rest % size[e]
                    rest //= size[e]
    return best


@compiled
def open_path(
    of: Arrays, first: int, fixed: _Ints, before: _Ints, counted: bool
) -> tuple[float, _Ints]:
    """Cheapest schedule from `first` once around: its cost and counts [E, T]; inf where none is.

    With `fixed` [E] the day begins and ends there; otherwise it is begun from `before` [E], or for
    free. Each is empty where there is none. What is not `counted` is all 0, and takes the memory of
    two intervals instead of all.
    """
    engines, intervals = of.price.shape
    low, start, free = of.low, of.start, np.zeros(engines)
    has_fixed = len(fixed) > 0
    size = np.maximum(low, of.high) - low + 1
    cells = np.ones(intervals, dtype=np.int64)
    for e in range(engines):
        cells *= size[e]
    order = (first + np.arange(intervals)) % intervals
    if counted:
        begin, space = np.cumsum(cells[order]) - cells[order], cells.sum()
    else:
        begin, space = np.arange(intervals) % 2 * cells.max(), 2 * cells.max()
    values = np.empty(space)
    counts = np.zeros((engines, intervals), dtype=np.int64)
    left = values[:0]
    for i in range(intervals):
        t = order[i]
        value = values[begin[i] : begin[i] + cells[t]]
        _stage(of, t, low[:, t], size[:, t], value)
        if i > 0:
            _arrive(of, order[i - 1], t, size, left, value)
        elif has_fixed or len(before) > 0:
            _begin(of, t, size[:, t], fixed, before, value)
        left = value
    last = order[-1]
    target = fixed if has_fixed else np.zeros(engines, dtype=np.int64)
    closing, change = (start[:, first], of.change) if has_fixed else (free, free)
    at = np.zeros(engines, dtype=np.int64)
    total = _cheapest_before(left, low[:, last], size[:, last], closing, change, target, at)
    if not counted or not np.isfinite(total):
        return total, counts
    counts[:, last] = at
    for i in range(intervals - 2, -1, -1):
        t, later = order[i], order[i + 1]
        value = values[begin[i] : begin[i] + cells[t]]
        to = counts[:, later]
        _cheapest_before(value, low[:, t], size[:, t], start[:, later], of.change, to, at)
        counts[:, t] = at
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
