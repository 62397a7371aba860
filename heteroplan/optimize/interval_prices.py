"""Prices from LPs of single intervals: what binds at a time binds there, whatever starts cost."""

from dataclasses import replace

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize import solver
from heteroplan.optimize.duals import read_prices
from heteroplan.optimize.model import Model, build_model, minimise_cost
from heteroplan.optimize.prices import Prices, supply_prices
from heteroplan.optimize.problem import Floats, Problem
from heteroplan.optimize.solver import Effort, Verdict

UNSERVED = 100.0
"""Cost of unserved demand in multiples of what serving it costs at most; a less urgent priority
class counts a tenth as much, but never less than ten times."""


def interval_prices(problem: Problem, effort: Effort, every: int = 1) -> Prices | None:
    """Duals of the LP of each interval, or of every so many; None where the effort ran out.

    Unserved demand is dear in them, not ruled out.
    """
    found = supply_prices(problem)
    for first in range(0, problem.intervals, every):
        if effort.over():
            return None
        model = _dear_shortage(_alone(problem, first))
        if solver.run(model.lp, effort, integer=False).verdict is not Verdict.OPTIMAL:
            return None
        here = read_prices(model)
        found.supply[:, first : first + every] = here.supply
        found.balance[:, :, first : first + every] = here.balance
    return found


def _alone(problem: Problem, t: int) -> Problem:
    """One interval, whose replicas all run already."""
    alone = problem.window([t])
    pools = tuple(replace(pool, start_cost=0.0, lead=0) for pool in alone.pools)
    return replace(alone, pools=pools, before=None)


def _dear_shortage(problem: Problem) -> Model:
    """The LP of a program that pays for unserved demand instead of ruling it out."""
    model = build_model(problem, allow_short=True)
    last = max((work.priority for work in problem.works), default=0)
    price = np.zeros((len(problem.works), problem.intervals))
    for w, work in enumerate(problem.works):
        urgency = max(0.1 * UNSERVED, UNSERVED * 10.0 ** (last - work.priority))
        price[w] = urgency * _dearest_service(problem, w)
    minimise_cost(model, price)
    return model


def _dearest_service(problem: Problem, w: int) -> Floats:
    """[T] what serving all demand of a workload costs in its dearest pools."""
    total = np.zeros(problem.intervals)
    for role in Role:
        costs = [
            np.where(np.isfinite(pool.mix_load), pool.mix_load, 0.0) * pool.run_cost
            for pool in (problem.pools[p] for p in problem.works[w].pools)
            if pool.role is role
        ]
        total += np.max(costs, axis=0) if costs else 0.0
    return total
