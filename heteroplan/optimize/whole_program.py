"""The whole program as one MIP, from the best plan of a search."""

from collections.abc import Iterator
from dataclasses import replace
from time import monotonic

from heteroplan.optimize.bound.relaxation import bound_at_shortage
from heteroplan.optimize.improve.polish import solve_mip
from heteroplan.optimize.incumbent import incumbent
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.program.sizes import at_sizes
from heteroplan.optimize.search import Search, ShortageBound
from heteroplan.optimize.solvers.solver import Effort

SIZED_ROUNDS = 4
"""Times that the whole program is solved with the capacities of the sizes found before."""


def whole_program(search: Search, nodes: int | None = None) -> Iterator[None]:
    """The whole program, up to so many nodes or for as long as there is time.

    There may be no plan before it, nor after it.
    """
    problem = search.problem
    if search.best is not None and not search.best.covered:
        search.raise_short_bound(_lp_bound(search))
        yield
    effort = search.effort(gap=search.gap, nodes=nodes)
    if problem.sized:
        third_s = (search.deadline - monotonic()) / 3
        early = replace(effort, deadline=monotonic() + third_s)
        none = problem.no_replicas()
        yield from _at_sizes_found(search, none, early)
        effort = replace(effort, deadline=search.deadline - third_s)
    start = None
    if search.best is not None and not search.best.broken:
        start = search.best.solution
    found = solve_mip(problem, None, start, effort)
    if found.solution is not None:
        search.offer(incumbent(problem, found.solution))
    if search.best is not None:
        if found.unserved_bound:
            bounds = ShortageBound(found.unserved_bound, search.plan.unserved)
            search.shortage_bounds.append(bounds)
        search.raise_bound(found.bound if found.bound is not None else _lp_bound(search))
    yield
    if problem.sized and found.solution is not None:
        last = search.effort(gap=search.gap, nodes=nodes)
        yield from _at_sizes_found(search, found.solution.replicas, last)


def _lp_bound(search: Search) -> float:
    """On the cost at the best plan's shortage; 0 where there is no time for it."""
    unserved = search.plan.unserved
    return bound_at_shortage(search.problem, unserved, Effort(deadline=search.end)) or 0.0


def _at_sizes_found(search: Search, replicas: Ints, effort: Effort) -> Iterator[None]:
    """The whole program with the capacities that pools of sizes [P, T] have, in rounds.

    From no replicas each has the capacity that it has alone, and any plan can be kept; from sizes
    that come out the same or larger as well.
    """
    problem = search.problem
    for _ in range(SIZED_ROUNDS):
        if effort.over():
            return
        found = solve_mip(at_sizes(problem, replicas), None, None, effort).solution
        if found is None:
            return
        search.offer(incumbent(problem, found))
        yield
        if (found.replicas == replicas).all():
            return
        replicas = found.replicas
