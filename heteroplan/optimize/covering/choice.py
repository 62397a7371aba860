"""Which engines, and how many replicas of each, a covering block has to look at."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.division import quotient
from heteroplan.numerics.tolerances import COVER_TOLERANCE, NOTHING
from heteroplan.optimize.program.problem import Floats, Ints


def useful_counts(
    price: Floats,
    start: Floats,
    share: Floats,
    need: Floats,
    fewest: Ints,
    by_count: Floats | None = None,
    *,
    steady: bool = False,
) -> Ints:
    """[E, T] counts that some cheapest schedule stays within.

    Where starting a replica again costs no more than running it meanwhile, nothing beyond what
    covers the interval alone is of use; else nothing beyond what covers the busiest one. `by_count`
    is that of a block: where not even all of those counts cover an interval, one more is of use.
    Where changes of counts cost something (`steady`), replicas may also stay to spare one.
    """
    alone = np.ceil(quotient(need, share) - COVER_TOLERANCE)
    if by_count is not None:
        covering = (by_count < need - COVER_TOLERANCE).sum(axis=1)
        alone = np.where(share > 0, np.maximum(alone, covering), 0.0)
    alone = np.maximum(alone, fewest)
    spared = (start[:, 1:] <= price[:, :-1]).all(axis=1) & (not steady)
    spared &= (start[:, :1] <= price[:, -1:]).all(axis=1)
    busiest = alone.max(axis=1, initial=0.0, keepdims=True)
    return np.where(spared[:, None], alone, busiest).astype(np.int64)


def not_beaten(
    price: Floats,
    start: Floats,
    share: Floats,
    new: NDArray[np.bool_],
    copies_allowed: bool,
    by_count: Floats | None = None,
    kinds: Sequence[object] | None = None,
) -> NDArray[np.bool_]:
    """[E] whether no number of copies of another engine serves as much for less at all times.

    Of another one of its kind, where `kinds` [E] are given. None beats an engine that is not `new`
    [E]: some of its replicas run without a start. With `by_count`, that of a block, as many copies
    serve as much at every count: together they serve no less than apart.
    """
    kept = np.ones(len(price), dtype=bool)
    serves = share if by_count is None else by_count[:, 1:].reshape(len(share), -1)
    for a in np.flatnonzero(new).tolist():
        for b in np.flatnonzero(kept).tolist():
            alike = kinds is None or kinds[a] == kinds[b]
            if a == b or not alike or (serves[b][serves[a] > 0] <= 0).any():
                continue
            ratio = serves[a][serves[a] > 0] / serves[b][serves[a] > 0]
            copies = max(1, ceil(float(ratio.max(initial=0.0)) - NOTHING))
            if copies > 1 and not copies_allowed:
                continue
            cheaper = (copies * price[b] <= price[a]).all() and (
                copies * start[b] <= start[a]
            ).all()
            if cheaper:
                kept[a] = False
                break
    return kept


def on_grid(
    engines: Sequence[int], price: Floats, share: Floats, high: Ints, most_cells: float
) -> list[int]:
    """The engines that serve cheapest, as many as the grid has room for, in their order."""
    unit = np.minimum(quotient(price, share, np.inf), 1e300).mean(axis=1)
    cells = np.ones(high.shape[1])
    grid: list[int] = []
    for e in sorted(engines, key=lambda e: float(unit[e])):
        wider = cells * (high[e] + 1)
        if not grid or wider.mean() <= most_cells:
            grid.append(e)
            cells = wider
    return sorted(grid)
