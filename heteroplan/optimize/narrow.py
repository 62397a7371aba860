"""Blocks with a large grid, kept to a part of it that likely holds the best schedule."""

from dataclasses import replace

import numpy as np

from heteroplan.optimize.blocks import Block
from heteroplan.optimize.choice import on_grid
from heteroplan.optimize.cover import is_cover
from heteroplan.optimize.problem import COVER_TOLERANCE, Ints

HOME_CELLS, QUICK_CELLS = 4_000, 2_000
"""Largest grid searched whole, the second where there are many; larger ones near a greedy guide."""


def narrowed(block: Block) -> Block:
    """The block itself, or where its grid is large a part of it that likely holds the best.

    First the dearer engines are kept to a replica or two, as long as the others can still
    serve the demand; then all are kept near a greedy cover.
    """
    most = QUICK_CELLS if block.compiled else HOME_CELLS
    if block.cells() <= most or is_cover(block):
        return block
    grid = on_grid(range(len(block.high)), block.price, block.share, block.high, most / 4)
    for few in (2, 1):
        high = np.minimum(block.high, few)
        high[grid] = block.high[grid]
        narrow = replace(block, high=high)
        if (
            narrow.cells() <= most
            and (narrow.missing(high) <= block.missing(block.high) + COVER_TOLERANCE).all()
        ):
            return narrow
    for window in (3, 1):
        low, high = _around_guide(block, window)
        narrow = replace(block, low=low, high=high)
        if narrow.cells() <= most:
            return narrow
    low, high = _around_guide(block, 0)
    return replace(block, low=low, high=high)


def _around_guide(block: Block, window: int) -> tuple[Ints, Ints]:
    """Bounds around the cheapest fractional cover of each interval and its neighbours."""
    guide = np.zeros_like(block.price)
    for t in range(len(block.need)):
        rest = float(block.need[t])
        with np.errstate(divide="ignore"):
            unit = np.where(block.share[:, t] > 0, block.price[:, t] / block.share[:, t], np.inf)
        for e in np.argsort(unit, kind="stable"):
            if rest <= 0 or not np.isfinite(unit[e]):
                break
            used = min(float(block.high[e, t]), rest / float(block.share[e, t]))
            guide[e, t] = used
            rest -= used * float(block.share[e, t])
    low, high = np.floor(guide) - 1, np.ceil(guide) + 1
    rolled_low = [np.roll(low, i, axis=1) for i in range(-window, window + 1)]
    rolled_high = [np.roll(high, i, axis=1) for i in range(-window, window + 1)]
    high = np.minimum(np.max(rolled_high, axis=0), block.high).astype(np.int64)
    low = np.clip(np.min(rolled_low, axis=0), 0, high).astype(np.int64)
    return low, high
