"""The third objective: as few GPUs as possible on high-priority hardware over time, then on medium.

Leaves that mix GPU types are what only some workloads can do without, so whoever can stand
elsewhere at the same cost does. Placement is steered that way from the start; here a finished plan
is improved by moves that change neither what it serves nor what it costs.
"""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from heteroplan.clock import Stop
from heteroplan.optimize.construct.all_workloads import replaced, steered
from heteroplan.optimize.incumbent import Incumbent
from heteroplan.optimize.program.problem import Ints, Problem

STEER = 1e-3
"""Price of a step of scarcity, as a share of what a GPU costs, in moves that may cost nothing."""
REPLACED, EXCHANGED = 10, 3
"""Workloads that are placed again one by one, and two at a time; those that use most scarce
hardware."""
SAME_COST = 1e-9
"""Relative difference of cost that rounding makes."""

type Use = tuple[float, float]
"""GPUs held on leaves of high and of medium priority, in whole intervals [GPU h]."""


def scarce_use(problem: Problem, replicas: Ints) -> Use:
    """What stands on scarce leaves when every pool keeps off them as far as it can.

    In each domain of the network tree, on scarce leaves stands what its own domains below already
    have there, or all that it holds beyond its other GPUs, whichever is more.
    """
    if not problem.hardware:
        return 0.0, 0.0
    held = problem.held(replicas)
    shape = (len(problem.hardware), problem.intervals)
    total, high, scarce = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for d in reversed(range(len(problem.hardware))):
        here = problem.hardware[d]
        total[d] += held[list(here.pools)].sum(axis=0)
        high[d] = np.maximum(high[d], total[d] - here.gpus[:2].sum(axis=0))
        scarce[d] = np.maximum(scarce[d], total[d] - here.gpus[0])
        if here.parent is not None:
            for values in (total, high, scarce):
                values[here.parent] += values[d]
    roots = [d for d, here in enumerate(problem.hardware) if here.parent is None]
    on_high = float(high[roots].sum()) * problem.hours
    return on_high, float(scarce[roots].sum()) * problem.hours - on_high


def spare_scarce(problem: Problem, plan: Incumbent, stop: Stop) -> Incumbent:
    """The plan with less on scarce leaves, at the same service and cost, until no move helps."""
    use, moves = scarce_use(problem, plan.solution.replicas), _moves(problem, plan, stop)
    while any(use) and not stop() and (tried := next(moves, None)) is not None:
        new_use = scarce_use(problem, tried.solution.replicas)
        serves = tried.rank[:-1] <= plan.rank[:-1]
        less = [round(hours, 6) for hours in new_use] < [round(hours, 6) for hours in use]
        if serves and less and tried.cost <= plan.cost * (1 + SAME_COST):
            plan, use, moves = tried, new_use, _moves(problem, tried, stop)
    return plan


def _moves(problem: Problem, plan: Incumbent, stop: Stop) -> Iterator[Incumbent]:
    """Plans in which one workload, or two that change places, are placed again."""
    users, held_price = _users(problem, plan.solution.replicas), steered(problem, steer=STEER)
    for again in (*((w,) for w in users[:REPLACED]), *permutations(users[:EXCHANGED], 2)):
        yield replaced(problem, plan, again, held_price, stop)


def _users(problem: Problem, replicas: Ints) -> list[int]:
    """Workloads with replicas that may stand on scarce leaves, those with most first."""
    weight = [pool.scarcity * pool.gpus for pool in problem.pools]
    used = [
        sum(weight[p] * float(replicas[p].sum()) for p in work.pools) for work in problem.workloads
    ]
    return [w for w in np.argsort([-n for n in used], kind="stable").tolist() if used[w] > 0]
