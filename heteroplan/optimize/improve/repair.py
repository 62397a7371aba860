"""Plans that leave demand unserved, or that may not keep all they had, made good by small moves."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import monotonic

import numpy as np

from heteroplan.clock import Stop, silent
from heteroplan.numerics.runs import true_runs
from heteroplan.optimize.construct.all_workloads import (
    by_size,
    local_move,
    place_minima,
    reinsert,
    steered,
)
from heteroplan.optimize.construct.one_workload import place
from heteroplan.optimize.construct.task import task_of
from heteroplan.optimize.improve.by_class import Configurations, by_class, with_classes
from heteroplan.optimize.improve.polish import Neighbourhood, polish
from heteroplan.optimize.incumbent import (
    Incumbent,
    incumbent,
    resized,
    unserved_share,
    unserved_shares,
)
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules import open_pools
from heteroplan.optimize.search import Search
from heteroplan.optimize.solvers.solver import Effort

REPAIRS = ((2, 1, 20), (4, 2, 20), (2, 4, 20), (4, 8, 20), (2, None, 200), (4, None, 200))
"""Rounds of repair: slack of the small moves, radius and nodes of the small MIPs."""
HALVINGS = 3
"""`Task.halvings` where urgent workloads are placed first."""
A_LITTLE = 0.2
"""Share of the demand, unserved at most, of workloads that may serve it if they grow a little."""
WINDOW = 4
"""Intervals of one window of time."""
REPAIR_S, LARGE_REPAIR_S = 10.0, 3.0
"""Most seconds for one plan to be repaired; a large one is packed again sooner."""


def repaired(
    problem: Problem,
    plan: Incumbent,
    workloads: Sequence[int],
    gap: float,
    stop: Stop,
    deadline: float,
) -> Incumbent:
    """A plan of `problem` from one whose sizes fit there, of which those of `workloads` go short.

    They are placed again beside the others; where that leaves demand unserved, together with each
    of those that are served after them; at last all around those hours move a little.
    """
    until = min(deadline, monotonic() + (LARGE_REPAIR_S if problem.large else REPAIR_S))
    search = Search(problem, gap, until, stop, silent)
    search.offer(incumbent(problem, plan.solution))
    apart = with_classes(problem)
    for w in sorted(workloads, key=lambda w: problem.workloads[w].priority):
        if w in apart:
            known = Configurations()
            search.offer(by_class(problem, search.plan, w, (), search.effort(), known))
            short = np.flatnonzero(unserved_share(problem, w, search.plan)).tolist()
            if short:
                search.offer(by_class(problem, search.plan, w, short, search.effort(), known))
        search.offer(local_move(problem, search.plan, w, 2, search.out_of_time))
        for others in ((), *((other,) for other in _less_urgent(problem, w))):
            if search.out_of_time() or not unserved_share(problem, w, search.plan).any():
                break
            again = (w, *others)
            search.offer(reinsert(problem, search.plan, None, again, search.out_of_time))
    if not search.plan.covered:
        for _ in repair(search, search.plan):
            if search.plan.covered or search.out_of_time():
                break
    return search.plan


def divided_again(problem: Problem, plan: Incumbent, stop: Stop, deadline: float) -> Incumbent:
    """The plan with its sizes, classes of what goes short divided anew among pools."""
    effort = Effort(deadline=deadline, stop=stop)
    for w in with_classes(problem):
        for run in true_runs(unserved_share(problem, w, plan) > 0):
            if not effort.over():
                plan = polish(problem, plan, Neighbourhood((w,), tuple(run), 0), effort)
    return plan


def urgent_first(problem: Problem, plan: Incumbent, stop: Stop) -> Incumbent:
    """Workloads that go a little short grow; short ones are placed before those of later classes.

    Class by class, the most urgent first, as far as that ranks better, until `stop()`. Where the
    plan breaks limits, all of a class.
    """
    order, classes = by_size(problem), sorted({work.priority for work in problem.workloads})
    for priority in classes:
        urgent = [w for w in order if problem.workloads[w].priority == priority]
        for w in urgent:
            if not stop() and 0.0 < unserved_share(problem, w, plan).max() <= A_LITTLE:
                plan = local_move(problem, plan, w, 1, stop)
        short = [w for w in urgent if plan.broken or unserved_share(problem, w, plan).any()]
        later = [w for w in order if problem.workloads[w].priority > priority]
        if short and len(classes) > 1 and not stop():
            tried = _given_way(problem, plan, short, later, stop)
            plan = tried if tried.rank < plan.rank else plan
    return plan


def _given_way(
    problem: Problem, plan: Incumbent, short: Sequence[int], later: Sequence[int], stop: Stop
) -> Incumbent:
    """`short` workloads placed as if those that come `later` had no more than their minima.

    Of these those anew that no longer fit, or that lacked their minima.
    """
    replicas, held_price = plan.solution.replicas.copy(), steered(problem)
    rows = problem.rows_of([p for w in short for p in problem.workloads[w].pools])
    rivals = {p for r in rows for p in problem.supplies[r].pools}
    later = [
        w
        for w in later
        if problem.workloads[w].min_replicas
        or replicas[list(rivals.intersection(problem.workloads[w].pools))].any()
    ]
    for w in (*short, *later):
        replicas[list(problem.workloads[w].pools)] = 0
    place_minima(problem, later, replicas, held_price)
    for w in (*short, *later):
        pools = list(problem.workloads[w].pools)
        sizes = plan.solution.replicas[pools]
        used = {p for p, counts in zip(pools, sizes, strict=True) if counts.any()}
        replicas[pools] = 0
        task = task_of(problem, w, replicas, held_price, stop=stop)
        kept = w in later and used <= open_pools(problem, w, replicas)
        if kept:
            replicas[pools] = sizes
        if not kept or not problem.fits(pools, replicas) or not task.minimum_met(replicas[pools]):
            nothing = task.problem.no_replicas()
            replicas[pools] = place(replace(task, halvings=HALVINGS), nothing)
    return plan if stop() else resized(problem, plan, replicas)


def _less_urgent(problem: Problem, w: int) -> list[int]:
    """Workloads that are served after w, the last first."""
    priority = [work.priority for work in problem.workloads]
    later = [other for other in range(len(priority)) if priority[other] > priority[w]]
    return sorted(later, key=lambda other: -priority[other])


def repair(search: Search, plan: Incumbent) -> Iterator[None]:
    """In turns: small moves of one workload, small MIPs in the hours that go short."""
    problem = search.problem
    before = None
    for slack, radius, nodes in REPAIRS:
        effort = search.effort(gap=1e-3, nodes=nodes)
        for w in by_size(problem):
            plan = local_move(problem, plan, w, slack, search.out_of_time)
            search.offer(plan)
            yield
        if plan.covered and before is not None and before.covered:
            return
        before = plan
        for around in short_hours(problem, plan, radius):
            plan = polish(problem, plan, around, effort)
            search.offer(plan)
            yield


def short_hours(problem: Problem, plan: Incumbent, radius: int | None) -> list[Neighbourhood]:
    """All workloads around each run of intervals in which demand is left unserved."""
    workloads = tuple(range(len(problem.workloads)))
    short = (unserved_shares(problem, plan) > 0).any(axis=0)
    near = short | np.roll(short, 1) | np.roll(short, -1)
    return [
        Neighbourhood(workloads, tuple(run[i : i + WINDOW]), radius)
        for run in true_runs(near)
        for i in range(0, len(run), WINDOW)
    ]
