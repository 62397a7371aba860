"""Pools of one workload that serve the classes of its requests apart, each where it costs least.

Elsewhere every pool of a group takes the same mix of classes, which leaves unused that one GPU type
serves long prompts cheaper and another short ones.

1. *Configurations.* A MIP of each interval alone, all classes in it, says which sizes serve it for
   least beside the other workloads. The sizes of the plan at hand belong to them, where it goes
   short also those with one replica more, and those of the LP of the whole program, rounded up.
2. *A path.* The cheapest sequence of configurations over the day, starts and the GPUs that starting
   replicas hold included, by dynamic programming.
3. *Flow.* An LP of each interval says how classes divide among the pools. Where one finds that a
   configuration does not serve its interval, the path is found again without it.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.tolerances import COVER_TOLERANCE, LEAST_GAIN
from heteroplan.optimize.bound.relaxation import Relaxation
from heteroplan.optimize.construct.all_workloads import by_size
from heteroplan.optimize.construct.task import without
from heteroplan.optimize.covering.role_blocks import cover_share, cover_weights
from heteroplan.optimize.incumbent import Incumbent, incumbent, unserved_share
from heteroplan.optimize.model import build_model, read_flow, read_solution
from heteroplan.optimize.program.before import left_before
from heteroplan.optimize.program.coarser import one_interval, restricted
from heteroplan.optimize.program.problem import Floats, Ints, Problem, Solution
from heteroplan.optimize.program.sizes import at_sizes
from heteroplan.optimize.rules import open_pools
from heteroplan.optimize.rules.mip import Box
from heteroplan.optimize.search import Search
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict

LOOKS, FRUITLESS = 4, 6
"""Intervals of a workload that are looked at in a pass, and passes in a row without a gain."""
SIZED_ROUNDS = 3
"""Times that an interval is solved with the capacities of the sizes found before."""
INTERVAL_GAP, INTERVAL_NODES = 3e-2, 1
"""Of the MIP of one interval. With 1e-2 the plans of five fleets of six or seven workloads cost
0.3 % less to 1.0 % more after 30 or 40 s (median 0.2 % more), and one left requests unserved."""
MOST_STEPS = 20_000_000
"""Steps between configurations, over all intervals, up to which each is checked for supply."""
PATHS = 40
"""Paths that are tried until LPs serve every interval of one."""


@dataclass(frozen=True, slots=True, eq=False)
class Configurations:
    """Sizes of one workload's pools in an interval that are known from looks so far."""

    numbers: dict[tuple[int, ...], int] = field(default_factory=dict)
    flows: dict[tuple[int, int], list[Floats] | None] = field(default_factory=dict)
    """(number, interval) -> for each pool [K] shares of classes; None where not all are served.
    That depends on no other workload."""

    def number(self, sizes: Ints) -> int:
        """Of a configuration, a new one where it was not known."""
        return self.numbers.setdefault(tuple(sizes.tolist()), len(self.numbers))


def with_classes(problem: Problem) -> list[int]:
    """Workloads with several classes and, of a stage, engines to divide them among."""
    found = []
    for w in by_size(problem):
        engines: dict[int, set[str]] = {}
        for pool in (problem.pools[p] for p in problem.workloads[w].pools):
            for stage in pool.stages:
                engines.setdefault(stage, set()).add(pool.engine)
        if len(problem.workloads[w].rps) > 1 and any(len(each) > 1 for each in engines.values()):
            found.append(w)
    return found


class ByClass:
    """Workloads whose pools may serve classes apart, and what is known of each from looks before.

    None of them where the search does without.
    """

    def __init__(self, search: Search) -> None:
        """Nothing looked at yet."""
        self.search = search
        self.workloads = with_classes(search.problem) if search.uses("by class") else []
        self._known = {w: Configurations() for w in self.workloads}
        self._looked: dict[int, list[int]] = {w: [] for w in self.workloads}

    def know(self, relaxed: Relaxation) -> None:
        """Sizes of the LP of the whole program, rounded up."""
        sizes = np.ceil(relaxed.sizes - COVER_TOLERANCE).astype(np.int64)
        for w, known in self._known.items():
            for each in sizes[list(self.search.problem.workloads[w].pools)].T:
                known.number(each)

    def improved(self, plan: Incumbent) -> Generator[None, None, Incumbent]:
        """The plan with each workload again, those that gained last time first, until none does."""
        problem, fruitless, helped = self.search.problem, 0, [*self.workloads]
        while self.workloads and fruitless < FRUITLESS:
            active, helped = helped or self.workloads, []
            for w in active:
                if self.search.out_of_time():
                    return plan
                before, times = plan, most_expensive(problem, plan, w, self._looked[w], LOOKS)
                self._looked[w] += times
                plan = by_class(problem, plan, w, times, self.search.effort(), self._known[w])
                self.search.offer(plan)
                short = plan.rank[:-1] < before.rank[:-1]
                if short or before.cost - plan.cost > LEAST_GAIN * before.cost:
                    helped.append(w)
                yield
            fruitless = 0 if helped else fruitless + 1
        return plan


def most_expensive(
    problem: Problem, plan: Incumbent, w: int, looked: Sequence[int], count: int
) -> list[int]:
    """So many intervals in which the pools of a workload cost most beside its cheapest engines.

    Apart from one another; those not yet `looked` at, as often as the others, come first.
    """
    work = problem.workloads[w]
    price = np.array([problem.pools[p].run_cost for p in work.pools])
    cost = (price * plan.solution.replicas[list(work.pools)]).sum(axis=0)
    excess = cost - _least_cost(problem, w)
    often = np.bincount(np.array(looked, dtype=np.int64), minlength=problem.intervals)
    found: list[int] = []
    for t in np.lexsort((-excess, often)).tolist():
        near = any(abs(t - u) < problem.intervals // (3 * count) for u in found)
        if not near and len(found) < count:
            found.append(t)
    return found


def _least_cost(problem: Problem, w: int) -> Floats:
    """[T] of all demand of a workload, each class and stage in the pool that serves it for least.

    Of classes that some pool serves.
    """
    work, total = problem.workloads[w], np.zeros(problem.intervals)
    for stage in range(work.stages):
        least = np.full(work.rps.shape, np.inf)
        for pool in (problem.pools[p] for p in work.pools):
            if stage in pool.stages:
                served = np.isfinite(pool.load)
                cost = pool.run_cost * np.where(served, pool.load, 0.0)
                least = np.where(served, np.minimum(least, cost), least)
        total += np.where((work.rps > 0) & np.isfinite(least), least, 0.0).sum(axis=0)
    return total


def by_class(
    problem: Problem,
    best: Incumbent,
    w: int,
    times: Sequence[int],
    effort: Effort,
    known: Configurations,
) -> Incumbent:
    """The plan with sizes and flow of workload w anew, or `best` where that is not better.

    New configurations are looked for in the intervals `times`, and added to those `known` of the
    workload from calls before.
    """
    pools = list(problem.workloads[w].pools)
    others = without(pools, best.solution.replicas)
    allowed = open_pools(problem, w, best.solution.replicas, opening=False)
    part = restricted(problem, (w,), problem.residual(others), left_before(problem, others))
    most = np.array([pool.most for pool in part.pools])
    most[[i for i, p in enumerate(pools) if p not in allowed]] = 0
    day = _Day(part, most, effort, known)
    here = best.solution.replicas[pools]
    short = unserved_share(problem, w, best)
    for t in np.flatnonzero(short == 0).tolist():
        day.know(here[:, t], t, [best.solution.flow[p][:, t] for p in pools])
    for t in np.flatnonzero(short).tolist():
        for one_more in np.eye(len(pools), dtype=np.int64):
            known.number(here[:, t] + one_more)
    for t in times:
        if effort.over():
            return best
        day.look(t, here[:, t])
    found = day.cheapest()
    if found is None:
        return best
    replicas, flow = others, list(best.solution.flow)
    replicas[pools] = found.replicas
    for p, share in zip(pools, found.flow, strict=True):
        flow[p] = share
    if not problem.fits(pools, replicas):
        return best
    tried = incumbent(problem, Solution(replicas, tuple(flow)))
    return tried if tried.rank < best.rank else best


@dataclass(slots=True, eq=False)
class _Day:
    """Configurations of one workload, and what is known of them."""

    problem: Problem
    """Of the workload alone."""
    most: Ints
    """[P, T] replicas at most."""
    effort: Effort
    known: Configurations
    alone: dict[int, Problem] = field(default_factory=dict)
    """Interval -> the program of it alone."""

    def know(self, sizes: Ints, t: int, flow: list[Floats]) -> None:
        """A configuration, and flow with which it serves interval t."""
        self.known.flows[self.known.number(sizes), t] = flow

    def look(self, t: int, guess: Ints) -> None:
        """Find the sizes that serve interval t for least, from the capacities of a guess."""
        alone = self._alone(t)
        box = Box(np.zeros_like(self.most[:, [t]]), self.most[:, [t]])
        limits = replace(self.effort, gap=INTERVAL_GAP, nodes=INTERVAL_NODES, small=True)
        for _ in range(SIZED_ROUNDS if alone.sized else 1):
            model = build_model(at_sizes(alone, guess[:, None]), box=box, allow_short=False)
            if not solver.run(model.lp, limits, integer=True).has_solution:
                return
            found = read_solution(model)
            sizes = found.replicas[:, 0]
            if not alone.sized:
                self.know(sizes, t, [share[:, 0] for share in found.flow])
                return
            if self._serves(t, sizes) or (sizes == guess).all():
                return
            guess = sizes

    def _alone(self, t: int) -> Problem:
        return self.alone.get(t) or self.alone.setdefault(t, one_interval(self.problem, t))

    def _serves(self, t: int, sizes: Ints) -> bool:
        """Whether a configuration serves all classes of interval t."""
        at = self.known.number(sizes), t
        if at not in self.known.flows:
            flow = self._flow(t, sizes)
            if flow is None and self.effort.over():
                return False
            self.known.flows[at] = flow
        return self.known.flows[at] is not None

    def _flow(self, t: int, sizes: Ints) -> list[Floats] | None:
        """Flow with which it does, whatever supply there is; None where there is none."""
        alone = replace(at_sizes(self._alone(t), sizes[:, None]), supplies=())
        still = Box(sizes[:, None], sizes[:, None])
        model = build_model(alone, box=still, allow_short=False)
        whole = alone.workloads[0].resilience is not None
        if solver.run(model.lp, self.effort, integer=whole).verdict is not Verdict.OPTIMAL:
            return None
        return [share[:, 0] for share in read_flow(model)]

    def cheapest(self) -> Solution | None:
        """The cheapest path whose intervals are all served; None where none was found."""
        if not self.known.numbers:
            return None
        sizes = np.array(list(self.known.numbers), dtype=np.int64)
        usable = self._may_serve(sizes)
        for (c, t), flow in self.known.flows.items():
            usable[c, t] = flow is not None
        usable &= self._fit(sizes)
        steps = _steps(self.problem, sizes)
        for _ in range(PATHS):
            path = _path(self.problem, sizes, usable, steps)
            if path is None or self.effort.over():
                return None
            served = [self._serves(t, sizes[c]) for t, c in enumerate(path)]
            if all(served):
                return self._solution(sizes, path)
            usable[path, np.arange(len(path))] = served
        return None

    def _solution(self, sizes: Ints, path: Sequence[int]) -> Solution:
        flow = [np.zeros_like(pool.load) for pool in self.problem.pools]
        for t, c in enumerate(path):
            for p, share in enumerate(self.known.flows[c, t] or ()):
                flow[p][:, t] = share
        return Solution(sizes[list(path)].T.copy(), tuple(flow))

    def _may_serve(self, sizes: Ints) -> NDArray[np.bool_]:
        """[C, T] whether a configuration may serve an interval: false where it cannot.

        Classes are added up with weights, as in the blocks of the bound.
        """
        problem = self.problem
        rps = problem.workloads[0].rps
        asked = rps.sum(axis=0) > 0
        may = np.ones((len(sizes), problem.intervals), dtype=bool)
        for stage in range(problem.workloads[0].stages):
            pools = [p for p, pool in enumerate(problem.pools) if stage in pool.stages]
            loads = [problem.pools[p].load for p in pools]
            price = np.array([problem.pools[p].run_cost for p in pools])
            weights = cover_weights(rps, loads, price)
            share = np.array([cover_share(weights, rps, load) for load in loads])
            may &= (sizes[:, pools] @ share >= 1.0 - COVER_TOLERANCE) | ~asked
        return may

    def _fit(self, sizes: Ints) -> NDArray[np.bool_]:
        """[C, T] whether the supply of an interval holds a configuration."""
        fits = (sizes[:, :, None] <= self.most[None]).all(axis=1)
        for row in self.problem.supplies:
            pools = list(row.pools)
            gpus = np.array([self.problem.pools[p].gpus for p in pools], dtype=np.int64)
            fits &= (sizes[:, pools] @ gpus)[:, None] <= row.gpus
        return fits


def _steps(problem: Problem, sizes: Ints) -> list[Floats]:
    """[T] each [C, C]: cost of going from a configuration [C, P] to another after an interval.

    Infinite where supply does not hold what runs and starts; of many configurations and intervals
    that is left to the check of the whole day.
    """
    count = len(sizes)
    cost, grown = np.zeros((count, count)), []
    for pool, each, change in zip(problem.pools, sizes.T, problem.change_costs, strict=True):
        grown.append(np.maximum(0, each[None] - each[:, None]) if each.any() else None)
        if grown[-1] is not None:
            cost += pool.start_cost * grown[-1] + change * (each[None] != each[:, None])
    found = [cost] * problem.intervals
    if problem.intervals * count * count > MOST_STEPS:
        return found
    for row in problem.supplies:
        held = np.zeros((count, count), dtype=np.int64)
        for p in row.pools:
            held += problem.pools[p].gpus * sizes[:, [p]]
            more = grown[p]
            if more is not None and problem.pools[p].lead:
                held += problem.pools[p].gpus * more
        for t in np.flatnonzero(row.gpus < held.max(initial=0)).tolist():
            found[t] = np.where(held > row.gpus[t], np.inf, found[t])
    return found


def _path(
    problem: Problem, sizes: Ints, usable: NDArray[np.bool_], steps: Sequence[Floats]
) -> list[int] | None:
    """The cheapest sequence of configurations [C, P], each usable [C, T] where it stands."""
    run = np.where(usable, sizes @ np.array([pool.run_cost for pool in problem.pools]), np.inf)
    free = np.zeros(len(sizes))
    if not problem.cyclic:
        return _walk(run, steps, _first(problem, sizes), free)
    twice = _walk(np.tile(run, 2), [*steps, *steps], free, free)
    if twice is None:
        return None
    still = twice[problem.intervals]
    only = np.where(np.arange(len(sizes)) == still, 0.0, np.inf)
    return _walk(run, steps, only, steps[-1][:, still])


def _first(problem: Problem, sizes: Ints) -> Floats:
    """[C] cost of the starts of the first interval."""
    if problem.before is None:
        return np.zeros(len(sizes))
    grown = np.maximum(0, sizes - problem.before)
    start = np.array([pool.start_cost for pool in problem.pools])
    return np.asarray(grown @ start + (sizes != problem.before) @ problem.change_costs)


def _walk(run: Floats, steps: Sequence[Floats], first: Floats, last: Floats) -> list[int] | None:
    """The cheapest path at costs [C, T] of intervals and [C, C] of the step after each.

    With costs [C] of the configurations at its beginning and at its end.
    """
    count, intervals = run.shape
    cost = first + run[:, 0]
    came = np.zeros((intervals, count), dtype=np.int64)
    for t in range(1, intervals):
        total = cost[:, None] + steps[t - 1]
        came[t] = total.argmin(axis=0)
        cost = total.min(axis=0) + run[:, t]
    cost = cost + last
    if not np.isfinite(cost).any():
        return None
    path = [int(cost.argmin())]
    for t in range(intervals - 1, 0, -1):
        path.append(int(came[t, path[-1]]))
    return path[::-1]
