"""The method behind one call, whatever the size.

1. *Blocks without prices.* Every workload and role is a covering block, solved exactly by
   dynamic programming. Their sum is a bound; placed in home domains they are a plan. Where
   supply is slack the two meet and nothing else is needed.
2. *LP relaxation.* Says what shortage cannot be avoided, gives supply prices and a guide.
3. *Prices.* Subgradient steps raise the bound (see `bound`); each set of prices also steers
   a new placement and sweeps over the workloads.
4. *Polish.* MIPs over one or two workloads near the best plan, then the whole program from
   the best plan, until the gap or the time is reached.

Shortage comes first, priority class by priority class; the gap is that of the cost.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from time import monotonic

import numpy as np

from heteroplan.entities.plan import Termination
from heteroplan.errors import NoPlanError
from heteroplan.optimize.bound import improve_prices, priced_bound
from heteroplan.optimize.polish import Neighbourhood, polish, solve_mip
from heteroplan.optimize.primal import (
    Incumbent,
    by_size,
    escalate,
    incumbent,
    place_all,
    place_guided,
    reinsert,
    sweep,
)
from heteroplan.optimize.problem import (
    COVER_TOLERANCE,
    Floats,
    Problem,
    Solution,
    served_share,
)
from heteroplan.optimize.relaxation import Relaxation, bound_at_shortage, relax
from heteroplan.optimize.solver import Effort, Stop, Verdict

type Progress = Callable[[float | None, float, float], None]
"""(cost of the best plan, bound, seconds)"""

OPTIMAL_GAP = 1e-6
"""A gap that counts as none: sums of floats decide no further."""
PRICE_STEPS = 40
ESCALATIONS = 8
"""Placements with rising prices."""
POLISH_NODES = 20
"""Branch-and-bound nodes of one neighbourhood."""
WINDOW = 4
"""Intervals of one window of time."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The best plan and what was proved about it."""

    solution: Solution
    objective: float
    bound: float
    unserved: dict[int, float]
    """Requests by priority class."""
    unserved_bound: dict[int, float]
    termination: Termination
    seconds: float


@dataclass(slots=True)
class _Search:
    """State of one solve: the best plan, the best bound, and when to stop."""

    problem: Problem
    gap: float
    deadline: float
    stop: Stop
    progress: Progress
    started: float = field(default_factory=monotonic)
    best: Incumbent | None = None
    bound: float = 0.0
    unserved_bound: dict[int, float] = field(default_factory=dict)
    interrupted: bool = False

    def out_of_time(self) -> bool:
        if not self.interrupted:
            self.interrupted = self.stop()
        return self.interrupted or monotonic() >= self.deadline

    def done(self) -> bool:
        """Gap reached, or time up with a plan in hand."""
        return self.best is not None and (self.closed(self.gap) or self.out_of_time())

    def closed(self, gap: float) -> bool:
        """Whether the best plan is proven within `gap`, shortage included."""
        if self.best is None or not self.unserved_settled():
            return False
        return self.best.cost - self.bound <= gap * abs(self.best.cost) + 1e-12

    def unserved_settled(self) -> bool:
        """Whether no plan can leave noticeably fewer requests unserved."""
        if self.best is None:
            return False
        return all(
            lost <= self.unserved_bound.get(priority, 0.0) * (1 + self.gap) + 1e-6
            for priority, lost in self.best.unserved.items()
        )

    def offer(self, tried: Incumbent) -> bool:
        """Keep `tried` if it is better; says whether it was."""
        better = self.best is None or tried.rank < self.best.rank
        if better:
            self.best = tried
            self.report()
        return better

    def raise_bound(self, value: float) -> None:
        if np.isfinite(value) and value > self.bound:
            self.bound = value
            self.report()

    def report(self) -> None:
        cost = self.best.cost if self.best is not None and self.best.covered else None
        self.progress(cost, self.bound, monotonic() - self.started)

    def effort(self, *, gap: float = 0.0, nodes: int | None = None) -> Effort:
        return Effort(gap=gap, nodes=nodes, deadline=self.deadline, stop=self.out_of_time)


def solve(
    problem: Problem,
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = lambda: False,
    progress: Progress = lambda cost, bound, seconds: None,
) -> Outcome:
    """The best plan found, with a proven bound.

    Ends when the relative `gap` is reached, after `time_limit_s`, or when `stop()` says so;
    in the last two cases with the best plan so far. Raises NoPlanError where there is none.
    """
    search = _Search(problem, gap, monotonic() + time_limit_s, stop, progress)
    for _ in _stages(search):
        if search.done():
            break
    if search.best is None:
        raise NoPlanError("no plan was found within the time limit; raise --time-limit")
    return _outcome(search)


def _stages(search: _Search) -> Iterator[None]:
    """The method in order; the caller stops between stages."""
    problem = search.problem
    no_prices = np.zeros((len(problem.supplies), problem.intervals))
    _first_plan(search, no_prices)
    yield
    if search.best is not None and search.best.covered:
        search.raise_bound(priced_bound(problem, no_prices).value)
        yield
    relaxed = relax(problem, search.effort())
    if relaxed is not None:
        search.unserved_bound = dict(relaxed.unserved)
        if not any(relaxed.unserved.values()):
            search.raise_bound(relaxed.bound)
        yield from _guided_plans(search, relaxed)
        if not any(relaxed.unserved.values()):
            yield from _priced_stage(search, relaxed)
    yield from _polish_stage(search)
    _settle_shortage_bound(search)
    yield
    yield from _widening_stage(search)


def _first_plan(search: _Search, no_prices: Floats) -> None:
    order = by_size(search.problem)
    search.offer(place_all(search.problem, no_prices, order))
    _sweep_until_still(search, no_prices)


def _sweep_until_still(search: _Search, prices: Floats) -> None:
    for _ in range(3):
        if search.best is None or search.out_of_time():
            return
        if not search.offer(
            sweep(search.problem, search.best, prices, by_size(search.problem))
        ):
            return


def _guided_plans(search: _Search, relaxed: Relaxation) -> Iterator[None]:
    """Plans near the LP's, and plans at its prices; both with prices rising where it is tight."""
    problem = search.problem

    def near_lp(prices: Floats, order: Sequence[int]) -> Incumbent:
        return place_guided(problem, prices, relaxed.flow, relaxed.sizes, order)

    def anywhere(prices: Floats, order: Sequence[int]) -> Incumbent:
        return place_all(problem, prices, order)

    for placer in (near_lp, anywhere):
        for found in escalate(problem, placer, relaxed.prices, ESCALATIONS):
            if search.offer(found):
                _sweep_until_still(search, 0.0 * relaxed.prices)
            yield


def _priced_stage(search: _Search, relaxed: Relaxation) -> Iterator[None]:
    """Prices improved against the integer blocks; every few steps a placement at them."""
    problem = search.problem

    def target() -> float:
        if search.best is not None and search.best.covered:
            return search.best.cost
        return search.bound * 1.02

    steps = improve_prices(
        problem,
        relaxed.prices,
        target,
        steps=PRICE_STEPS,
        stop=search.out_of_time,
        enough=min(search.gap, 1e-4),
        start_share=relaxed.start_share,
    )
    best_value, best_prices = -np.inf, relaxed.prices
    for step, (found, prices) in enumerate(steps):
        search.raise_bound(found.value)
        if found.value > best_value:
            best_value, best_prices = found.value, prices
        if step % 10 == 9:
            search.offer(place_all(problem, best_prices, by_size(problem)))
            _sweep_until_still(search, 0.0 * prices)
        yield
    works = by_size(problem)
    for strength in (1.0, 0.5, 0.0):
        for pair in permutations(works, 2):
            assert search.best is not None
            search.offer(reinsert(problem, search.best, strength * best_prices, pair))
            yield


def _polish_stage(search: _Search) -> Iterator[None]:
    """Neighbourhoods until none helps: short hours, single workloads, windows, pairs."""
    problem = search.problem
    works = tuple(range(len(problem.works)))
    single = [Neighbourhood((w,), radius=1) for w in works]
    windows = [
        Neighbourhood(works, times=times, radius=2) for times in _windows(problem, WINDOW)
    ]
    pairs = [Neighbourhood(pair, radius=1) for pair in combinations(works, 2)]
    yield from _polish_all(search, _short_hours(search))
    for neighbourhoods in (single, windows, pairs):
        while any((yield from _polish_all(search, neighbourhoods))):
            pass


def _polish_all(
    search: _Search, neighbourhoods: Iterable[Neighbourhood]
) -> Generator[None, None, list[bool]]:
    """Each neighbourhood once; returns which of them helped."""
    helped = []
    for around in neighbourhoods:
        assert search.best is not None
        effort = search.effort(gap=search.gap / 10, nodes=POLISH_NODES)
        helped.append(search.offer(polish(search.problem, search.best, around, effort)))
        yield
    return helped


def _windows(problem: Problem, length: int) -> list[tuple[int, ...]]:
    """Overlapping windows of time over the day."""
    step = max(1, length // 2)
    return [
        tuple(sorted({(first + i) % problem.intervals for i in range(length)}))
        for first in range(0, problem.intervals, step)
    ]


def _short_hours(search: _Search) -> list[Neighbourhood]:
    """All workloads around each run of intervals in which demand is left unserved."""
    problem, best = search.problem, search.best
    assert best is not None
    short = np.zeros(problem.intervals, dtype=bool)
    for work in problem.works:
        missing = 1.0 - served_share(problem, work, best.solution.flow)
        short |= (missing > COVER_TOLERANCE).any(axis=0)
    near = np.zeros_like(short)
    for offset in range(-2, 3):
        near |= np.roll(short, offset)
    works = tuple(range(len(problem.works)))
    return [
        Neighbourhood(works, times=tuple(part))
        for run in np.split(np.arange(problem.intervals), np.flatnonzero(np.diff(near)) + 1)
        if near[run[0]]
        for part in (run[i : i + WINDOW].tolist() for i in range(0, len(run), WINDOW))
    ]


def _settle_shortage_bound(search: _Search) -> None:
    """Where demand stays unserved, bound the cost of plans that leave no more unserved."""
    if search.best is None or search.best.covered:
        return
    value = bound_at_shortage(search.problem, search.best.unserved, search.effort())
    if value is not None:
        search.raise_bound(value)


def _widening_stage(search: _Search) -> Iterator[None]:
    """The whole program from the best plan, for as long as there is time."""
    assert search.best is not None
    found, answer = solve_mip(
        search.problem, None, search.best.solution, search.effort(gap=search.gap)
    )
    if found is not None:
        search.offer(incumbent(search.problem, found))
    if answer is not None and answer.bound is not None and answer.verdict is not Verdict.FAILED:
        search.raise_bound(min(answer.bound, search.best.cost))
    yield


def _outcome(search: _Search) -> Outcome:
    best = search.best
    assert best is not None
    if search.closed(OPTIMAL_GAP):
        termination = Termination.OPTIMAL
    elif search.closed(search.gap):
        termination = Termination.GAP_REACHED
    elif search.interrupted:
        termination = Termination.INTERRUPTED
    else:
        termination = Termination.TIME_LIMIT
    return Outcome(
        solution=best.solution,
        objective=best.cost,
        bound=search.bound,
        unserved=best.unserved,
        unserved_bound={p: search.unserved_bound.get(p, 0.0) for p in best.unserved},
        termination=termination,
        seconds=monotonic() - search.started,
    )
