"""What a workload costs at least at given prices, in its groups and with the GPUs that they have.

Blocks add up the domains of each engine. A workload that takes up what its cheapest engines find
in one domain after another costs more than that. The LP of the workload alone sees it: prefill and
decode stand in one group there, and replicas on no more GPUs than there are.
"""

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
        least = None if stop() else _least_cost(problem, w, held, Effort(stop=stop))
        if least is None or least <= by_work[w]:
            break
        by_work[w] = least
        raised.append(w)
    value = best.value + float((by_work - best.by_work).sum())
    return PricedBound(value, best.prices, by_work), raised


def _least_cost(problem: Problem, w: int, held: Floats, effort: Effort) -> float | None:
    """Of workload w by its LP, at prices [P, T] of held GPUs; None where the effort ran out.

    It may leave as little of the demand as blocks do.
    """
    supplies, pools = problem.supplies, list(problem.workloads[w].pools)
    own = restricted(problem, [w], [row.gpus for row in supplies], [None] * len(supplies))
    model = build_model(own)
    for missing in chain.from_iterable(model.short[0]):
        if missing is not None:
            missing.upBound = SLACK
    running = np.array([pool.run_cost for pool in own.pools]) + held[pools]
    changing = np.broadcast_to(own.change_costs[:, None], running.shape)
    scale = float(np.abs(running).max(initial=0.0)) or 1.0
    prices = (running, start_prices(own, held[pools]), changing)
    terms = [
        (variable, float(price) / scale)
        for variables, of_pools in zip((model.n, model.up, model.changed), prices, strict=True)
        for of_pool, price_of_pool in zip(variables, of_pools, strict=True)
        for variable, price in zip(of_pool, price_of_pool, strict=False)
    ]
    model.lp.setObjective(pulp.LpAffineExpression.from_list(terms))
    least = optimum(model.lp, effort)
    return None if least is None else (least - SOLVER_TOLERANCE * abs(least)) * scale
