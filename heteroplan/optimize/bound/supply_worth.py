"""What one more GPU is worth by supply row and interval: the duals of LPs.

Duals hold for small changes. The LP gains no more from a whole node than they say, a program of
whole replicas may gain less or more.
"""

import numpy as np

from heteroplan.optimize.bound.lp_prices import interval_prices
from heteroplan.optimize.bound.relaxation import relax
from heteroplan.optimize.formulation.model import build_model, minimise_shortage, read_prices
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.optimize.solvers.solver import Effort, optimum


def supply_worth(problem: Problem, effort: Effort, *, short: bool) -> Floats | None:
    """[R, T] what one more GPU saves, objective units; for a `short` plan, requests that it serves.

    By the LP of the whole program; of large programs by those of single intervals. None where the
    effort ran out. Where a plan is short only because replicas are whole, the LP serves all, and no
    GPU is worth anything to it.
    """
    if short:
        return _requests(problem, effort)
    if problem.large:
        prices = interval_prices(problem, effort)
    else:
        relaxed = relax(problem, effort)
        prices = None if relaxed is None else relaxed.prices
    return None if prices is None else prices.supply


def _requests(problem: Problem, effort: Effort) -> Floats | None:
    """[R, T] requests that one more GPU lets be served."""
    found = np.zeros((len(problem.supplies), problem.intervals))
    every = range(problem.intervals)
    for times in ([t] for t in every) if problem.large else (list(every),):
        model = build_model(problem.window(times) if problem.large else problem, allow_short=True)
        model.cost_scale = minimise_shortage(model, None)
        if optimum(model.lp, effort) is None:
            return None
        found[:, times] = read_prices(model).supply
    return found
