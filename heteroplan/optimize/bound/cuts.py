"""The LP of the whole program, tightened by cuts: of a MIP solver, and of single intervals.

They see what ties whole replicas within an interval and blocks let go. Where nothing does, blocks
prove more, as they see starts (quickstart: 0.6 % below the plan after 1 CPU s, cuts 2.3 % after
13). So they do of large programs (12,960 pools times intervals: 3.2 % after 3, cuts 4.3 % after
45).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from heteroplan.optimize.bound.relaxation import mip_bound
from heteroplan.optimize.model import build_model, read_prices
from heteroplan.optimize.program.coarser import one_interval, restricted
from heteroplan.optimize.program.mix import part_pairs
from heteroplan.optimize.program.prices import pool_prices, start_prices
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.optimize.rules import is_choosy
from heteroplan.optimize.rules.mip import Model
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, optimum

STALLED = 5e-4
"""Relative gain from which the MIP solver's own cuts go on before those of single intervals."""
INTERVAL_GAP, INTERVAL_NODES = 1e-3, 2_000
"""Of the MIP of one workload in one interval."""
CUT_MARGIN = 1e-7
"""Relative, taken off what such a MIP proved."""

type Told = Callable[[float], None]
"""Told what is proven of the cost of plans that serve everything [objective units]."""


def cuts_pay(problem: Problem) -> bool:
    """Whether a program that is not large has classes or rules that blocks let go."""
    return not problem.large and any(
        len(work.rps) > 1
        or work.resilience is not None
        or problem.band(w) is not None
        or is_choosy(problem, w)
        or part_pairs(problem, work.pools)
        for w, work in enumerate(problem.workloads)
    )


def prove_by_cuts(problem: Problem, effort: Effort, told: Told) -> None:
    """Tell better and better bounds on the cost of plans that serve everything.

    The MIP solver's own cuts until they gain little, then one of each workload and interval, and
    the solver's own once more. The last bound is the same on every machine, unless the effort ends
    before it.
    """
    model = build_model(problem, allow_short=False)
    _prove_at_root(model, effort, told, least_gain=STALLED)
    if not effort.over():
        cut_intervals(model, effort)
        _prove_at_root(model, effort, told)


def _prove_at_root(model: Model, effort: Effort, told: Told, least_gain: float = 0.0) -> None:
    """Tell what a MIP solver proves before it branches, as long as it gains so much."""
    found: list[float] = []

    def proven(bound: float | None) -> None:
        if bound is not None and np.isfinite(bound):
            found.append(mip_bound(model, bound))
            told(found[-1])

    def stop() -> bool:
        stalled = len(found) > 1 and 0 < found[-1] - found[-2] < least_gain * abs(found[-1])
        return stalled or effort.over()

    answer = solver.run(model.lp, replace(effort, nodes=1, stop=stop, proves=proven), integer=True)
    proven(answer.bound)


def cut_intervals(model: Model, effort: Effort) -> None:
    """Add what sizes of each workload cost at least in each interval, at prices of the LP.

    Cuts of Fenchel's kind (Boyd 1994): the sizes of any plan in one interval serve the workload,
    so that a MIP of the two alone bounds their cost at any prices. At those of the LP, all of them
    together are the Lagrangian bound of the program without its starts and supply.
    """
    problem = model.problem
    if optimum(model.lp, effort) is None:
        return
    cost = _costs_at_prices(model)
    for t in range(problem.intervals):
        alone = one_interval(problem, t)
        supplies = [row.gpus for row in alone.supplies]
        for w, work in enumerate(problem.workloads):
            if effort.over():
                return
            pools = list(work.pools)
            scale = float(np.abs(cost[pools, t]).max(initial=0.0))
            if scale == 0.0:
                continue
            part = restricted(alone, (w,), supplies, [None] * len(supplies))
            priced = [
                replace(pool, run_cost=cost[p, [t]])
                for p, pool in zip(pools, part.pools, strict=True)
            ]
            least = _least_cost(replace(part, pools=tuple(priced)), effort)
            if least is not None:
                row = [(model.n[p][t], float(cost[p, t]) / scale) for p in pools]
                model.add(row, ">=", (least - CUT_MARGIN * abs(least)) / scale, f"cut_{w}_{t}")


def _costs_at_prices(model: Model) -> Floats:
    """[P, T] of a running replica, with the GPUs that it holds and its part of starts, by duals."""
    problem, prices = model.problem, read_prices(model)
    held = pool_prices(problem, prices.supply)
    due = prices.starting * start_prices(problem, held)
    running = np.array([pool.run_cost for pool in problem.pools]) + held
    return np.asarray(running + (due - problem.shift(due, 1)))


def _least_cost(problem: Problem, effort: Effort) -> float | None:
    """What is proven of the cost of a small program; None where nothing is."""
    model = build_model(problem, allow_short=False)
    limits = replace(effort, gap=INTERVAL_GAP, nodes=INTERVAL_NODES, proves=lambda _: None)
    bound = solver.run(model.lp, limits, integer=True).bound
    return None if bound is None or not np.isfinite(bound) else bound * model.cost_scale
