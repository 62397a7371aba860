"""Prices from an LP that was solved: the duals of its rows."""

import numpy as np

from heteroplan.optimize.program.prices import Prices, pool_prices, start_prices, supply_prices
from heteroplan.optimize.program.problem import Floats
from heteroplan.optimize.rules.mip import Model


def read_prices(model: Model) -> Prices:
    """Duals of supply and of balances in objective units, and the part of a start that is due."""
    prices = supply_prices(model.problem)
    for (r, t), row in model.supply_rows.items():
        prices.supply[r, t] = max(0.0, -(row.pi or 0.0)) * model.cost_scale
    _add_full_pools(model, prices.supply)
    for (b, k, t), row in model.balance_rows.items():
        prices.balance[b, k, t] = -(row.pi or 0.0) * model.cost_scale
    prices.starting[:] = _due(model, prices.supply)
    return prices


def _add_full_pools(model: Model, supply: Floats) -> None:
    """Where one pool fills a row, the LP may price the pool's largest size instead of the row."""
    problem = model.problem
    for p, pool in enumerate(problem.pools):
        for t, size in enumerate(model.n[p]):
            worth = -(size.dj or 0.0) * model.cost_scale
            filled = [
                r
                for r in problem.drawn[p]
                if problem.supplies[r].gpus[t] == pool.most[t] * pool.gpus
            ]
            if worth > 0 and filled:
                supply[filled[0], t] += worth / pool.gpus


def _due(model: Model, supply: Floats) -> Floats:
    """[P, T] part of a start's cost, 0..1, that the LP charges where a pool grows."""
    problem = model.problem
    due = np.zeros((len(problem.pools), problem.intervals))
    for (p, t), row in model.start_rows.items():
        due[p, t] = max(0.0, row.pi or 0.0) * model.cost_scale
    held = pool_prices(problem, supply)
    for p in range(len(problem.pools)):
        cost = start_prices(problem, p, held[p])
        due[p] = np.where(cost > 0, due[p] / np.where(cost > 0, cost, 1.0), 0.0)
    return np.clip(due, 0.0, 1.0)
