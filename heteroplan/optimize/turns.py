"""Plans begun anew turn by turn, and improved while the prices of the bound get better.

1. *Prices* of the bound come in rounds (`bounding`), and say what supply is worth.
2. *A plan* near an LP (`NearGuide`). That of the whole tells where workloads stand in a program
   that is not large, the smallest placed first. In a large one LPs of single intervals find
   candidate groups for each workload; the largest are placed near the LP in these, then the LP of
   the rest is solved again. Where the plan goes short, prices rise, and others make room. The first
   one of a large program comes before a greedy schedule, which mostly goes short. It is only swept
   where there is no time for a second: it says how many GPUs to keep free for peaks and starts in
   the next.
3. *Sweeps.* Each workload again beside the others while the prices fade, the last placed first: its
   groups one by one (`refit`), then two at a time (`regroup`).
4. *Classes.* Where a workload has several, its pools serve them apart (`by_class`).
5. *Again*, in the other order of workloads and with GPUs kept free by what the best plan holds,
   until gap, time or turns end it, or a program that is not large is served. At the end of each
   turn the best plan of all is swept again, while the prices of the bound rise and fade, as long as
   that helps; while there are prices a workload may then move to other groups.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic

from heteroplan.numerics.tolerances import LEAST_GAIN
from heteroplan.optimize.bound.bound import PricedBound, priced_bound
from heteroplan.optimize.bound.bounding import Rounds
from heteroplan.optimize.bound.relaxation import Relaxation, relax
from heteroplan.optimize.construct.all_workloads import (
    by_size,
    fits_one_group,
    place_all,
)
from heteroplan.optimize.construct.guide import NearGuide
from heteroplan.optimize.improve.by_class import ByClass
from heteroplan.optimize.improve.repair import urgent_first
from heteroplan.optimize.improve.sweeps import nearby, swept, with_room_made
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Floats
from heteroplan.optimize.search import Search, ShortageBound
from heteroplan.optimize.solvers.solver import Verdict
from heteroplan.optimize.static_peak import cheapest_constant

FADING = (0.6, 0.2, 0.0, 0.0)
"""Parts of supply prices at which sweeps follow."""
AGAIN = (1.0, 0.3, 0.0)
"""Parts of the bound's supply prices at which the best plan is swept again, with moves while GPUs
have a price. From the best plans of five fleets three times gain 0.04 to 0.19 %, more than as much
time for plans begun anew."""
TOO_EXPENSIVE = 1.005
"""Multiple of the best plan's cost from which no further sweeps follow."""
STATIC_GAP = 0.01
"""To which sizes that never change are solved."""
TURNS = 5
"""Times that plans are begun anew. Of a large program the second follows the first without sweeps:
five fleets then cost 0.05 to 0.6 % less than after sweeps of the first, in the time of one
placement more."""
LEFT_FOR_GREEDY = 0.1
"""Share of the time that is left for a greedy schedule after the first plan of a large program."""
SECOND = 4.0
"""Times as long as the first took that have to be left for the second to follow at once. With its
sweeps it took 2.3 to 4.1 times as long; where time ended before, plans cost 1.5 to 3.8 % more."""


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A first plan near a guide, on offer."""

    near: NearGuide
    plan: Incumbent
    took_s: float
    """The guide included."""


def begun_large(search: Search) -> Begun | None:
    """A plan of a large program before anything else; None where time ran out without a guide.

    It mostly serves all, as a greedy schedule does not, for which part of the time is left.
    """
    if not search.uses("near guide"):
        return None
    began, end = monotonic(), search.end
    search.end -= LEFT_FOR_GREEDY * max(0.0, search.left_s())
    near = NearGuide.of(search, None)
    plan = None if near is None else near.plan(by_size(search.problem))
    search.end = end
    if near is None or plan is None:
        return None
    search.offer(plan)
    return Begun(near, plan, monotonic() - began)


def in_turns(search: Search, rounds: Rounds, begun: Begun | None) -> Iterator[None]:
    """Turns, and first plans before them; the caller may stop at each yield.

    Of a large program the first turn is that of the plan `begun`.
    """
    problem = search.problem
    yield from _first_plans(search)
    smallest_first = by_size(problem)[::-1]
    smallest_first.sort(key=lambda w: problem.workloads[w].priority)
    orders, by_class = [by_size(problem), smallest_first], ByClass(search)
    if not problem.large:
        orders.reverse()
    relaxed = yield from _relaxed(search)
    near = begun.near if begun else None
    if not problem.large and search.uses("near guide"):
        near = NearGuide.of(search, relaxed)
    if relaxed is not None:
        by_class.know(relaxed)
    first: Incumbent | None = None
    for turn in range(TURNS):
        plan, prices = search.plan, supply_prices(problem).supply
        if near is not None:
            near = near.after(search.plan) if turn else near
            order, prices = orders[turn % 2], near.first.prices
            made = begun.plan if begun and not turn else near.plan(order)
            plan = yield from _mended(search, near, order, made)
        left_s = search.left_s() if search.steps is None else inf
        if begun and not turn and left_s >= SECOND * begun.took_s:
            first = plan
            continue
        if first is not None:
            plan, first = min(plan, first, key=lambda each: each.rank), None
        plan = yield from by_class.improved(plan)
        again = [w for w in orders[(turn + 1) % 2] if w not in by_class.workloads]
        if search.uses("sweeps"):
            yield from _swept(search, plan, prices, again)
        keep(search, rounds.take())
        yield
        if search.prices is not None and search.uses("sweeps"):
            yield from swept_again(search, search.prices.supply, again)
        if not problem.large and (search.plan.covered or not search.unproven_shortage()):
            return


def _first_plans(search: Search) -> Iterator[None]:
    """Workloads one after another where they cost least, the largest first.

    Where no plan keeps the limits yet, or all of a small program may fit one group each. Of small
    programs also a first bound, and where nothing serves everything the cheapest sizes that never
    change.
    """
    problem = search.problem
    order = by_size(problem)
    begun = search.best is not None
    classes = {work.priority for work in problem.workloads}
    keeps_limits = begun and not search.plan.broken
    if not keeps_limits:
        search.offer(place_all(problem, None, order, search.out_of_time))
        yield
    if begun and not search.plan.covered and (not problem.large or len(classes) > 1):
        search.offer(urgent_first(problem, search.plan, search.out_of_time))
        yield
    if not problem.large:
        blocks = priced_bound(problem, supply_prices(problem), search.out_of_time)
        search.raise_covering_bound(blocks.value)
        if begun:
            yield
    fit = not problem.large and all(map(partial(fits_one_group, problem), order))
    if keeps_limits and fit:
        search.offer(place_all(problem, None, order, search.out_of_time, whole=True))
        yield
    if not problem.large and search.best is not None and not search.best.covered:
        found = cheapest_constant(
            problem, gap=STATIC_GAP, deadline=search.deadline, stop=search.out_of_time
        )
        if not isinstance(found, Verdict):
            search.offer(incumbent(problem, found.solution))
        yield
        yield from search.offer_each(nearby(search, order, 1))
        if search.plan.covered and search.uses("sweeps"):
            search.offer(swept(search, search.plan, supply_prices(problem).supply, order))
            yield


def _relaxed(search: Search) -> Generator[None, None, Relaxation | None]:
    """The LP of the whole program, what it proves kept; None of a large one."""
    if search.problem.large:
        return None
    relaxed = relax(search.problem, search.effort())
    if relaxed is not None:
        search.shortage_bounds.append(ShortageBound(relaxed.unserved, relaxed.unserved))
        if not any(relaxed.unserved.values()):
            search.raise_covering_bound(relaxed.bound)
        yield
    return relaxed


def _swept(search: Search, plan: Incumbent, prices: Floats, order: Sequence[int]) -> Iterator[None]:
    """Sweeps from `plan` while supply prices [R, T] fade, as long as that may help.

    Without moves: with them a sweep takes three times as long for 0.04 to 0.06 % (two fleets).
    """
    for part in FADING:
        before = plan
        plan = swept(search, plan, part * prices, order, moves=False)
        search.offer(plan)
        yield
        if part == 0.0 and before.cost - plan.cost < LEAST_GAIN * before.cost:
            return
        expensive = plan.cost > TOO_EXPENSIVE * search.plan.cost
        if expensive or plan.rank[:-1] > search.plan.rank[:-1]:
            return


def swept_again(search: Search, prices: Floats, order: Sequence[int]) -> Iterator[None]:
    """Sweeps from the best plan at supply prices [R, T] that fade, each time in the other order.

    Again from the best plan then, as long as that gains enough.
    """
    before: Incumbent | None = None
    while before is None or before.cost - search.plan.cost > LEAST_GAIN * before.cost:
        before = plan = search.plan
        order = order[::-1]
        for part in AGAIN:
            plan = swept(search, plan, part * prices, order, moves=part > 0.0)
            search.offer(plan)
            yield


def _mended(
    search: Search, near: NearGuide, order: Sequence[int], plan: Incumbent
) -> Generator[None, None, Incumbent]:
    """A plan near the guide, on offer; prices rise where it goes short, until it serves all."""
    search.offer(plan)
    search.prove_early()
    yield
    for tried in near.again(plan, order):
        plan = min(plan, tried, key=lambda each: each.rank)
        search.offer(plan)
        yield
    for better in with_room_made(search, plan, near.first.prices, order):
        plan = better
        search.offer(plan)
        yield
    return plan


def keep(search: Search, found: PricedBound | None) -> bool:
    """Keep a bound, if there is one, and the prices of a round that it holds at."""
    if found is None:
        return False
    if found.value > search.covering_bound:
        search.prices = found.prices
    search.raise_covering_bound(found.value)
    return True
