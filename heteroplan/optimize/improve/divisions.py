"""Ways to divide demand between two groups, and the cheapest path through them, as compiled loops.

Of `two_groups`, which takes 0.3 CPU seconds so for a workload on eight spines over 96 intervals,
and took 1.3 with numpy.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled
from heteroplan.numerics.tolerances import COVER_TOLERANCE

type _Floats = NDArray[np.float64]
type _Ints = NDArray[np.int64]

SIDES = 4
"""Two roles in each of two groups."""


class Side(NamedTuple):
    """Sizes of the pools of one role in one group, of which none covers as much for less."""

    at: _Ints
    """[*] places of its pools among those of both groups."""
    known: _Ints
    """[T] how many sizes there are, those first that cover most."""
    counts: _Ints
    """[T, M, *]"""
    cover: _Floats
    """[T, M] share of the demand."""
    cost: _Floats
    """[T, M]"""


type Sides = tuple[Side, ...]
"""Prefill and decode of the first group, then of the second."""


class Day(NamedTuple):
    """The pools of both groups."""

    sizes: _Ints
    """[T, P] at present."""
    run: _Floats
    """[T, P] of a running replica."""
    start: _Floats
    """[T, P] of one that starts to serve then."""
    change: _Floats
    """[P] of a change of a size."""
    early: _Ints
    """[P] 1 where replicas that start hold GPUs in the interval before."""
    gpus: _Ints
    """[P, R] of a replica on each supply row."""
    left: _Ints
    """[T, R] GPUs of the rows that all others leave."""


@compiled
def _holds(gpus: _Ints, left: _Ints, counts: _Ints) -> bool:
    """Whether `left` [R] GPUs hold counts [P] of replicas that need `gpus` [P, R]."""
    for r in range(gpus.shape[1]):
        held = 0
        for p in range(len(counts)):
            held += counts[p] * gpus[p, r]
        if held > left[r]:
            return False
    return True


@compiled
def side_of(day: Day, at: _Ints, counts: _Ints, cover: _Floats, order: _Ints) -> Side:
    """The cheapest of counts [T, M, *] of the pools at some places, which cover [T, M].

    `order` [T, M] has those first that cover most. What they cost counts the present sizes right
    before and after.
    """
    sizes, run, start, change, gpus = day.sizes, day.run, day.start, day.change, day.gpus[at]
    intervals, ways = cover.shape
    known = np.zeros(intervals, dtype=np.int64)
    kept = np.zeros_like(counts)
    kept_cover = np.zeros((intervals, ways))
    kept_cost = np.zeros((intervals, ways))
    for t in range(intervals):
        before, after = (t - 1) % intervals, (t + 1) % intervals
        least = np.inf
        for m in order[t]:
            cost = 0.0
            for i in range(len(at)):
                p, n = at[i], counts[t, m, i]
                cost += n * run[t, p] if n >= 0 else np.inf
                cost += max(0, n - sizes[before, p]) * start[t, p]
                cost += max(0, sizes[after, p] - n) * start[after, p]
                cost += (int(n != sizes[before, p]) + int(n != sizes[after, p])) * change[p]
            if cost <= least and np.isfinite(cost) and _holds(gpus, day.left[t], counts[t, m]):
                least = cost
                here = known[t]
                if here > 0 and kept_cover[t, here - 1] == cover[t, m]:
                    here -= 1
                kept[t, here] = counts[t, m]
                kept_cover[t, here] = cover[t, m]
                kept_cost[t, here] = cost
                known[t] = here + 1
    return Side(at, known, kept, kept_cover, kept_cost)


@compiled
def _splits(sides: Sides, t: int, whole: float) -> _Floats:
    """Shares of the demand that the first group may serve in interval t, of a `whole`."""
    splits = [whole, 0.0]
    for s in range(SIDES):
        for cover in sides[s].cover[t, : sides[s].known[t]]:
            share = cover if s < SIDES // 2 else whole - cover
            splits.append(min(whole, max(0.0, share)))
    return np.array(splits)


@compiled
def _serve(side: Side, t: int, wanted: _Floats, cost: _Floats, counts: _Ints) -> None:
    """Add the cheapest of a side's sizes that cover `wanted` [S] to `cost` [S] and `counts`."""
    at, cover, known = side.at, side.cover, side.known[t]
    for split in range(len(wanted)):
        low, high = 0, known
        while low < high:
            middle = (low + high) // 2
            if cover[t, middle] >= wanted[split] - COVER_TOLERANCE:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            cost[split] = np.inf
        else:
            cost[split] += side.cost[t, low - 1]
            for i in range(len(at)):
                counts[split, at[i]] = side.counts[t, low - 1, i]


@compiled
def _among(found: _Ints, counts: _Ints) -> bool:
    """Whether counts [P] are among those `found` [K, P]."""
    for k in range(len(found)):
        same = 0
        while same < len(counts) and found[k, same] == counts[same]:
            same += 1
        if same == len(counts):
            return True
    return False


@compiled
def divisions(day: Day, sides: Sides, need: _Floats, most: int) -> tuple[_Ints, _Ints]:
    """Sizes [T, K, P] that serve `need` [T], the present ones first, then the cheapest; how many.

    At most `most` an interval, those of which are told [T].
    """
    gpus, left = day.gpus, day.left
    intervals, pools = day.sizes.shape
    found = np.zeros((intervals, most, pools), dtype=np.int64)
    known = np.ones(intervals, dtype=np.int64)
    for t in range(intervals):
        found[t, 0] = day.sizes[t]
        splits = _splits(sides, t, need[t])
        cost = np.zeros(len(splits))
        counts = np.zeros((len(splits), pools), dtype=np.int64)
        for s in range(SIDES):
            _serve(sides[s], t, splits if s < SIDES // 2 else need[t] - splits, cost, counts)
        while known[t] < most:
            split = cost.argmin()
            if cost[split] == np.inf:
                break
            cost[split] = np.inf
            if _holds(gpus, left[t], counts[split]) and not _among(
                found[t, 1 : known[t]], counts[split]
            ):
                found[t, known[t]] = counts[split]
                known[t] += 1
    return found, known


@compiled
def _arrive(
    day: Day, t: int, after: int, here: _Ints, there: _Ints, reached: _Floats, came_from: _Ints
) -> _Floats:
    """[K'] cost of arriving at sizes [K', P] of an interval from those [K, P] of the one before.

    `reached` [K] is that of the one before. Where the GPUs are not there it is infinite.
    """
    run, start, change, early = day.run, day.start, day.change, day.early
    gpus, left = day.gpus, day.left[t]
    pools = len(gpus)
    most = np.zeros(pools, dtype=np.int64)
    for sizes in (here, there):
        for k in range(len(sizes)):
            for p in range(pools):
                most[p] = max(most[p], sizes[k, p])
    scarce = not _holds(gpus, left, most)
    arrived = np.full(len(there), np.inf)
    for j in range(len(there)):
        running = 0.0
        for p in range(pools):
            running += there[j, p] * run[after, p]
        for k in range(len(here)):
            cost = reached[k] + running
            for p in range(pools):
                if there[j, p] != here[k, p]:
                    cost += change[p] + max(0, there[j, p] - here[k, p]) * start[after, p]
            if cost >= arrived[j]:
                continue
            if scarce:
                for p in range(pools):
                    most[p] = here[k, p] + early[p] * max(0, there[j, p] - here[k, p])
                if not _holds(gpus, left, most):
                    continue
            arrived[j] = cost
            came_from[j] = k
    return arrived


@compiled
def _beginning(day: Day, t: int, found: _Ints, before: _Ints) -> _Floats:
    """[K] cost of sizes [K, P] of interval t, the first, after `before` [P] if that is known."""
    cost = np.zeros(len(found))
    for k in range(len(found)):
        for p in range(found.shape[1]):
            cost[k] += found[k, p] * day.run[t, p]
            if len(before) > 0 and found[k, p] != before[p]:
                cost[k] += day.change[p] + max(0, found[k, p] - before[p]) * day.start[t, p]
    return cost


@compiled
def cheapest_path(
    day: Day, found: _Ints, known: _Ints, first: int, cyclic: bool, before: _Ints
) -> tuple[float, _Ints]:
    """Cost and sizes [T, P] of the cheapest path through `known` [T] of sizes [T, K, P].

    It begins in interval `first`: with the present sizes, at which it ends as well, if the day is
    cyclic, else with `before` [P], which is empty where that is not known. The cost is infinite
    where there is no path.
    """
    intervals, most, pools = found.shape
    steps = intervals if cyclic else intervals - 1
    came_from = np.zeros((steps + 1, most), dtype=np.int64)
    reached = np.zeros(1)
    if not cyclic:
        reached = _beginning(day, first, found[first, : known[first]], before)
    for i in range(steps):
        t, after = (first + i) % intervals, (first + i + 1) % intervals
        here, last = found[t, : len(reached)], 1 if i == intervals - 1 else known[after]
        there = found[after, :last]
        reached = _arrive(day, t, after, here, there, reached, came_from[i + 1])
    at = reached.argmin()
    total = reached[at]
    path = np.zeros((intervals, pools), dtype=np.int64)
    for i in range(steps, -1, -1):
        t = (first + i) % intervals
        path[t] = found[t, at]
        at = came_from[i, at]
    return total, path
