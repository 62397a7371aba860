"""Two groups of a workload at once: how they divide what the others leave to them.

Alone a group can only serve what the others do not (`refit`), and each rounds up on its own. Here
two of them divide that anew at every time. Ways to do so, near the sizes of that time or right
before and after, are candidates; the cheapest path through them, starts and the GPUs that these
hold included, is a dynamic program over time (Viterbi 1967).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

import numpy as np

from heteroplan.entities.workload import PAIRED, Role
from heteroplan.numerics.compiling import own
from heteroplan.numerics.tolerances import LEAST_GAIN
from heteroplan.optimize.construct.one_workload import is_loose
from heteroplan.optimize.construct.task import Task, less, without
from heteroplan.optimize.improve.divisions import (
    Day,
    Side,
    Sides,
    cheapest_path,
    divisions,
    side_of,
)
from heteroplan.optimize.program.mix import cover_of, group_cover
from heteroplan.optimize.program.problem import Floats, Ints
from heteroplan.optimize.program.sizes import kind_of, reach
from heteroplan.optimize.rules.replica_limits import missed_limits

REACH = {1: 6, 2: 3, 3: 2, 4: 1}
"""Replicas up and down from the present size, by how many pools of a role are in use.

Where there are more, two of them change by one at most.
"""
KEPT = 24
"""Candidates an interval: the present sizes, and those that cost least beside their neighbours."""
PASSES = 3
"""Times that all pairs of groups are looked at."""


def regroup(task: Task, replicas: Ints) -> Ints:
    """Sizes [N, T] no dearer than `replicas` [N, T] for the groups that a workload uses.

    Until the task's `stop()` says so.
    """
    problem, w, everything = task.problem, task.w, range(len(replicas))
    if not is_loose(problem, w):
        return replicas
    replicas = replicas.copy()
    groups = [pools for pools in problem.groups(w).values() if replicas[pools].any()]
    paired = [
        pools for pools in groups if {problem.pools[p].role for p in pools}.issuperset(PAIRED)
    ]
    cost = task.cost(everything, replicas)
    known: _Known = {}
    for turn in range(PASSES):
        for pair in combinations(paired, 2):
            if task.stop():
                return replicas
            _divide_anew(task, pair, groups, replicas, turn, known)
        before, cost = cost, task.cost(everything, replicas)
        if before - cost < LEAST_GAIN * before:
            break
    return replicas


type _Known = dict[tuple[tuple[int, ...], bytes, bytes], Side]
"""By pools, their sizes and the GPUs that are left to them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """The pools in use of two groups that pair prefill with decode."""

    task: Task
    pools: list[int]
    day: Day

    @classmethod
    def of(cls, task: Task, pools: list[int], replicas: Ints) -> "_Pair":
        problem = task.problem
        left = task.left(pools, without(pools, replicas))
        specs = [problem.pools[p] for p in pools]
        run = np.array([spec.run_cost for spec in specs]) + task.held_price[pools]
        day = Day(
            sizes=own(replicas[pools].T),
            run=own(run.T),
            start=own(task.start_price[pools].T),
            change=problem.change_costs[pools],
            early=np.array([int(spec.lead > 0) for spec in specs]),
            gpus=np.array(
                [[problem.pools[p].gpus * (r in problem.drawn[p]) for r in left] for p in pools]
            ),
            left=np.array(list(left.values())).T.copy(),
        )
        return cls(task, pools, day)

    def side(self, at: list[int], known: "_Known") -> Side:
        """What the pools at some places may have, alone on the GPUs that are left.

        Taken from `known` where nothing that it depends on has changed.
        """
        day = self.day
        rows = np.flatnonzero(day.gpus[at].any(axis=0))
        pools = tuple(self.pools[i] for i in at)
        key = (pools, day.sizes[:, at].tobytes(), day.left[:, rows].tobytes())
        if key not in known:
            sizes = day.sizes[:, None, at]
            near = sizes + _steps(len(at))
            counts = np.concatenate([near, *(np.roll(sizes, i, axis=0) for i in (1, -1))], axis=1)
            cover = self._cover(at, counts)
            order = np.argsort(-cover, axis=1, kind="stable")
            known[key] = side_of(day, np.array(at), own(counts), own(cover), own(order))
        return known[key]._replace(at=np.array(at))

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

    def cheapest(self, sides: Sides, need: Floats, first: int) -> Ints | None:
        """[P, T] of both groups that serve `need` [T] for least, from interval `first` on."""
        problem = self.task.problem
        before = np.array([], dtype=np.int64)
        if problem.before is not None:
            before = problem.before[self.pools]
        cyclic = problem.cyclic and len(need) > 1
        cost, path = cheapest_path(
            self.day, *divisions(self.day, sides, need, KEPT), first, cyclic, before
        )
        return path.T if np.isfinite(cost) else None


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
    """Two groups along the cheapest path, written into `replicas` [N, T] where it is cheaper."""
    problem = task.problem
    specs = problem.pools
    pools = [p for group in groups for p in group if specs[p].role in PAIRED and replicas[p].any()]
    at = [
        [i for i, p in enumerate(pools) if p in group and specs[p].role is role]
        for group in groups
        for role in PAIRED
    ]
    if not all(at):
        return
    alone = [p for group in groups for p in group if specs[p].role is Role.AGGREGATED]
    others = sum(
        (group_cover(problem, group, replicas) for group in all_groups if group not in groups),
        cover_of(problem, alone, replicas[alone]),
    )
    pair = _Pair.of(task, pools, replicas)
    sides = tuple(pair.side(places, known) for places in at)
    quietest = int(pair.day.sizes.sum(axis=1).argmin())
    first = (quietest + turn * problem.intervals // PASSES) % problem.intervals
    found = pair.cheapest(sides, less(task.need(), others), first if problem.cyclic else 0)
    if found is None:
        return
    tried = replicas.copy()
    tried[pools] = found
    left = task.left(range(len(tried)), tried)
    fits = all((gpus >= 0).all() for gpus in left.values())
    kept = fits and not missed_limits(problem, task.w, tried)
    if kept and task.cost(pools, tried) < task.cost(pools, replicas):
        replicas[pools] = found
