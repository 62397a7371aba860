"""Large-neighbourhood search: a small MIP around the best plan (Shaw 1998; Danna et al. 2005).

Some workloads are free within a box around their present pool sizes, all others stand still.
Nodes are counted, so that a run does not depend on the clock.
"""

from dataclasses import dataclass

import numpy as np

from heteroplan.optimize import solver
from heteroplan.optimize.model import (
    Box,
    Model,
    build_model,
    cap_shortage,
    minimise_cost,
    minimise_shortage,
    read_solution,
)
from heteroplan.optimize.primal import Incumbent, incumbent
from heteroplan.optimize.problem import Ints, Problem, Solution
from heteroplan.optimize.solver import Answer, Effort


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What a polish may change."""

    works: tuple[int, ...]
    times: tuple[int, ...] | None = None
    """Intervals; all where None."""
    radius: int | None = None
    """Replicas up and down from the present size; any size where None."""


def polish(problem: Problem, best: Incumbent, around: Neighbourhood, effort: Effort) -> Incumbent:
    """The best plan of the neighbourhood, or `best` where there is no better one."""
    pools = [p for w in around.works for p in problem.works[w].pools]
    if not pools:
        return best
    others = best.solution.replicas.copy()
    others[pools] = 0
    sub = problem.restricted(around.works, problem.residual(others))
    here = best.solution.replicas[pools]
    now = Solution(here, tuple(best.solution.flow[p] for p in pools))
    found, _ = solve_mip(sub, _box(sub, here, around), now, effort)
    if found is None:
        return best
    replicas = best.solution.replicas.copy()
    replicas[pools] = found.replicas
    flow = list(best.solution.flow)
    for p, share in zip(pools, found.flow, strict=True):
        flow[p] = share
    tried = incumbent(problem, Solution(replicas, tuple(flow)))
    return tried if tried.rank < best.rank else best


def _box(problem: Problem, here: Ints, around: Neighbourhood) -> Box:
    most = np.array([pool.most for pool in problem.pools])
    low, high = np.zeros_like(here), np.maximum(most, here)
    if around.radius is not None:
        low = np.maximum(low, here - around.radius)
        high = np.minimum(high, here + around.radius)
    if around.times is not None:
        still = np.ones(problem.intervals, dtype=bool)
        still[list(around.times)] = False
        low, high = np.where(still, here, low), np.where(still, here, high)
    return Box(low, high)


def solve_mip(
    problem: Problem, box: Box | None, start: Solution | None, effort: Effort
) -> tuple[Solution | None, Answer | None]:
    """One MIP: least shortage by priority class, then least cost, from `start` where given.

    The answer's bound is in objective units and holds for `box` alone.
    """
    known = incumbent(problem, start) if start else None
    allow_short = known is None or not known.covered
    model = build_model(problem, box=box, allow_short=allow_short)
    best = start
    if allow_short:
        for priority in sorted({work.priority for work in problem.works}):
            minimise_shortage(model, priority)
            if solver_run(model, best, effort).has_solution:
                best = read_solution(model)
            if best is None:
                return None, None
            lost = incumbent(problem, best).unserved[priority]
            cap_shortage(model, {priority: lost * (1 + 1e-9) + 1e-6})
        minimise_cost(model)
    answer = solver_run(model, best, effort)
    if answer.has_solution:
        best = read_solution(model)
    bound = None if answer.bound is None else answer.bound * model.cost_scale
    return best, Answer(answer.verdict, answer.has_solution, answer.objective, bound)


def solver_run(model: Model, start: Solution | None, effort: Effort) -> Answer:
    """Minimise the model's objective from `start` where given."""
    if start is not None:
        _warm_start(model, start)
    return solver.run(model.lp, effort, integer=True, warm=start is not None)


def _warm_start(model: Model, start: Solution) -> None:
    starts = model.problem.starts(start.replicas)
    for p in range(len(model.problem.pools)):
        for t, variable in enumerate(model.n[p]):
            variable.varValue = float(start.replicas[p, t])
        for t, variable in enumerate(model.up[p]):
            variable.varValue = float(starts[p, t])
        for k, over_time in enumerate(model.x[p]):
            for t, flow in enumerate(over_time):
                if flow is not None:
                    flow.varValue = float(start.flow[p][k, t])
    for w, work in enumerate(model.problem.works):
        for k, over_time in enumerate(model.short[w]):
            for t, missing in enumerate(over_time):
                if missing is not None:
                    served = sum(
                        float(start.flow[p][k, t])
                        for p in work.pools
                        if model.problem.pools[p].role.value != "prefill"
                    )
                    missing.varValue = max(0.0, 1.0 - served)
