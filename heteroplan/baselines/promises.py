"""What the plan's promise costs: about what it would cost at an easier one, on the same engines.

No plan is made. Each pool keeps its flow, and its replicas become fewer by as much as one of them
then serves more; the cost follows. Against plans made anew that is right to within 1 % on the
scenarios of this repository; another choice of engines would only make it less.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil, inf, isfinite

from heteroplan.clock import Stop
from heteroplan.entities.arrivals import POISSON
from heteroplan.entities.capacity import Candidate, busy
from heteroplan.entities.plan import EasierPromise, Plan, Pool, PromiseCost
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import Workload
from heteroplan.profiles.capacity.candidates import candidates
from heteroplan.verify.plan_index import PlanIndex

MOST_INTERVALS = 24
"""Spread evenly over the horizon: so many mixes of requests are rated anew at most."""
PERCENTILE = 0.9


def easier_promises(plan: Plan, late: Stop) -> tuple[PromiseCost, ...]:
    """Of a plan that serves all demand, at each promise that differs from its own.

    None of engines whose capacity is given, nor of those promises for which there is no time.
    """
    given = {
        (load.name, engine.name)
        for load in plan.scenario.workloads
        for engine in load.profile.engines
        if engine.capacity_rps is not None
    }
    known = any((pool.workload, pool.engine) not in given for pool in plan.pools)
    if not plan.covered or not known or late():
        return ()
    step = ceil(plan.scenario.horizon.intervals / MOST_INTERVALS)
    intervals = range(0, plan.scenario.horizon.intervals, step)
    own = tuple(_at(load, intervals) for load in plan.scenario.workloads)
    before: PlanIndex | None = None
    found = []
    for promise, ease in _EASED.items():
        eased = tuple(map(ease, own))
        if eased == own or late():
            continue
        before = before or _rates(plan, own)
        share = _cost_share(plan, intervals, before, _rates(plan, eased))
        found.append(
            PromiseCost(promise, plan.totals.gpu_hours * share[0], plan.totals.cost_usd * share[1])
        )
    return tuple(found)


def _at(workload: Workload, intervals: range) -> Workload:
    return replace(workload, demand=tuple(workload.demand[t] for t in intervals))


def _twice_the_ttft(slo: Slo) -> Slo:
    return replace(slo, ttft_ms=2.0 * slo.ttft_ms, ttft_slowdown=2.0 * slo.ttft_slowdown)


def _at_p90(slo: Slo) -> Slo:
    def lowered(share: float | None) -> float | None:
        return None if share is None else min(share, PERCENTILE)

    return replace(
        slo,
        percentile=min(slo.percentile, PERCENTILE),
        ttft_percentile=lowered(slo.ttft_percentile),
        itl_percentile=lowered(slo.itl_percentile),
    )


_EASED: dict[EasierPromise, Callable[[Workload], Workload]] = {
    EasierPromise.TWICE_THE_TTFT: lambda load: load.with_slo(lambda slo: slo.each(_twice_the_ttft)),
    EasierPromise.P90: lambda load: load.with_slo(lambda slo: slo.each(_at_p90)),
    EasierPromise.POISSON: lambda load: replace(load, arrivals=POISSON),
}


def _rates(plan: Plan, workloads: tuple[Workload, ...]) -> PlanIndex:
    """Of the engines that the plan has, on its node types."""
    engines: dict[str, set[tuple[str, str]]] = {}
    for pool in plan.pools:
        engines.setdefault(pool.workload, set()).add((pool.engine, pool.node_type))
    found = (
        each
        for load in workloads
        for each in candidates(load, plan.scenario.fleet, engines.get(load.name, ()))
    )
    return PlanIndex(replace(plan, candidates=tuple(found)), 1.0)


def _cost_share(
    plan: Plan, intervals: range, before: PlanIndex, after: PlanIndex
) -> tuple[float, float]:
    """GPU-hours and cost in these intervals with the capacities after, over those before."""
    price = {shape.name: shape.usd_per_gpu_hour for shape in plan.scenario.fleet.node_types}
    hours = [0.0, 0.0]
    cost = [0.0, 0.0]
    together: dict[tuple[object, ...], list[Pool]] = {}
    for kind, pool in zip(before.kinds, plan.pools, strict=True):
        together.setdefault(kind, []).append(pool)
    for pools in together.values():
        rates = [each.used(pools[0]) for each in (before, after)]
        for i, t in enumerate(intervals):
            flows = [
                sum(pool.flow_rps[k][t] for pool in pools) for k in range(len(pools[0].flow_rps))
            ]
            needed = [_needed(flows, rate, i) for rate in rates]
            for pool in pools:
                gpus = float(pool.replicas[t] * pool.gpus_per_replica)
                for at, factor in enumerate(
                    (1.0, needed[1] / needed[0] if 0.0 < needed[0] < inf else 1.0)
                ):
                    hours[at] += gpus * factor
                    cost[at] += gpus * factor * price[pool.node_type]
    return _ratio(hours), _ratio(cost)


def _needed(flows: Sequence[float], rate: Candidate, i: int) -> float:
    """Replicas that serve the flows of classes, rated as in the i-th interval.

    What each serves may depend on how many there are: between the most whole replicas that do not
    suffice and the fewest that do it is a straight line.
    """

    def missing(replicas: int) -> float:
        return _busy(flows, rate.capacity_rps(i, replicas)) - replicas

    most = 1 if rate.by_size is None else rate.by_size[i].sizes[-1]
    fewest = 1 + bisect_left(range(1, most + 1), 0.0, key=lambda count: -missing(count))
    if fewest > most or rate.by_size is None:
        return _busy(flows, rate.capacity_rps(i, most))
    before, after = missing(fewest - 1), missing(fewest)
    return fewest - 1 + (before / (before - after) if isfinite(before) else 1.0)


def _busy(flows: Sequence[float], capacities: Sequence[float]) -> float:
    """Busy replicas of such capacities, by class; infinitely many where a class has none."""
    return sum(busy(max(0.0, flow), each) for flow, each in zip(flows, capacities, strict=True))


def _ratio(before_and_after: list[float]) -> float:
    before, after = before_and_after
    return after / before if before > 0 else 1.0
