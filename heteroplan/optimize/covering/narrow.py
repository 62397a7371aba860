"""Blocks with a large grid, kept to a part of it that likely holds the best schedule."""

from dataclasses import replace

import numpy as np

from heteroplan.numerics.division import quotient
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.covering.blocks import Block
from heteroplan.optimize.covering.choice import on_grid
from heteroplan.optimize.program.problem import Floats, Ints

WHOLE_CELLS = 2_000
"""Largest grid searched whole; larger ones near a greedy guide."""
WINDOWS, STEADY_WINDOWS = (3, 1), (24, 12, 6)
"""Intervals before and after whose guide counts as well; more of them where changes cost."""


def narrowed(block: Block) -> Block:
    """The block itself, or where its grid is large a part of it that likely holds the best.

    First the more expensive engines are kept to a replica or two, as long as the others can still
    serve the demand; then all are kept near a greedy cover.
    """
    if block.cells() <= WHOLE_CELLS:
        return block
    grid = on_grid(range(len(block.high)), block.price, block.share, block.high, WHOLE_CELLS / 4)
    for few in (2, 1):
        high = np.clip(few, block.low, block.high)
        high[grid] = block.high[grid]
        narrow = replace(block, high=high)
        if narrow.cells() <= WHOLE_CELLS and _reaches_as_far(narrow, block):
            return narrow
    least, largest = _guide(block, spare=False), _guide(block, spare=True)
    for window in WINDOWS if block.change is None else (*STEADY_WINDOWS, *WINDOWS):
        narrow = _around(block, least, largest, window)
        if narrow.cells() <= WHOLE_CELLS:
            return narrow
    return _around(block, least, largest, 0)


def _reaches_as_far(narrow: Block, block: Block) -> bool:
    """Whether all replicas of the part serve as much as all of the block, and are not too few."""
    serves = narrow.missing(narrow.high) <= block.missing(block.high) + COVER_TOLERANCE
    return bool(serves.all() and (narrow.high.sum(axis=0) >= block.fewest).all())


def _around(block: Block, least: Floats, largest: Floats, window: int) -> Block:
    """Bounds around the guides `least` <= `largest` [E, T] of each interval and its neighbours."""
    times = range(-window, window + 1)
    low = np.min([np.roll(np.floor(least) - 1, i, axis=1) for i in times], axis=0)
    high = np.max([np.roll(np.ceil(largest) + 1, i, axis=1) for i in times], axis=0)
    low, high = (np.clip(each, block.low, block.high).astype(np.int64) for each in (low, high))
    return replace(block, low=low, high=high)


def _guide(block: Block, *, spare: bool) -> Floats:
    """[E, T] cheapest cover of each interval in fractions, each limit kept.

    Side by side, engines in the order of what they cost a share of the demand. With what may be
    lost to `spare` where the loss of a node is to be survived.
    """
    sides, guide = block.all_sides(), np.zeros_like(block.price)
    rows, left = _rows(block)
    times = np.arange(len(block.need))
    unit = quotient(block.price, block.share, np.inf)
    need = block.need + (_lost(block) if spare else np.zeros((len(sides), 1)))

    def add(engine: Ints, wanted: Floats) -> None:
        """At each time as many replicas of one engine [T] as are `wanted` [T] and fit."""
        drawn = rows[:, engine]
        fits = quotient(left, drawn, np.inf).min(axis=0, initial=np.inf)
        free = block.high[engine, times] - guide[engine, times]
        added = np.maximum(0.0, np.minimum(wanted, np.minimum(free, fits)))
        guide[engine, times] += added
        np.subtract(left, drawn * added, out=left)

    for side, asked in zip(sides, need, strict=True):
        for engine in np.argsort(unit, axis=0, kind="stable"):
            share = np.where(side[engine], block.share[engine, times], 0.0)
            rest = asked - (block.share[side] * guide[side]).sum(axis=0)
            add(engine, quotient(rest, share))
    for engine in np.argsort(block.price, axis=0, kind="stable"):
        add(engine, block.fewest - guide.sum(axis=0))
    return guide


def _rows(block: Block) -> tuple[Floats, Floats]:
    """[R, E] what engines draw on supply rows and on the limit of all; [R, T] the room there."""
    rows, room = np.zeros((0, len(block.high))), np.zeros((0, len(block.need)))
    if block.weight is not None and block.room is not None:
        rows, room = block.weight.astype(np.float64), block.room.astype(np.float64)
    if block.most is not None:
        rows, room = np.vstack([rows, np.ones(len(block.high))]), np.vstack([room, block.most])
    return rows, room


def _lost(block: Block) -> Floats:
    """[S, T] greatest share of the demand that one node may hold."""
    loss = block.node_loss
    if loss is None:
        return np.zeros((len(block.all_sides()), len(block.need)))
    held = loss.node_gpus[loss.node, None] * (block.share / loss.gpus[:, None])
    return np.array([held[side].max(axis=0, initial=0.0) for side in block.all_sides()])
