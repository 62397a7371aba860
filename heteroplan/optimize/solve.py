"""The method behind one call, whatever the size.

1. *Starts.* Plans that the caller has, such as a greedy schedule, are where the search begins; a
   large program has one near its guide before (`turns.begun_large`). Where they go short, urgent
   workloads go first (`repair.urgent_first`), also at the end.
2. *One MIP.* Tiny programs are solved whole, up to some nodes.
3. *Turns.* Plans begun anew and improved, while rounds of the bound find better prices (`turns`).
4. *Polish.* MIPs near the best plan; on programs that are not large the whole program at last, from
   the best plan, until the gap or the time is reached.
5. *Scarce hardware.* Moves that cost nothing take workloads off leaves that mix GPU types
   (`scarce`).
6. *Last pass.* Fewer changes of sizes within the gap, and the rules of stability (`last_pass`).
7. *Handover.* Where more starts before the horizon than what ran then leaves room for, old pools
   serve a while longer (`improve.handover`).

Shortage comes first, priority class by priority class; the gap is that of the cost.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from time import monotonic, process_time

from heteroplan.clock import Late, Progress, Stop, never, silent
from heteroplan.entities.plan import Calming, Termination
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import OPTIMAL_GAP
from heteroplan.optimize.bound.bound import bound_of_short, priced_bound
from heteroplan.optimize.bound.bounding import Rounds
from heteroplan.optimize.bound.relaxation import bound_at_shortage
from heteroplan.optimize.construct.all_workloads import by_size, place_all
from heteroplan.optimize.improve.handover import hand_over
from heteroplan.optimize.improve.last_pass import last_pass
from heteroplan.optimize.improve.polish import Neighbourhood, polish, solve_mip
from heteroplan.optimize.improve.repair import WINDOW, short_hours, urgent_first
from heteroplan.optimize.improve.scarce import spare_scarce
from heteroplan.optimize.improve.sweeps import nearby
from heteroplan.optimize.incumbent import WHOLE, Incumbent, incumbent
from heteroplan.optimize.program.before import without_handover
from heteroplan.optimize.program.prices import Prices, supply_prices
from heteroplan.optimize.program.problem import Ints, Problem, Solution
from heteroplan.optimize.program.sizes import at_sizes
from heteroplan.optimize.search import ONE_MIP_CELLS, Search, ShortageBound
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.optimize.turns import begun_large, in_turns, keep

FIRST_NODES = 200
"""Branch-and-bound nodes of the whole program before anything else, where it is small."""
POLISH_NODES = 20
"""Branch-and-bound nodes of one neighbourhood."""
NEARBY, NEARBY_PASSES = 6, 3
"""Intervals before and after whose sizes a pool may have, and passes over all workloads: 0.1 to
0.2 % less where engines tie to leaves or groups are few (topology, leaf), 0.02 % on other full
fleets, in a tenth of what MIPs take."""
LEAST_FINISH_CPU_S, LATE_S = 1.0, 4.0
"""To finish a program that is not large, however late it is: CPU seconds of this process, in as
many seconds at most. On a busy machine a second is not enough to serve urgent workloads first."""
LAST_PASS_SHARE = 0.3
"""Of the time limit, kept for the last pass where it has rules to keep or a frontier to find."""
SIZED_ROUNDS = 4
"""Times that the whole program is solved with the capacities of the sizes found before."""


@dataclass(frozen=True, slots=True, eq=False)
class Spare:
    """Time kept to solve again what finds no room on nodes; the search's own where all does."""

    seconds: float
    stands: Callable[[Solution], bool]
    """Whether all replicas of a plan find room."""

    def granted(self, search: Search) -> float:
        """Seconds that the search may go on after its time."""
        best = search.best
        if best is None or best.broken or search.closed(search.gap):
            return 0.0
        return self.seconds if self.stands(best.solution) else 0.0


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
    unfinished: Termination = Termination.TIME_LIMIT
    """What ended the search, or would have, before its gap: the clock, steps, or none left."""
    covering_bound: float = 0.0
    """On the cost of plans that serve everything, whether this one does or not."""

    def weakened(self, part: float) -> "Outcome":
        """With bounds of a program that costs so large a part of this one at least."""
        return replace(self, bound=part * self.bound, covering_bound=part * self.covering_bound)

    @property
    def missed(self) -> bool:
        """Whether the search ended before its gap, though nobody interrupted it."""
        return self.termination is self.unfinished

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
        if plan.covered:
            bound = max(bound, self.covering_bound)
        termination = self.termination
        proven = as_short and objective - bound <= OPTIMAL_GAP * objective
        if termination is Termination.OPTIMAL and not proven:
            termination = Termination.GAP_REACHED
        missed = not as_short or objective - bound > gap * objective
        if termination is Termination.GAP_REACHED and missed:
            termination = self.unfinished
        if termination is self.unfinished and not missed and not any(plan.unserved.values()):
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
    steps: int | None = None,
    spare: Spare | None = None,
) -> Outcome:
    """The best plan found, with a proven bound.

    Until the last pass, which may spend the gap on fewer changes, and the handover it is no worse
    than any of `starts` [P, T].

    Starts may be computed when they are asked for; bounds are, meanwhile: in a process beside where
    there are two cores or as `beside` says, unless one MIP comes first. The outcome is the same.
    `without` leaves ingredients of the method out (`search.INGREDIENTS`). With `frontier` the last
    pass goes on to plans that cost more than the gap allows. `spare` is time beyond the limit:
    where less than that is left, it is asked once whether the best plan stands on nodes.

    Ends when the relative `gap` is reached, after `time_limit_s` or so many `steps` of the method,
    or when `stop()` says so; else than by the gap with the best plan so far. What ends by steps is
    the same on every machine; so is what ends by its gap, but for what the clock leaves to early
    proofs of shortage and, where capacity depends on sizes, to the first MIPs. Raises NoPlanError
    where there is none.
    """
    calm = without_handover(problem)
    free = calm.without_stability()
    kept_s = LAST_PASS_SHARE * time_limit_s if frontier or calm.has_stability else 0.0
    search = Search.within(
        time_limit_s - kept_s, free, gap, stop=stop, progress=progress, without=without, steps=steps
    )
    for _ in _stages(search, starts, beside):
        search.taken += 1
        if spare is not None and search.left_s() < spare.seconds:
            search.end += spare.granted(search)
            spare = None
        if search.done() or search.closed(OPTIMAL_GAP) or search.steps_left() == 0:
            search.exhausted = search.closed(search.gap)
            break
    else:
        search.exhausted = not search.out_of_time()
    if search.best is not None and search.best.broken and not free.large:
        _mend_limits(search)
    if search.best is None or search.best.broken:
        late = search.out_of_time()
        raise NoPlanError(
            "no plan was found that keeps min_replicas, max_replicas, pd_ratio, part_ratio, "
            "max_groups, max_engines and anti_affinity"
            f"{' within the time limit' if late else ''}; relax them"
            f"{' or raise --time-limit' if late else ''}"
        )
    _finish(search)
    search.end += kept_s
    calming = last_pass(search, calm, frontier=frontier)
    if search.plan.broken:
        since = "" if problem.before is None else " from what runs when the horizon starts"
        raise NoPlanError(
            "no plan was found that keeps min_run and max_changes beside the other limits"
            f"{since}; relax them or raise --time-limit"
        )
    hand_over(search, problem)
    if search.plan.broken:
        raise NoPlanError(
            "no plan was found that keeps min_replicas, pd_ratio and the other limits beside what "
            "runs until the horizon starts: its GPUs are not free before; relax them"
        )
    _bound_cost(search, _late(search))
    return replace(outcome(search), calming=calming)


def solve_as_one_mip(
    problem: Problem,
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = never,
    progress: Progress = silent,
    starts: Iterable[Ints] = (),
) -> Outcome:
    """What `solve` promises, by one MIP from the best of `starts` [P, T]: to compare it with.

    `progress` hears of the starts and of the end, nothing between. Raises NoPlanError.
    """
    search = Search.within(time_limit_s, problem, gap, stop=stop, progress=progress)
    for replicas in starts:
        search.offer_sizes(replicas)
    for _ in _whole_program(search):
        pass
    if search.best is None or search.best.broken:
        raise NoPlanError("one MIP found no plan within the time limit; raise --time-limit")
    search.out_of_time()
    return outcome(search)


def _mend_limits(search: Search) -> None:
    """A plan that breaks no limit, however late it is."""
    problem = search.problem
    search.offer(urgent_first(problem, search.plan, _late(search)))
    if search.plan.broken:
        search.offer(place_all(problem, None, by_size(problem), _late(search)))


def _late(search: Search) -> Late:
    """Until the time limit, or a little later of a program that is not large."""
    over = _over(search)
    if search.problem.large:
        return over
    began_cpu = process_time()
    return Late(
        lambda: over() and (over.stop() or process_time() - began_cpu >= LEAST_FINISH_CPU_S),
        max(search.end, monotonic() + LATE_S),
    )


def _over(search: Search) -> Late:
    """Until the time limit, or until the user stops it."""
    return Late(lambda: search.interrupted or search.stop(), search.end)


def _finish(search: Search) -> None:
    """What is proved of the shortage, a bound where there is none yet, and scarce hardware spared.

    Until the time limit, or until the user stops it. Of programs that are not large a little later,
    so that there is a bound, and urgent workloads go first.
    """
    over, late = _over(search), _late(search)
    if not search.plan.covered:
        search.offer(urgent_first(search.problem, search.plan, late))
    if not search.plan.covered and search.unproven_shortage():
        half = monotonic() + (search.end - monotonic()) / 2
        search.prove_shortage(Effort(deadline=half, stop=over))
    _bound_cost(search, late)
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
    """The method in order; the caller may stop at each yield.

    Starts are asked for while the first round of the bound is computed beside, and of a large
    program after its first plan.
    """
    problem = search.problem
    small = problem.cells <= ONE_MIP_CELLS and not problem.large
    rounds = Rounds(problem, search.out_of_time, search.without, False if small else beside)
    try:
        begun = begun_large(search) if problem.large else None
        for replicas in starts:
            search.offer_sizes(replicas)
        if not problem.large:
            search.prove_early()
        yield
        if problem.cells <= ONE_MIP_CELLS and search.uses("whole first"):
            yield from _whole_program(search, FIRST_NODES)
        yield from in_turns(search, rounds, begun)
        if search.uses("polish"):
            yield from _polish_stage(search, rounds)
        while problem.large and keep(search, rounds.take()):
            yield
        if not problem.large:
            yield from _whole_program(search, search.steps_left())
    finally:
        if search.out_of_time():
            for found in rounds.ready():
                keep(search, found)
        rounds.close()


def _polish_stage(search: Search, rounds: Rounds) -> Iterator[None]:
    """Neighbourhoods until none helps: sizes of hours nearby, MIPs of short hours, of single
    workloads, windows and pairs.
    """
    problem = search.problem
    workloads = tuple(range(len(problem.workloads)))
    pairs = list(combinations(workloads, 2))
    for _ in range(NEARBY_PASSES):
        if not (yield from search.offer_each(nearby(search, workloads, NEARBY))):
            break
    yield from search.offer_each(_polished(search, short_hours(problem, search.plan, None)))
    for neighbourhoods in (
        [Neighbourhood((w,), times, 1) for w in workloads for times in _windows(problem, 6)],
        [Neighbourhood((w,), radius=1) for w in workloads],
        [Neighbourhood(workloads, times, 1) for times in _windows(problem, WINDOW)],
        [Neighbourhood((w,), times, 2) for w in workloads for times in _windows(problem, 12)],
        [Neighbourhood(two, times, 2) for two in pairs for times in _windows(problem, 6)],
    ):
        helped = True
        while helped:
            helped = yield from search.offer_each(_polished(search, neighbourhoods))
            keep(search, rounds.take())
            yield


def _polished(search: Search, neighbourhoods: Iterable[Neighbourhood]) -> Iterator[Incumbent]:
    """The best plan, each neighbourhood of it once more."""
    for around in neighbourhoods:
        effort = search.effort(gap=search.gap / 10, nodes=POLISH_NODES)
        yield polish(search.problem, search.plan, around, effort)


def _whole_program(search: Search, nodes: int | None = None) -> Iterator[None]:
    """The whole program, up to so many nodes or for as long as there is time.

    There may be no plan before it, nor after it.
    """
    problem = search.problem
    if search.best is not None and not search.best.covered:
        search.raise_short_bound(_lp_bound(search))
        yield
    effort = search.effort(gap=search.gap, nodes=nodes)
    if problem.sized:
        third_s = search.left_s() / 3 if search.steps is None else 0.0
        early = replace(effort, deadline=search.deadline - 2 * third_s)
        yield from _at_sizes_found(search, problem.no_replicas(), early)
        effort = replace(effort, deadline=search.deadline - third_s)
    start = None
    if search.best is not None and not search.best.broken:
        start = search.best.solution
    found = solve_mip(problem, None, start, effort)
    if found.solution is not None:
        search.offer(incumbent(problem, found.solution))
    if search.best is not None:
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


def _windows(problem: Problem, length: int) -> list[tuple[int, ...]]:
    """Windows of time over the day, each half over the one before."""
    length = min(length, problem.intervals)
    last = problem.intervals if problem.cyclic else problem.intervals - length + 1
    return [
        tuple((first + i) % problem.intervals for i in range(length))
        for first in range(0, last, max(1, length // 2))
    ]


def _agreed(bound: float, cost: float) -> float:
    """The bound, not above the cost by rounding; by more it stays for `verify` to find."""
    return min(bound, cost) if bound <= cost * (1 + OPTIMAL_GAP) else bound


def outcome(search: Search) -> Outcome:
    """The best plan of a search that ended, and what was proved."""
    unfinished = Termination.EXHAUSTED if search.exhausted else Termination.TIME_LIMIT
    if search.steps is not None and not search.out_of_time():
        unfinished = Termination.EFFORT_REACHED
    if search.closed(OPTIMAL_GAP):
        termination = Termination.OPTIMAL
    elif search.closed(search.gap):
        termination = Termination.GAP_REACHED
    elif search.interrupted:
        termination = Termination.INTERRUPTED
    else:
        termination = unfinished
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
        unfinished=unfinished,
        covering_bound=search.covering_bound,
    )
