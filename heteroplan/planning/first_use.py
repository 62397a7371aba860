"""Compiles the loops that a search and its packing call, before the clock of a plan counts.

Numba compiles a function for the types of its first arguments, once an installation
(`numerics.compiling`). All searches call them with the types of the tiny block, the tiny division
and the tiny fleet that are made up here.
"""

from typing import Any

import numpy as np

from heteroplan.optimize.covering import compiled
from heteroplan.optimize.covering.blocks import Block, cheapest_path
from heteroplan.optimize.improve import divisions
from heteroplan.placement.day_sweep import clearing

CALLED: tuple[Any, ...] = (
    compiled.missing,
    compiled.open_path,
    compiled.cheapest_fill,
    divisions.side_of,
    divisions.divisions,
    divisions.cheapest_path,
    clearing.stops_for,
    clearing.moves_for,
)
"""All compiled loops that are called from Python."""


def compile_search() -> bool:
    """Whether any loop of the search had to be compiled; now none has."""
    before = _compiled()
    _call_each()
    return _compiled() > before


def is_kept() -> bool:
    """Whether other processes find what this one compiled."""
    return all(each.stats.cache_path is not None for each in CALLED)


def _compiled() -> int:
    return sum(sum(each.stats.cache_misses.values()) for each in CALLED)


def _call_each() -> None:
    price, share = np.ones((1, 1)), np.ones(1)
    counts, count, none = np.ones((1, 1), np.int64), np.ones(1, np.int64), np.zeros(0, np.int64)
    block = Block(
        price=price, start=price, share=price, low=counts, high=counts, need=share, penalty=share,
        fewest=count,
    )  # fmt: skip
    block.missing(counts)
    cheapest_path(block, cyclic=False)
    compiled.cheapest_fill(price, counts, 1)
    day = divisions.Day(
        sizes=counts, run=price, start=price, change=share, early=count, gpus=counts, left=counts
    )
    side = divisions.side_of(day, count - 1, counts[None], price, counts - 1)
    found, known = divisions.divisions(day, (side, side, side, side), share, 1)
    divisions.cheapest_path(day, found, known, 0, False, none)
    clearing.stops_for(counts, count, count, count, 1, 1, count)
    clearing.moves_for(counts, count, count, np.array([(0, 1)]), count, 0, 1)
