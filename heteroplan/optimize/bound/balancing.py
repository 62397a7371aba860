"""Prices of balances improved for each workload by itself, at given prices of supply.

What a workload costs at least falls apart from the others at given prices of supply, and is all but
concave in the prices of its balances. Each set of prices that was tried gives a line above that
cost. The next ones maximise the lowest of these lines, less the squared distance from the best ones
so far (the proximal bundle method of Lemaréchal, 1975, and Kiwiel, 1990).

Where a workload has no prices of balances, all its domains tie, and no step from there helps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.clock import Stop
from heteroplan.numerics.tolerances import NOTHING, ROUNDING
from heteroplan.optimize.bound.bound import cost_and_flow, given_away, least_cost
from heteroplan.optimize.covering.stages import Priced, priced
from heteroplan.optimize.program.prices import Prices, passing_prices
from heteroplan.optimize.program.problem import Floats, Problem

STEPS = 12
"""Prices that are tried for each workload. A fleet of 50 workloads (seed81): the bound rises by
4,700 in 8, by 5,300 in 14 that take 14 CPU s."""
HOPED, LEAST_HOPED = 5e-3, 1e-5
"""Parts of a workload's cost: what the first step is long enough to gain by the first line, and
what the lines must still promise for another step."""
ENOUGH = 0.1
"""Part of what the lines promise that a step must gain to be the best one."""
LONGER, SHORTER = 2.0, 0.5
"""The next step after one that gained enough, and after `PATIENCE` that did not."""
MOST_RISE = 0.1
"""Part of a workload's cost by which `STEPS` may raise it: by more where no plan serves all of its
demand. Prices then rise without end, and prove little of plans that leave some unserved."""
PATIENCE = 3
"""Steps in a row that gain too little before the step gets shorter."""
MOST_MOVES = 10_000
"""Times that weight moves from one line to another to find a step; dozens mostly do."""


def balanced(problem: Problem, prices: Prices, stop: Stop, cells: int) -> Prices:
    """Prices with better ones of balances where a workload has any.

    By grids of about so many `cells` an interval. Once `stop()` says so, as far as it got.
    """
    at, balance = priced(problem, prices), prices.balance.copy()
    for costs, found in _better_of_each(at, balance, stop, cells):
        balance[costs.rows, : found.shape[1]] = found
    return replace(prices, balance=balance)


def balanced_each(
    problem: Problem, prices: Prices, by_work: Floats, stop: Stop, cells: int, larger: int
) -> Iterator[tuple[Prices, float]]:
    """The same one after another: prices after each workload, and by what they prove more.

    On grids of `larger` cells, beside what each costs there at least so far, `by_work` [W]. What is
    found instead is put there. Workloads keep their prices where others prove less, or far more.
    """
    at, balance = priced(problem, prices), prices.balance.copy()
    for costs, found in _better_of_each(at, balance, stop, cells):
        proven = least_cost(costs.priced_at(found), costs.w, larger)
        if proven is None or stop():
            continue
        before = by_work[costs.w]
        more = proven - before + given_away(costs.own) - given_away(found)
        more -= ROUNDING * (abs(proven) + abs(before))
        if 0 < more < MOST_RISE * abs(before):
            by_work[costs.w] = proven
            balance[costs.rows, : found.shape[1]] = found
            yield replace(prices, balance=balance.copy()), more


def _better_of_each(
    at: Priced, balance: Floats, stop: Stop, cells: int
) -> Iterator[tuple["_Costs", Floats]]:
    """For each workload with prices of balances better ones, until `stop()`."""
    for w in range(len(at.problem.workloads)):
        costs = _Costs(at, w, cells, at.problem.balances_of(w), balance)
        if costs.own.any() and not stop():
            best = max(_steps(costs, stop), key=lambda line: line.cost, default=None)
            if best is not None:
                yield costs, best.at


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """What a workload costs at least at some prices, and what that says of others."""

    cost: float
    at: Floats
    """[B, K, T] prices of its balances."""
    slope: Floats
    """[B, K, T]"""

    def above(self, at: Floats) -> float:
        """What the workload costs at most at other prices, by this line."""
        return self.cost + float(((at - self.at) * self.slope).sum())


@dataclass(frozen=True, slots=True, eq=False)
class _Costs:
    """What a workload costs at least, by prices of its balances."""

    priced: Priced
    w: int
    cells: int
    rows: list[int]
    """Numbers of its balances."""
    balance: Floats
    """[B, K, T] prices of all balances."""

    @property
    def own(self) -> Floats:
        """[*, K, T] prices of its own."""
        return self.balance[self.rows, : len(self.priced.problem.workloads[self.w].rps)]

    def priced_at(self, at: Floats) -> Priced:
        """With prices [*, K, T] of its own."""
        balance = self.balance.copy()
        balance[self.rows, : at.shape[1]] = at
        return replace(self.priced, passing=passing_prices(self.priced.problem, balance, self.rows))

    def line(self, at: Floats) -> _Line | None:
        """At prices [*, K, T] of its own; None where it has no schedule."""
        found = cost_and_flow(self.priced_at(at), self.w, self.cells)
        if found is None:
            return None
        least, passed = found
        return _Line(least - given_away(at), at, passed[self.rows, : at.shape[1]])


def _steps(costs: _Costs, stop: Stop) -> Iterator[_Line]:
    """Lines at the prices that there are, and at better and better ones."""
    best = costs.line(costs.own)
    if best is None or not best.slope.any():
        return
    yield best
    lines, failed = [best], 0
    length = HOPED * abs(best.cost) / float((best.slope**2).sum())
    for _ in range(STEPS):
        slopes = np.array([line.slope.ravel() for line in lines])
        # A line that lies below the best cost would rule it out: the cost is not quite concave.
        above = np.array([max(best.cost, line.above(best.at)) for line in lines])
        direction = _lowest(slopes, above, length) @ slopes
        hoped = float((above + length * (slopes @ direction)).min()) - best.cost
        if hoped < LEAST_HOPED * abs(best.cost) or stop():
            return
        found = costs.line(best.at + length * direction.reshape(best.at.shape))
        if found is None:
            return
        yield found
        lines.append(found)
        if found.cost > best.cost + ENOUGH * hoped:
            best, failed = found, 0
            length *= LONGER
        else:
            failed += 1
            if failed % PATIENCE == 0:
                length *= SHORTER


def _lowest(slopes: Floats, above: Floats, length: float) -> Floats:
    """[L] weights of sum 1 of lines, those of the dual of the next step.

    They minimise length / 2 · |weights · slopes|² + weights · above, two weights at a time.
    """
    gram = length * slopes @ slopes.T
    weights = np.zeros(len(above))
    weights[above.argmin()] = 1.0
    for _ in range(MOST_MOVES):
        rise = gram @ weights + above
        up, down = int(rise.argmin()), int(np.where(weights > 0, rise, -np.inf).argmax())
        if rise[down] - rise[up] <= ROUNDING * np.abs(above).max():
            break
        curve = gram[up, up] + gram[down, down] - 2 * gram[up, down]
        moved = min(weights[down], (rise[down] - rise[up]) / max(curve, NOTHING))
        weights[up] += moved
        weights[down] -= moved
    return weights
