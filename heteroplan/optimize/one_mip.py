"""The whole program as one MIP: what the method of `solve` is compared with."""

from collections.abc import Iterable

from heteroplan.clock import Progress, Stop, never, silent
from heteroplan.errors import NoPlanError
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.search import Search
from heteroplan.optimize.solve import Outcome, outcome
from heteroplan.optimize.whole_program import whole_program


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
    for _ in whole_program(search):
        pass
    if search.best is None or search.best.broken:
        raise NoPlanError("one MIP found no plan within the time limit; raise --time-limit")
    search.out_of_time()
    return outcome(search)
