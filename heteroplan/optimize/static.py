"""The cheapest plan that never changes: one size a pool, large enough for every interval.

What today's fixed pools cost at best. A small MIP: of each workload only the intervals that
ask for most matter (Pareto-maximal loads), and supply is the least there ever is.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.optimize import solver
from heteroplan.optimize.model import build_model, read_solution
from heteroplan.optimize.problem import Floats, Ints, PoolSpec, Problem, WorkSpec
from heteroplan.optimize.solver import Effort


@dataclass(frozen=True, slots=True, eq=False)
class ConstantSizes:
    """Pool sizes that cover every interval, and what was proved about them."""

    replicas: Ints
    """[P]"""
    flow: tuple[Floats, ...]
    """For each pool [K, T]: share of the class's demand that it handles."""
    cost: float
    """Of running them all day; objective units."""
    bound: float
    """No constant sizes cost less."""


def cheapest_constant(
    problem: Problem, *, node_types: Collection[str] | None = None, effort: Effort
) -> ConstantSizes | None:
    """The cheapest constant pool sizes that serve all demand, on `node_types` alone where given.

    None where no constant sizes do, or none was found with the effort allowed.
    """
    peaks = [_peaks(problem, work) for work in problem.works]
    small = _at_peaks(problem, peaks, node_types)
    model = build_model(small, allow_short=False, constant=True)
    answer = solver.run(model.lp, effort, integer=True)
    if not answer.has_solution or answer.bound is None:
        return None
    found = read_solution(model)
    replicas = found.replicas[:, 0]
    cost = sum(
        float(pool.run_cost.sum()) * int(n) for pool, n in zip(problem.pools, replicas, strict=True)
    )
    flow = tuple(
        share[:, peaks[pool.workload].covering]
        for pool, share in zip(problem.pools, found.flow, strict=True)
    )
    return ConstantSizes(replicas, flow, cost, min(cost, answer.bound * model.cost_scale))


@dataclass(frozen=True, slots=True, eq=False)
class _Peaks:
    """The intervals of a workload that no other one outdoes."""

    intervals: Ints
    """[peaks]"""
    covering: Ints
    """[T] for each interval a peak (its place in `intervals`) with at least its loads."""


def _peaks(problem: Problem, work: WorkSpec) -> _Peaks:
    """Interval a is covered by b where every pool's load of every class is at most b's."""
    loads = [np.where(work.rps > 0, problem.pools[p].load, 0.0) for p in work.pools]
    rows = np.concatenate([*loads, work.rps > 0])
    kept: list[int] = []
    for t in np.argsort(-rows.sum(axis=0), kind="stable"):
        if not (rows[:, kept] >= rows[:, [t]]).all(axis=0).any():
            kept.append(int(t))
    covers = (rows[:, kept, None] >= rows[:, None, :]).all(axis=0)
    return _Peaks(np.array(kept, dtype=np.int64), covers.argmax(axis=0))


def _at_peaks(problem: Problem, peaks: list[_Peaks], node_types: Collection[str] | None) -> Problem:
    """`problem` with an interval a peak: the i-th is each workload's i-th peak."""
    intervals = max((len(found.intervals) for found in peaks), default=1)

    def at_peaks(values: Floats, w: int) -> Floats:
        padding = np.zeros((len(values), intervals - len(peaks[w].intervals)))
        return np.concatenate([values[:, peaks[w].intervals], padding], axis=1)

    def pool_at_peaks(pool: PoolSpec) -> PoolSpec:
        allowed = node_types is None or pool.node_type in node_types
        return replace(
            pool,
            run_cost=np.full(intervals, pool.run_cost.sum() / intervals),
            load=at_peaks(pool.load, pool.workload),
            most=np.full(intervals, pool.most.min() if allowed else 0),
        )

    return replace(
        problem,
        intervals=intervals,
        works=tuple(
            replace(work, rps=at_peaks(work.rps, w)) for w, work in enumerate(problem.works)
        ),
        pools=tuple(pool_at_peaks(pool) for pool in problem.pools),
        supplies=tuple(
            replace(row, gpus=np.full(intervals, row.gpus.min())) for row in problem.supplies
        ),
    )
