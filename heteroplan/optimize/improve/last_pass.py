"""The last pass of a search: fewer changes within the gap, and rules of stability kept."""

from time import monotonic

from heteroplan.clock import Late
from heteroplan.entities.plan import Calming
from heteroplan.optimize.improve.fewer_changes import calmness, fewer_changes
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.search import Search

PASS_SHARE, LEAST_PASS_S = 0.1, 2.0
"""Of the time that a search had, and seconds at least, for the last pass."""
SPARE_GAP = 0.05
"""Share of the gap that is left for moves between nodes."""


def last_pass(search: Search, problem: Problem, *, frontier: bool = False) -> Calming | None:
    """Put the plan with the fewest changes in the place of the best one of a search.

    It costs no more than the gap that was asked for allows, or than the best plan where that is
    above. `problem` is the program with its rules of stability, which the search left out: they
    are kept whatever it costs, and all the time is taken where there are any, or for a `frontier`.
    """
    if not search.uses("fewer changes") and not problem.has_stability:
        return None
    now, best = monotonic(), search.plan
    until = now + max(LEAST_PASS_S, PASS_SHARE * (now - search.started))
    if frontier or problem.has_stability:
        until = search.end
    late = Late(lambda: search.interrupted or search.stop(), min(until, search.end))
    gap = search.gap * (1 - SPARE_GAP)
    most = max(best.cost, search.bound / (1 - gap) if gap < 1 else 0.0)
    found = fewer_changes(problem, best, most, late, whole=frontier)
    search.best = found.plan
    return Calming(
        before=found.before,
        after=calmness(problem, found.plan.solution.replicas),
        frontier=found.frontier if frontier else (),
    )
