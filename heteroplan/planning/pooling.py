"""Plans for prefill replicas that share a queue: the larger their pool, the busier it may be.

The optimiser is linear, so that a replica's capacity cannot depend on how many there are. It is
planned several times: as if each replica had its own queue, which is safe, and the gain is measured
against it; as if every pool were endless, which no real plan can beat and so gives the bound; then
with the capacity that holds in pools of the size that the flow of that plan needs. Where a pool
comes out smaller and could not serve its flow in time, the size assumed falls to it, and again.
The best plan is taken whose pools all serve their flow.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from heteroplan.baselines.savings import compared, without_saving
from heteroplan.clock import Stop
from heteroplan.entities.capacity import Candidate, OperatingPoint
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import (
    Baseline,
    BaselineKind,
    BaselineRemark,
    Plan,
    Pool,
    SolveReport,
    Termination,
)
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import RequestClass, Role, Routing
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import OPTIMAL_GAP
from heteroplan.profiles.capacity.candidates import points_in_pool
from heteroplan.queueing.waiting import ENDLESS

SEPARATE_SHARE = 0.3
"""Of the time limit, for the plan with a queue for each replica, and for that with endless pools;
rounds get half of what is left each."""
ROUNDS = 6
LEAST_S = 0.5
"""Not worth another round [s]."""
TOLERANCE = 1e-6

type Planning = Callable[[Sequence[Candidate], float], Plan]
"""Of candidates, within so many seconds; without baselines."""
type Key = tuple[str, str, str]
"""Workload, engine, node type."""
type Sizes = dict[Key, list[int]]
"""Replicas that share a queue, at least, by interval."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A plan, and what to compare it with."""

    plan: Plan
    candidates: Sequence[Candidate]
    """For baselines: of shared queues with the capacity of endless pools, which favours them."""
    separate: Plan | None
    """With a queue for each replica, where any are shared."""

    def gain(self) -> tuple[Baseline, ...]:
        """What sharing queues saves."""
        if self.separate is None:
            return ()
        totals = self.separate.totals
        baseline = compared(
            self.plan,
            BaselineKind.SEPARATE_QUEUES,
            totals.gpu_hours,
            totals.cost_usd,
            self.separate.utilization,
        )
        missing = self.separate.report.unserved_requests
        if missing > self.plan.report.unserved_requests + TOLERANCE:
            baseline = without_saving(baseline)
        return (replace(baseline, unserved_requests=missing),)


def plan_with_pools(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    planning: Planning,
    *,
    gap: float,
    time_limit_s: float,
    stop: Stop,
) -> Pooled:
    """The plan, all of its rounds within the time limit. Raises NoPlanError as `planning` does."""
    if not shares_queues(scenario, candidates):
        return Pooled(planning(candidates, time_limit_s), candidates, None)
    queues = _Queues(scenario, candidates)
    began = monotonic()
    separate = planning(candidates, SEPARATE_SHARE * time_limit_s)
    widest = queues.endless()
    best, endless = separate, None
    try:
        endless = planning(widest, SEPARATE_SHARE * time_limit_s)
        left_s = time_limit_s - (monotonic() - began)
        best = min(separate, queues.served(endless, planning, left_s, stop), key=rank)
    except NoPlanError:
        pass
    report = _proved(best, endless, gap, monotonic() - began)
    return Pooled(replace(best, report=report), widest, separate)


def favoured(baseline: Baseline) -> Baseline:
    """A baseline of endless pools, which no hardware is as good as."""
    if baseline.cost_usd is None and baseline.gpu_hours is None:
        return baseline
    return replace(baseline, remarks=(*baseline.remarks, BaselineRemark.ENDLESS_POOLS))


def shares_queues(scenario: Scenario, candidates: Iterable[Candidate]) -> bool:
    """Whether prefill replicas of any measured engine take prompts from one queue."""
    return any(True for _ in _sharing(scenario, candidates))


def _sharing(scenario: Scenario, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Candidates of measured prefill engines whose replicas share a queue."""
    shared = {
        each.name for each in scenario.workloads if each.routing[Role.PREFILL] is Routing.SHARED
    }
    for each in candidates:
        measured = each.engine.role is Role.PREFILL and each.engine.capacity_rps is None
        if measured and each.workload in shared:
            yield each


def rank(plan: Plan) -> tuple[float, ...]:
    """Less is better: requests left unserved, the most urgent first, then what it costs."""
    return (*map(round, _unserved(plan)), plan.report.objective)


def _unserved(plan: Plan) -> list[float]:
    """Requests left unserved by priority, the most urgent first."""
    priority = {each.name: each.priority for each in plan.scenario.workloads}
    lost = dict.fromkeys(sorted(priority.values()), 0.0)
    for shortage in plan.shortages:
        requests = shortage.unserved_rps * plan.scenario.horizon.interval_s
        lost[priority[shortage.workload]] += requests
    return list(lost.values())


def _proved(plan: Plan, endless: Plan | None, gap: float, seconds: float) -> SolveReport:
    """The verdict on `plan`: only what endless pools cannot do either is proved."""
    report, bound, missing = plan.report, 0.0, 0.0
    if endless is not None:
        missing = min(endless.report.unserved_requests_bound, report.unserved_requests)
        pairs = zip(_unserved(plan), _unserved(endless), strict=True)
        if all(mine <= theirs + TOLERANCE for mine, theirs in pairs):
            bound = min(endless.report.bound, report.objective)
    proved = replace(report, bound=bound, unserved_requests_bound=missing, seconds=seconds)
    return replace(proved, termination=_termination(proved, endless, gap))


def _termination(proved: SolveReport, endless: Plan | None, gap: float) -> Termination:
    """Of cost and shortage, whichever is proved less closely counts."""
    if Termination.INTERRUPTED in (proved.termination, endless and endless.report.termination):
        return Termination.INTERRUPTED
    lost = proved.unserved_requests
    distance = (lost - proved.unserved_requests_bound) / lost if lost > 0 else 0.0
    distance = max(distance, proved.gap)
    if distance <= OPTIMAL_GAP:
        return Termination.OPTIMAL
    return Termination.GAP_REACHED if distance <= gap else Termination.TIME_LIMIT


class _Queues:
    """What replicas of shared queues serve, by the size of their pool."""

    def __init__(self, scenario: Scenario, candidates: Sequence[Candidate]) -> None:
        self._fleet = scenario.fleet
        self._workloads = {each.name: each for each in scenario.workloads}
        self._candidates = candidates
        self._intervals = scenario.horizon.intervals
        self._shared: dict[Key, list[Candidate]] = {}
        """Of one engine on one node type those of different spans."""
        for each in _sharing(scenario, candidates):
            self._shared.setdefault(_key(each), []).append(each)
        self._points: dict[
            tuple[Key, Affinity | None, tuple[RequestClass, ...], int], tuple[OperatingPoint, ...]
        ] = {}

    def served(self, endless: Plan, planning: Planning, left_s: float, stop: Stop) -> Plan:
        """A plan whose pools all serve their flow in time. Raises NoPlanError."""
        until = monotonic() + left_s
        if not self.too_small(endless, None):
            return endless
        sizes = self.needed(endless)
        for _ in range(ROUNDS):
            seconds = (until - monotonic()) / 2
            if stop() or seconds < LEAST_S:
                break
            plan = planning(self.candidates(sizes), seconds)
            small = self.too_small(plan, sizes)
            if not small:
                return plan
            for key, interval, replicas in small:
                sizes[key][interval] = min(sizes[key][interval], replicas)
        raise NoPlanError("no plan with shared queues in the time allowed")

    def endless(self) -> list[Candidate]:
        """All candidates, of shared queues with the capacity of pools without an end."""
        return self.candidates({key: [ENDLESS] * self._intervals for key in self._shared})

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
        """Least pools that could serve what those of `plan` do, of all groups the least.

        1 of engines and intervals that `plan` does without.
        """
        found: Sizes = {key: [0] * self._intervals for key in self._shared}
        for key, pool, interval in self._pools(plan):
            small, before = self._least(key, pool, interval), found[key][interval]
            found[key][interval] = min(before, small) if before else small
        return {key: [size or 1 for size in sizes] for key, sizes in found.items()}

    def _least(self, key: Key, pool: Pool, interval: int) -> int:
        """Least replicas that serve the flow of a pool, by bisection: more never serve less."""
        low, high = 0, 1
        while not self._serves(key, pool, interval, high) and high < ENDLESS:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            if self._serves(key, pool, interval, middle):
                high = middle
            else:
                low = middle
        return high

    def too_small(self, plan: Plan, sizes: Sizes | None) -> list[tuple[Key, int, int]]:
        """Pools that cannot serve their flow in time; those of the size assumed can."""
        return [
            (key, interval, pool.replicas[interval])
            for key, pool, interval in self._pools(plan)
            if (sizes is None or pool.replicas[interval] < sizes[key][interval])
            and not self._serves(key, pool, interval, pool.replicas[interval])
        ]

    def _pools(self, plan: Plan) -> Iterator[tuple[Key, Pool, int]]:
        """Pools of shared queues in the intervals in which they run."""
        for pool in plan.pools:
            key = (pool.workload, pool.engine, pool.node_type)
            if key in self._shared:
                for interval, replicas in enumerate(pool.replicas):
                    if replicas:
                        yield key, pool, interval

    def _serves(self, key: Key, pool: Pool, interval: int, size: int) -> bool:
        """Whether `size` replicas with one queue serve the flow of `pool`."""
        flows = [flow[interval] for flow in pool.flow_rps]
        for candidate in self._shared[key]:
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
        workload = self._workloads[candidate.workload]
        mix = workload.demand[interval].classes
        key = (_key(candidate), candidate.span, mix, size)
        if key not in self._points:
            self._points[key] = points_in_pool(candidate, workload, self._fleet, mix, size)
        return self._points[key]


def _key(candidate: Candidate) -> Key:
    return (candidate.workload, candidate.engine.name, candidate.node_type)
