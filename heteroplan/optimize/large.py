"""The search on large programs, where LPs of the whole are out of reach.

1. *Prices.* Those of the bound (`bounding`) steer workloads off what others need more.
2. *First plan.* Workloads placed one after another at these prices, the small ones first: they
   suffer most from a second domain. Not where the search of smaller programs has one already.
3. *Dive.* Again, but the LP of those not placed yet is solved in between (`dive`), in the
   candidate groups that LPs of single intervals find for each workload (`guide`). Where that goes
   short, prices rise, and others make room.
4. *Sweeps.* Each workload again beside the others, while the prices fade: its groups one by one
   (`refit`), two at a time (`regroup`), then anywhere (`sweeps`).
5. *Again* with dives of other steps at the next prices, until gap, time or patience end it.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np

from heteroplan.numerics.tolerances import LEAST_GAIN
from heteroplan.optimize.bound.bounding import Round, Rounds
from heteroplan.optimize.construct.all_workloads import by_size, place_all
from heteroplan.optimize.construct.dive import dive
from heteroplan.optimize.construct.guide import CandidateGroups, candidate_groups
from heteroplan.optimize.improve.sweeps import Sweeps
from heteroplan.optimize.incumbent import Incumbent
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.search import Search

STEERING = 1.5
"""Part of the supply prices at which workloads are placed first."""
SHARES = (0.4, 0.3, 0.5)
"""Of the workloads left that a dive places before its next LP, turn by turn."""
MEANWHILE = 2
"""Rounds that are about as long as a dive."""
FADING = (0.4, 0.0, 0.0)
"""Parts of a round's supply prices at which sweeps follow."""
TOO_EXPENSIVE = 1.005
"""Multiple of the best plan's cost from which no sweeps follow."""
TURNS = 4
"""Times that plans are begun anew."""


def search_large(
    search: Search, starts: Iterable[Ints] = (), beside: bool | None = None
) -> Iterator[None]:
    """The method in order; the caller may stop at each yield.

    `starts` [P, T] are asked for while the first round of bounds is computed beside.
    """
    problem = search.problem
    rounds = Rounds(problem, search.out_of_time, search.without, beside)
    try:
        search.begin_with(starts)
        yield
        yield from _in_rounds(search, rounds)
    finally:
        if search.out_of_time():
            for found in rounds.ready():
                _proven(search, found)
        rounds.close()


def _in_rounds(search: Search, rounds: Rounds) -> Iterator[None]:
    """A first plan, then dives and sweeps at the prices of every round."""
    problem = search.problem
    order = by_size(problem)[::-1]
    order.sort(key=lambda w: problem.workloads[w].priority)
    candidates = candidate_groups(problem, search.effort()) if search.uses("guide") else None
    found = _next(search, rounds, None)
    sweeps = Sweeps(search)
    yield
    for turn in range(TURNS):
        if (turn == 0 and problem.large) or not candidates:
            plan = _begun(search, found, order)
            search.offer(plan)
            yield
        if candidates:
            share = SHARES[turn % len(SHARES)]
            plan = yield from _dived(search, sweeps, found, order, candidates, share)
            for _ in range(MEANWHILE):
                found = _next(search, rounds, found)
                yield
        for part in FADING if search.uses("sweeps") else ():
            if found is None:
                return
            if (
                plan.rank[:-1] > search.plan.rank[:-1]
                or plan.cost > TOO_EXPENSIVE * search.plan.cost
            ):
                break
            before, prices = plan, part * found.prices.supply
            plan = sweeps.swept(plan, prices, order)
            search.offer(plan)
            yield
            if part == 0.0 and before.cost - plan.cost < LEAST_GAIN * before.cost:
                break
        found = _next(search, rounds, found)
        yield


def _dived(
    search: Search,
    sweeps: Sweeps,
    found: Round | None,
    order: Sequence[int],
    candidate_groups: CandidateGroups,
    share: float,
) -> Generator[None, None, Incumbent]:
    """A plan by diving; prices rise where it goes short, until it serves everything."""
    problem = search.problem
    plan = dive(search, order, candidate_groups, share)
    search.offer(plan)
    yield
    prices = np.zeros((len(problem.supplies), problem.intervals))
    if found is not None:
        prices = found.prices.supply
    for repaired in sweeps.repaired(plan, prices, order):
        plan = repaired
        search.offer(plan)
        yield
    return plan


def _begun(search: Search, found: Round | None, order: Sequence[int]) -> Incumbent:
    """Workloads placed in `order` at a round's prices."""
    problem = search.problem
    prices = np.zeros((len(problem.supplies), problem.intervals))
    if found is not None and search.uses("steering"):
        prices = STEERING * found.prices.supply
    return place_all(problem, prices, order, search.out_of_time)


def _next(search: Search, rounds: Rounds, before: Round | None) -> Round | None:
    """The next round, or the one before where there are no more; its bound is kept."""
    found = rounds.take()
    if found is None:
        return before
    _proven(search, found)
    return found


def _proven(search: Search, found: Round) -> None:
    """Keep a round's bound, and the prices that it holds at."""
    if found.value > search.covering_bound:
        search.prices = found.prices
    search.raise_covering_bound(found.value)
