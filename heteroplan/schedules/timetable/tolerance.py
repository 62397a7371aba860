"""Sizes that an HPA makes although it does nothing where a change is small.

A HorizontalPodAutoscaler leaves a size alone that misses the wanted one by no more than its
tolerance: from 20 replicas it makes neither 22 nor 18. So a schedule that goes through one asks
for sizes each of whose changes is large enough, the cheapest that are nowhere smaller than asked.

It is a dynamic program over the times of constant size. The least size of all is always reached:
it is the HPA's minimum, and outside every window KEDA's triggers ask for one replica.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.schedules.timetable.timetable import Ints

type _Floats = NDArray[np.float64]

_ROUNDING = 1e-9
"""Share: at a tolerance exactly, releases of Kubernetes differ in what they do."""


def made(current: int, wanted: int, tolerance: float, least: int) -> bool:
    """Whether the HPA goes from one size to another, where `least` is the least of all sizes."""
    if wanted in (current, least) or current == 0:
        return True
    return abs(wanted / current - 1.0) > tolerance + _ROUNDING


def followed(asked: Ints, tolerance: float, *, cyclic: bool) -> Ints:
    """[M] the sizes that cost the fewest replica-minutes, none below `asked` [M].

    All changes are at minutes at which `asked` changes. Where `cyclic`, the first minute comes
    after the last one.
    """
    if tolerance <= 0.0 or len(asked) == 0:
        return asked
    runs = _Runs.of(asked, cyclic=cyclic)
    best: tuple[float, list[int]] = (np.inf, [])
    for least in range(int(asked.min()), int(asked.max()) + 1):
        wanted = np.maximum(runs.sizes, least)
        if float(wanted @ runs.minutes) >= best[0]:
            break
        found = _cheapest(wanted, runs.minutes, tolerance, least, best[0], cyclic=cyclic)
        best = found if found[0] < best[0] else best
    return runs.by_minute(best[1])


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Times of constant size, the greatest size first where they repeat."""

    sizes: Ints
    """[R]"""
    minutes: Ints
    """[R]"""
    shift: int
    """Minutes from the beginning of the timetable to that of the first run."""

    @classmethod
    def of(cls, asked: Ints, *, cyclic: bool) -> "_Runs":
        starts = np.flatnonzero(np.diff(asked)) + 1
        shift = 0
        if cyclic and len(starts):
            peaks = starts[asked[starts] == asked[starts].max()]
            at_first = asked[0] == asked.max() and asked[-1] != asked[0]
            shift = 0 if at_first else int(peaks[0])
        turned = np.roll(asked, -shift)
        starts = np.concatenate([[0], np.flatnonzero(np.diff(turned)) + 1])
        return cls(turned[starts], np.diff([*starts, len(asked)]), shift)

    def by_minute(self, sizes: list[int]) -> Ints:
        return np.roll(np.repeat(np.array(sizes, dtype=np.int64), self.minutes), self.shift)


def _cheapest(
    asked: Ints, minutes: Ints, tolerance: float, least: int, dearest: float, *, cyclic: bool
) -> tuple[float, list[int]]:
    """Replica-minutes and sizes [R] that cost less than `dearest`, with `least` as the least size.

    Where the first size comes after the last one, firsts are tried from the one that would cost the
    least without that, until no other can cost less.
    """
    steps = _Steps(tolerance, least, int(asked.max() / (1.0 - tolerance) ** 2) + 2)
    best: tuple[float, list[int]] = (dearest, [])
    bounds, choices = steps.backwards(asked, minutes, np.zeros(steps.most + 1))
    for first in np.argsort(bounds, kind="stable").tolist():
        if bounds[first] >= best[0]:
            break
        costs = bounds
        if cyclic:
            costs, choices = steps.backwards(asked, minutes, steps.back_to(first))
        if costs[first] < best[0]:
            path = [first]
            for after in choices:
                path.append(int(after[path[-1]]))
            best = float(costs[first]), path
    return best


@dataclass(frozen=True, slots=True)
class _Steps:
    """Which size may come after which, up to `most`."""

    tolerance: float
    least: int
    most: int

    def back_to(self, first: int) -> _Floats:
        """[size] 0 where `first` may come next, else infinity."""
        sizes = range(self.most + 1)
        may = [made(size, first, self.tolerance, self.least) for size in sizes]
        return np.where(may, 0.0, np.inf)

    def backwards(self, asked: Ints, minutes: Ints, last: _Floats) -> tuple[_Floats, list[Ints]]:
        """[size] of the first run: the least cost from there on; and after each run what follows.

        `last` [size] is the cost after the last run.
        """
        sizes = np.arange(self.most + 1)
        costs, choices = last, []
        for i in range(len(asked) - 1, -1, -1):
            if i < len(asked) - 1:
                costs, after = self._cheapest_after(costs, sizes)
                choices.append(after)
            costs = np.where(sizes >= asked[i], costs + sizes * float(minutes[i]), np.inf)
        return costs, choices[::-1]

    def _cheapest_after(self, costs: _Floats, sizes: Ints) -> tuple[_Floats, Ints]:
        """[size] the least of `costs` among sizes that may follow, and which."""
        below = _running_least(costs)
        above = self.most - _running_least(costs[::-1])[::-1]
        smaller = np.ceil(sizes * (1.0 - self.tolerance - _ROUNDING)).astype(np.int64) - 1
        larger = np.floor(sizes * (1.0 + self.tolerance + _ROUNDING)).astype(np.int64) + 1
        after = sizes.copy()
        for may, at in (
            (smaller >= 0, below[np.maximum(smaller, 0)]),
            (larger <= self.most, above[np.minimum(larger, self.most)]),
            (sizes > self.least, np.full_like(sizes, self.least)),
        ):
            better = may & (costs[at] < costs[after])
            after[better] = at[better]
        after[0] = int(costs.argmin())
        return costs[after], after


def _running_least(costs: _Floats) -> Ints:
    """[n] where the least of the first n + 1 is, the first of equal ones."""
    least = np.minimum.accumulate(costs)
    fresh = np.concatenate([[True], costs[1:] < least[:-1]])
    return np.maximum.accumulate(np.where(fresh, np.arange(len(costs)), 0))
