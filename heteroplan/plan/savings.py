"""What the plan saves: the same demand met by sizes that never change, and the proven bound."""

from time import monotonic

import numpy as np

from heteroplan.entities.plan import Baseline, Plan
from heteroplan.entities.scenario import Objective
from heteroplan.optimize.problem import Problem
from heteroplan.optimize.solver import Stop, Verdict
from heteroplan.optimize.static import ConstantSizes, cheapest_constant
from heteroplan.plan.assemble import busy_share

GAP = 1e-3
"""Within which a static baseline is the cheapest one."""
TIME_SHARE = 0.2
"""Of the plan's time limit, for all static baselines together (a second at least); what else
ends them is counted in nodes."""
STATIC = "static_peak"
STATIC_ONE_GPU = "static_peak_one_gpu_type"
NO_SIZE = "no constant size covers the demand"
NOT_FOUND = "none found in the time allowed"
STOPPED = "not computed, interrupted"
NOT_COMPARED = "no comparison, the plan leaves demand unserved"


def baselines(
    plan: Plan, problem: Problem, *, stop: Stop, time_limit_s: float = 60.0
) -> tuple[Baseline, ...]:
    """`static_peak`, `static_peak_one_gpu_type` and `lower_bound`, in this order.

    `time_limit_s` is the plan's; the baselines take a part of it on top.
    """
    if plan.covered and stop():
        static = (_without_figure(STATIC, STOPPED), _without_figure(STATIC_ONE_GPU, STOPPED))
    elif plan.covered:
        deadline = monotonic() + max(1.0, TIME_SHARE * time_limit_s)
        static = (_static(plan, problem, deadline, stop), _one_gpu(plan, problem, deadline, stop))
    else:
        note = NO_SIZE if plan.report.unserved_requests_bound > 0 else NOT_COMPARED
        static = (_without_figure(STATIC, note), _without_figure(STATIC_ONE_GPU, note))
    return (*static, _lower_bound(plan))


def _static(plan: Plan, problem: Problem, deadline: float, stop: Stop) -> Baseline:
    sizes = cheapest_constant(problem, gap=GAP, deadline=deadline, stop=stop)
    if isinstance(sizes, Verdict):
        return _without_figure(STATIC, NO_SIZE if sizes is Verdict.INFEASIBLE else NOT_FOUND)
    return _baseline(plan, problem, STATIC, sizes)


def _one_gpu(plan: Plan, problem: Problem, deadline: float, stop: Stop) -> Baseline:
    """The GPU type that covers the demand alone for least, all node types with it together."""
    by_gpu: dict[str, set[str]] = {}
    for shape in plan.scenario.fleet.node_types:
        by_gpu.setdefault(shape.gpu.name, set()).add(shape.name)
    tried = {
        gpu: cheapest_constant(problem, node_types=shapes, gap=GAP, deadline=deadline, stop=stop)
        for gpu, shapes in by_gpu.items()
    }
    found = {gpu: sizes for gpu, sizes in tried.items() if not isinstance(sizes, Verdict)}
    if not found:
        impossible = all(sizes is Verdict.INFEASIBLE for sizes in tried.values())
        note = "no GPU type alone covers the demand" if impossible else NOT_FOUND
        return _without_figure(STATIC_ONE_GPU, note)
    best = min(found, key=lambda gpu: found[gpu].cost)
    return _baseline(plan, problem, STATIC_ONE_GPU, found[best], note=best)


def _baseline(
    plan: Plan, problem: Problem, name: str, sizes: ConstantSizes, note: str = ""
) -> Baseline:
    hours = problem.hours * problem.intervals
    price = {shape.name: shape.usd_per_gpu_hour for shape in plan.scenario.fleet.node_types}
    gpu_hours = [
        pool.gpus * int(n) * hours for pool, n in zip(problem.pools, sizes.replicas, strict=True)
    ]
    cost_usd = sum(
        used * price[pool.node_type] for pool, used in zip(problem.pools, gpu_hours, strict=True)
    )
    replicas = np.repeat(sizes.replicas[:, None], problem.intervals, axis=1)
    return _compared(
        plan, name, sum(gpu_hours), cost_usd, busy_share(problem, replicas, sizes.flow), note
    )


def _lower_bound(plan: Plan) -> Baseline:
    bound = plan.report.bound
    by_cost = plan.scenario.objective is Objective.COST
    return _compared(
        plan, "lower_bound", None if by_cost else bound, bound if by_cost else None, None, ""
    )


def _compared(
    plan: Plan,
    name: str,
    gpu_hours: float | None,
    cost_usd: float | None,
    utilization: float | None,
    note: str,
) -> Baseline:
    saved_gpu_hours = None if gpu_hours is None else gpu_hours - plan.totals.gpu_hours
    saved_cost_usd = None if cost_usd is None else cost_usd - plan.totals.cost_usd
    by_cost = plan.scenario.objective is Objective.COST
    saved = saved_cost_usd if by_cost else saved_gpu_hours
    whole = cost_usd if by_cost else gpu_hours
    return Baseline(
        name=name,
        gpu_hours=gpu_hours,
        cost_usd=cost_usd,
        saved_gpu_hours=saved_gpu_hours,
        saved_cost_usd=saved_cost_usd,
        saved_fraction=saved / whole if saved is not None and whole else None,
        utilization=utilization,
        note=note,
    )


def _without_figure(name: str, note: str) -> Baseline:
    return Baseline(name, None, None, None, None, None, None, note)
