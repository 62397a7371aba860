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
from heteroplan.optimize.construct.one_workload import missing, place, rank_of
from heteroplan.optimize.construct.task import Task, task_of, without
from heteroplan.optimize.improve.kept_sizes import keep_sizes, keep_workload
from heteroplan.optimize.incumbent import Incumbent, of_sizes, resized, unserved_share
from heteroplan.optimize.program.problem import Floats, Ints, Problem, ProgramWorkload
from heteroplan.optimize.rules import broken_limits


def stable(problem: Problem, plan: Incumbent, stop: Stop, *, anew: bool = True) -> Incumbent:
    """The plan in a program whose stability it is made to keep, if it has any.

    Pools are changed one by one. Where that breaks limits or serves less than the plan, workloads
    may be placed `anew`: those that go short beside the others; or all, the most urgent first,
    unless the program is large and all are as urgent.
    """
    if not problem.has_stability:
        return replace(plan, cost=problem.cost(plan.solution.replicas))
    kept = keep_sizes(problem, plan)
    if kept.broken:
        kept = min(kept, keep_sizes(problem, plan, grow=False), key=lambda each: each.rank)
    if anew and kept.rank[:-1] > plan.rank[:-1]:
        found = [_mended(problem, plan, kept, stop)]
        if not problem.large or len({work.priority for work in problem.workloads}) > 1:
            found.append(levelled(problem, plan, stop))
        kept = min(found, key=lambda each: each.rank)
    return kept


def _mended(problem: Problem, plan: Incumbent, kept: Incumbent, stop: Stop) -> Incumbent:
    """A plan made to `kept` rules with workloads that now go short placed beside the others.

    All with rules where it breaks limits. The most urgent first, as long as that ranks better.
    """
    for w in sorted(range(len(problem.workloads)), key=lambda w: problem.workloads[w].priority):
        work = problem.workloads[w]
        short = unserved_share(problem, w, kept) > unserved_share(problem, w, plan)
        if stop() or not (short.any() or (kept.broken and work.has_stability)):
            continue
        others = without(work.pools, kept.solution.replicas)
        tried = resized(problem, kept, _best_beside(problem, plan, w, others, stop))
        kept = min(kept, tried, key=lambda each: each.rank)
    return kept


def levelled(problem: Problem, plan: Incumbent, stop: Stop) -> Incumbent:
    """The plan with sizes that keep the stability of every workload, the most urgent first.

    Of a priority class those with rules first. Each keeps the sizes that it has, made to keep its
    rules, if they fit beside those before it, serve its demand and break no other limit; else it
    has the best of what fits of these, level demand, and sizes that never change. The largest
    first; where that serves less than the plan, the smallest first as well.
    """
    asked, best = problem.asked_gpus(), None
    work = problem.workloads
    for sign in (-1.0, 1.0):
        replicas = problem.no_replicas()
        order = [
            (work[w].priority, not work[w].has_stability, sign * asked[w], w)
            for w in range(len(work))
        ]
        for *_, w in sorted(order):
            replicas = _best_beside(problem, plan, w, replicas, stop)
        tried = of_sizes(problem, replicas)
        best = tried if best is None else min(best, tried, key=lambda each: each.rank)
        if best.rank[:-1] <= plan.rank[:-1] or stop():
            break
    assert best is not None
    return best


def _best_beside(problem: Problem, plan: Incumbent, w: int, replicas: Ints, stop: Stop) -> Ints:
    """Sizes [P, T] with workload w beside what stands in `replicas`."""
    free, pools = problem.without_stability(), list(problem.workloads[w].pools)
    own = replicas.copy()
    own[pools] = plan.solution.replicas[pools]
    unbroken = broken_limits(free, own)
    task = task_of(problem, w, replicas, steered(problem), stop)
    best: tuple[tuple[float, ...], Ints] | None = None
    for trial in _ways(problem, task, plan, replicas):
        broken = max(0.0, broken_limits(free, trial) - unbroken)
        rank = (broken, *rank_of(task, trial[pools]))
        if problem.fits(pools, trial) and (best is None or rank < best[0]):
            best = rank, trial
        if best is not None and best[0][:2] == (0.0, 0.0):
            break
    return replicas if best is None else best[1]


def _ways(problem: Problem, task: Task, plan: Incumbent, replicas: Ints) -> Iterator[Ints]:
    """Sizes [P, T] with the task's workload, which keep its rules, beside others in `replicas`.

    What fits of those in the plan; these, and more where they go short; all anew.
    """
    work, nothing = problem.workloads[task.w], task.problem.no_replicas()

    def kept(sizes: Ints) -> Ints:
        trial = replicas.copy()
        trial[task.pools] = sizes
        keep_workload(problem, task.w, trial)
        return trial

    fitting = replicas.copy()
    for p in work.pools:
        fitting[p] = plan.solution.replicas[p]
        if not problem.fits([p], fitting):
            fitting[p] = np.minimum(fitting[p], room_beside(problem, p, fitting))
    own = kept(fitting[task.pools])
    yield own
    if not work.has_stability:
        yield kept(place(task, nothing))
        return
    standing = own[task.pools]
    short = missing(task, standing)
    more = level(problem, work, short[None, :])[0] - 1.0
    yield kept(place(replace(task, extra=more), standing))
    loads = _loads(problem, work)
    for never_changes in (False, True):
        highest = level(problem, work, loads, whole=never_changes)
        more = quotient(highest, loads, 1.0).max(axis=0) - 1.0
        yield kept(place(replace(task, extra=more), nothing))


def level(problem: Problem, work: ProgramWorkload, loads: Floats, *, whole: bool = False) -> Floats:
    """Loads [S, T] as high as they get in each window of time.

    No window is shorter than `min_run`, and no more of them are in a day than changes are allowed;
    of all such windows those that add least. On `whole` the horizon is one.
    """
    days = problem.days_of()
    ends = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
    most = 1 if whole else work.max_changes
    if (most is not None and most <= 1) or min(np.diff(ends)) < work.min_run:
        ends, most = [0, len(days)], 1
    total, highest = loads.sum(axis=0), loads.copy()
    for first, end in pairwise(ends):
        for window in _windows(total[first:end], work.min_run, most):
            times = slice(first + window.start, first + window.stop)
            highest[:, times] = loads[:, times].max(axis=1, keepdims=True)
    return highest


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
