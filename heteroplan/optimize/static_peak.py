"""The cheapest plan that never changes: one size a pool, large enough for every interval.

What today's fixed pools cost at best.

1. *Peaks.* Of each workload only the intervals that ask for most matter (Pareto-maximal
   loads), and supply is the least there ever is.
2. *Merged.* All domains added up into one: a small MIP whose bound holds for any plan, since
   sums of pools, flows and supplies meet every equation that the parts meet.
3. *Spread.* Those sizes spread over the domains at the same cost; where they do not fit, one
   replica more of each engine, then any sizes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.clock import Stop
from heteroplan.numerics.tolerances import BASELINE_GAP, ROUNDING
from heteroplan.optimize.improve.polish import run_from
from heteroplan.optimize.model import build_model, read_solution
from heteroplan.optimize.program.coarser import one_domain
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import (
    Floats,
    Ints,
    PoolSpec,
    Problem,
    ProgramWorkload,
    Solution,
    unserved_requests,
)
from heteroplan.optimize.program.sizes import at_sizes
from heteroplan.optimize.rules.mip import Model
from heteroplan.optimize.solvers.solver import Answer, Effort, Verdict

MERGED_NODES = 5_000
SPREAD_NODES = 1_000
"""Branch-and-bound nodes; counted, so that a run does not depend on the clock."""
SIZED_ROUNDS = 4
"""Times that sizes are sought before none are found."""


@dataclass(frozen=True, slots=True, eq=False)
class ConstantSizes:
    """Pool sizes that cover every interval, and what was proved about them."""

    solution: Solution
    """The same sizes at all times."""
    cost: float
    """Of running them all day; objective units."""
    bound: float
    """No constant sizes cost less."""


def cheapest_constant(
    problem: Problem,
    *,
    node_types: Collection[str] | None = None,
    gap: float = BASELINE_GAP,
    deadline: float | None = None,
    stop: Stop | None = None,
) -> ConstantSizes | Verdict:
    """The cheapest constant sizes that serve all demand, on `node_types` alone where given.

    Where capacity depends on the size of a pool, again with that of the sizes found until they
    serve it. Within the relative `gap`, or the best found when nodes, `deadline` (on the clock of
    time.monotonic [s]) or `stop()` ended the search. INFEASIBLE where no sizes serve
    everything, LIMIT where none were found.
    """
    effort = Effort(gap=gap, deadline=deadline, stop=stop)
    assumed, bound = problem, np.inf
    for _ in range(SIZED_ROUNDS if problem.sized else 1):
        found = _sizes(assumed, node_types, effort)
        if isinstance(found, Verdict):
            return found if assumed is problem else Verdict.LIMIT
        if not problem.sized:
            return found
        bound = min(bound, found.bound)
        replicas = found.solution.replicas
        flow = mixed_flow(problem, replicas)
        if not any(unserved_requests(problem, flow).values()):
            return replace(found, solution=Solution(replicas, flow), bound=bound)
        assumed = at_sizes(problem, replicas)
    return Verdict.LIMIT


def _sizes(
    problem: Problem, node_types: Collection[str] | None, effort: Effort
) -> ConstantSizes | Verdict:
    """The cheapest constant sizes with the capacities of the program."""
    peaks = [_peaks(problem, work) for work in problem.workloads]
    small = _at_peaks(problem, [intervals for intervals, _ in peaks], node_types)
    found, bound = _cheapest(small, effort)
    if isinstance(found, Verdict):
        return found
    replicas = np.repeat(found.replicas[:, :1], problem.intervals, axis=1)
    cost = small.cost(found.replicas)
    flow = tuple(
        share[:, peaks[pool.workload][1]]
        for pool, share in zip(problem.pools, found.flow, strict=True)
    )
    return ConstantSizes(Solution(replicas, flow), cost, min(cost, bound))


def _cheapest(problem: Problem, effort: Effort) -> tuple[Solution | Verdict, float]:
    """Constant sizes of the small program, and a bound on the cost of any."""
    if effort.over():
        return Verdict.LIMIT, 0.0
    merged = one_domain(problem, proves=True)
    model = build_model(merged.program, allow_short=False, constant=True)
    answer = run_from(model, None, replace(effort, nodes=MERGED_NODES))
    if answer.verdict is Verdict.INFEASIBLE:
        return Verdict.INFEASIBLE, np.inf
    bound = _bound(model, answer)
    sizes: Ints | None = None
    enough = bound * (1 + effort.gap)
    if answer.has_solution:
        whole = read_solution(model)
        sizes = whole.replicas[:, 0]
        enough = max(enough, merged.program.cost(whole.replicas) * (1 + ROUNDING))
    best: Solution | None = None
    verdict = Verdict.LIMIT
    for extra in (None,) if sizes is None else (0, 1, None):
        if effort.over():
            break
        model = build_model(problem, allow_short=False, constant=True)
        _floor_cost(model, bound)
        if extra is not None and sizes is not None:
            _limit_totals(model, merged.pools, sizes, extra)
        answer = run_from(model, best, replace(effort, nodes=SPREAD_NODES))
        if answer.has_solution:
            best = read_solution(model)
        if extra is None:
            bound = max(bound, _bound(model, answer))
            verdict = answer.verdict
        if best is not None and problem.cost(best.replicas) <= enough:
            break
    if best is None:
        return Verdict.INFEASIBLE if verdict is Verdict.INFEASIBLE else Verdict.LIMIT, bound
    return best, bound


def _bound(model: Model, answer: Answer) -> float:
    return 0.0 if answer.bound is None else answer.bound * model.cost_scale


def _floor_cost(model: Model, least: float) -> None:
    """Σ run·n >= least [objective units]: lets the solver see a bound that is known already."""
    days = model.problem.intervals / model.cost_scale
    pools = zip(model.n, model.problem.pools, strict=True)
    terms = [(sizes[0], pool.plain_cost * days) for sizes, pool in pools]
    if terms:
        model.add(terms, ">=", least * (1 - ROUNDING) / model.cost_scale, "cost_floor")


def _limit_totals(model: Model, members: Sequence[Sequence[int]], sizes: Ints, extra: int) -> None:
    """sizes[e] <= Σ_{p of engine e} n[p] <= sizes[e] + extra for each engine in use, else 0."""
    for e, pools in enumerate(members):
        most = int(sizes[e]) + extra if sizes[e] else 0
        terms = [(model.n[p][0], 1.0) for p in pools]
        model.add(terms, "<=", most, f"total_most_{e}")
        if extra == 0:
            model.add(terms, ">=", most, f"total_least_{e}")


def _peaks(problem: Problem, work: ProgramWorkload) -> tuple[Ints, Ints]:
    """[peaks] intervals of a workload that no other one outdoes, and [T] which of them covers each.

    Interval a is covered by b where every pool's load of every class is at most b's.
    """
    loads = [np.where(work.rps > 0, problem.pools[p].load, 0.0) for p in work.pools]
    rows = np.concatenate([*loads, work.rps > 0])
    kept: list[int] = []
    for t in np.argsort(-rows.sum(axis=0), kind="stable"):
        if not (rows[:, kept] >= rows[:, [t]]).all(axis=0).any():
            kept.append(int(t))
    covers = (rows[:, kept, None] >= rows[:, None, :]).all(axis=0)
    return np.array(kept, dtype=np.int64), covers.argmax(axis=0)


def _at_peaks(problem: Problem, peaks: list[Ints], node_types: Collection[str] | None) -> Problem:
    """`problem` with an interval a peak: the i-th is each workload's i-th peak."""
    intervals = max(map(len, peaks), default=1)

    def at_peaks(values: Floats, w: int) -> Floats:
        padding = np.zeros((len(values), intervals - len(peaks[w])))
        return np.concatenate([values[:, peaks[w]], padding], axis=1)

    def pool_at_peaks(pool: PoolSpec) -> PoolSpec:
        allowed = node_types is None or pool.node_type in node_types
        return replace(
            pool,
            plain_cost=pool.plain_cost * problem.intervals / intervals,
            run_cost=np.full(intervals, pool.plain_cost * problem.intervals / intervals),
            load=at_peaks(pool.load, pool.workload),
            by_size=None,
            most=np.full(intervals, pool.most.min() if allowed else 0),
        )

    return replace(
        problem,
        intervals=intervals,
        workloads=tuple(
            replace(work, rps=at_peaks(work.rps, w)) for w, work in enumerate(problem.workloads)
        ),
        pools=tuple(pool_at_peaks(pool) for pool in problem.pools),
        supplies=tuple(
            replace(row, gpus=np.full(intervals, row.gpus.min())) for row in problem.supplies
        ),
        before=None,
        fixed_cost=0.0,
    )
