"""Plans for prefill replicas that share a queue: the larger their pool, the busier it may be.

The optimiser is linear, so that a replica's capacity cannot depend on how many there are. It is
planned twice or more: first as if each replica had its own queue, which is safe; then with the
capacity that holds in pools of the size that the demand of the first plan needs. Where a pool comes
out smaller and could not serve its flow in time, the size assumed falls to it, and again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import monotonic

from heteroplan.entities.capacity import Candidate, OperatingPoint
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import PrefillQueue, RequestClass, Role, Workload
from heteroplan.plan.savings import LOWER_BOUND, compared
from heteroplan.profiles.capacity import points_in_pool

FIRST_SHARE = 0.4
"""Of the time limit, for the plan with separate queues; others get half of what is left."""
ROUNDS = 5
"""Plans with shared queues, at most; then those that still fail get a queue for each replica."""
TOLERANCE = 1e-6
SEPARATE_QUEUES = "separate_queues"
AT_SIZES = "of pools at least as large"

type Planning = Callable[[Sequence[Candidate], float, bool], Plan]
"""Of candidates, within so many seconds, with baselines or without."""
type Key = tuple[str, str, str]
"""Workload, engine, node type."""
type Sizes = dict[Key, list[int]]
"""Replicas that share a queue, at least, by interval."""


def plan_with_pools(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    planning: Planning,
    time_limit_s: float,
    *,
    compare: bool,
) -> Plan:
    """The plan, and in its savings what sharing queues gained."""
    shared = {
        workload.name: workload
        for workload in scenario.workloads
        if workload.prefill_queue is PrefillQueue.SHARED
    }
    began = monotonic()
    if not shared:
        return planning(candidates, time_limit_s, compare)
    queues = _Queues(scenario, shared, tuple(candidates))
    separate = planning(candidates, FIRST_SHARE * time_limit_s, False)
    sizes = queues.needed(separate)
    for rounds in range(ROUNDS + 1):
        left_s = max(1.0, (time_limit_s - (monotonic() - began)) / 2)
        plan = planning(queues.candidates(sizes), left_s, compare)
        small = queues.too_small(plan, sizes)
        if not small:
            return _with_gain(plan, separate) if compare else plan
        for key, interval, replicas in small:
            sizes[key][interval] = 1 if rounds + 1 >= ROUNDS else replicas
    return planning(candidates, time_limit_s, compare)


def _with_gain(plan: Plan, separate: Plan) -> Plan:
    totals = separate.totals
    baseline = compared(
        plan, SEPARATE_QUEUES, totals.gpu_hours, totals.cost_usd, separate.utilization, ""
    )
    baseline = replace(baseline, unserved_requests=separate.report.unserved_requests)
    savings = (
        replace(each, note=AT_SIZES) if each.name == LOWER_BOUND else each for each in plan.savings
    )
    return replace(plan, savings=(*savings, baseline))


class _Queues:
    """What replicas of shared queues serve, by the size of their pool."""

    def __init__(
        self,
        scenario: Scenario,
        shared: Mapping[str, Workload],
        candidates: tuple[Candidate, ...],
    ) -> None:
        self._fleet = scenario.fleet
        self._shared = shared
        self._candidates = candidates
        self._points: dict[
            tuple[Candidate, tuple[RequestClass, ...], int], tuple[OperatingPoint, ...]
        ] = {}

    def candidates(self, sizes: Sizes) -> list[Candidate]:
        """All candidates, of shared queues with the capacity that `sizes` allow."""
        return [
            replace(
                each,
                points=tuple(
                    self._at(each, interval, replicas)
                    for interval, replicas in enumerate(sizes[_key(each)])
                ),
            )
            if _key(each) in sizes
            else each
            for each in self._candidates
        ]

    def needed(self, plan: Plan) -> Sizes:
        """Least pools that could serve what those of `plan` do, of all groups the least."""
        found: Sizes = {
            _key(each): [0] * len(each.points) for each in self._candidates if self._shares(each)
        }
        for key, pool, interval in self._pools(plan, found):
            small = next(
                size
                for size in range(1, pool.replicas[interval] + 1)
                if size == pool.replicas[interval] or self._serves(key, pool, interval, size)
            )
            before = found[key][interval]
            found[key][interval] = min(before, small) if before else small
        return {key: [size or 1 for size in sizes] for key, sizes in found.items()}

    def too_small(self, plan: Plan, sizes: Sizes) -> list[tuple[Key, int, int]]:
        """Pools that came out smaller than assumed and cannot serve their flow in time."""
        return [
            (key, interval, pool.replicas[interval])
            for key, pool, interval in self._pools(plan, sizes)
            if pool.replicas[interval] < sizes[key][interval]
            and not self._serves(key, pool, interval, pool.replicas[interval])
        ]

    def _pools(self, plan: Plan, keys: Sizes) -> Iterator[tuple[Key, Pool, int]]:
        """Pools of shared queues in the intervals in which they run."""
        for pool in plan.pools:
            key = (pool.workload, pool.engine, pool.node_type)
            if key in keys:
                for interval, replicas in enumerate(pool.replicas):
                    if replicas:
                        yield key, pool, interval

    def _serves(self, key: Key, pool: Pool, interval: int, size: int) -> bool:
        """Whether `size` replicas with one queue serve the flow of `pool`."""
        flows = [flow[interval] for flow in pool.flow_rps]
        for candidate in self._candidates:
            if _key(candidate) == key:
                points = self._at(candidate, interval, size)
                busy = sum(
                    flow / point.capacity_rps if point.capacity_rps > 0 else float("inf")
                    for flow, point in zip(flows, points, strict=True)
                    if flow > 0
                )
                if busy > size * (1 + TOLERANCE):
                    return False
        return True

    def _at(self, candidate: Candidate, interval: int, size: int) -> tuple[OperatingPoint, ...]:
        workload = self._shared[candidate.workload]
        mix = workload.demand[interval].classes
        key = (candidate, mix, size)
        if key not in self._points:
            self._points[key] = points_in_pool(candidate, workload, self._fleet, mix, size)
        return self._points[key]

    def _shares(self, candidate: Candidate) -> bool:
        engine = candidate.engine
        prefill = engine.role is Role.PREFILL and engine.capacity_rps is None
        return prefill and candidate.workload in self._shared


def _key(candidate: Candidate) -> Key:
    return (candidate.workload, candidate.engine.name, candidate.node_type)
