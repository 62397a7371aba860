"""Plans made to fit beside what ran before: fewer replicas start before the horizon.

Those start later, whatever that leaves unserved; small MIPs of the first intervals then find who
serves meanwhile, over longer and longer windows until as much is served as before.
"""

from dataclasses import replace
from time import monotonic

from heteroplan.optimize.improve.polish import Neighbourhood, polish, put_better_of_mip
from heteroplan.optimize.incumbent import Incumbent, incumbent, of_sizes
from heteroplan.optimize.program.before import left_before, starts_before
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.search import ONE_MIP_CELLS, Search
from heteroplan.optimize.solvers.solver import Effort

FIRST_WINDOW = 4
"""Intervals of the first window."""
NODES = 400
"""Branch-and-bound nodes of one window."""
LATE_S = 2.0
"""Seconds that it may always take, however late it is: a plan that breaks the rule is none."""


def hand_over(search: Search, problem: Problem) -> None:
    """Put a plan that fits beside what ran before in the place of the best one of a search.

    `problem` is the program with that rule, which the search left out. Bounds of the search hold
    for it: they are of fewer rules. Where demand goes short now, it is proven that it must.
    """
    plan = incumbent(problem, search.plan.solution)
    if not plan.broken:
        return
    until = max(search.end, monotonic() + LATE_S)
    effort = Effort(gap=search.gap / 10, nodes=NODES, deadline=until, stop=search.stop)
    kept = handed_over(problem, plan, effort)
    if problem.cells <= ONE_MIP_CELLS:
        put_better_of_mip(search, problem, kept, replace(effort, gap=search.gap, nodes=None))
    else:
        search.put(kept)
    if any(search.plan.unserved.values()) and search.unproven_shortage():
        search.prove_shortage(Effort(deadline=until, stop=search.stop), of=problem)


def handed_over(problem: Problem, plan: Incumbent, effort: Effort) -> Incumbent:
    """The plan with sizes of the first intervals that fit beside what ran before.

    It serves as much as the plan where the windows find such sizes within the effort.
    """
    best = starting_later(problem, plan)
    around = _involved(problem, plan.solution.replicas)
    length = FIRST_WINDOW
    while not effort.over() and best.rank[:-1] > (0.0, *plan.rank[1:-1]):
        times = tuple(range(min(length, problem.intervals)))
        best = polish(problem, best, Neighbourhood(around, times), effort)
        if length >= problem.intervals:
            break
        length *= 2
    return best


def starting_later(problem: Problem, plan: Incumbent) -> Incumbent:
    """The plan without starts that do not fit beside what ran before: they come in the day.

    Those of the least urgent workloads first.
    """
    replicas = plan.solution.replicas.copy()
    starts = starts_before(problem, replicas)
    priority = [problem.workloads[pool.workload].priority for pool in problem.pools]
    for r, row in enumerate(problem.supplies):
        left = left_before(problem, replicas)[r]
        over = -left if left is not None else 0
        for p in sorted(row.pools, key=lambda p: -priority[p]):
            gpus = problem.pools[p].gpus
            fewer = min(int(starts[p]), -(-max(0, over) // gpus))
            if fewer:
                starts[p] -= fewer
                over -= fewer * gpus
                _start_at_most(problem, replicas, p, int(starts[p]))
    if (replicas == plan.solution.replicas).all():
        return plan
    return of_sizes(problem, replicas)


def _start_at_most(problem: Problem, replicas: Ints, p: int, starts: int) -> None:
    """Write sizes of pool p of which `starts` start before the horizon, and others in the day."""
    assert problem.before is not None
    ran, left = int(problem.before[p]), starts
    for t in range(min(problem.pools[p].lead, problem.intervals)):
        grown = min(left, max(0, int(replicas[p, t]) - ran))
        ran = int(min(replicas[p, t], ran + grown))
        replicas[p, t] = ran
        left -= grown


def _involved(problem: Problem, replicas: Ints) -> tuple[int, ...]:
    """Workloads with pools on rows that are overdrawn before the horizon."""
    left = left_before(problem, replicas)
    pools = {
        p
        for row, gpus in zip(problem.supplies, left, strict=True)
        if gpus is not None and gpus < 0
        for p in row.pools
    }
    return tuple(sorted({problem.pools[p].workload for p in pools}))
