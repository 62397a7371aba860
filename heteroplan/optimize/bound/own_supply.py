"""What a workload costs at least at given prices, in its groups and with the GPUs that they have.

Blocks add up the domains of each engine. A workload that takes up what its cheapest engines find
in one domain after another costs more than that. The LP of the workload alone sees it: prefill and
decode stand in one group there, and replicas on no more GPUs than there are.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
import pulp

from heteroplan.clock import Stop
from heteroplan.numerics.tolerances import SOLVER_TOLERANCE
from heteroplan.optimize.bound.bound import PricedBound
from heteroplan.optimize.covering.stages import SLACK
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.coarser import restricted
from heteroplan.optimize.program.prices import pool_prices, start_prices
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.optimize.rules.mip import Model
from heteroplan.optimize.solvers.solver import Effort, optimum


def with_own_supply(
    problem: Problem, best: PricedBound, stop: Stop
) -> tuple[PricedBound, list[int]]:
    """The bound with what LPs of single workloads prove more than their blocks, and of which.

    The workload that costs most comes first, until one proves no more. Of five fleets of 12 to 100
    workloads only the one to four largest did, 0.02 to 0.07 % of the bound.
    """
    held, by_work, raised = pool_prices(problem, best.prices.supply), best.by_work.copy(), []
    for w in np.argsort(-best.by_work).tolist() if np.isfinite(best.value) else []:
        if stop():
            break
        model = own_day(problem, w, held).model
        found = optimum(model.lp, Effort(stop=stop))
        if found is None:
            break
        least = (found - SOLVER_TOLERANCE * abs(found)) * model.cost_scale
        if least <= by_work[w]:
            break
        by_work[w] = least
        raised.append(w)
    value = best.value + float((by_work - best.by_work).sum())
    return PricedBound(value, best.prices, by_work), raised


@dataclass(frozen=True, slots=True, eq=False)
class OwnDay:
    """The LP of one workload at some prices of held GPUs."""

    model: Model
    """Its objective at these prices."""
    running: Floats
    """[P, T] of a running replica, objective units."""
    starting: Floats
    """[P, T] of a start."""


def own_day(problem: Problem, w: int, held: Floats) -> OwnDay:
    """Of workload w at prices [P, T] of held GPUs."""
    supplies, pools = problem.supplies, list(problem.workloads[w].pools)
    own = restricted(problem, [w], [row.gpus for row in supplies], [None] * len(supplies))
    model = own_model(own)
    running = held[pools]
    starting = start_prices(own, running)
    running += np.array([pool.run_cost for pool in own.pools]).reshape(running.shape)
    changing = np.broadcast_to(own.change_costs[:, None], running.shape)
    model.cost_scale = float(np.abs(running).max(initial=0.0)) or 1.0
    terms = [
        (variable, float(price) / model.cost_scale)
        for variables, of_pools in zip(
            (model.n, model.up, model.changed), (running, starting, changing), strict=True
        )
        for of_pool, price_of_pool in zip(variables, of_pools, strict=True)
        for variable, price in zip(of_pool, price_of_pool, strict=False)
    ]
    model.lp.setObjective(pulp.LpAffineExpression.from_list(terms))
    return OwnDay(model, running, starting)


def own_model(own: Problem) -> Model:
    """Of a program of one workload; it may leave as little of the demand as blocks do."""
    model = build_model(own)
    for missing in chain.from_iterable(model.short[0]):
        if missing is not None:
            missing.upBound = SLACK
    return model
