"""The bound at prices that nobody would choose."""

import numpy as np

from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.program.prices import Prices, supply_prices
from heteroplan.optimize.program.problem import Floats, Problem

SCALES = (0.0, 0.01, 0.1, 0.5, 1.0, 3.0)
"""Of a price, as a share of what running costs."""
DENSITIES = (0.1, 0.5, 1.0)
"""Share of the rows and intervals that have a price at all."""


def bound_at_random_prices(problem: Problem, draw: np.random.Generator) -> float:
    """What is proved at random prices of supply, of balances and of fractional starts."""
    return priced_bound(problem, random_prices(problem, draw)).value


def bound_without_prices(problem: Problem) -> float:
    """What the blocks prove where supply and balances are free."""
    return priced_bound(problem, supply_prices(problem)).value


def random_prices(problem: Problem, draw: np.random.Generator) -> Prices:
    """Supply not below 0, balances of any sign; each kind at times at no price at all."""
    zero = supply_prices(problem)
    of_gpu = max((pool.plain_cost / pool.gpus for pool in problem.pools), default=1.0)
    of_pool = max((pool.plain_cost for pool in problem.pools), default=1.0)
    return Prices(
        supply=_scattered(draw, zero.supply.shape) * of_gpu,
        balance=_scattered(draw, zero.balance.shape)
        * draw.choice((-1.0, 1.0), zero.balance.shape)
        * of_pool,
        starting=draw.choice((0.0, 0.3, 1.0), zero.starting.shape),
    )


def _scattered(draw: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Some entries 0, the others up to a common scale."""
    scale, density = draw.choice(SCALES), draw.choice(DENSITIES)
    return np.asarray(scale * draw.random(shape) * (draw.random(shape) < density))
