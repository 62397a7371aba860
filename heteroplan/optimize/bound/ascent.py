"""Prices improved against the integer blocks.

A subgradient of the bound points where it may grow, but one alone zigzags: a step follows the
average of those seen, the newest counting most (the heavy ball of Camerini, Fratta and Maffioli,
1975), each row scaled by what its price is about. Where some steps in a row do not help, the
search goes back to the best prices and on in smaller steps.
"""

from collections.abc import Iterator

import numpy as np

from heteroplan.clock import Stop
from heteroplan.optimize.bound.bound import PricedBound, priced_bound
from heteroplan.optimize.program.prices import Prices, gpu_prices
from heteroplan.optimize.program.problem import Floats, Problem

FIRST_STEP, LAST_STEP = 0.01, 1e-4
"""Part of a row's scale that a price moves where all of the row is out of balance."""
LONGER, SHORTER = 1.3, 3.0
"""The next step after one that helped, and after some that did not."""
NEWEST = 0.3
"""Weight of the newest subgradient in the average."""
SUPPLY_SCALE, STARTING_SCALE = 0.03, 10.0
"""Of prices of supply and of starts beside those of balances."""
PATIENCE = 3
"""Steps in a row that do not help."""


def improve_prices(
    problem: Problem,
    prices: Prices,
    length: float = FIRST_STEP,
    *,
    steps: int,
    stop: Stop,
    cells: int | None = None,
) -> Iterator[tuple[PricedBound, Prices]]:
    """Steps from `prices`, the first of this length; yields each bound with its prices."""
    failed = 0
    best = priced_bound(problem, prices, stop, cells=cells)
    yield best, prices
    if not np.isfinite(best.value):
        return
    best_prices, direction = prices, best.slope
    scale = _scale(problem, best.by_work)
    for _ in range(steps):
        prices = prices.moved(scale.each_with(direction, np.multiply), length)
        found = priced_bound(problem, prices, stop, cells=cells)
        if stop():
            return
        yield found, prices
        direction = found.slope.each_with(direction, _averaged)
        if found.value > best.value:
            best, best_prices, failed = found, prices, 0
            length *= LONGER
            continue
        failed += 1
        if failed == PATIENCE:
            prices, direction, failed = best_prices, best.slope, 0
            length /= SHORTER
            if length < LAST_STEP:
                return


def _scale(problem: Problem, by_work: Floats) -> Prices:
    """What the price of each row is about, for a row that is off by all of itself."""
    intervals = max(1, problem.intervals)
    least = np.maximum(by_work, 1e-12) / intervals
    gpus = np.array([np.maximum(1, row.gpus) for row in problem.supplies], dtype=np.float64)
    runs = [pool.workload for pool in problem.pools]
    owner = [each.workload for each in problem.balances]
    return Prices(
        supply=SUPPLY_SCALE * gpu_prices(problem)[:, None] / gpus.reshape(-1, intervals),
        balance=np.array([0.5 * least[w] for w in owner]).reshape(-1, 1, 1),
        starting=(STARTING_SCALE / least)[runs].reshape(-1, 1),
    )


def _averaged(newest: Floats, before: Floats) -> Floats:
    return NEWEST * newest + (1 - NEWEST) * before
