"""The last pass of a search: fewer changes within the gap, and rules of stability kept."""

from math import inf
from time import monotonic, process_time

from heteroplan.clock import Late
from heteroplan.entities.plan import Calming
from heteroplan.optimize.improve.fewer_changes import calmness, fewer_changes
from heteroplan.optimize.improve.polish import put_better_of_mip
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.search import Search

PASS_SHARE, LEAST_PASS_CPU_S = 0.1, 2.0
"""Of the time that a search took, and CPU seconds at least, for the last pass of a large program;
that of a small one ends by itself soon, the same however fast the machine is."""
SMALL = 1_000
"""Pools times intervals up to which one MIP knows the rules of stability from the beginning."""
SPARE_GAP = 0.05
"""Share of the gap that is left for moves between nodes."""


def last_pass(search: Search, problem: Problem, *, frontier: bool = False) -> Calming | None:
    """Put the plan with the fewest changes in the place of the best one of a search.

    It costs no more than the gap that was asked for allows, or than the best plan where that is
    above. `problem` is the program with its rules of stability, which the search left out: they
    are kept whatever it costs. All the time may be taken where there are any, for a `frontier`, of
    small programs, and where steps are counted and not seconds.
    """
    if not search.uses("fewer changes") and not problem.has_stability:
        return None
    best, began_cpu = search.plan, process_time()
    cpu_s = max(LEAST_PASS_CPU_S, PASS_SHARE * (monotonic() - search.started))
    if frontier or problem.has_stability or not problem.large or search.steps is not None:
        cpu_s = inf

    def over() -> bool:
        return search.interrupted or search.stop() or process_time() - began_cpu >= cpu_s

    late = Late(over, search.end)
    gap = search.gap * (1 - SPARE_GAP)
    most = max(best.cost, search.bound / (1 - gap) if gap < 1 else 0.0)
    found = fewer_changes(problem, best, most, late, whole=frontier)
    if problem.has_stability and problem.cells <= SMALL:
        put_better_of_mip(search, problem, found.plan, search.effort(gap=search.gap))
    else:
        search.put(found.plan)
    return Calming(
        before=found.before,
        after=calmness(problem, search.plan.solution.replicas),
        frontier=found.frontier if frontier else (),
    )
