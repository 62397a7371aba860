"""Sweeps over large plans: each workload again beside the others, at prices of supply."""

from collections.abc import Iterator, Sequence

from heteroplan.optimize.home import task_of
from heteroplan.optimize.mix import mixed_flow
from heteroplan.optimize.place import best_hope, place, rank_of
from heteroplan.optimize.primal import (
    Incumbent,
    incumbent,
    reinsert,
    scarce_where_short,
    steered,
    unserved_share,
)
from heteroplan.optimize.problem import Floats, Ints, Problem, Solution
from heteroplan.optimize.refit import is_plain, refit
from heteroplan.optimize.regroup import regroup
from heteroplan.optimize.solver import Stop

MENDING, RISE = 6, 0.3
"""Sweeps at most until nothing is left unserved, and the rise of prices before each."""


def swept(
    problem: Problem, plan: Incumbent, prices: Floats, order: Sequence[int], stop: Stop
) -> Incumbent:
    """Each workload again beside the others, kept where it costs less at these prices [R, T]."""
    held_price = steered(problem, prices)
    replicas = plan.solution.replicas.copy()
    for w in order:
        if stop():
            break
        if is_plain(problem, w):
            refit(problem, w, replicas, held_price)
            regroup(problem, w, replicas, held_price, stop)
            replicas = _placed_again(problem, w, replicas, held_price)
        else:
            flow = mixed_flow(problem, replicas)
            standing = incumbent(problem, Solution(replicas, flow))
            replicas = reinsert(problem, standing, prices, (w,)).solution.replicas.copy()
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def _placed_again(problem: Problem, w: int, replicas: Ints, held_price: Floats) -> Ints:
    """Sizes in which workload w stands wherever it costs least, if that is better."""
    task = task_of(problem, w, replicas, held_price)
    here = rank_of(task, replicas)
    if here <= best_hope(task):
        return replicas
    trial = replicas.copy()
    trial[list(problem.works[w].pools)] = 0
    place(problem, w, trial, held_price, known=task, thrifty=False)
    refit(problem, w, trial, held_price)
    return trial if rank_of(task, trial) < here else replicas


def mended(
    problem: Problem, plan: Incumbent, prices: Floats, works: Sequence[int], stop: Stop
) -> Iterator[Incumbent]:
    """Sweeps of `works` at prices [R, T] that rise where demand goes short, until none does."""
    for _ in range(MENDING):
        if plan.covered or stop():
            return
        short = {w: float(unserved_share(problem, w, plan).sum()) for w in works}
        prices = prices + RISE * scarce_where_short(problem, plan)
        short_first = sorted(works, key=lambda w: (problem.works[w].priority, -short[w]))
        plan = swept(problem, plan, prices, short_first, stop)
        yield plan
