"""A plan near the LP of all workloads: its sizes say how to divide, its prices what others miss.

Some workloads are placed near it, then the LP of the rest is solved again on what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.optimize.construct.all_workloads import parts_of, steered
from heteroplan.optimize.construct.guide import (
    CELLS,
    FIRST_CELLS,
    MERGED_INTERVALS,
    CandidateGroups,
    Guide,
    candidate_groups,
    guide,
)
from heteroplan.optimize.construct.one_workload import placed_anew
from heteroplan.optimize.construct.task import Rank, Task, task_of
from heteroplan.optimize.incumbent import Incumbent, of_sizes
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.search import Search

SHARE = 0.4
"""Of the workloads left that are placed before the next LP."""
WIDE = 1 / 20
"""Of all GPUs asked for: workloads of that size may use every group."""
MOST_SLACK = 32
"""Replicas up and down from the LP's sizes, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class NearGuide:
    """Plans near the LP of all workloads."""

    search: Search
    candidate_groups: CandidateGroups
    first: Guide
    """Of all workloads on an empty fleet."""
    cells: int = FIRST_CELLS
    """Of the LPs, at most."""

    @classmethod
    def of(cls, search: Search) -> "NearGuide | None":
        """None where the effort ran out before there was a guide.

        Where long intervals hide much, a second guide keeps GPUs free for what the first one found.
        """
        problem = search.problem
        groups = candidate_groups(problem, search.effort())
        if groups is None:
            return None
        groups |= _everywhere(problem)
        first = _of_all(search, groups, None)
        if first is not None and first.intervals < min(MERGED_INTERVALS, problem.intervals):
            first = _of_all(search, groups, first.sizes)
        return None if first is None else cls(search, groups, first)

    def after(self, plan: Incumbent) -> "NearGuide":
        """With GPUs kept free for the peaks and starts of a plan, and larger LPs.

        This one if time is out.
        """
        sizes = plan.solution.replicas.astype(np.float64)
        first = _of_all(self.search, self.candidate_groups, sizes, CELLS)
        return self if first is None else replace(self, first=first, cells=CELLS)

    def plan(self, order: Sequence[int]) -> Incumbent:
        """Workloads in order near the guide's sizes at its prices.

        After each `SHARE` of those left comes the guide of the rest on what is left. When time is
        out, only some are placed.
        """
        search, problem = self.search, self.search.problem
        replicas, rest, near = problem.no_replicas(), list(order), self.first
        while rest and not search.out_of_time():
            now = max(1, int(SHARE * len(rest)))
            held_price = steered(problem, near.prices)
            for w in rest[:now]:
                if search.out_of_time():
                    break
                task = task_of(problem, w, replicas, held_price)
                found = _near(task, replicas, near)
                if found[0][0] > 0.0:
                    found = min(found, placed_anew(task, replicas), key=lambda tried: tried[0])
                replicas = found[1]
            rest = rest[now:]
            effort = search.effort()
            groups = self.candidate_groups
            again = guide(problem, rest, replicas, groups, effort, near.sizes, self.cells)
            near = again or near
        return of_sizes(problem, replicas)


def _of_all(
    search: Search, groups: CandidateGroups, before: Floats | None, cells: int = FIRST_CELLS
) -> Guide | None:
    problem = search.problem
    everyone, nothing = range(len(problem.workloads)), problem.no_replicas()
    return guide(problem, everyone, nothing, groups, search.effort(), before, cells)


def _everywhere(problem: Problem) -> CandidateGroups:
    """All groups of the largest workloads."""
    asked = problem.asked_gpus()
    large = np.flatnonzero(asked >= WIDE * asked.sum())
    return {(int(w), group) for w in large for group in problem.groups(int(w))}


def _near(task: Task, replicas: Ints, near: Guide) -> tuple[Rank, Ints]:
    """With the workload near the guide's sizes, only as near as it takes to serve its demand.

    Steps away double, or go as far as the last two let expect to serve it; they end where that is
    too far, or where one serves no more.
    """
    parts = parts_of(task.problem, task.w, near.flow)
    slack, gain = 1, np.inf
    best = placed_anew(task.near(near.sizes, slack), replicas, parts)
    lacking = best[0][0]
    while lacking > 0.0 and gain > 0.0 and slack + lacking / gain <= MOST_SLACK:
        before, lacking_before = slack, lacking
        while slack < max(2 * before, before + lacking / gain):
            slack *= 2
        tried = placed_anew(task.near(near.sizes, slack), replicas, parts)
        best = min(best, tried, key=lambda each: each[0])
        lacking = tried[0][0]
        gain = (lacking_before - lacking) / (slack - before)
    return best
