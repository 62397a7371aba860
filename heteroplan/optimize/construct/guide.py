"""Guides for large programs: which groups each workload needs, and about how large its pools are.

The LP of the whole program is too large there. Two small ones say nearly as much; in both, unserved
demand is merely expensive:

1. *Candidate groups.* LPs of single intervals, the tightest first; a (workload, group) pair that
   no earlier one used costs a little more, so that each workload keeps to few groups.
2. *Sizes.* The LP of the whole horizon in those groups alone, neighbouring intervals merged. Sizes
   found before say how many GPUs to keep free for what merging hides: peaks, and starts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from heteroplan.optimize.bound.lp_prices import priced_shortage
from heteroplan.optimize.formulation.model import read_flow, read_prices, read_sizes
from heteroplan.optimize.program.coarser import merged_intervals, merged_starts
from heteroplan.optimize.program.problem import Floats, Ints, Problem
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
    few = max(FEWEST_INTERVALS, cells // len(kept))
    first = merged_starts(problem.intervals, min(MERGED_INTERVALS, few))
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
    known = np.isfinite(load) & np.isfinite(mean) & (mean > 0)
    growth = np.where(known, load / np.where(known, mean, 1.0), 1.0)
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
    used = sizes * np.array([[pool.gpus] for pool in program.pools])
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
    program = problem.keeping(kept)
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
        alone = problem.window([t])
        steered = tuple(
            replace(
                pool,
                run_cost=pool.run_cost
                * (1.0 if (pool.workload, pool.group) in candidate_groups else 1.0 + NEW_GROUP),
            )
            for pool in alone.pools
        )
        model = priced_shortage(replace(alone, pools=steered))
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
