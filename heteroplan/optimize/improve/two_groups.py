"""Two groups of a workload at once: how they divide what the others leave to them.

Alone a group can only serve what the others do not (`refit`), and each rounds up on its own. Here
two of them divide that anew at every time. Ways to do so, near the sizes of that time or right
before and after, are candidates; the cheapest path through them, starts and the GPUs that these
hold included, is a dynamic program over time (Viterbi 1967).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations, product

import numpy as np
from numpy.typing import NDArray

from heteroplan.clock import Stop, never
from heteroplan.entities.workload import Role
from heteroplan.numerics.tolerances import COVER_TOLERANCE, LEAST_GAIN
from heteroplan.optimize.construct.one_group import is_plain
from heteroplan.optimize.construct.task import Task, task_of
from heteroplan.optimize.program.mix import cover_of, group_cover
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.program.sizes import kind_of, reach

REACH = {0: 0, 1: 6, 2: 3, 3: 2, 4: 1}
"""Replicas up and down from the present size, by how many pools of a role are in use.

Where there are more, two of them change by one at most.
"""
KEPT = 24
"""Candidates an interval: the present sizes, and those that cost least beside their neighbours."""
PASSES = 3
"""Times that all pairs of groups are looked at."""
PAIRED = (Role.PREFILL, Role.DECODE)


def regroup(
    problem: Problem, w: int, replicas: Ints, held_price: Floats, stop: Stop = never
) -> None:
    """Write cheaper sizes for the groups that workload w uses into `replicas` [P, T]."""
    if not is_plain(problem, w):
        return
    groups = [pools for pools in problem.groups(w).values() if replicas[pools].any()]
    paired = [
        pools for pools in groups if {problem.pools[p].role for p in pools}.issuperset(PAIRED)
    ]
    task = task_of(problem, w, replicas, held_price)
    pools = list(problem.workloads[w].pools)
    cost = task.cost(pools, replicas)
    known: _Known = {}
    for turn in range(PASSES):
        for pair in combinations(paired, 2):
            if stop():
                return
            _divide_anew(task, pair, groups, replicas, turn, known)
        before, cost = cost, task.cost(pools, replicas)
        if before - cost < LEAST_GAIN * before:
            return


@dataclass(frozen=True, slots=True, eq=False)
class _RoleSizes:
    """Sizes that pools of one role in one group may have, those that cover most first."""

    at: list[int]
    """Places of its pools among those of both groups."""
    counts: Ints
    """[T, M, *]"""
    cover: Floats
    """[T, M] share of the demand; less than nothing where there is no room."""
    cost: Floats
    """[T, M] of the cheapest that covers as much."""
    cheapest: Ints
    """[T, M] which one that is."""

    def serving(self, wanted: Floats) -> tuple[Floats, Ints]:
        """Cost and number [T, S] of the cheapest sizes that cover `wanted` [T, S]."""
        least = COVER_TOLERANCE - wanted
        enough = np.array(
            [
                np.searchsorted(-covered, each, side="right")
                for covered, each in zip(self.cover, least, strict=True)
            ]
        )
        last = np.maximum(0, enough - 1)
        cost = np.where(enough > 0, np.take_along_axis(self.cost, last, axis=1), np.inf)
        return cost, np.take_along_axis(self.cheapest, last, axis=1)


type _Known = dict[tuple[tuple[int, ...], bytes, bytes], _RoleSizes]
"""By pools, their sizes and the GPUs that are left to them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """The pools of two groups that pair prefill with decode, and what their sizes cost."""

    task: Task
    pools: list[int]
    sizes: Ints
    """[P, T] at present."""
    run: Floats
    """[P, T] of a running replica."""
    start: Floats
    """[P, T] of one that starts to serve then."""
    change: Floats
    """[P] of a change of a size."""
    gpus: Ints
    """[P, R] of a replica on each supply row."""
    left: Ints
    """[T, R] GPUs of the rows that all others leave."""

    @classmethod
    def of(cls, task: Task, pools: list[int], replicas: Ints) -> "_Pair":
        problem = task.problem
        beside = replicas.copy()
        beside[pools] = 0
        left = task.left(pools, beside)
        specs = [problem.pools[p] for p in pools]
        return cls(
            task=task,
            pools=pools,
            sizes=replicas[pools],
            run=np.array([spec.run_cost for spec in specs]) + task.held_price[pools],
            start=np.array([task.start_price[p] for p in pools]),
            change=problem.change_costs[pools],
            gpus=np.array(
                [[problem.pools[p].gpus * (r in problem.drawn[p]) for r in left] for p in pools]
            ),
            left=np.array(list(left.values())).T,
        )

    def known_side(self, at: list[int], known: "_Known") -> _RoleSizes:
        """As `side`, taken from `known` where nothing that it depends on has changed."""
        rows = np.flatnonzero(self.gpus[at].any(axis=0))
        pools = tuple(self.pools[i] for i in at)
        key = (pools, self.sizes[at].tobytes(), self.left[:, rows].tobytes())
        if key not in known:
            known[key] = self.side(at)
        return replace(known[key], at=at)

    def side(self, at: list[int]) -> _RoleSizes:
        """What the pools at some places may have, alone on the GPUs that are left."""
        sizes = self.sizes[at]
        around = [np.roll(sizes, i, axis=1) for i in (1, 0, -1)]
        used = np.flatnonzero(np.max(around, axis=0).any(axis=1))
        steps = _steps(len(used))
        near = np.repeat(sizes.T[:, None, :], len(steps), axis=1)
        near[:, :, used] += steps
        counts = np.concatenate([near, *(each.T[:, None, :] for each in around)], axis=1)
        fits = (counts >= 0).all(axis=2)
        fits &= (counts @ self.gpus[at] <= self.left[:, None, :]).all(axis=2)
        cover = np.where(fits, self._cover(at, counts), -1.0)
        cost = np.where(fits, self._beside_neighbours(at, counts), np.inf)
        order = np.argsort(-cover, axis=1, kind="stable")
        cost = np.take_along_axis(cost, order, axis=1)
        least = np.minimum.accumulate(cost, axis=1)
        places = np.where(cost == least, np.arange(cost.shape[1]), 0)
        cheapest = np.maximum.accumulate(places, axis=1)
        return _RoleSizes(
            at=at,
            counts=counts,
            cover=np.take_along_axis(cover, order, axis=1),
            cost=least,
            cheapest=np.take_along_axis(order, cheapest, axis=1),
        )

    def _cover(self, at: list[int], counts: Ints) -> Floats:
        """[T, M] share of the demand that counts [T, M, *] of the pools at some places serve."""
        specs = [self.task.problem.pools[self.pools[i]] for i in at]
        if all(spec.by_size is None for spec in specs):
            return np.asarray(
                np.einsum("tmp,pt->tm", counts, np.array([spec.mix_share for spec in specs]))
            )
        cover = np.zeros(counts.shape[:2])
        kinds = [kind_of(spec) for spec in specs]
        for kind in dict.fromkeys(kinds):
            same = [i for i, other in enumerate(kinds) if other == kind]
            together = np.maximum(0, counts[:, :, same]).sum(axis=2)
            cover += reach(specs[same[0]], together.T).T
        return cover

    def _beside_neighbours(self, at: list[int], counts: Ints) -> Floats:
        """[T, M] cost of counts [T, M, *] at a time, the present sizes right before and after."""
        sizes, start = self.sizes[at], self.start[at]
        before, after = (np.roll(sizes, i, axis=1).T[:, None, :] for i in (1, -1))
        begun = np.maximum(0, counts - before) * start.T[:, None, :]
        resumed = np.maximum(0, after - counts) * np.roll(start, -1, axis=1).T[:, None, :]
        running = np.einsum("tmp,pt->tm", counts, self.run[at])
        cost = running + (begun + resumed).sum(axis=2)
        if self.change[at].any():
            cost += ((counts != before) * 1.0 + (counts != after)) @ self.change[at]
        return np.asarray(cost)

    def cheapest_path(self, candidates: Ints, first: int) -> Ints | None:
        """[P, T] through candidates [T, K, P], from those in `first` that are there at present."""
        cyclic = self.task.problem.cyclic and len(candidates) > 1
        candidates = np.roll(candidates, -first, axis=0)
        cost = self._passing(candidates, first)
        reached = np.where(np.arange(candidates.shape[1]) == 0, 0.0, np.inf)
        if not cyclic:
            reached = self._beginning(candidates[0])
            cost = cost[:-1]
        came_from = []
        for step in cost:
            total = reached[:, None] + step
            came_from.append(total.argmin(axis=0))
            reached = total.min(axis=0)
        k = 0 if cyclic else int(reached.argmin())
        if not np.isfinite(reached[k]):
            return None
        path = [k]
        for before in reversed(came_from):
            path.append(int(before[path[-1]]))
        chosen = path[::-1][: len(candidates)]
        found = candidates[np.arange(len(candidates)), chosen]
        return np.roll(found, first, axis=0).T

    def _beginning(self, candidates: Ints) -> Floats:
        """[K] cost of the first interval of a day that is not cyclic."""
        cost = candidates @ self.run[:, 0]
        before = self.task.problem.before
        if before is not None:
            cost = cost + np.maximum(0, candidates - before[self.pools]) @ self.start[:, 0]
            cost = cost + (candidates != before[self.pools]) @ self.change
        return np.asarray(cost)

    def _passing(self, candidates: Ints, first: int) -> Floats:
        """[T, K, K] cost of going on from one candidate of a time to one of the next.

        With the running cost of the next; infinite where the GPUs are not there. Candidates begin
        with those of interval `first`.
        """
        run, start = (np.roll(each, -first - 1, axis=1) for each in (self.run, self.start))
        left = np.roll(self.left, -first, axis=0)
        after = np.roll(candidates, -1, axis=0)
        used = np.flatnonzero(candidates.any(axis=(0, 1)))
        most = np.maximum(candidates.max(axis=1), after.max(axis=1))
        scarce = np.flatnonzero((most @ self.gpus > left).any(axis=0))
        cost = np.repeat(np.einsum("tkp,pt->tk", after, run)[:, None, :], after.shape[1], axis=1)
        held = {r: np.zeros(cost.shape) for r in scarce.tolist()}
        for p in used:
            here = candidates[:, :, None, p].astype(np.float64)
            grown = np.maximum(0.0, after[:, None, :, p] - here)
            cost += grown * start[p][:, None, None]
            if self.change[p]:
                cost += self.change[p] * (after[:, None, :, p] != here)
            starts_early = self.task.problem.pools[self.pools[p]].lead > 0
            running = here + grown if starts_early else here
            for r in np.flatnonzero(self.gpus[p]).tolist():
                if r in held:
                    held[r] += self.gpus[p, r] * running
        for r, in_use in held.items():
            cost[in_use > left[:, r, None, None]] = np.inf
        return cost


def _steps(used: int) -> Ints:
    """[*, used] changes of the sizes of some pools that are looked at together."""
    if used in REACH:
        reach = REACH[used]
        return np.array(list(product(range(-reach, reach + 1), repeat=used)), dtype=np.int64)
    one = np.eye(used, dtype=np.int64)
    two = [up - down for up, down in permutations(one, 2)]
    return np.concatenate([np.zeros((1, used), dtype=np.int64), one, -one, np.array(two)])


def _divide_anew(
    task: Task,
    groups: tuple[list[int], list[int]],
    all_groups: Sequence[list[int]],
    replicas: Ints,
    turn: int,
    known: "_Known",
) -> None:
    """Two groups along the cheapest path, written into `replicas` [P, T] where it is cheaper."""
    problem = task.problem
    specs = problem.pools
    both = [[p for p in pools if specs[p].role in PAIRED] for pools in groups]
    alone = [p for pools in groups for p in pools if specs[p].role is Role.AGGREGATED]
    others = sum(
        (group_cover(problem, pools, replicas) for pools in all_groups if pools not in groups),
        cover_of(problem, alone, replicas[alone]),
    )
    need = np.maximum(0.0, task.need() - others)
    need[need <= COVER_TOLERANCE] = 0.0
    pair = _Pair.of(task, [*both[0], *both[1]], replicas)
    sides = [
        pair.known_side(
            [i for i, p in enumerate(pair.pools) if p in pools and specs[p].role is role], known
        )
        for pools in both
        for role in PAIRED
    ]
    candidates = _candidates(pair, sides, need)
    quietest = int(pair.sizes.sum(axis=0).argmin())
    first = (quietest + turn * problem.intervals // PASSES) % problem.intervals
    found = pair.cheapest_path(candidates, first if problem.cyclic else 0)
    if found is None:
        return
    tried = replicas.copy()
    tried[pair.pools] = found
    if task.cost(pair.pools, tried) < task.cost(pair.pools, replicas) and _fits(task, tried):
        replicas[pair.pools] = found


def _candidates(pair: _Pair, sides: Sequence[_RoleSizes], need: Floats) -> Ints:
    """[T, K, P] the present sizes, and those of both groups that serve `need` [T] for least.

    At most `KEPT`.
    """
    whole = need[:, None]
    splits = np.concatenate(
        [
            *(side.cover for side in sides[:2]),
            *(whole - side.cover for side in sides[2:]),
            0.0 * whole,
            whole,
        ],
        axis=1,
    ).clip(0.0, whole)
    served = [*(side.serving(splits) for side in sides[:2])]
    served += [side.serving(whole - splits) for side in sides[2:]]
    cost = np.sum([each for each, _ in served], axis=0)
    which = np.array([number for _, number in served])
    chosen = _cheapest_distinct(cost, which)
    times = np.arange(len(need))[:, None]
    present = np.repeat(pair.sizes.T[:, None, :], 1 + chosen.shape[1], axis=1)
    found = present.copy()
    for side, number in zip(sides, which, strict=True):
        found[:, 1:, side.at] = side.counts[times, np.take_along_axis(number, chosen, axis=1)]
    known = np.isfinite(np.take_along_axis(cost, chosen, axis=1))
    known &= (found[:, 1:] @ pair.gpus <= pair.left[:, None, :]).all(axis=2)
    found[:, 1:] = np.where(known[:, :, None], found[:, 1:], present[:, 1:])
    return found


def _cheapest_distinct(cost: Floats, which: Ints) -> NDArray[np.int64]:
    """[T, *] at most K - 1 of the cheapest, of cost [T, S], that differ in `which` [*, T, S]."""
    number = np.zeros(cost.shape, dtype=np.int64)
    for each in which:
        number = number * (which.max() + 1) + each
    order = np.lexsort((number, cost), axis=1)
    ordered = np.take_along_axis(number, order, axis=1)
    same = ordered[:, 1:] == ordered[:, :-1]
    rising = np.take_along_axis(cost, order, axis=1)
    rising[:, 1:][same] = np.inf
    first = np.argsort(rising, axis=1, kind="stable")[:, : KEPT - 1]
    return np.take_along_axis(order, first, axis=1)


def _fits(task: Task, replicas: Ints) -> bool:
    """Whether the rows of the workload's pools hold what it holds in `replicas` [P, T]."""
    pools = list(task.problem.workloads[task.w].pools)
    return all((left >= 0).all() for left in task.left(pools, replicas).values())
