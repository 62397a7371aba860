"""What one more GPU is worth by supply row and interval: the duals of LPs.

Duals hold for small changes. The LP gains no more from a whole node than they say, a program of
whole replicas may gain less or more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from heteroplan.optimize.bound.duals import read_prices
from heteroplan.optimize.bound.lp_prices import interval_prices
from heteroplan.optimize.bound.relaxation import relax
from heteroplan.optimize.formulation.model import build_model, minimise_shortage
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class SupplyWorth:
    """Of one more GPU in each supply row."""

    cost: Floats
    """[R, T] objective units that it saves; zeros where demand is short."""
    requests: Floats
    """[R, T] requests that it lets be served; zeros where all are."""


def supply_worth(problem: Problem, effort: Effort, *, short: bool) -> SupplyWorth | None:
    """What supply is worth to a plan that serves everything, or that is `short`.

    By the LP of the whole program; of large programs by those of single intervals. None where the
    effort ran out. Where a plan is short only because replicas are whole, the LP serves all, and no
    GPU is worth anything to it.
    """
    nothing = np.zeros((len(problem.supplies), problem.intervals))
    if short:
        requests = _requests(problem, effort)
        return None if requests is None else SupplyWorth(nothing, requests)
    if problem.large:
        prices = interval_prices(problem, effort)
        return None if prices is None else SupplyWorth(prices.supply, nothing)
    relaxed = relax(problem, effort)
    return None if relaxed is None else SupplyWorth(relaxed.prices.supply, nothing)


def _requests(problem: Problem, effort: Effort) -> Floats | None:
    """[R, T] requests that one more GPU lets be served."""
    found = np.zeros((len(problem.supplies), problem.intervals))
    for times, part in _parts(problem):
        model = build_model(part, allow_short=True)
        model.cost_scale = minimise_shortage(model, None)
        if solver.run(model.lp, effort, integer=False).verdict is not Verdict.OPTIMAL:
            return None
        found[:, times] = read_prices(model).supply
    return found


def _parts(problem: Problem) -> Iterator[tuple[list[int], Problem]]:
    """Intervals and the program of them: all at once, or one by one where it is large."""
    if not problem.large:
        yield list(range(problem.intervals)), problem
        return
    for t in range(problem.intervals):
        yield [t], problem.window([t])
