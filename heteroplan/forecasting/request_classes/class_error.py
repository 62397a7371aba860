"""How far off capacity is when only classes of requests are known, whatever the engine.

A family of engines and SLOs is stated without units: prefill that is fixed, linear and quadratic in
parts, utilizations and percentiles at the SLO. Of each the capacity by the classes' lengths, taken
to be gamma, is held against that by all lengths.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.steps.counting import COMPUTED, COMPUTED2, COUNT, SUMS
from heteroplan.queueing.lengths import Resolution, gamma_parts
from heteroplan.queueing.sojourns import Sojourns
from heteroplan.queueing.waiting import UTILIZATION_CAP

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Cuts = tuple[int, ...]

FIXED, SQUARED = (0.0, 0.4), (0.0, 0.3, 0.6, 0.9)
"""Share of the mean prefill time that is fixed; of the rest, that grows squared."""
FLOORED = ((0.0, 0.0), (0.0, 0.6))
FLOOR = 0.25
"""Of those engines also ones that take no less time than for this part of a mean length."""
LOADS, PERCENTILES = (0.4, 0.6, 0.8), (0.9, 0.95, 0.99)
"""Of a prefill replica at its SLO: a TTFT that lets it be busy less is not one to plan for."""
SEARCHED = (
    (0.0, 0.0, 0.4, 0.0),
    (0.0, 0.0, 0.8, FLOOR),
    (0.0, 0.6, 0.8, 0.0),
    (0.0, 0.9, 0.4, 0.0),
    (0.4, 0.3, 0.6, 0.0),
    (0.4, 0.9, 0.4, 0.0),
)
"""(fixed, squared, load, floor) that cuts are searched by; all of them bound the error found."""
NORM, SWEEPS = 8, 4
COARSE = Resolution(40, 40, 1e-6)
"""Parts of the lengths of a class and of a cell."""


class Family:
    """Engines and SLOs without units, at which classes are held against the columns of a grid."""

    def __init__(self, steps: Ints, sums: Floats) -> None:
        """`steps` [cell] of computed tokens, `sums` [cell, column] of `counting`."""
        self.steps, where = np.unique(steps, return_inverse=True)
        columns = [np.bincount(where, column) for column in sums.T]
        self.sums = np.stack(columns, axis=1)
        self.requests = float(self.sums[:, COUNT].sum())
        self._ahead = np.concatenate([np.zeros((1, SUMS)), np.cumsum(self.sums, axis=0)])
        self._seen: dict[Cuts, float] = {}

    @cached_property
    def cases(self) -> dict[tuple[float, float, float, float], "Case"]:
        """By (fixed, squared, load, floor)."""
        truth = [self._gamma(at, at + 1) for at in range(len(self.steps))]
        first = float(self.sums[:, COMPUTED].sum()) / self.requests
        second = float(self.sums[:, COMPUTED2].sum()) / self.requests
        kinds = [(*each, 0.0) for each in product(FIXED, SQUARED, LOADS)]
        kinds += [(*each, load, FLOOR) for each, load in product(FLOORED, LOADS)]
        return {kind: Case(*kind, first, second, _joined(truth)) for kind in kinds}

    def bound(self, cuts: Cuts) -> float:
        """The worst relative error of capacity of the family."""
        lengths = self._lengths(cuts)
        return max(float(np.abs(each.errors(*lengths)).max()) for each in self.cases.values())

    def loss(self, cuts: Cuts) -> float:
        """About the worst relative error of capacity, smooth and quick, to search by."""
        if cuts not in self._seen:
            lengths = self._lengths(cuts)
            errors = np.concatenate([self.cases[kind].slips(*lengths) for kind in SEARCHED])
            self._seen[cuts] = float((errors**NORM).mean() ** (1 / NORM))
        return self._seen[cuts]

    def best(self, count: int, before: Cuts) -> Cuts:
        """Cuts into `count` classes, each moved in turn to where the loss is least.

        Begun from the cuts `before` of one class fewer with one more, and from even parts of all
        tokens and of their squares.
        """
        if count == 1:
            return ()
        inner = self.steps[1:].tolist()
        added = (tuple(sorted({*before, each})) for each in inner if each not in before)
        starts = {min(added, key=self.loss)}
        for column in (COMPUTED, COMPUTED2):
            mass = np.cumsum(self.sums[:, column]) / self.sums[:, column].sum()
            parts = np.searchsorted(mass, np.arange(1, count) / count)
            starts.add(tuple(sorted({inner[min(at, len(inner) - 1)] for at in parts.tolist()})))
        return min((self._moved(start) for start in starts), key=self.loss)

    def _moved(self, cuts: Cuts) -> Cuts:
        inner = self.steps[1:].tolist()
        for _ in range(SWEEPS):
            before = cuts
            for at in range(len(cuts)):
                low = cuts[at - 1] if at else -1
                high = cuts[at + 1] if at + 1 < len(cuts) else inner[-1] + 1
                between = [each for each in inner if low < each < high]
                options = ((*cuts[:at], each, *cuts[at + 1 :]) for each in between)
                cuts = min(options, key=self.loss)
            if cuts == before:
                break
        return cuts

    def _lengths(self, cuts: Cuts) -> tuple[Floats, Floats]:
        ends = [0, *np.searchsorted(self.steps, cuts).tolist(), len(self.steps)]
        return _joined([self._gamma(low, high) for low, high in pairwise(ends) if low < high])

    def _gamma(self, low: int, high: int) -> tuple[Floats, Floats]:
        n, i, _, ii, *_ = (self._ahead[high] - self._ahead[low]).tolist()
        shares, parts = gamma_parts(round(max(0.0, ii * n / i**2 - 1.0) ** 0.5, 5), COARSE)
        return shares * n / self.requests, parts * i / n


def _joined(parts: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    shares, tokens = (np.concatenate(each) for each in zip(*parts, strict=True))
    return shares / shares.sum(), tokens


class Case:
    """A prefill engine and the TTFTs, one a percentile, at which the truth lets it be so busy."""

    def __init__(
        self,
        fixed: float,
        squared: float,
        load: float,
        floor: float,
        first: float,
        second: float,
        truth: tuple[Floats, Floats],
    ) -> None:
        self.load = load
        self._work = (fixed, (1 - fixed) * (1 - squared) / first, (1 - fixed) * squared / second)
        self._least = floor * first
        shares, tokens = truth
        times = self._times(tokens)
        late = 1.0 - PERCENTILES[-1]
        horizon = float(times.max())
        while Sojourns(shares, times, horizon).late_share(load, horizon) > late:
            horizon *= 2.0
        horizon = 1.05 * Sojourns(shares, times, horizon).longest(load, late)
        queue = Sojourns(shares, times, horizon)
        self.horizon, self._mean = horizon, queue.mean
        self.budgets = [queue.longest(load, 1.0 - each) for each in PERCENTILES]
        self._lates = queue.late_shares(load, self.budgets)
        # Where times come in steps, so do sojourns: more load may fit the same budget.
        self._loads = [
            queue.greatest_load(budget, 1.0 - percentile)
            for budget, percentile in zip(self.budgets, PERCENTILES, strict=True)
        ]
        ends = [queue.late_shares(load * each, self.budgets) for each in (0.98, 1.02)]
        self._slopes = (ends[1] - ends[0]) / (0.04 * load)

    def slips(self, shares: Floats, tokens: Floats) -> Floats:
        """[percentile] relative errors of the rate, by one step of Newton's."""
        queue = Sojourns(shares, self._times(tokens), self.horizon)
        late = queue.late_shares(
            min(UTILIZATION_CAP, self.load * queue.mean / self._mean), self.budgets
        )
        return (self._lates - late) / self._slopes / self.load

    def errors(self, shares: Floats, tokens: Floats) -> Floats:
        """[percentile] relative errors of the rate."""
        queue = Sojourns(shares, self._times(tokens), self.horizon)
        found = [
            queue.greatest_load(budget, 1.0 - percentile) * self._mean / queue.mean / load - 1.0
            for budget, percentile, load in zip(self.budgets, PERCENTILES, self._loads, strict=True)
        ]
        return np.array(found)

    def _times(self, tokens: Floats) -> Floats:
        fixed, linear, squared = self._work
        longer = np.maximum(tokens, self._least)
        return fixed + linear * longer + squared * longer**2
