"""Plans made to keep `min_run` and `max_changes`: sizes of each pool changed as little as it takes.

Each pool alone, a dynamic program over (size, changes of the day so far, intervals until it may
shrink again). A pool stays larger where there is room for it: its replicas start early or stop
late. Only where there is none it is smaller, and what it then leaves unserved is told as shortage.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from heteroplan.optimize.construct.one_domain import room_beside
from heteroplan.optimize.incumbent import Incumbent, resized
from heteroplan.optimize.program.problem import Floats, Ints, Problem, ProgramWorkload
from heteroplan.optimize.rules.changes import breaks_stability

SHORT_PRICE = 1e4
"""Of a replica less than the plan has for an interval, in replicas that run for one."""
OPENINGS = 6
"""Sizes from which a cyclic day is tried to begin."""
MOST_SIZES = 48
"""Sizes of a pool that are looked at; of larger pools those that it has."""


def keep_sizes(problem: Problem, plan: Incumbent, *, grow: bool = True) -> Incumbent:
    """The plan with sizes that keep the stability of every workload; the plan itself if it does.

    Without `grow` no pool is larger than it is, so that it fits wherever it fitted.
    """
    replicas = plan.solution.replicas.copy()
    for w in range(len(problem.workloads)):
        keep_workload(problem, w, replicas, grow=grow)
    return resized(problem, plan, replicas)


def keep_workload(problem: Problem, w: int, replicas: Ints, *, grow: bool = True) -> None:
    """Write sizes of workload w that keep its stability into `replicas` [P, T], pool after pool."""
    work = problem.workloads[w]
    for p in work.pools:
        if breaks_stability(problem, work, p, replicas[p]):
            _keep(problem, work, p, replicas, grow=grow)


def _keep(problem: Problem, work: ProgramWorkload, p: int, replicas: Ints, *, grow: bool) -> None:
    """Write sizes of pool p that keep its stability into `replicas` [P, T]."""
    wanted = replicas[p].copy()
    room = room_beside(problem, p, replicas)
    for most in (np.maximum(wanted, room), wanted) if grow else (wanted,):
        replicas[p] = _Sizes.of(problem, work, p, wanted, most).cheapest()
        if problem.fits([p], replicas):
            return


type _Opening = tuple[int, int | None, int]
"""Where a dynamic program begins: its interval; the number of the size there on a cyclic day, which
it has not grown to lately, else of the size before, where that is known; and the changes that the
first day has to count before."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sizes:
    """The dynamic program of one pool over T intervals.

    States [C, H, V]: changes of the day so far, intervals until it may shrink, size.
    """

    cost: Floats
    """[T, V] of running; inf where there is no room."""
    sizes: Ints
    """[V], rising."""
    start: float
    change: float
    hold: int
    """Intervals after a pool grew in which it does not shrink."""
    most: int | None
    """Changes a day."""
    days: Ints
    """[T] number of the day."""
    cyclic: bool
    before: int | None
    """Size before the first interval of a day that is not cyclic, where it is known."""

    @classmethod
    def of(
        cls, problem: Problem, work: ProgramWorkload, p: int, wanted: Ints, most: Ints
    ) -> "_Sizes":
        """Of pool p, which should have `wanted` [T] and has room for `most` [T]."""
        pool, intervals = problem.pools[p], problem.intervals
        before = None if problem.before is None or problem.cyclic else int(problem.before[p])
        top = int(wanted.max(initial=0))
        sizes = np.arange(top + 1)
        if top >= MOST_SIZES:
            sizes = np.unique([0, *wanted, min(top, int(most.min(initial=0)))])
        if before is not None:
            sizes = np.union1d(sizes, [before])
        missing = np.maximum(0, wanted[:, None] - sizes)
        cost = pool.run_cost[:, None] * sizes + SHORT_PRICE * (pool.plain_cost or 1.0) * missing
        return cls(
            cost=np.where(sizes <= most[:, None], cost, np.inf),
            sizes=sizes.astype(np.int64),
            start=pool.start_cost,
            change=float(problem.change_costs[p]),
            hold=min(work.min_run, intervals) - 1,
            most=work.max_changes,
            days=problem.days_of(),
            cyclic=problem.cyclic,
            before=before,
        )

    def cheapest(self) -> Ints:
        """[T] the cheapest sizes; none at all keeps every rule, if it comes to that."""
        found = map(self._from, self._openings())
        return min(found, key=lambda each: each[0])[1]

    def _openings(self) -> list[_Opening]:
        """Where to begin: where a pool is least wanted; of several days, where one of them begins.

        A cyclic day may begin with a change that its first day has to count.
        """
        if not self.cyclic:
            known = None if self.before is None else int(np.searchsorted(self.sizes, self.before))
            return [(0, known, 0)]
        least = self.cost.min(axis=1)
        starts = np.flatnonzero(self.days != np.roll(self.days, 1))
        among = np.arange(len(least)) if self.most is None or not len(starts) else starts
        first = int(among[least[among].argmin()])
        cheap = np.argsort(self.cost[first], kind="stable")[:OPENINGS].tolist()
        constant = int(np.argmin(self.cost.sum(axis=0)))
        counts = (0, 1) if self.most and len(starts) else (0,)
        return [(first, v, count) for v in dict.fromkeys([*cheap, constant]) for count in counts]

    def _from(self, opening: _Opening) -> tuple[float, Ints]:
        """Cost and sizes [T] of the cheapest way from an opening once around."""
        intervals = len(self.cost)
        first, number, count = opening
        order = [(first + i) % intervals for i in range(intervals)]
        value = self._begun(opening)
        pointers: list[Ints] = []
        turns = [*order, order[0]] if self.cyclic else order
        for b, t in pairwise(turns):
            value, pointer = self._next(value, t, new_day=bool(self.days[b] != self.days[t]))
            pointers.append(pointer)
        if self.cyclic and number is not None:
            again = self.cost[first, number]
            value = value - (again if np.isfinite(again) else 0.0)
            several = bool((self.days != self.days[0]).any())
            rows = value[: count + 1] if several else value
            row = int(rows[:, 0, number].argmin())
            state = int(np.ravel_multi_index((row, 0, number), value.shape))
        else:
            state = int(value.argmin())
        cost = float(value.flat[state])
        sizes = np.zeros(intervals, dtype=np.int64)
        if not np.isfinite(cost):
            return np.inf, sizes
        if self.cyclic:
            state = int(pointers.pop().flat[state])
        for i in range(intervals - 1, -1, -1):
            sizes[order[i]] = self.sizes[state % len(self.sizes)]
            if i:
                state = int(pointers[i - 1].flat[state])
        return cost, sizes

    def _begun(self, opening: _Opening) -> Floats:
        """[C, H, V] cost of the first interval."""
        first, number, count = opening
        counts = 1 if self.most is None else self.most + 1
        value = np.full((counts, self.hold + 1, len(self.sizes)), np.inf)
        if self.cyclic:
            if count < counts:
                value[count, 0, number] = self.cost[first, number]
            return value
        if number is None:
            value[0, 0] = 0.0
            begun: Floats = value + self.cost[0]
            return begun
        value[0, 0, number] = 0.0
        return self._next(value, 0, new_day=False)[0]

    def _next(self, value: Floats, t: int, *, new_day: bool) -> tuple[Floats, Ints]:
        """[C, H, V] cost of each state of interval t, and the state [C, H, V] before it."""
        counts, holds, sizes = value.shape
        states = np.arange(value.size).reshape(value.shape)
        if new_day and counts > 1:
            fewest = value.argmin(axis=0)[None]
            states = np.take_along_axis(states, fewest, axis=0)
            value = np.take_along_axis(value, fewest, axis=0)
        reached = np.full((counts, holds, sizes), np.inf)
        came_from = np.zeros((counts, holds, sizes), dtype=np.int64)

        def offer(count: slice, hold: int, cost: Floats, state: Ints) -> None:
            here, there = reached[count, hold], came_from[count, hold]
            rows = slice(0, len(here))
            better = cost[rows] < here
            here[better], there[better] = cost[rows][better], state[rows][better]

        days = slice(0, len(value))
        reached[days, : holds - 1], came_from[days, : holds - 1] = value[:, 1:], states[:, 1:]
        as_cheap = value[:, 0] <= reached[days, 0]
        reached[days, 0] = np.where(as_cheap, value[:, 0], reached[days, 0])
        came_from[days, 0] = np.where(as_cheap, states[:, 0], came_from[days, 0])
        more = slice(0, 1) if self.most is None else slice(1, len(value) + 1)
        fallen, places = _least_before(value[:, 0, ::-1])
        fallen, places = fallen[:, ::-1], sizes - 1 - places[:, ::-1]
        offer(more, 0, fallen + self.change, np.take_along_axis(states[:, 0], places, axis=1))
        held = value.argmin(axis=1)[:, None]
        lowest = np.take_along_axis(value, held, axis=1)[:, 0]
        at = np.take_along_axis(states, held, axis=1)[:, 0]
        grown, places = _least_before(lowest - self.start * self.sizes)
        grown = grown + self.start * self.sizes + self.change
        offer(more, holds - 1, grown, np.take_along_axis(at, places, axis=1))
        cost: Floats = reached + self.cost[t]
        return cost, came_from


def _least_before(values: Floats) -> tuple[Floats, Ints]:
    """[*, V] least of all values [*, V] before each, and its place; inf before the first."""
    least = np.minimum.accumulate(values, axis=1)
    places = np.maximum.accumulate(np.where(values == least, np.arange(values.shape[1]), 0), axis=1)
    before = np.full_like(values, np.inf)
    before[:, 1:] = least[:, :-1]
    moved = np.zeros_like(places)
    moved[:, 1:] = places[:, :-1]
    return before, moved
