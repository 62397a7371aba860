"""Blocks of GPUs cleared of replicas that leave anyway, or that may move, as compiled loops.

In the arguments P are pools, whose replicas have `share` [P] GPUs of a node, and of which
`leaving` [P] stop; n are nodes on which `serving` [P, n] of them stand and `free` [n] GPUs are
left.
"""

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled

type _Ints = NDArray[np.int64]


@compiled
def stops_for(
    serving: _Ints, leaving: _Ints, share: _Ints, free: _Ints, block: int, count: int, jitter: _Ints
) -> tuple[_Ints, _Ints]:
    """Nodes [k], and how many of each pool stop there [k, P], for `count` free blocks of GPUs.

    Or for fewer, where no more can be. Those nodes come first on which least stops beyond a block,
    then those on which fewest GPUs stop, then those whose replicas, of pools of which few leave,
    weigh least, times 1 + `jitter` [n].
    """
    serving, leaving, free = serving.copy(), leaving.copy(), free.copy()
    nodes, ways = np.zeros(count, np.int64), np.zeros((count, len(share)), np.int64)
    found = 0
    missing = count - (free // block).sum()
    while found < missing:
        node, way = _next(serving, leaving, share, free, block, jitter)
        if node < 0:
            break
        nodes[found], ways[found] = node, way
        serving[:, node] -= way
        leaving -= way
        free[node] += (way * share).sum()
        found += 1
    return nodes[:found], ways[:found]


@compiled
def _next(
    serving: _Ints, leaving: _Ints, share: _Ints, free: _Ints, block: int, jitter: _Ints
) -> tuple[int, _Ints]:
    """The node that comes first, or -1, and how many of each pool stop there."""
    order = _large_first(share, leaving)
    node, first, stops = -1, (0, 0, 0.0), leaving
    for at in range(len(free)):
        missing = block - free[at] % block
        way, beyond = _way(serving[:, at], leaving, share, order, missing)
        if beyond < 0:
            continue
        weight = 0.0
        for p in order:
            weight += min(serving[p, at], leaving[p]) * share[p] / leaving[p]
        rank = (beyond, missing, weight * (1 + jitter[at]))
        if node < 0 or rank < first:
            node, first, stops = at, rank, way
    return node, stops


@compiled
def _large_first(share: _Ints, leaving: _Ints) -> _Ints:
    """Pools that have replicas to stop: large ones first, of pools of which many leave."""
    found = np.flatnonzero(leaving)
    most = leaving.max() + 1
    return found[np.argsort(-(share[found] * most + leaving[found]), kind="mergesort")]


@compiled
def _way(
    serving: _Ints, leaving: _Ints, share: _Ints, order: _Ints, missing: int
) -> tuple[_Ints, int]:
    """How many of each pool stop on a node for `missing` GPUs, and how many GPUs that is more.

    In `order`, large replicas first: as sizes divide one another, no way has fewer more. Fewer than
    none: they are not enough.
    """
    way = np.zeros(len(share), np.int64)
    for p in order:
        way[p] = min(min(serving[p], leaving[p]), missing // share[p])
        missing -= way[p] * share[p]
    for p in order[::-1]:
        while missing > 0 and way[p] < min(serving[p], leaving[p]):
            way[p] += 1
            missing -= share[p]
    for p in order:
        needless = min(way[p], max(0, -missing) // share[p])
        way[p] -= needless
        missing += needless * share[p]
    return way, -missing


@compiled
def moves_for(
    serving: _Ints, movable: _Ints, share: _Ints, rows: _Ints, free: _Ints, pool: int, count: int
) -> _Ints:
    """Moves [k, 3] of pools from nodes to others that clear up to `count` blocks for a `pool`.

    Of each pool `movable` [P] replicas may move, to nodes of its own from rows[p, 0] until before
    rows[p, 1]. Those blocks come first for which fewest GPUs move; none is taken for that.
    """
    serving, movable, free = serving.copy(), movable.copy(), free.copy()
    block, (first, last) = share[pool], rows[pool]
    moves, made = np.zeros((count * block, 3), np.int64), 0
    order = _large_first(share, movable)
    for missing in range(1, block):
        for node in range(first, last):
            if count == 0:
                return moves[:made]
            if free[node] % block != block - missing:
                continue
            way, beyond = _way(serving[:, node], movable, share, order, missing)
            if beyond != 0:
                continue
            left = free.copy()
            left[node] += missing
            now = _onto_others(way, share, rows, left, block, node, moves[made:])
            if now >= 0:
                made += now
                count -= 1
                serving[:, node] -= way
                movable -= way
                free = left
    return moves[:made]


@compiled
def _onto_others(
    way: _Ints, share: _Ints, rows: _Ints, free: _Ints, block: int, node: int, moves: _Ints
) -> int:
    """Write moves of a `way` [P] off a node, each to the fullest node; how many, -1 if too many.

    They take GPUs from those left `free` [n], but none of a whole block.
    """
    made = 0
    for p in np.argsort(-share):
        for _ in range(way[p]):
            there = -1
            for n in range(rows[p, 0], rows[p, 1]):
                fits = n != node and free[n] % block >= share[p]
                if fits and (there < 0 or free[n] < free[there]):
                    there = n
            if there < 0:
                return -1
            free[there] -= share[p]
            moves[made, 0], moves[made, 1], moves[made, 2] = p, node, there
            made += 1
    return made
