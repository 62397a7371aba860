"""The method behind one call, whatever the size.

0. *Starts.* Plans that the caller has, such as a greedy schedule, are where the search begins.
1. *Blocks without prices.* Every workload and role is a covering block, solved by dynamic
   programming. Their sum is a bound; placed in candidate domains they are a plan. Where supply is
   slack the two meet and nothing else is needed. Where placement leaves demand unserved, sizes
   that never change are a first plan that may serve it.
2. *LP relaxation.* Says what shortage cannot be avoided, gives supply prices and a guide;
   plans near it are repaired by rising prices, small moves and small MIPs.
3. *Swaps.* Workloads that cost most above their own bound are taken out with another one and
   put back before it.
4. *Prices.* Steps raise the bound (see `ascent`); the best prices also steer new placements and
   swaps.
5. *Polish.* MIPs near the best plan, then the whole program from the best plan, until the gap
   or the time is reached.
6. *Scarce hardware.* Moves that cost nothing take workloads off leaves that mix GPU types
   (`scarce`).

Where LPs of the whole program are out of reach, `large` takes the place of 1 to 5; where the LP of
a smaller one with many pools is not solved in `RELAX_ITERATIONS`, that of 1 to 4.

Shortage comes first, priority class by priority class; the gap is that of the cost.
"""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from time import monotonic

import numpy as np

from heteroplan.clock import Late, Progress, Stop, never, silent
from heteroplan.entities.plan import Calming, Termination
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import OPTIMAL_GAP
from heteroplan.optimize.bound.ascent import improve_prices
from heteroplan.optimize.bound.bound import bound_of_short, priced_bound
from heteroplan.optimize.bound.relaxation import Relaxation, bound_at_shortage, relax
from heteroplan.optimize.construct.all_workloads import (
    by_size,
    local_move,
    place_all,
    raise_prices,
    reinsert,
    sweep,
)
from heteroplan.optimize.improve.last_pass import last_pass
from heteroplan.optimize.improve.polish import Neighbourhood, polish, solve_mip
from heteroplan.optimize.improve.repair import WINDOW, repair, short_hours
from heteroplan.optimize.improve.scarce import spare_scarce
from heteroplan.optimize.incumbent import WHOLE, Incumbent, incumbent
from heteroplan.optimize.large import search_large
from heteroplan.optimize.program.prices import Prices, supply_prices
from heteroplan.optimize.program.problem import Floats, Ints, Problem, Solution
from heteroplan.optimize.program.sizes import at_sizes
from heteroplan.optimize.search import Search, ShortageBound
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.optimize.static_peak import cheapest_constant

RELAX_FIRST, RELAX_ITERATIONS = 10_000, 28_000
"""Pools times intervals beyond which the LP of the whole program is tried first, and iterations of
the simplex method in which it must be solved then to be of use."""
PRICE_STEPS = 40
SWAPPED = 4
"""Workloads that are tried to be taken out with every other."""
ESCALATIONS = 6
"""Placements with rising prices."""
SIZED_ROUNDS = 4
"""Times that the whole program is solved with the capacities of the sizes found before."""
POLISH_NODES = 20
"""Branch-and-bound nodes of one neighbourhood."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The best plan and what was proved about it."""

    solution: Solution
    objective: float
    bound: float
    unserved: dict[int, float]
    """Requests by priority class."""
    unserved_bound: dict[int, float]
    """Requests that no plan serves, class by class, at the plan's loss in the classes before."""
    least_unserved: float
    """Requests of all classes together that no plan serves, but one that leaves a class before
    more unserved."""
    termination: Termination
    seconds: float
    prices: Prices | None = None
    """At which the bound of a large program holds."""
    calming: Calming | None = None
    """What the last pass gave up for fewer changes."""

    def of_plan(
        self,
        problem: Problem,
        plan: Incumbent,
        extra_cost: float,
        gap: float,
        seconds: float,
        effort: Effort,
    ) -> "Outcome":
        """The verdict on another plan of the same program that costs `extra_cost` beside.

        What was proved of the cost holds for plans that leave no more unserved than this one; of
        others the LP or the blocks say something, within the effort.
        """
        objective = plan.cost + extra_cost
        as_short = all(lost <= self.unserved[p] + WHOLE for p, lost in plan.unserved.items())
        bound = self.bound
        if not as_short:
            bound = _bound_of_short(problem, plan.unserved, self.prices, effort)
        termination = self.termination
        proven = as_short and objective - bound <= OPTIMAL_GAP * objective
        if termination is Termination.OPTIMAL and not proven:
            termination = Termination.GAP_REACHED
        missed = not as_short or objective - bound > gap * objective
        if termination is Termination.GAP_REACHED and missed:
            termination = Termination.TIME_LIMIT
        if termination is Termination.TIME_LIMIT and not missed and not any(plan.unserved.values()):
            termination = Termination.GAP_REACHED
        return replace(
            self,
            solution=plan.solution,
            objective=objective,
            bound=_agreed(bound, objective),
            unserved=plan.unserved,
            termination=termination,
            seconds=seconds,
        )


def solve(
    problem: Problem,
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = never,
    progress: Progress = silent,
    starts: Iterable[Ints] = (),
    without: frozenset[str] = frozenset(),
    beside: bool | None = None,
    frontier: bool = False,
) -> Outcome:
    """The best plan found, with a proven bound; no worse than any of `starts` [P, T].

    Starts may be computed when they are asked for; on large programs bounds are, meanwhile.
    `without` leaves ingredients of the method out (`search.INGREDIENTS`). Bounds of large programs
    are computed in a process beside, where there are two cores or as `beside` says; the outcome
    is the same. With `frontier` the last pass goes on to plans that cost more than the gap allows.

    Ends when the relative `gap` is reached, after `time_limit_s`, or when `stop()` says so;
    in the last two cases with the best plan so far. Raises NoPlanError where there is none.
    """
    free = problem.without_stability()
    search = Search.within(time_limit_s, free, gap, stop=stop, progress=progress, without=without)
    for _ in _stages(search, starts, beside):
        if search.done() or search.closed(OPTIMAL_GAP):
            break
    if search.best is None or search.best.broken:
        late = search.out_of_time()
        raise NoPlanError(
            "no plan was found that keeps min_replicas, max_replicas, pd_ratio, part_ratio and "
            f"max_groups{' within the time limit' if late else ''}; relax them"
            f"{' or raise --time-limit' if late else ''}"
        )
    _finish(search)
    calming = last_pass(search, problem, frontier=frontier)
    if search.plan.broken:
        raise NoPlanError(
            "no plan was found that keeps min_run and max_changes from what runs when the horizon "
            "starts; relax them"
        )
    _bound_cost(search, Late(lambda: search.interrupted or search.stop(), search.end))
    return replace(outcome(search), calming=calming)


def _finish(search: Search) -> None:
    """What is proved of the shortage, a bound where there is none yet, and scarce hardware spared.

    Until the time limit, or until the user stops it.
    """
    end = search.end
    over = Late(lambda: search.interrupted or search.stop(), end)
    if not search.plan.covered and search.unproven_shortage():
        half = monotonic() + (end - monotonic()) / 2
        search.prove_shortage(Effort(deadline=half, stop=over))
    _bound_cost(search, over)
    search.best = spare_scarce(search.problem, search.plan, over)


def _bound_cost(search: Search, over: Late) -> None:
    """A bound on cost where there is none yet."""
    if search.bound > 0:
        return
    if search.plan.covered:
        no_prices = supply_prices(search.problem)
        search.raise_covering_bound(priced_bound(search.problem, no_prices, over).value)
    else:
        unserved = search.plan.unserved
        effort = Effort(deadline=over.end, stop=over)
        bound = _bound_of_short(search.problem, unserved, search.prices, effort)
        search.raise_short_bound(bound)


def _bound_of_short(
    problem: Problem, unserved: dict[int, float], prices: Prices | None, effort: Effort
) -> float:
    """On the cost of plans that leave no more unserved; 0 where the effort found none.

    By the LP; on large programs by blocks at `prices`.
    """
    if effort.over():
        return 0.0
    if not problem.large:
        return bound_at_shortage(problem, unserved, effort) or 0.0
    if prices is None:
        prices = supply_prices(problem)
    return bound_of_short(problem, prices, sum(unserved.values()), effort.over)


def _stages(search: Search, starts: Iterable[Ints], beside: bool | None) -> Iterator[None]:
    """The method in order; the caller may stop at each yield."""
    if search.problem.large:
        yield from search_large(search, starts, beside)
        return
    search.begin_with(starts)
    yield
    problem, relaxed = search.problem, None
    many = len(problem.pools) * problem.intervals > RELAX_FIRST
    if many:
        relaxed = relax(problem, search.effort(iterations=RELAX_ITERATIONS))
    if many and relaxed is None:
        yield from search_large(search, beside=beside)
    else:
        yield from _search_small(search, relaxed)
    if search.uses("polish"):
        yield from _polish_stage(search)
    yield from _whole_program(search)


def _search_small(search: Search, relaxed: Relaxation | None) -> Iterator[None]:
    """Stages 1 to 4, with the LP where it is solved already."""
    problem = search.problem
    no_prices = np.zeros((len(problem.supplies), problem.intervals))
    placed = search.offer(place_all(problem, no_prices, by_size(problem), search.out_of_time))
    yield
    blocks = priced_bound(problem, supply_prices(problem), search.out_of_time)
    search.raise_covering_bound(blocks.value)
    yield
    if not placed:
        yield from _eased(search)
    if not search.plan.covered:
        yield from _from_constant_sizes(search)
    relaxed = relaxed or relax(problem, search.effort())
    if relaxed is None:
        return
    search.shortage_bounds.append(ShortageBound(relaxed.unserved, relaxed.unserved))
    if not any(relaxed.unserved.values()):
        search.raise_covering_bound(relaxed.bound)
        yield
    if search.uses("guide"):
        yield from _plans_near_lp(search, relaxed)
    if search.uses("swaps"):
        yield from _swap(search, no_prices, blocks.by_work)
    if not any(relaxed.unserved.values()):
        yield from _price_stage(search, relaxed)


def _from_constant_sizes(search: Search) -> Iterator[None]:
    """The cheapest sizes that never change, if any cover the day, and each workload eased."""
    problem = search.problem
    found = cheapest_constant(problem, gap=0.01, deadline=search.deadline, stop=search.out_of_time)
    if isinstance(found, Verdict):
        return
    replicas = found.every_interval(problem.intervals)
    search.offer(incumbent(problem, Solution(replicas, found.flow)))
    yield
    yield from _eased(search)


def _eased(search: Search) -> Iterator[None]:
    """Each workload of the best plan again where it stands, no larger than it is."""
    for w in by_size(search.problem):
        search.offer(local_move(search.problem, search.plan, w, 0, search.out_of_time))
        yield


def _plans_near_lp(search: Search, relaxed: Relaxation) -> Iterator[None]:
    """Plans near the LP's, prices rising where demand stays unserved; the best is repaired."""
    problem = search.problem
    near = (relaxed.flow, relaxed.sizes)
    near_lp = partial(place_all, problem, stop=search.out_of_time, near=near)
    best: Incumbent | None = None
    for found in raise_prices(problem, near_lp, relaxed.prices.supply, ESCALATIONS):
        if best is None or found.rank < best.rank:
            best = found
        search.offer(found)
        yield
        if search.plan.covered and found.cost > search.plan.cost:
            return
    assert best is not None
    yield from repair(search, best)


def _price_stage(search: Search, relaxed: Relaxation) -> Iterator[None]:
    """Prices improved against the integer blocks, then placements at the best of them."""
    problem = search.problem

    start = relaxed.prices
    if not search.uses("balance prices"):
        start = supply_prices(problem, start.supply)
    count = PRICE_STEPS if search.uses("price steps") else 0
    steps = improve_prices(problem, start, steps=count, stop=search.out_of_time)
    best, prices = None, start
    for found, at in steps:
        search.raise_covering_bound(found.value)
        if best is None or found.value > best.value:
            best, prices = found, at
        yield
    if best is not None and prices.supply.any():
        if search.uses("steering"):
            yield from _place_at(search, prices.supply)
        if search.uses("swaps"):
            yield from _swap(search, prices.supply, best.by_work)


def _swap(search: Search, prices: Floats, least: Floats) -> Iterator[None]:
    """Workloads that cost most above their own bound first: out with another, and back before it.

    `least` [W] is that bound.
    """
    problem = search.problem
    workloads = range(len(problem.workloads))
    excess = [_cost_of(problem, w, search.plan) - least[w] for w in workloads]
    most_expensive = sorted(workloads, key=lambda w: (-excess[w], w))
    for w in most_expensive[:SWAPPED]:
        for other in most_expensive:
            if other != w:
                two = (w, other)
                search.offer(reinsert(problem, search.plan, prices, two, search.out_of_time))
                yield


def _cost_of(problem: Problem, w: int, plan: Incumbent) -> float:
    """Cost of one workload's pools."""
    alone = np.zeros_like(plan.solution.replicas)
    pools = list(problem.workloads[w].pools)
    alone[pools] = plan.solution.replicas[pools]
    return problem.cost(alone)


def _place_at(search: Search, prices: Floats) -> Iterator[None]:
    """A placement at supply prices, and sweeps over the workloads at none."""
    problem = search.problem
    order = by_size(problem)
    plan = place_all(problem, prices, order, search.out_of_time)
    improved = search.offer(plan)
    yield
    for _ in range(2):
        start = plan if improved else search.plan
        swept = sweep(problem, start, 0.0 * prices, order, search.out_of_time)
        improved = search.offer(swept)
        yield
        if not improved:
            return
        plan = swept


def _polish_stage(search: Search) -> Iterator[None]:
    """Neighbourhoods until none helps: short hours, single workloads, windows, pairs."""
    problem = search.problem
    workloads = tuple(range(len(problem.workloads)))
    pairs = list(combinations(workloads, 2))
    yield from _polish_all(search, short_hours(problem, search.plan, None))
    for neighbourhoods in (
        [Neighbourhood((w,), times, 1) for w in workloads for times in _windows(problem, 6)],
        [Neighbourhood((w,), radius=1) for w in workloads],
        [Neighbourhood(workloads, times, 1) for times in _windows(problem, WINDOW)],
        [Neighbourhood((w,), times, 2) for w in workloads for times in _windows(problem, 12)],
        [Neighbourhood(two, times, 2) for two in pairs for times in _windows(problem, 6)],
    ):
        while any((yield from _polish_all(search, neighbourhoods))):
            pass


def _polish_all(
    search: Search, neighbourhoods: Iterable[Neighbourhood]
) -> Generator[None, None, list[bool]]:
    """Each neighbourhood once; returns which of them helped."""
    helped = []
    for around in neighbourhoods:
        effort = search.effort(gap=search.gap / 10, nodes=POLISH_NODES)
        helped.append(search.offer(polish(search.problem, search.plan, around, effort)))
        yield
    return helped


def _windows(problem: Problem, length: int) -> list[tuple[int, ...]]:
    """Windows of time over the day, each half over the one before."""
    length = min(length, problem.intervals)
    last = problem.intervals if problem.cyclic else problem.intervals - length + 1
    return [
        tuple((first + i) % problem.intervals for i in range(length))
        for first in range(0, last, max(1, length // 2))
    ]


def _whole_program(search: Search) -> Iterator[None]:
    """The whole program from the best plan, for as long as there is time."""
    problem = search.problem
    if not search.plan.covered:
        value = bound_at_shortage(problem, search.plan.unserved, search.effort())
        search.raise_short_bound(value if value is not None else 0.0)
        yield
    effort = search.effort(gap=search.gap)
    if problem.sized:
        third_s = (search.deadline - monotonic()) / 3
        early = replace(effort, deadline=monotonic() + third_s)
        yield from _at_sizes_found(search, 0 * search.plan.solution.replicas, early)
        effort = replace(effort, deadline=search.deadline - third_s)
    found = solve_mip(problem, None, search.plan.solution, effort)
    if found.solution is not None:
        search.offer(incumbent(problem, found.solution))
    if found.unserved_bound:
        search.shortage_bounds.append(ShortageBound(found.unserved_bound, search.plan.unserved))
    if found.bound is not None:
        value = min(found.bound, search.plan.cost)
        if search.plan.covered:
            search.raise_covering_bound(value)
        else:
            search.raise_short_bound(value)
    yield
    if problem.sized and found.solution is not None:
        last = search.effort(gap=search.gap)
        yield from _at_sizes_found(search, found.solution.replicas, last)


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


def _agreed(bound: float, cost: float) -> float:
    """The bound, not above the cost by rounding; by more it stays for `verify` to find."""
    return min(bound, cost) if bound <= cost * (1 + OPTIMAL_GAP) else bound


def outcome(search: Search) -> Outcome:
    """The best plan of a search that ended, and what was proved."""
    if search.closed(OPTIMAL_GAP):
        termination = Termination.OPTIMAL
    elif search.closed(search.gap):
        termination = Termination.GAP_REACHED
    elif search.interrupted:
        termination = Termination.INTERRUPTED
    else:
        termination = Termination.TIME_LIMIT
    proven = search.unserved_bound()
    return Outcome(
        solution=search.plan.solution,
        objective=search.plan.cost,
        bound=_agreed(search.bound, search.plan.cost),
        unserved=search.plan.unserved,
        unserved_bound=proven,
        least_unserved=max(search.least_unserved, sum(proven.values())),
        termination=termination,
        seconds=monotonic() - search.started,
        prices=search.prices,
    )
