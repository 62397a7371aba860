"""A plan by diving: some workloads placed near an LP, the LP of the rest solved again, and so on.

The small ones first: they suffer most from a second domain, and the large ones, which stand in many
groups anyway, fit into what is left. The LP's prices tell the small ones what the large ones would
miss; its sizes tell the large ones how to divide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np

from heteroplan.optimize.construct.all_workloads import by_size, near_sizes, steered
from heteroplan.optimize.construct.guide import (
    CandidateGroups,
    Guide,
    candidate_groups,
    guide,
    served_by_group,
)
from heteroplan.optimize.construct.one_group import refit
from heteroplan.optimize.construct.one_workload import place, rank_of
from heteroplan.optimize.construct.task import Rank, Task, task_of
from heteroplan.optimize.incumbent import Incumbent, of_sizes
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.search import Search

WIDE = 1 / 20
"""Of all GPUs asked for: workloads of that size may use every group."""
SLACKS = (1, 2, 4, 8, 16, 32)
"""Replicas up and down from the LP's sizes, until all of the demand is served."""
FEWER = (0.1, 0.2, 0.35)
"""Least shares of its demand that groups of a large workload serve at some time, tried in turn."""
DIVE = 4.0
"""Times that a dive takes as long as a plan near the guide."""
SHORT = 20.0
"""Times its cost that a dive would pay for a way that leaves nothing unserved."""


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """How some workloads may be placed."""

    replicas: Ints
    """[P, T] sizes with them."""
    left: float
    """What their demand that is left unserved would cost at the mean of a workload's day."""


@dataclass(slots=True, eq=False)
class Dives:
    """Plans near the LP of all workloads, and by dives that begin at it."""

    search: Search
    order: Sequence[int]
    """Workloads by priority class, the small ones first."""
    candidate_groups: CandidateGroups
    guide: Guide
    """Of all workloads on an empty fleet."""
    took_s: float = 0.0
    """What the plan near the guide took; 0 before it [s]."""

    @classmethod
    def of(cls, search: Search, order: Sequence[int]) -> "Dives | None":
        """None where the effort ran out before there was a guide."""
        problem = search.problem
        found = candidate_groups(problem, search.effort())
        if found is None:
            return None
        found |= _everywhere(problem)
        near = guide(problem, order, problem.no_replicas(), found, search.effort())
        return None if near is None else cls(search, order, found, near)

    def near_guide(self) -> Incumbent:
        """Workloads near the guide's sizes at its prices, the largest first.

        Where that goes short, the best of that and of one with the small ones first.
        """
        started = monotonic()
        problem = self.search.problem
        held_price = steered(problem, self.guide.prices)
        plans: list[Incumbent] = []
        for order in (by_size(problem), self.order):
            replicas = problem.no_replicas()
            for w in order:
                if self.search.out_of_time():
                    break
                task = task_of(problem, w, replicas, held_price)
                found = _near(task, replicas, self.guide)
                if found[0][0] > 0.0:
                    found = min(found, _anywhere(task, replicas), key=lambda tried: tried[0])
                replicas = found[1]
            plans.append(of_sizes(problem, replicas))
            if plans[-1].covered or self.search.out_of_time():
                break
        self.took_s = monotonic() - started
        return min(plans, key=lambda plan: plan.rank)

    def time_for_one(self) -> bool:
        """Whether a dive is likely to end in the time that is left; one cut off is no plan."""
        counted = self.search.steps is not None
        return counted or monotonic() + DIVE * self.took_s < self.search.deadline

    def dive(self, share: float) -> Incumbent:
        """Workloads in order, a share of those left after each LP; when time is out, only some."""
        search, problem = self.search, self.search.problem
        replicas, rest = problem.no_replicas(), list(self.order)
        near: Guide | None = self.guide
        while near is not None and rest and not search.out_of_time():
            now = max(1, int(share * len(rest)))
            if now == 1:
                ways = _ways_of_one(search, replicas, near, rest, self.candidate_groups)
            else:
                ways = _ways_of_some(search, replicas, near, rest[:now])
            rest = rest[now:]
            replicas, near = follow(search, ways, rest, self.candidate_groups)
        return of_sizes(problem, replicas)


def _everywhere(problem: Problem) -> CandidateGroups:
    """All groups of the largest workloads."""
    asked = problem.asked_gpus()
    large = np.flatnonzero(asked >= WIDE * asked.sum())
    return {(int(w), group) for w in large for group in problem.groups(int(w))}


def follow(
    search: Search, ways: list[Alternative], rest: list[int], candidate_groups: CandidateGroups
) -> tuple[Ints, Guide | None]:
    """The way with which the LP of the rest costs least in all, what is left `SHORT` times over.

    Its sizes [P, T] and that LP; None where there is no rest or the effort ran out.
    """
    problem = search.problem
    best: tuple[float, Ints, Guide | None] | None = None
    tried: list[Alternative] = []
    for way in ways if search.uses("look ahead") else [min(ways, key=lambda way: way.left)]:
        if any(
            other.left <= way.left and (other.replicas == way.replicas).all() for other in tried
        ):
            continue
        tried.append(way)
        near = (
            guide(problem, rest, way.replicas, candidate_groups, search.effort()) if rest else None
        )
        cost = problem.cost(way.replicas) + (0.0 if near is None else near.cost) + SHORT * way.left
        if best is None or (cost < best[0] and (near is not None or not rest)):
            best = (cost, way.replicas, near)
    assert best is not None
    return best[1:]


def _ways_of_some(
    search: Search, replicas: Ints, near: Guide, workloads: list[int]
) -> list[Alternative]:
    """One after another, each as is cheapest at the LP's prices, or each near the LP's sizes."""
    held_price = steered(search.problem, near.prices)
    ways = []
    for near_only in (False, True):
        with_them, left = replicas, 0.0
        for w in workloads:
            task = task_of(search.problem, w, with_them, held_price)
            tried = [_near(task, with_them, near)]
            if not near_only or tried[0][0][0] > 0.0:
                tried.append(_anywhere(task, with_them))
            rank, with_them = min(tried, key=lambda each: each[0])
            left += _cost_of_left(task, rank)
            if search.out_of_time():
                break
        ways.append(Alternative(with_them, left))
    return ways


def _ways_of_one(
    search: Search, replicas: Ints, near: Guide, rest: list[int], candidate_groups: CandidateGroups
) -> list[Alternative]:
    """The first of `rest` wherever it costs least, and near LPs of them in fewer and fewer groups.

    Each group in which a workload stands rounds up on its own.
    """
    problem, w = search.problem, rest[0]
    task = task_of(problem, w, replicas, steered(problem, near.prices))
    tried = [_anywhere(task, replicas, cheapest_engines=True), _near(task, replicas, near)]
    before = candidate_groups
    for least in FEWER:
        fewer = candidate_groups - _hardly_used(problem, w, near, least)
        if fewer == before:
            continue
        before = fewer
        again = guide(problem, rest, replicas, fewer, search.effort())
        if again is not None:
            priced = task_of(problem, w, replicas, steered(problem, again.prices))
            tried.append(_near(priced, replicas, again))
    return [Alternative(sizes, _cost_of_left(task, rank)) for rank, sizes in tried]


def _cost_of_left(task: Task, rank: Rank) -> float:
    """What is left of a workload's demand would cost at least, at the mean of its day."""
    left, cost = rank
    if left == 0.0:
        return 0.0
    need = task.need()
    least = task.least_cost(list(task.problem.workloads[task.w].pools), need)
    whole = max(cost, least) if np.isfinite(least) else cost
    return whole * left / float(need.sum())


type Tried = tuple[Rank, Ints]
"""(rank of a workload at an LP's prices, sizes [P, T] with it)"""


def _anywhere(task: Task, replicas: Ints, *, cheapest_engines: bool = False) -> Tried:
    """With the workload wherever it costs least."""
    problem, w, held_price = task.problem, task.w, task.held_price
    tried = replicas.copy()
    place(task, tried, cheapest_engines=cheapest_engines)
    refit(problem, w, tried, held_price)
    return rank_of(task, tried), tried


def _near(task: Task, replicas: Ints, near: Guide) -> Tried:
    """With the workload near the LP's sizes, only as near as it takes to serve all its demand."""
    problem, w, held_price = task.problem, task.w, task.held_price
    best: Tried | None = None
    for slack in SLACKS:
        tried = replicas.copy()
        parts, limit, floor = near_sizes(problem, w, near.flow, near.sizes, slack)
        place(task_of(problem, w, tried, held_price, limit, floor), tried, parts)
        refit(problem, w, tried, held_price)
        rank = rank_of(task, tried)
        if best is None or rank < best[0]:
            best = (rank, tried)
        if rank[0] == 0.0:
            break
    assert best is not None
    return best


def _hardly_used(problem: Problem, w: int, near: Guide, least: float) -> CandidateGroups:
    """Groups that never serve as much as `least` of a workload's demand."""
    served = served_by_group(problem, w, near.flow)
    return {(w, group) for group, share in served.items() if share < least}
