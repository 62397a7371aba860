"""Plans that keep `min_run` and `max_changes` where pools that change one by one do not.

A workload that then goes short, or breaks another limit, is placed anew for demand that is level
within windows of time: none shorter than `min_run`, no more of them a day than changes are allowed,
each with the capacity that its busiest interval asks for. So its pools change between windows only,
all together, and limits on roles, ratios and supply are kept as in any placement.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from heteroplan.clock import Stop
from heteroplan.numerics.division import quotient
from heteroplan.optimize.construct.all_workloads import steered
from heteroplan.optimize.construct.one_domain import room_beside
from heteroplan.optimize.construct.one_workload import place, rank_of
from heteroplan.optimize.construct.task import task_of
from heteroplan.optimize.improve.kept_sizes import keep_sizes, keep_workload
from heteroplan.optimize.incumbent import Incumbent, of_sizes
from heteroplan.optimize.program.problem import Floats, Ints, Problem, ProgramWorkload
from heteroplan.optimize.rules import broken_limits


def stable(problem: Problem, plan: Incumbent, stop: Stop) -> Incumbent:
    """The plan in a program whose stability it is made to keep, if it has any.

    The best of three ways: pools changed one by one, the same while none may grow, level demand.
    The second is tried where the first breaks limits, the third where these serve less than the
    plan.
    """
    if not problem.has_stability:
        return replace(plan, cost=problem.cost(plan.solution.replicas))
    kept = keep_sizes(problem, plan)
    if kept.broken:
        kept = min(kept, keep_sizes(problem, plan, grow=False), key=lambda each: each.rank)
    if kept.rank[:-1] > plan.rank[:-1]:
        kept = min(kept, levelled(problem, plan, stop), key=lambda each: each.rank)
    return kept


def levelled(problem: Problem, plan: Incumbent, stop: Stop) -> Incumbent:
    """The plan with sizes that keep the stability of every workload, the most urgent first.

    Of a priority class those with rules first. Each keeps the sizes that it has, made to keep its
    rules, if they fit beside those before it, serve its demand and break no other limit; else it
    has the best of what fits of these, level demand, and sizes that never change.
    """
    replicas, asked = problem.no_replicas(), problem.asked_gpus()
    work = problem.workloads
    for w in sorted(
        range(len(work)),
        key=lambda w: (work[w].priority, not work[w].has_stability, -asked[w]),
    ):
        replicas = _best_beside(problem, plan, w, replicas, stop)
    return of_sizes(problem, replicas)


def _best_beside(problem: Problem, plan: Incumbent, w: int, replicas: Ints, stop: Stop) -> Ints:
    """Sizes [P, T] with workload w beside what stands in `replicas`."""
    free, pools = problem.without_stability(), list(problem.workloads[w].pools)
    own = replicas.copy()
    own[pools] = plan.solution.replicas[pools]
    unbroken = broken_limits(free, own)
    task = task_of(problem, w, replicas, steered(problem), stop)
    best: tuple[tuple[float, ...], Ints] | None = None
    for trial in _ways(problem, plan, w, replicas, stop):
        keep_workload(problem, w, trial)
        broken = max(0.0, broken_limits(free, trial) - unbroken)
        rank = (broken, *rank_of(task, trial))
        if problem.fits(pools, trial) and (best is None or rank < best[0]):
            best = rank, trial
        if best is not None and best[0][:2] == (0.0, 0.0):
            break
    return replicas if best is None else best[1]


def _ways(problem: Problem, plan: Incumbent, w: int, replicas: Ints, stop: Stop) -> Iterator[Ints]:
    """Sizes [P, T] with workload w: what fits of the plan's, then anew in ever fewer windows."""
    work = problem.workloads[w]
    own = replicas.copy()
    for p in work.pools:
        own[p] = plan.solution.replicas[p]
        if not problem.fits([p], own):
            own[p] = np.minimum(own[p], room_beside(problem, p, own))
    yield own
    task = task_of(problem, w, replicas, steered(problem), stop)
    for windows in (work.max_changes, 1) if work.has_stability else (None,):
        extra = level_demand(problem, work, windows) if work.has_stability else 0.0
        trial = replicas.copy()
        place(replace(task, extra=extra), trial)
        yield trial


def level_demand(problem: Problem, work: ProgramWorkload, most: int | None) -> Floats:
    """[T] share of the demand to have capacity for beyond all of it, so that windows are level.

    With so many windows a day at most; with one, or none, all of the horizon is one.
    """
    stages = _loads(problem, work)
    days = problem.days_of()
    ends = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
    if (most is not None and most <= 1) or min(np.diff(ends)) < work.min_run:
        ends, most = [0, len(days)], 1
    load, level = stages.sum(axis=0), stages.copy()
    for first, end in pairwise(ends):
        for window in _windows(load[first:end], work.min_run, most):
            times = slice(first + window.start, first + window.stop)
            level[:, times] = stages[:, times].max(axis=1, keepdims=True)
    return np.asarray(quotient(level, stages, np.ones_like(stages)).max(axis=0) - 1.0)


def _loads(problem: Problem, work: ProgramWorkload) -> Floats:
    """[S, T] replicas that all demand keeps busy in each stage, the greatest of each 1."""
    found = []
    for stage in range(work.stages):
        loads = [problem.pools[p].mix_load for p in work.pools if stage in problem.pools[p].stages]
        least = np.min(loads, axis=0) if loads else np.zeros(problem.intervals)
        least = np.where(np.isfinite(least), least, 0.0)
        found.append(least / (float(least.max()) or 1.0))
    return np.array(found)


def _windows(load: Floats, least: int, most: int | None) -> list[slice]:
    """Windows of `least` intervals or more, at most `most` of them, that make up load [T].

    Of all such those in which the highest load, times the length, adds up to least.
    """
    count = len(load)
    least = min(least, count)
    turns = count // least if most is None else min(most, count // least)
    cost = np.full((count, count + 1), np.inf)
    for first in range(count - least + 1):
        highest = np.maximum.accumulate(load[first:]) * np.arange(1, count - first + 1)
        cost[first, first + least :] = highest[least - 1 :]
    value, steps = np.full(count + 1, np.inf), []
    value[0] = 0.0
    for _ in range(turns):
        reached = np.vstack([value[:-1, None] + cost, value])
        steps.append(reached.argmin(axis=0))
        value = reached.min(axis=0)
    windows, end = [], count
    for step in reversed(steps):
        if step[end] < count:
            windows.append(slice(int(step[end]), end))
            end = int(step[end])
    return windows[::-1]
