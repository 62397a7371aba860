"""Large-neighbourhood search: a small MIP around the best plan (Shaw 1998; Danna et al. 2005).

Some workloads are free within a box around their present pool sizes, all others stand still.
Nodes are counted, so that a run does not depend on the clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.tolerances import ROUNDING, SOLVER_TOLERANCE
from heteroplan.optimize.bound.relaxation import mip_bound
from heteroplan.optimize.construct.task import without
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.model import (
    build_model,
    cap_shortage,
    minimise_cost,
    minimise_shortage,
    read_solution,
)
from heteroplan.optimize.program.before import left_before
from heteroplan.optimize.program.coarser import restricted, window
from heteroplan.optimize.program.problem import Ints, Problem, Solution, served_share
from heteroplan.optimize.program.sizes import at_sizes
from heteroplan.optimize.rules import open_pools
from heteroplan.optimize.rules.mip import Box, Model
from heteroplan.optimize.search import Search, ShortageBound
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Answer, Effort, Verdict


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What a polish may change."""

    workloads: tuple[int, ...]
    times: tuple[int, ...] | None = None
    """Intervals in a row (a cyclic day may wrap); all where None."""
    radius: int | None = None
    """Replicas up and down from the present size; any size where None."""


def polish(problem: Problem, best: Incumbent, around: Neighbourhood, effort: Effort) -> Incumbent:
    """The best plan of the neighbourhood, or `best` where there is no better one.

    Where capacity depends on the size of a pool, it is looked for with that of the present sizes.
    """
    pools = [p for w in around.workloads for p in problem.workloads[w].pools]
    if not pools:
        return best
    others = without(pools, best.solution.replicas)
    near = at_sizes(problem, best.solution.replicas)
    sub = restricted(near, around.workloads, near.residual(others), left_before(near, others))
    at = _with_edges(sub, around.times) if around.times is not None else None
    where = slice(None) if at is None else at
    sub = sub if at is None else window(sub, at)
    here = best.solution.replicas[pools][:, where]
    share = tuple(best.solution.flow[p][:, where] for p in pools)
    every = np.arange(problem.intervals)
    still = ~np.isin(every[where], every if around.times is None else around.times)
    box = _box(sub, here, around.radius, still)
    box.high[_closed(problem, best.solution.replicas, others, around, pools)] = 0
    found = solve_mip(sub, box, Solution(here, share), effort).solution
    if found is None:
        return best
    replicas, flow = best.solution.replicas.copy(), list(best.solution.flow)
    for i, p in enumerate(pools):
        flow[p] = flow[p].copy()
        replicas[p, where], flow[p][:, where] = found.replicas[i], found.flow[i]
    tried = incumbent(problem, Solution(replicas, tuple(flow)))
    return tried if tried.rank < best.rank else best


def _closed(
    problem: Problem, replicas: Ints, others: Ints, around: Neighbourhood, pools: Sequence[int]
) -> list[int]:
    """Places in `pools` of those that may not be used beside what the plan, or `others`, have.

    A window of time opens no pool at all of a workload that may not use all of its pools: what
    the rest of the day uses is not seen in it.
    """
    opening = around.times is None
    allowed = {
        p
        for w in around.workloads
        for p in open_pools(problem, w, others if opening else replicas, opening=opening)
    }
    return [i for i, p in enumerate(pools) if p not in allowed]


def _with_edges(problem: Problem, times: Sequence[int]) -> list[int] | None:
    """The window and, on either side, the intervals that its starts reach; None for a whole day."""
    reach = int(problem.leads.max(initial=0)) + 1
    length = len(times) + 2 * reach
    if problem.cyclic and length > problem.intervals:
        return None
    return problem.times(times[0] - reach, length)


def _box(problem: Problem, here: Ints, radius: int | None, still: NDArray[np.bool_]) -> Box:
    most = np.array([pool.most for pool in problem.pools])
    low, high = np.zeros_like(here), np.maximum(most, here)
    if radius is not None:
        low = np.maximum(low, here - radius)
        high = np.minimum(high, here + radius)
    return Box(np.where(still, here, low), np.where(still, here, high))


@dataclass(frozen=True, slots=True, eq=False)
class MipResult:
    """What one MIP found and proved inside its box."""

    solution: Solution | None
    bound: float | None
    """On the cost, at the shortage found [objective units]; None where nothing was proved."""
    unserved_bound: dict[int, float]
    """Requests by priority class, each at the shortage found for the classes before."""


def solve_mip(
    problem: Problem, box: Box | None, start: Solution | None, effort: Effort
) -> MipResult:
    """One MIP: least shortage by priority class, then least cost, from `start` where given."""
    known = incumbent(problem, start) if start else None
    allow_short = known is None or not known.covered
    model = build_model(problem, box=box, allow_short=allow_short)
    best = start
    least: dict[int, float] = {}
    if allow_short:
        for priority in sorted({work.priority for work in problem.workloads}):
            scale = minimise_shortage(model, priority)
            answer = run_from(model, best, effort)
            if answer.has_solution:
                best = read_solution(model)
            if best is None:
                return MipResult(None, None, least)
            least[priority] = max(0.0, (answer.bound or 0.0) * scale)
            lost = incumbent(problem, best).unserved[priority]
            cap_shortage(model, {priority: lost * (1 + ROUNDING) + SOLVER_TOLERANCE})
        minimise_cost(model)
    answer = run_from(model, best, effort)
    if answer.has_solution:
        best = read_solution(model)
    bound = None
    if answer.bound is not None and answer.verdict in (Verdict.OPTIMAL, Verdict.LIMIT):
        bound = mip_bound(model, answer.bound)
    return MipResult(best, bound, least)


def put_better_of_mip(search: Search, problem: Problem, plan: Incumbent, effort: Effort) -> None:
    """Put `plan`, or the one of a MIP of the whole `problem` if better, in the place of the best.

    `problem` has more rules than that of the search. What the MIP proves is kept.
    """
    found = solve_mip(problem, None, None if plan.broken else plan.solution, effort)
    if found.solution is not None:
        plan = min(plan, incumbent(problem, found.solution), key=lambda each: each.rank)
    search.shortage_bounds.append(ShortageBound(found.unserved_bound, plan.unserved))
    search.put(plan)
    if found.bound is not None:
        search.raise_bound(found.bound)


def run_from(model: Model, start: Solution | None, effort: Effort) -> Answer:
    """Minimise the model's objective from `start` where given.

    HiGHS now and then hands a start back as optimal although its own bound lies lower; such an
    answer is asked for again without the start.
    """
    if start is None or not start.replicas.size:
        return solver.run(model.lp, effort, integer=True)
    _warm_start(model, start)
    answer = solver.run(model.lp, effort, integer=True, warm=True)
    if answer.verdict is Verdict.OPTIMAL and answer.objective is not None:
        distance = answer.objective - (answer.bound if answer.bound is not None else -np.inf)
        if distance > effort.gap * abs(answer.objective) + SOLVER_TOLERANCE:
            return solver.run(model.lp, effort, integer=True)
    return answer


def _warm_start(model: Model, start: Solution) -> None:
    starts = model.problem.starts(start.replicas)
    changes = model.problem.changes(start.replicas)
    for p in range(len(model.problem.pools)):
        for variables, values in (
            (model.n[p], start.replicas[p]),
            (model.up[p], starts[p]),
            (model.changed[p], changes[p]),
        ):
            for variable, value in zip(variables, values, strict=False):
                variable.varValue = float(value)
        for k, over_time in enumerate(model.x[p]):
            for t, flow in enumerate(over_time):
                if flow is not None:
                    flow.varValue = float(start.flow[p][k, t])
    for (b, t), passing in model.passing.items():
        finishing = model.problem.balances[b].right
        passing.varValue = sum(float(start.flow[p][0, t]) for p in finishing)
    for w, work in enumerate(model.problem.workloads):
        served = served_share(model.problem, work, start.flow)
        for k, over_time in enumerate(model.short[w]):
            for t, missing in enumerate(over_time):
                if missing is not None:
                    missing.varValue = max(0.0, 1.0 - float(served[k, t]))
