"""Plans near LPs: which groups a workload needs, how large its pools are there.

The LP of the whole says that of a program that is not large. Of others two small LPs say nearly as
much; in both, unserved demand is merely expensive:

1. *Candidate groups.* LPs of single intervals, the tightest first; a (workload, group) pair that
   no earlier one used costs a little more, so that each workload keeps to few groups.
2. *Sizes.* The LP of the whole horizon in those groups alone, neighbouring intervals merged. Sizes
   found before say how many GPUs to keep free for what merging hides: peaks, and starts.

Workloads are placed near the sizes, at the prices of supply; of a large program only some, then the
LP of the rest is solved again on what is left.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from heteroplan.numerics.division import quotient
from heteroplan.optimize.bound.lp_prices import priced_shortage
from heteroplan.optimize.bound.relaxation import Relaxation
from heteroplan.optimize.construct.all_workloads import parts_of, scarce_where_short, steered
from heteroplan.optimize.construct.one_workload import placed_anew
from heteroplan.optimize.construct.task import Task, task_of
from heteroplan.optimize.incumbent import Incumbent, of_sizes, unserved_shares
from heteroplan.optimize.model import read_flow, read_prices, read_sizes
from heteroplan.optimize.program.coarser import (
    keeping,
    merged_intervals,
    merged_starts,
    one_interval,
)
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.search import Search
from heteroplan.optimize.solvers.solver import Effort, optimum

MERGED_INTERVALS, FEWEST_INTERVALS = 24, 8
"""Intervals of the merged program, at most and at least."""
FIRST_CELLS, CELLS = 4_000, 12_000
"""Its pools times intervals, at most, unless that leaves too few intervals: for a first plan, and
for later ones."""
GROUP_INTERVALS = 6
"""Single intervals that say which groups are candidates."""
NEW_GROUP = 0.06
"""Share added to the cost of a replica in a group that is no candidate group yet."""
LEAST_SHARE = 0.05
"""Of a workload's demand that a group serves in some interval to count as a candidate group."""
SHARE = 0.55
"""Of the workloads left that are placed before the next LP. With 0.4 four first plans took 6 to
20 % longer; the last ones of seven fleets cost as much, within 0.05 %."""
WIDE = 1 / 20
"""Of all GPUs asked for: workloads of that size may use every group."""
ESCALATIONS, PRICE_STEP = 6, 0.1
"""Plans that follow where one goes short, and the step of a supply price before each, as a share of
what the GPU costs."""
MOST_SLACK = 32
"""Replicas up and down from the sizes of an LP with merged intervals, at most."""
FARTHER = 4
"""Times as many replicas up and down where a workload goes short. With 2 the first plans of two
full fleets take a fifth longer (seed212, seed253); six fleets cost the same within 0.2 %."""

type CandidateGroups = set[tuple[int, str]]
"""(workload, group)"""


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """What the LP of some workloads says about every interval; nothing of the others."""

    flow: tuple[Floats, ...]
    """For each pool [K, T]: share of a class that it handles."""
    sizes: Floats
    """[P, T] fractional replicas."""
    prices: Floats
    """[R, T] of supply, objective units a GPU and interval."""
    intervals: int
    """Of the LP: neighbours are merged."""

    @classmethod
    def of(cls, relaxed: Relaxation) -> "Guide":
        """What the LP of the whole program says."""
        intervals = relaxed.sizes.shape[1]
        return cls(relaxed.flow, relaxed.sizes, relaxed.prices.supply, intervals)


def guide(
    problem: Problem,
    workloads: Collection[int],
    replicas: Ints,
    candidate_groups: CandidateGroups,
    effort: Effort,
    before: Floats | None = None,
    cells: int = FIRST_CELLS,
) -> Guide | None:
    """Sizes of some workloads in their candidate groups beside what stands in `replicas` [P, T].

    GPUs are kept free for the peaks and starts of sizes [P, T] found `before`. None where they
    have no pool there or the effort ran out.
    """
    kept = [
        p
        for p, pool in enumerate(problem.pools)
        if pool.workload in workloads and (pool.workload, pool.group) in candidate_groups
    ]
    if not kept or effort.over():
        return None
    program = _beside(problem, kept, replicas)
    few = min(MERGED_INTERVALS, max(FEWEST_INTERVALS, cells // len(kept)))
    first = merged_starts(problem.intervals, few if problem.large else problem.intervals)
    merged = merged_intervals(program, first)
    if before is not None:
        reserve = np.ceil(_reserve(program, before[kept], first)).astype(np.int64)
        rows = [
            replace(row, gpus=np.maximum(0, row.gpus - free))
            for row, free in zip(merged.supplies, reserve, strict=True)
        ]
        merged = replace(merged, supplies=tuple(rows))
    model = priced_shortage(merged)
    if optimum(model.lp, effort) is None:
        return None
    length = np.diff([*first, problem.intervals])
    load = np.array([pool.mix_load for pool in program.pools])
    mean = np.repeat([pool.mix_load for pool in merged.pools], length, axis=1)
    known = np.isfinite(load) & np.isfinite(mean)
    growth = quotient(np.where(known, load, 1.0), np.where(known, mean, 1.0), 1.0)
    sizes = np.zeros((len(problem.pools), problem.intervals))
    sizes[kept] = np.repeat(read_sizes(model), length, axis=1) * growth
    flow = [np.zeros_like(problem.workloads[pool.workload].rps) for pool in problem.pools]
    for p, share in zip(kept, read_flow(model), strict=True):
        flow[p] = np.repeat(share, length, axis=1)
    prices = np.repeat(read_prices(model).supply / length, length, axis=1)
    return Guide(tuple(flow), sizes, prices, len(first))


def _reserve(program: Problem, sizes: Floats, first: Sequence[int]) -> Floats:
    """[R, M] GPUs that sizes [P, T] hold in merged intervals from `first` [M], above their mean."""
    held = program.held_by(range(len(sizes)), sizes)
    used = sizes * program.gpus[:, None]
    length = np.diff([*first, program.intervals])
    found = np.zeros((len(program.supplies), len(first)))
    for r, row in enumerate(program.supplies):
        pools = list(row.pools)
        mean = np.add.reduceat(used[pools].sum(axis=0), first) / length
        found[r] = np.maximum.reduceat(held[pools].sum(axis=0), first) - mean
    return found


def _beside(problem: Problem, kept: Sequence[int], replicas: Ints) -> Problem:
    """The program of some pools, of the demand of their workloads and the GPUs that are left.

    Without minima of replicas: beside what stands there may be no room for them.
    """
    program = keeping(problem, kept)
    left = problem.residual(replicas)
    return replace(
        program,
        workloads=tuple(
            replace(work, rps=work.rps if work.pools else 0.0 * work.rps, min_replicas={})
            for work in program.workloads
        ),
        supplies=tuple(
            replace(row, gpus=np.maximum(0, gpus))
            for row, gpus in zip(program.supplies, left, strict=True)
        ),
    )


def candidate_groups(problem: Problem, effort: Effort) -> CandidateGroups | None:
    """Groups that each workload needs; None where the effort ran out."""
    candidate_groups: CandidateGroups = set()
    for t in _tightest_first(problem):
        if effort.over():
            return None
        factors = [
            1.0 if (pool.workload, pool.group) in candidate_groups else 1.0 + NEW_GROUP
            for pool in problem.pools
        ]
        alone = one_interval(problem, t, factors)
        model = priced_shortage(alone)
        if optimum(model.lp, effort) is None:
            return None
        flow = tuple(read_flow(model))
        for w in range(len(problem.workloads)):
            served = served_by_group(alone, w, flow)
            candidate_groups |= {
                (w, group) for group, share in served.items() if share > LEAST_SHARE
            }
    return candidate_groups


def served_by_group(problem: Problem, w: int, flow: Sequence[Floats]) -> dict[str, float]:
    """Share of a workload's demand that each group finishes at most, of flow [K, T] a pool."""
    served: dict[str, float] = {}
    for p in problem.finishing(w):
        group = problem.pools[p].group
        served[group] = served.get(group, 0.0) + float(flow[p].max())
    return served


def _tightest_first(problem: Problem) -> list[int]:
    """The tightest interval of each part of the horizon, those that ask for most GPUs first."""
    asked = np.zeros(problem.intervals)
    for work in problem.workloads:
        loads = [problem.pools[p].mix_load * problem.pools[p].gpus for p in work.pools]
        if loads:
            least = np.min(np.where(np.isfinite(loads), loads, np.inf), axis=0)
            asked += np.where(np.isfinite(least), least, 0.0)
    ends = [*merged_starts(problem.intervals, GROUP_INTERVALS), problem.intervals]
    tight = [start + int(np.argmax(asked[start:end])) for start, end in pairwise(ends)]
    return sorted(tight, key=lambda t: -asked[t])


@dataclass(frozen=True, slots=True, eq=False)
class NearGuide:
    """Plans near the LP of all workloads."""

    search: Search
    candidate_groups: CandidateGroups
    first: Guide
    """Of all workloads on an empty fleet."""
    cells: int = FIRST_CELLS
    """Of the LPs, at most."""
    share: float = SHARE
    """Of the workloads left that are placed before the next LP."""
    most_slack: int = MOST_SLACK
    """Replicas up and down from the LP's sizes, at most."""
    escalations: int = 0
    """Plans at higher prices that may follow where one goes short."""

    @classmethod
    def of(cls, search: Search, relaxed: Relaxation | None) -> "NearGuide | None":
        """None where the effort ran out before there was a guide.

        The LP of the whole is one where it is known: all workloads are placed within a replica of
        it, as often as prices rise. Of a large program that would take too long. Where long
        intervals hide much, a second guide keeps GPUs free for what the first one found.
        """
        problem = search.problem
        if relaxed is not None:
            near = cls(search, _everywhere(problem), Guide.of(relaxed))
            return replace(near, share=1.0, most_slack=1, escalations=ESCALATIONS)
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

        After each `share` of those left comes the guide of the rest on what is left. When time is
        out, only some are placed.
        """
        search, problem = self.search, self.search.problem
        replicas, rest, near = problem.no_replicas(), list(order), self.first
        while rest and not search.out_of_time():
            now = max(1, int(self.share * len(rest)))
            held_price = steered(problem, near.prices)
            for w in rest[:now]:
                if search.out_of_time():
                    break
                task = task_of(problem, w, replicas, held_price)
                parts = parts_of(problem, w, near.flow)
                replicas[task.pools] = _near(task, near.sizes[task.pools], parts, self.most_slack)
            rest = rest[now:]
            effort = search.effort()
            groups = self.candidate_groups
            of_rest = guide(problem, rest, replicas, groups, effort, near.sizes, self.cells)
            near = of_rest or near
        return of_sizes(problem, replicas)

    def again(self, plan: Incumbent, order: Sequence[int]) -> Iterator[Incumbent]:
        """Plans at prices that rise where GPUs are out and demand goes short, until none does.

        A workload that went short comes earlier within its priority class.
        """
        problem, near = self.search.problem, self
        lost = np.zeros(len(problem.workloads))
        for _ in range(self.escalations):
            if plan.covered or self.search.out_of_time():
                return
            lost += unserved_shares(problem, plan).sum(axis=1)
            prices = near.first.prices + PRICE_STEP * scarce_where_short(problem, plan)
            near = replace(near, first=replace(near.first, prices=prices))
            plan = near.plan(_short_first(problem, order, lost))
            yield plan


def _short_first(problem: Problem, order: Sequence[int], lost: Floats) -> list[int]:
    """Workloads by priority class, within it those first that have lost [W] most."""
    return sorted(order, key=lambda w: (problem.workloads[w].priority, -lost[w]))


def _of_all(
    search: Search, groups: CandidateGroups, before: Floats | None, cells: int = FIRST_CELLS
) -> Guide | None:
    problem = search.problem
    everyone, nothing = range(len(problem.workloads)), problem.no_replicas()
    return guide(problem, everyone, nothing, groups, search.effort(), before, cells)


def _everywhere(problem: Problem) -> CandidateGroups:
    """All groups of the largest workloads, or of all in a program that is not large."""
    asked = problem.asked_gpus()
    large = np.flatnonzero(asked >= (WIDE if problem.large else 0.0) * asked.sum())
    return {(int(w), group) for w in large for group in problem.groups(int(w))}


def _near(task: Task, sizes: Floats, parts: dict[str, Floats], most_slack: int) -> Ints:
    """Sizes [N, T] of a workload near an LP's, as near as it takes to serve its demand.

    And near the `parts` of it that each group serves there. Steps away are `FARTHER` times as long
    each, or go as far as the last two let expect to serve it; they end where that is more than
    `most_slack`, or where one serves no more. If that leaves demand unserved, it is placed anywhere
    if that serves more. Where `most_slack` is 1, none of this follows the first.
    """
    slack, gain = 1, np.inf
    best = placed_anew(task.near(sizes, slack), parts)
    if most_slack == slack:
        return best[1]
    lacking = best[0][0]
    while lacking > 0.0 and gain > 0.0 and slack + lacking / gain <= most_slack:
        before, lacking_before = slack, lacking
        while slack < max(FARTHER * before, before + lacking / gain):
            slack *= FARTHER
        tried = placed_anew(task.near(sizes, slack), parts)
        best = min(best, tried, key=lambda each: each[0])
        lacking = tried[0][0]
        gain = (lacking_before - lacking) / (slack - before)
    if best[0][0] > 0.0:
        best = min(best, placed_anew(task), key=lambda each: each[0])
    return best[1]
