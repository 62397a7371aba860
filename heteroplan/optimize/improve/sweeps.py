"""Sweeps: each workload again beside the others, at prices of supply."""

from collections.abc import Iterator, Sequence

from heteroplan.optimize.construct.all_workloads import (
    fits_one_group,
    local_move,
    reinsert,
    scarce_where_short,
    steered,
)
from heteroplan.optimize.construct.one_workload import is_plain, placed_anew, rank_of, refit
from heteroplan.optimize.construct.task import Task, task_of
from heteroplan.optimize.incumbent import Incumbent, resized, unserved_share
from heteroplan.optimize.program.prices import pool_prices
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.search import Search

REPAIRS, RISE = 6, 0.3
"""Times at most that others make room, and the rise of prices before each."""
NEAR = 1.03
"""Multiple of what a workload costs in fractions of replicas in a group: where it costs less than
that it is not tried there."""


def swept(
    search: Search, plan: Incumbent, prices: Floats, order: Sequence[int], *, moves: bool = True
) -> Incumbent:
    """Each workload again beside the others, at prices [R, T], kept where it costs less.

    Workloads that demand and supply alone tie stay in their groups, unless they may go on to others
    (`moves`); the others are placed anew as well.
    """
    problem, stop = search.problem, search.out_of_time
    held_price = steered(problem, prices)
    replicas = plan.solution.replicas.copy()
    for w in order:
        if stop():
            break
        plain, task = is_plain(problem, w), task_of(problem, w, replicas, held_price, stop)
        sizes = refit(task, replicas[task.pools])
        if search.uses("regroup"):
            from heteroplan.optimize.improve.two_groups import regroup

            sizes = regroup(task, sizes)
        if moves and plain:
            sizes = _placed_again(problem, task, sizes)
        replicas[task.pools] = sizes
        if not plain:
            standing = resized(problem, plan, replicas)
            replicas = reinsert(problem, standing, prices, (w,), stop).solution.replicas.copy()
    return resized(problem, plan, replicas)


def _placed_again(problem: Problem, task: Task, sizes: Ints) -> Ints:
    """Sizes [N, T] in which a workload stands wherever it costs least, if that is better.

    Not where it stands in several groups that serve all of it.
    """
    own, w = task.problem, task.w
    here = rank_of(task, sizes)
    short = here[0] > 0.0
    if not short and len(own.used_groups(w, sizes)) > 1:
        return sizes
    cheap = [
        pools
        for pools in own.groups(w).values()
        if short or task.least_cost(pools, task.need()) * NEAR < here[1]
    ]
    if not cheap or not fits_one_group(problem, w):
        return sizes
    rank, trial = placed_anew(task.within(p for pools in cheap for p in pools))
    return trial if rank < here else sizes


def nearby(search: Search, workloads: Sequence[int], reach: int) -> Iterator[Incumbent]:
    """The best plan with each workload once more, of sizes that it has so many intervals around."""
    for w in workloads:
        yield local_move(search.problem, search.plan, w, 0, search.out_of_time, reach)


def with_room_made(
    search: Search, plan: Incumbent, prices: Floats, workloads: Sequence[int]
) -> Iterator[Incumbent]:
    """Plans in which workloads make room for those that go short, until none does.

    At prices [R, T] that rise where demand is short.
    """
    for _ in range(REPAIRS):
        if plan.covered or search.out_of_time():
            return
        scarce = scarce_where_short(search.problem, plan)
        prices = prices + RISE * scarce
        plan = _made_room(search, plan, prices, scarce, workloads)
        yield plan


def _made_room(
    search: Search, plan: Incumbent, prices: Floats, scarce: Floats, workloads: Sequence[int]
) -> Incumbent:
    """Each workload placed again that holds `scarce` GPUs [R, T], those with most first.

    The short ones before, and whenever one has moved, until all demand is served.
    """
    problem = search.problem
    lost = {w: float(unserved_share(problem, w, plan).sum()) for w in workloads}
    short = sorted(
        (w for w in workloads if lost[w]), key=lambda w: (problem.workloads[w].priority, -lost[w])
    )
    held = pool_prices(problem, scarce) * plan.solution.replicas
    used = {w: float(held[list(problem.workloads[w].pools)].sum()) for w in workloads}
    plan = swept(search, plan, prices, short)
    for w in sorted((w for w in workloads if used[w] and not lost[w]), key=lambda w: -used[w]):
        if plan.covered or search.out_of_time():
            break
        before, plan = plan, swept(search, plan, prices, (w,))
        if (plan.solution.replicas != before.solution.replicas).any():
            plan = swept(search, plan, prices, short)
    return plan
