"""The third objective: as few GPUs as possible on high-priority hardware over time, then on medium.

Leaves that mix GPU types are what only some workloads can do without, so whoever can stand
elsewhere at the same cost does. Placement is steered that way from the start; here a finished plan
is improved by moves that change neither what it serves nor what it costs.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import numpy as np

from heteroplan.clock import Stop
from heteroplan.optimize.construct.all_workloads import replaced
from heteroplan.optimize.incumbent import Incumbent, of_sizes
from heteroplan.optimize.program.problem import Ints, Problem

STEER = 1e-3
"""Price of a step of scarcity, as a share of what a GPU costs, in moves that may cost nothing."""
REPLACED = 10
"""Workloads that are placed again; those that use most scarce hardware."""
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
    use = scarce_use(problem, plan.solution.replicas)
    improved = True
    while improved and any(use):
        improved = False
        moves = _moves(problem, plan, stop)
        while not stop() and (tried := next(moves, None)) is not None:
            new_use = scarce_use(problem, tried.solution.replicas)
            if _as_good(tried, plan) and _less(new_use, use):
                plan, use, improved = tried, new_use, True
                break
    return plan


def _as_good(tried: Incumbent, plan: Incumbent) -> bool:
    """Whether the service is the same and the cost no higher, by more than rounding."""
    return tried.rank[:-1] <= plan.rank[:-1] and tried.cost <= plan.cost * (1 + SAME_COST)


def _less(one: Use, other: Use) -> bool:
    """Whether less stands on high, or as much and less on medium."""
    return (round(one[0], 6), round(one[1], 6)) < (round(other[0], 6), round(other[1], 6))


def _moves(problem: Problem, plan: Incumbent, stop: Stop) -> Iterator[Incumbent]:
    """Plans that differ in where some workload stands."""
    replicas = plan.solution.replicas
    for moved in (
        *_fill_first(problem, replicas),
        *_relocated(problem, replicas),
        *_swapped(problem, replicas),
    ):
        if all((left >= 0).all() for left in problem.residual(moved)):
            yield of_sizes(problem, moved)
    for w in _users(problem, replicas)[:REPLACED]:
        yield replaced(problem, plan, (w,), steer=STEER, stop=stop)


def _users(problem: Problem, replicas: Ints) -> list[int]:
    """Workloads with replicas that may stand on scarce leaves, those with most first."""
    weight = [pool.scarcity * pool.gpus for pool in problem.pools]
    used = [
        sum(weight[p] * float(replicas[p].sum()) for p in work.pools) for work in problem.workloads
    ]
    return [w for w in np.argsort([-n for n in used], kind="stable").tolist() if used[w] > 0]


def _twins(problem: Problem, w: int, one: str, two: str) -> list[tuple[int, int]] | None:
    """Pools of one group of a workload with the same engine's in another; None where some lack."""
    groups = problem.groups(w)
    here = {problem.pools[p].candidate: p for p in groups[one]}
    there = {problem.pools[p].candidate: p for p in groups[two]}
    whole = len(here) == len(groups[one]) and len(there) == len(groups[two])
    if not whole or not here.keys() & there.keys():
        return None
    return [(p, there[c]) for c, p in here.items() if c in there]


def _fill_first(problem: Problem, replicas: Ints) -> Iterator[Ints]:
    """What two groups of a workload hold together, as much as fits in the less scarce one."""
    left = problem.residual(replicas)
    for w in _users(problem, replicas):
        used = sorted(problem.used_groups(w, replicas))
        for scarce, spare in permutations(used, 2):
            pairs = _twins(problem, w, scarce, spare)
            if pairs is None or _scarcity(problem, w, scarce) <= _scarcity(problem, w, spare):
                continue
            moved = replicas.copy()
            for p, q in pairs:
                room = np.min([left[r] for r in problem.drawn[q]], axis=0) // problem.pools[q].gpus
                shifted = np.minimum(replicas[p], np.maximum(0, room))
                moved[p] -= shifted
                moved[q] += shifted
            yield moved


def _scarcity(problem: Problem, w: int, group: str) -> float:
    return float(np.mean([problem.pools[p].scarcity for p in problem.groups(w)[group]]))


def _relocated(problem: Problem, replicas: Ints) -> Iterator[Ints]:
    """A group of a workload stands in another domain, as it is."""
    for w in _users(problem, replicas):
        for group in sorted(problem.used_groups(w, replicas)):
            for other in problem.groups(w):
                moved = _exchanged(problem, replicas, [(w, group, other)])
                if moved is not None:
                    yield moved


def _swapped(problem: Problem, replicas: Ints) -> Iterator[Ints]:
    """Two workloads change places."""
    for one, two in combinations(_users(problem, replicas), 2):
        for group in sorted(problem.used_groups(one, replicas)):
            for other in sorted(problem.used_groups(two, replicas)):
                if group in problem.groups(two) and other in problem.groups(one):
                    moved = _exchanged(
                        problem, replicas, [(one, group, other), (two, other, group)]
                    )
                    if moved is not None:
                        yield moved


def _exchanged(
    problem: Problem, replicas: Ints, changes: Sequence[tuple[int, str, str]]
) -> Ints | None:
    """Groups (workload, from, to) stand elsewhere; None where that is taken or lacks an engine."""
    moved = replicas.copy()
    for w, group, other in changes:
        pairs = None if group == other else _twins(problem, w, group, other)
        if pairs is None or other in problem.used_groups(w, replicas):
            return None
        here = [p for p in problem.groups(w)[group] if replicas[p].any()]
        if not set(here) <= {p for p, _ in pairs}:
            return None
        for p, q in pairs:
            moved[q], moved[p] = replicas[p], 0
    return moved
