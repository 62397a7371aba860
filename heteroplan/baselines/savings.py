"""What the plan saves against other ways to meet the same demand, and the proven bound.

Sizes that never change; HeteroScale's greedy scheduler; the plan without its resilience.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import monotonic

from heteroplan.baselines.usage import busy_share, hours_by_priority, spent
from heteroplan.clock import Late, Stop
from heteroplan.entities.plan import Baseline, BaselineKind, BaselineRemark, Coverage, Plan
from heteroplan.entities.scenario import Objective
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import BASELINE_GAP
from heteroplan.optimize.construct.greedy import GreedyDay, greedy_topology
from heteroplan.optimize.incumbent import of_sizes
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem, Solution
from heteroplan.optimize.solve import solve
from heteroplan.optimize.solvers.solver import Verdict
from heteroplan.optimize.static_peak import ConstantSizes, cheapest_constant
from heteroplan.placement import pack
from heteroplan.placement.settle import without_unplaced

STATIC_SHARE = 0.4
"""Of the time that is left, for static baselines."""


type Better = Callable[[Plan, Sequence[Solution]], Plan]
"""The best of a plan and the schedules that baselines are made of, as a plan."""


def baselines(
    plan: Plan,
    problem: Problem,
    *,
    paired: GreedyDay,
    gap: float,
    stop: Stop,
    end: float,
    better: Better = lambda plan, _: plan,
) -> tuple[Plan, tuple[Baseline, ...]]:
    """Static peaks, greedy schedules, the plan without resilience where it has any, the bound.

    Of the plan, or of the one that takes its place because `better` makes it of a baseline.
    `paired` is the greedy schedule with P/D paired, `gap` the plan's. What is not computed by `end`
    (on the clock of time.monotonic [s]) has no figure and says so. Seven parameters, each for
    one of the baselines.
    """
    late = Late(stop, end)
    schedules: list[Solution] = []
    found = [
        *_static_peaks(plan, problem, late, schedules),
        *_greedy(plan, problem, paired, late, schedules),
    ]
    best = better(plan, schedules)
    if best is not plan and not plan.covered:
        return baselines(best, problem, paired=paired, gap=gap, stop=stop, end=end)
    if best is not plan:
        found = [_against(best, each) for each in found]
    return best, (*found, *_without_resilience(best, gap, late), _lower_bound(best))


def _static_peaks(
    plan: Plan, problem: Problem, late: Late, schedules: list[Solution]
) -> tuple[Baseline, Baseline]:
    """Where the plan leaves demand unserved, only whether sizes that never change would not."""
    deadline = monotonic() + STATIC_SHARE * late.seconds_left
    if plan.coverage is Coverage.SHORT:
        why = BaselineRemark.NO_SIZE
    elif late():
        why = _not_computed(late) if plan.covered else BaselineRemark.NOT_COMPARED
    else:
        static = _static(plan, problem, deadline, late.stop, schedules)
        if plan.covered:
            return static, _one_gpu(plan, problem, deadline, late.stop)
        why = BaselineRemark.NOT_COMPARED
    return (
        _without_figure(BaselineKind.STATIC_PEAK, why),
        _without_figure(BaselineKind.STATIC_PEAK_ONE_GPU_TYPE, why),
    )


def _greedy(
    plan: Plan, problem: Problem, paired: GreedyDay, late: Late, schedules: list[Solution]
) -> Iterator[Baseline]:
    """HeteroScale's Algorithm 4, as published, and with P/D paired.

    Packed on nodes like the plan; what finds no room there goes unserved.
    """
    free = replace(
        problem,
        workloads=tuple(
            replace(work, resilience=None) for work in problem.without_stability().workloads
        ),
    )
    for name, pairs in ((BaselineKind.GREEDY, False), (BaselineKind.GREEDY_PAIRED, True)):
        day = paired
        if not pairs and not late():
            day = greedy_topology(free, plan.scenario, pairs=False, stop=late)
        if late() or not day.whole:
            yield _without_figure(name, _not_computed(late))
            continue
        schedule = of_sizes(free, day.replicas)
        packing = pack(plan.scenario, plan.candidates, free, day.replicas, late)
        kept = without_unplaced(free, schedule, packing)
        replicas, stays = kept.plan.solution.replicas, kept.packing.stays
        use, _ = spent(plan.scenario, plan.candidates, free, replicas, stays)
        baseline = compared(
            plan,
            name,
            use["gpu_hours"],
            use["cost_usd"],
            busy_share(free, replicas, kept.plan.solution.flow),
        )
        if _has_resilience(plan):
            remarks = (BaselineRemark.NO_RESILIENCE,)
            baseline = replace(without_saving(baseline), remarks=remarks)
        else:
            schedules.append(kept.plan.solution)
        yield replace(
            baseline,
            changes=use["changes"],
            starts=use["starts"],
            unserved_requests=sum(kept.plan.unserved.values()),
            stranded_replica_hours=day.stranded_replica_hours,
            gpu_hours_by_priority=hours_by_priority(plan.scenario, plan.candidates, free, stays),
        )


def without_saving(baseline: Baseline) -> Baseline:
    """Of what does not keep the same resilience, the cost alone."""
    return replace(baseline, saved_gpu_hours=None, saved_cost_usd=None, saved_fraction=None)


def _has_resilience(plan: Plan) -> bool:
    return any(workload.resilience is not None for workload in plan.scenario.workloads)


def _without_resilience(plan: Plan, gap: float, late: Late) -> Iterator[Baseline]:
    """A plan without resilience, which tells what that costs; `plan` where none found is better."""
    if not _has_resilience(plan):
        return
    if late():
        yield _without_figure(BaselineKind.WITHOUT_RESILIENCE, _not_computed(late))
        return
    free = replace(
        plan.scenario,
        workloads=tuple(replace(each, resilience=None) for each in plan.scenario.workloads),
    )
    problem = build_problem(free, plan.candidates)
    try:
        found = solve(problem, gap=gap, time_limit_s=late.seconds_left, stop=late.stop)
    except NoPlanError:
        yield _without_figure(BaselineKind.WITHOUT_RESILIENCE, _not_found(late.stop))
        return
    lost = sum(found.unserved.values())
    here = round(plan.report.unserved_requests), plan.report.objective
    if (round(lost), found.objective) >= here:
        gpu_hours, cost_usd = plan.totals.gpu_hours, plan.totals.cost_usd
        lost, utilization = plan.report.unserved_requests, plan.utilization
    else:
        use, _ = spent(free, plan.candidates, problem, found.solution.replicas)
        gpu_hours, cost_usd = use["gpu_hours"], use["cost_usd"]
        utilization = busy_share(problem, found.solution.replicas, found.solution.flow)
    yield replace(
        compared(plan, BaselineKind.WITHOUT_RESILIENCE, gpu_hours, cost_usd, utilization),
        unserved_requests=lost,
    )


def _static(
    plan: Plan, problem: Problem, deadline: float, stop: Stop, schedules: list[Solution]
) -> Baseline:
    sizes = cheapest_constant(problem, deadline=deadline, stop=stop)
    if isinstance(sizes, Verdict):
        impossible = sizes is Verdict.INFEASIBLE
        why = BaselineRemark.NO_SIZE if impossible else _not_found(stop)
        return _without_figure(BaselineKind.STATIC_PEAK, why)
    schedules.append(sizes.solution)
    return _baseline(plan, problem, BaselineKind.STATIC_PEAK, sizes)


def _one_gpu(plan: Plan, problem: Problem, deadline: float, stop: Stop) -> Baseline:
    """The GPU type that covers the demand alone for least, all node types with it together."""
    by_gpu: dict[str, set[str]] = {}
    for shape in plan.scenario.fleet.node_types:
        by_gpu.setdefault(shape.gpu.name, set()).add(shape.name)
    tried = {
        gpu: cheapest_constant(problem, node_types=shapes, deadline=deadline, stop=stop)
        for gpu, shapes in by_gpu.items()
    }
    found = {gpu: sizes for gpu, sizes in tried.items() if not isinstance(sizes, Verdict)}
    if not found:
        impossible = all(sizes is Verdict.INFEASIBLE for sizes in tried.values())
        why = BaselineRemark.NO_GPU_TYPE if impossible else _not_found(stop)
        return _without_figure(BaselineKind.STATIC_PEAK_ONE_GPU_TYPE, why)
    best = min(found, key=lambda gpu: found[gpu].cost)
    one_gpu = _baseline(plan, problem, BaselineKind.STATIC_PEAK_ONE_GPU_TYPE, found[best])
    return replace(one_gpu, gpu=best)


def _not_computed(late: Late) -> BaselineRemark:
    return BaselineRemark.INTERRUPTED if late.stop() else BaselineRemark.NO_TIME


def _not_found(stop: Stop) -> BaselineRemark:
    return BaselineRemark.INTERRUPTED if stop() else BaselineRemark.NOT_FOUND


def _excess(sizes: ConstantSizes) -> float:
    """Share by which the sizes may be above the cheapest, where time or nodes left that open."""
    excess = (sizes.cost - sizes.bound) / sizes.cost if sizes.cost > 0 else 0.0
    return excess if excess > 2 * BASELINE_GAP else 0.0


def _baseline(plan: Plan, problem: Problem, name: BaselineKind, sizes: ConstantSizes) -> Baseline:
    hours = problem.hours * problem.intervals
    price = {shape.name: shape.usd_per_gpu_hour for shape in plan.scenario.fleet.node_types}
    replicas = sizes.solution.replicas
    gpu_hours = [
        pool.gpus * int(n) * hours for pool, n in zip(problem.pools, replicas[:, 0], strict=True)
    ]
    cost_usd = sum(
        used * price[pool.node_type] for pool, used in zip(problem.pools, gpu_hours, strict=True)
    )
    utilization = busy_share(problem, replicas, sizes.solution.flow)
    baseline = compared(plan, name, sum(gpu_hours), cost_usd, utilization)
    use = problem.changes(replicas), problem.starts(replicas)
    changes, starts = (int(each.sum()) for each in use)
    return replace(baseline, excess=_excess(sizes), changes=changes, starts=starts)


def _against(plan: Plan, baseline: Baseline) -> Baseline:
    """A baseline of another plan for the same demand, and what `plan` saves against it."""
    if baseline.saved_gpu_hours is None:
        return baseline
    anew = compared(
        plan, baseline.name, baseline.gpu_hours, baseline.cost_usd, baseline.utilization
    )
    return replace(
        baseline,
        saved_gpu_hours=anew.saved_gpu_hours,
        saved_cost_usd=anew.saved_cost_usd,
        saved_fraction=anew.saved_fraction,
    )


def _lower_bound(plan: Plan) -> Baseline:
    bound = plan.report.bound
    by_cost = plan.scenario.objective is Objective.COST
    gpu_hours, cost_usd = (None, bound) if by_cost else (bound, None)
    return compared(plan, BaselineKind.LOWER_BOUND, gpu_hours, cost_usd, None)


def compared(
    plan: Plan,
    name: BaselineKind,
    gpu_hours: float | None,
    cost_usd: float | None,
    utilization: float | None,
) -> Baseline:
    """A baseline and what `plan` saves against it."""
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
    )


def _without_figure(name: BaselineKind, why: BaselineRemark) -> Baseline:
    return Baseline(name, None, None, None, None, None, None, remarks=(why,))
