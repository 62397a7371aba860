"""Two plans -> what differs, on average a day."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from heteroplan import __version__
from heteroplan.outputs.compare.document import (
    DAYS_A_MONTH,
    ComparedPart,
    ComparedPoolPart,
    ComparisonDocument,
    CountsPart,
    DifferencePart,
    PoolChange,
    PoolUsePart,
    SidePart,
    UsePart,
)
from heteroplan.outputs.compare.input_changes import input_changes
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.pool_costs import PoolCost, PoolKey, key_of, pool_costs

SECONDS_A_DAY = 86_400
LEAST_USD = 0.005
"""A difference below half a cent a day is none."""


@dataclass(frozen=True)
class _Side:
    """A plan and its pools."""

    plan: PlanDocument
    costs: dict[PoolKey, PoolCost]

    @classmethod
    def of(cls, plan: PlanDocument) -> "_Side":
        return cls(plan, {key_of(each.pool): each for each in pool_costs(plan)})

    @property
    def days(self) -> float:
        return _length_s(self.plan.horizon) / SECONDS_A_DAY

    def gpu(self, node_type: str) -> str:
        return self.plan.given.fleet.node_type(node_type).gpu.name

    def use(self, costs: Iterable[PoolCost]) -> UsePart:
        found = list(costs)
        return UsePart(
            gpu_hours_per_day=sum(each.gpu_hours for each in found) / self.days,
            cost_usd_per_day=sum(each.cost_usd for each in found) / self.days,
        )

    def pool_use(self, key: PoolKey) -> PoolUsePart | None:
        """None where the plan has no such pool, or only gives it up."""
        cost = self.costs.get(key)
        if cost is None or not self.has(key):
            return None
        replicas = cost.pool.replicas
        return PoolUsePart(
            **dict(self.use([cost])), least_replicas=min(replicas), peak_replicas=max(replicas)
        )

    def has(self, key: PoolKey) -> bool:
        """Whether the plan has a replica in the pool."""
        cost = self.costs.get(key)
        return cost is not None and any(cost.pool.replicas) and _planned(self.plan, cost)


def _planned(plan: PlanDocument, cost: PoolCost) -> bool:
    """And it is no pool that ran before and is given up, which has one size."""
    return len(cost.pool.replicas) == plan.horizon.intervals


def comparison(
    before: PlanDocument, after: PlanDocument, *, sources: tuple[str, str]
) -> ComparisonDocument:
    """What differs from `before` to `after`, which were named as `sources` say.

    Not for plans of version 1, which have no prices (`read_plan`).
    """
    was, now = _Side.of(before), _Side.of(after)
    pools = sorted(_pools(was, now), key=lambda each: _by_money(each.change, each.workload))
    counted = Counter(each.what for each in pools)
    return ComparisonDocument(
        heteroplan_version=__version__,
        before=_side(was, sources[0]),
        after=_side(now, sources[1]),
        change=_difference(_total(was), _total(now)),
        prices_usd_per_day=_of_prices(was, now),
        decided=_decided(was, now),
        counts=CountsPart(**{each.value: counted[each] for each in PoolChange}),
        workloads=tuple(
            sorted(_workloads(was, now), key=lambda each: _by_money(each.change, each.workload))
        ),
        pools=tuple(pools),
        inputs=tuple(input_changes(before, after)),
        notes=tuple(_notes(was, now)),
    )


def _side(side: _Side, source: str) -> SidePart:
    plan, days = side.plan, side.days
    asked = sum(map(sum, (load.demand_rps for load in plan.workloads))) * plan.horizon.interval_s
    return SidePart(
        source=source,
        scenario=plan.scenario,
        plan_id=plan.plan_id,
        horizon=plan.horizon,
        objective=plan.objective,
        covered=plan.covered,
        coverage=plan.coverage,
        gap=plan.solver.gap,
        cost_usd_per_day=plan.totals.cost_usd / days,
        cost_usd_per_month=plan.totals.cost_usd / days * DAYS_A_MONTH,
        gpu_hours_per_day=plan.totals.gpu_hours / days,
        peak_gpus=plan.totals.peak_gpus,
        starts_per_day=plan.totals.starts / days,
        requests_per_day=asked / days,
        unserved_requests_per_day=plan.solver.unserved_requests / days,
    )


def _total(side: _Side) -> UsePart:
    totals = side.plan.totals
    return UsePart(
        gpu_hours_per_day=totals.gpu_hours / side.days,
        cost_usd_per_day=totals.cost_usd / side.days,
    )


def _difference(was: UsePart | None, now: UsePart | None) -> DifferencePart:
    none = UsePart(gpu_hours_per_day=0.0, cost_usd_per_day=0.0)
    was, now = was or none, now or none
    cost = now.cost_usd_per_day - was.cost_usd_per_day
    hours = now.gpu_hours_per_day - was.gpu_hours_per_day
    return DifferencePart(
        cost_usd_per_day=cost,
        cost_usd_per_month=cost * DAYS_A_MONTH,
        gpu_hours_per_day=hours,
        cost_fraction=_share(cost, was.cost_usd_per_day),
        gpu_hours_fraction=_share(hours, was.gpu_hours_per_day),
    )


def _share(change: float, of: float) -> float | None:
    return change / of if of > 0 else None


def _by_money(change: DifferencePart, name: str) -> tuple[float, float, str]:
    return -abs(change.cost_usd_per_day), -abs(change.gpu_hours_per_day), name


def _pools(was: _Side, now: _Side) -> Iterator[ComparedPoolPart]:
    for key in dict.fromkeys([*was.costs, *now.costs]):
        had, has = was.has(key), now.has(key)
        if not had and not has:
            continue
        side = now if has else was
        pool = side.costs[key].pool
        if had and has:
            what = PoolChange.SAME if _same_sizes(was, now, key) else PoolChange.CHANGED
        else:
            what = PoolChange.ADDED if has else PoolChange.REMOVED
        cost = [each.use([each.costs[key]]) if key in each.costs else None for each in (was, now)]
        yield ComparedPoolPart(
            what=what,
            workload=pool.workload,
            role=pool.role,
            engine=pool.engine,
            node_type=pool.node_type,
            gpu=side.gpu(pool.node_type),
            domain=pool.domain,
            level=pool.level,
            before=was.pool_use(key),
            after=now.pool_use(key),
            change=_difference(*cost),
        )


def _same_sizes(was: _Side, now: _Side, key: PoolKey) -> bool:
    """Whether a pool that both have has the same size at all times.

    Of horizons that are not alike it is only known whether its limits and its GPU-hours are.
    """
    before, after = was.plan.horizon, now.plan.horizon
    old, new = was.costs[key], now.costs[key]
    if _alike(before, after):
        step = math.gcd(before.interval_s, after.interval_s)
        return _stretched(old.pool.replicas, before.interval_s // step) == _stretched(
            new.pool.replicas, after.interval_s // step
        )
    limits = [(min(each.pool.replicas), max(each.pool.replicas)) for each in (old, new)]
    return limits[0] == limits[1] and math.isclose(
        old.gpu_hours / was.days, new.gpu_hours / now.days, rel_tol=1e-9
    )


def _alike(before: HorizonPart, after: HorizonPart) -> bool:
    """Whether intervals of the same time of day stand beside each other."""
    clocks = [each.boundaries()[0].time() for each in (before, after)]
    return _length_s(before) == _length_s(after) and clocks[0] == clocks[1]


def _stretched(replicas: Sequence[int], times: int) -> list[int]:
    return [count for count in replicas for _ in range(times)]


def _workloads(was: _Side, now: _Side) -> Iterator[ComparedPart]:
    def of(side: _Side) -> dict[tuple[str, str], list[PoolCost]]:
        found: dict[tuple[str, str], list[PoolCost]] = defaultdict(list)
        for cost in side.costs.values():
            found[cost.pool.workload, side.gpu(cost.pool.node_type)].append(cost)
        return found

    old, new = of(was), of(now)
    for workload, gpu in dict.fromkeys([*old, *new]):
        before = was.use(old.get((workload, gpu), ()))
        after = now.use(new.get((workload, gpu), ()))
        change = _difference(before, after)
        yield ComparedPart(workload=workload, gpu=gpu, before=before, after=after, change=change)


def _of_prices(was: _Side, now: _Side) -> float:
    """USD a day that new prices add to the GPU-hours of the plan after."""
    before = {each.name: each.usd_per_gpu_hour for each in was.plan.given.fleet.node_types}
    after = {each.name: each.usd_per_gpu_hour for each in now.plan.given.fleet.node_types}
    more = (
        (after[name] - before[name]) * cost.gpu_hours
        for cost in now.costs.values()
        if (name := cost.pool.node_type) in before
    )
    return sum(more) / now.days


def _decided(was: _Side, now: _Side) -> bool:
    """Whether either bound is above what the other plan takes, a day."""
    old, new = was.plan, now.plan
    if old.objective is not new.objective:
        return False
    bounds = old.solver.bound / was.days, new.solver.bound / now.days
    amounts = old.solver.objective / was.days, new.solver.objective / now.days
    return bounds[0] > amounts[1] or bounds[1] > amounts[0]


def _notes(was: _Side, now: _Side) -> Iterator[str]:
    for name, side in (("before", was), ("after", now)):
        if not side.plan.covered:
            unserved = side.plan.solver.unserved_requests / side.days
            yield (
                f"The plan {name} leaves {unserved:,.0f} requests a day unserved; what serving "
                "them would cost is not in its figures."
            )
    before, after = was.plan.horizon, now.plan.horizon
    if _length_s(before) != _length_s(after):
        yield (
            f"The horizons are {was.days:g} and {now.days:g} days long: figures are averages a "
            "day, and a pool is the same where its limits and its GPU-hours are."
        )
    elif not _alike(before, after):
        yield (
            "The horizons begin at different times of day; a pool is the same where its "
            "limits and its GPU-hours are."
        )
    for name, side in (("before", was), ("after", now)):
        rest = _total(side).cost_usd_per_day - side.use(side.costs.values()).cost_usd_per_day
        if abs(rest) >= LEAST_USD:
            yield (
                f"{rest:,.2f} USD a day {name} are for replicas that move within a leaf; they are "
                "in the totals and in no pool."
            )


def _length_s(horizon: HorizonPart) -> int:
    return horizon.intervals * horizon.interval_s
