"""What a workload costs at least at given prices, interval by interval in whole replicas.

Blocks let go what ties replicas within an interval: several classes, resilience, ratios, limits on
groups and engines, divided engines. A MIP of the workload alone in one interval keeps all of that,
its groups, and the GPUs that there are. A start counts for what is due of it: charged where a pool
grows, it comes back where it shrinks. The LP of the workload's day says how much.

Where nothing ties replicas blocks prove more, as they see starts (seven fleets of 2 to
10 workloads: of 45 workloads out of 48 more than such MIPs, of three 0.02 to 0.7 % less).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.clock import Stop
from heteroplan.numerics.tolerances import SOLVER_TOLERANCE
from heteroplan.optimize.bound.bound import PricedBound
from heteroplan.optimize.bound.own_supply import own_day, own_model
from heteroplan.optimize.program.coarser import one_interval
from heteroplan.optimize.program.mix import part_pairs
from heteroplan.optimize.program.prices import pool_prices
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.optimize.rules import is_choosy
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, optimum

EVERY = 8
"""Of so many intervals one is solved to see what those of a workload gain."""
INTERVAL_GAP, INTERVAL_NODES = 1e-3, 2_000
"""Of the MIP of one workload in one interval."""


def lets_go(problem: Problem, w: int) -> bool:
    """Whether blocks let go what ties replicas of workload w within an interval."""
    work = problem.workloads[w]
    return (
        len(work.rps) > 1
        or work.resilience is not None
        or problem.band(w) is not None
        or is_choosy(problem, w)
        or bool(part_pairs(problem, work.pools))
    )


def with_own_intervals(problem: Problem, best: PricedBound, stop: Stop) -> Iterator[PricedBound]:
    """The bound with what single intervals of workloads prove more than their blocks.

    LPs of all such workloads come first, then some MIPs of each, then all of those workloads of
    which these promise to prove more, most first.
    """
    effort, days = Effort(stop=stop), dict[int, _Day]()
    held = pool_prices(problem, best.prices.supply)

    def found() -> PricedBound:
        by_work = best.by_work.copy()
        for w, day in days.items():
            by_work[w] = max(by_work[w], day.proven())
        return PricedBound(best.value + float((by_work - best.by_work).sum()), best.prices, by_work)

    for w in range(len(problem.workloads)):
        day = _day(problem, w, held, effort) if lets_go(problem, w) else None
        if day is not None:
            days[w] = day
    yield found()
    promised = dict[int, float]()
    for w, day in days.items():
        gained = day.solve(range(0, problem.intervals, EVERY), effort)
        promised[w] = day.proven() + (EVERY - 1) * gained - best.by_work[w]
    for w in sorted((w for w in days if promised[w] > 0.0), key=lambda w: -promised[w]):
        for first in range(1, EVERY):
            if stop():
                return
            days[w].solve(range(first, problem.intervals, EVERY), effort)
            yield found()


@dataclass(frozen=True, slots=True, eq=False)
class _Day:
    """A workload alone, its intervals apart."""

    intervals: tuple[Problem, ...]
    least: Floats
    """[T] proven of what each costs, objective units."""

    def proven(self) -> float:
        """Of all, what a solver may miss taken off."""
        return float(self.least.sum() - SOLVER_TOLERANCE * np.abs(self.least).sum())

    def solve(self, times: Sequence[int], effort: Effort) -> float:
        """Prove more of some intervals by MIPs; says how much more."""
        limits = replace(effort, gap=INTERVAL_GAP, nodes=INTERVAL_NODES, proves=True)
        before = float(self.least.sum())
        for t in times:
            if effort.over():
                break
            model = own_model(self.intervals[t])
            bound = solver.run(model.lp, limits, integer=True).bound
            if bound is not None and np.isfinite(bound):
                self.least[t] = max(self.least[t], bound * model.cost_scale)
        return float(self.least.sum()) - before


def _day(problem: Problem, w: int, held: Floats, effort: Effort) -> _Day | None:
    """Of workload w with what LPs prove, at prices [P, T] of held GPUs.

    None where the effort ran out, or demand cannot be served.
    """
    if effort.over():
        return None
    own = own_day(problem, w, held)
    if optimum(own.model.lp, replace(effort, interior=True)) is None:
        return None
    due = np.zeros(own.running.shape)
    for (p, t), row in own.model.start_rows.items():
        due[p, t] = max(0.0, row.pi or 0.0) * own.model.cost_scale
    due = np.minimum(due, own.starting)
    if not problem.cyclic:
        due[:, 0] = 0.0
    cost = own.running + (due - own.model.problem.shift(due, 1))
    intervals, least = [], []
    for t in range(problem.intervals):
        one = one_interval(own.model.problem, t)
        pools = [replace(pool, run_cost=cost[p, [t]]) for p, pool in enumerate(one.pools)]
        intervals.append(replace(one, pools=tuple(pools)))
        model = own_model(intervals[-1])
        found = None if effort.over() else optimum(model.lp, effort)
        if found is None:
            return None
        least.append(found * model.cost_scale)
    return _Day(tuple(intervals), np.array(least))
