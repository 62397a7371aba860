"""The whole program as one MIP: what the method of `solve` is compared with."""

from collections.abc import Iterable

from heteroplan.clock import Progress, Stop, never, silent
from heteroplan.errors import NoPlanError
from heteroplan.optimize.bound.relaxation import bound_at_shortage
from heteroplan.optimize.improve.polish import MipResult, solve_mip
from heteroplan.optimize.incumbent import incumbent
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.search import Search, ShortageBound
from heteroplan.optimize.solve import Outcome, outcome
from heteroplan.optimize.solvers.solver import Effort


def solve_as_one_mip(
    problem: Problem,
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = never,
    progress: Progress = silent,
    starts: Iterable[Ints] = (),
) -> Outcome:
    """What `solve` promises, by one MIP from the best of `starts` [P, T].

    `progress` hears of the starts and of the end, nothing between. Raises NoPlanError.
    """
    search = Search.within(time_limit_s, problem, gap, stop=stop, progress=progress)
    for replicas in starts:
        search.offer_sizes(replicas)
    start = search.best.solution if search.best is not None and not search.best.broken else None
    found = solve_mip(problem, None, start, search.effort(gap=gap))
    if found.solution is not None:
        search.offer(incumbent(problem, found.solution))
    if search.best is None or search.best.broken:
        raise NoPlanError("one MIP found no plan within the time limit; raise --time-limit")
    _prove(search, found)
    search.out_of_time()
    return outcome(search)


def _prove(search: Search, found: MipResult) -> None:
    """The MIP's bounds, or that of the LP relaxation where it proved nothing of the cost."""
    plan = search.plan
    if found.unserved_bound:
        search.shortage_bounds.append(ShortageBound(found.unserved_bound, plan.unserved))
    bound = found.bound
    if bound is None:
        bound = bound_at_shortage(search.problem, plan.unserved, Effort(deadline=search.end)) or 0.0
    raise_bound = search.raise_covering_bound if plan.covered else search.raise_short_bound
    raise_bound(min(bound, plan.cost))
