"""One policy or several on one stream of requests: time passes and policies decide."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil, inf
from time import thread_time

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation import warming
from heteroplan.simulation.events.simulator import SimulatorOptions
from heteroplan.simulation.figures import ledger
from heteroplan.simulation.figures.metrics import Meter
from heteroplan.simulation.fluid.level import STEP_S, Fluid
from heteroplan.simulation.level import Level
from heteroplan.simulation.policies.policy import (
    Policy,
    PolicySetting,
    PoolTargets,
    Targets,
    linger_s,
)
from heteroplan.simulation.rate_stream import RateStream
from heteroplan.simulation.replicas.allocation import Allocator
from heteroplan.simulation.replicas.failures import Failure
from heteroplan.simulation.replicas.lifecycle import Cluster, LifecycleOptions
from heteroplan.simulation.requests import Floats, RequestStream
from heteroplan.simulation.results import PolicyReplay
from heteroplan.simulation.signals import AGGREGATED, ROLES, ReplicaState
from heteroplan.simulation.single import SingleRequests
from heteroplan.simulation.system import ServingSystem

PEAK_FACTOR = 2.0
"""Most replicas that a policy may ask for where the scenario states no maximum, over those that
serve the planned peak (our choice). Kubernetes requires a maximum for each Deployment; without one,
an autoscaler whose metric is always high would take the GPUs of all others."""
DELAY_S = 15.0
"""Age of the metrics that a policy sees [s]: a scrape interval, as Prometheus users set it."""
FOLLOWED_S = 300.0
"""Requests that came before the end are followed so long beyond it, with the replicas of then [s]:
those of the last minutes are judged as all others. What takes longer is unfinished."""
type Progress = Callable[[str, float], None]
"""Called with the policy and the share of the replay that is over, 0 to 1."""


def silent(_policy: str, _share: float) -> None:
    """A `Progress` that does nothing."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What holds for all policies alike."""

    simulator: SimulatorOptions = field(default_factory=SimulatorOptions)
    lifecycle: LifecycleOptions = field(default_factory=LifecycleOptions)
    delay_s: float = DELAY_S
    failures: tuple[Failure, ...] = ()
    step_s: float = STEP_S
    """Length of a step of the fluid level [s]."""


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """A policy to replay: made anew for each run, as policies keep state."""

    name: str
    options: Mapping[str, float | str]
    make: Callable[[], Policy]


def policy_setting(system: ServingSystem) -> PolicySetting:
    """What policies know beforehand."""
    loads = system.scenario.workloads
    shape = (len(loads), len(ROLES))
    capacity, least, most = np.zeros(shape), np.zeros(shape), np.full(shape, inf)
    split = np.array([system.is_split(w) for w in range(len(loads))])
    for w, load in enumerate(loads):
        for r, role in enumerate(ROLES):
            reference = system.reference.get((w, r))
            in_use = split[w] != (r == AGGREGATED)
            capacity[w, r] = reference.capacity_rps if reference is not None else 0.0
            least[w, r] = max(1, load.min_replicas.get(role, 0)) if in_use else 0.0
            stated = load.max_replicas.get(role, _of_peak(system, w, capacity[w, r]))
            room = max(least[w, r], _room(system, w, r))
            most[w, r] = min(max(least[w, r], stated), room) if in_use else 0.0
    means = [_mean_shape(system, w) for w in range(len(loads))]
    isl, missed, osl = (np.array(each) for each in zip(*means, strict=True))
    return PolicySetting(
        scenario=system.scenario,
        capacity_rps=capacity,
        split=split,
        isl=isl,
        missed=missed,
        osl=osl,
        planned_rps=system.planned_rps,
        min_replicas=least,
        max_replicas=most,
    )


def _of_peak(system: ServingSystem, workload: int, capacity_rps: float) -> float:
    """`PEAK_FACTOR` times the reference replicas that serve the planned peak, rounded up."""
    if capacity_rps <= 0.0:
        return inf
    return float(ceil(PEAK_FACTOR * system.planned_rps[workload].max() / capacity_rps))


def _room(system: ServingSystem, workload: int, role: int) -> float:
    """Reference replicas of a role that the fleet could hold if nothing else ran, rounded up."""
    best: dict[tuple[int, int], float] = {}
    for at in system.deployments:
        option = system.options[at.option]
        if (option.workload, option.role) != (workload, role) or option.engine.part is not None:
            continue
        place = (at.leaf, system.node_types[option.node_type])
        fitting = int(system.supply[place].max()) // option.engine.gpus
        best[place] = max(best.get(place, 0.0), fitting * option.reference_replicas)
    return float(ceil(sum(best.values())))


def _mean_shape(system: ServingSystem, workload: int) -> tuple[float, float, float]:
    """Input tokens, those not in the prefix cache, and output tokens of the planned requests."""
    demand = system.scenario.workloads[workload].demand
    weights = [(each.rps * kind.share, kind) for each in demand for kind in each.classes]
    total = sum(weight for weight, _ in weights) or 1.0
    return (
        sum(weight * kind.isl for weight, kind in weights) / total,
        sum(weight * kind.missed_tokens for weight, kind in weights) / total,
        sum(weight * kind.osl for weight, kind in weights) / total,
    )


def run_policy(
    system: ServingSystem,
    stream: RequestStream | RateStream,
    choice: PolicyChoice,
    settings: ReplaySettings,
    progress: Progress = silent,
) -> PolicyReplay:
    """One policy on the requests; `saved_fraction` is left open."""
    return _Run(system, stream, choice, settings, progress).result()


def warm(system: ServingSystem, settings: ReplaySettings, *, fluid: bool = False) -> None:
    """Load the compiled code of a level, so that time that is taken later is that of simulating."""
    stream = warming.no_rates(system) if fluid else warming.no_requests(system)
    warming.warm_up(_level(system, stream, settings, warming.SHORT_S), system)


def _level(
    system: ServingSystem,
    stream: RequestStream | RateStream,
    settings: ReplaySettings,
    interval_s: float,
) -> Level:
    if isinstance(stream, RateStream):
        return Fluid(system, stream, settings.simulator, interval_s, settings.step_s)
    return SingleRequests(system, stream, settings.simulator)


def run_policies(
    system: ServingSystem,
    stream: RequestStream | RateStream,
    choices: Sequence[PolicyChoice],
    settings: ReplaySettings,
    *,
    jobs: int = 1,
    progress: Progress = silent,
) -> tuple[list[PolicyReplay], float]:
    """All policies, `jobs` at a time, and the CPU seconds that they took [s].

    The result does not depend on `jobs`: compiled code runs beside other threads. The time in which
    that code is loaded does not count.
    """
    warm(system, settings, fluid=isinstance(stream, RateStream))

    def timed(choice: PolicyChoice) -> tuple[PolicyReplay, float]:
        began = thread_time()
        found = run_policy(system, stream, choice, settings, progress)
        return found, thread_time() - began

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        found = list(pool.map(timed, choices))
    return [each for each, _ in found], sum(seconds for _, seconds in found)


class _Run:
    """One policy while it runs."""

    def __init__(
        self,
        system: ServingSystem,
        stream: RequestStream | RateStream,
        choice: PolicyChoice,
        settings: ReplaySettings,
        progress: Progress,
    ) -> None:
        self.system, self.stream, self.choice, self.settings = system, stream, choice, settings
        self.progress = progress
        self.policy = choice.make()
        self.interval_s = float(system.scenario.horizon.interval_s)
        self.simulator = _level(system, stream, settings, self.interval_s)
        linger = max(settings.lifecycle.linger_s, linger_s(self.policy))
        lifecycle = LifecycleOptions(
            settings.lifecycle.scale_in, linger, settings.lifecycle.startup_factor
        )
        self.cluster = Cluster(system, self.simulator, lifecycle)
        self.allocator = Allocator(system)
        self.meter = Meter(self.simulator, self.cluster, self.allocator)
        setting = policy_setting(system)
        with np.errstate(invalid="ignore", divide="ignore"):
            first = np.ceil(setting.planned_rps[:, :1] / setting.capacity_rps)
        self.desired: Floats = np.clip(
            np.nan_to_num(first, posinf=0.0), setting.min_replicas, setting.max_replicas
        )
        self.waiting_s: list[Floats] = []
        self.busy_s: Floats = np.zeros(len(system.options))

    def result(self) -> PolicyReplay:
        """Run to the end, and sum up."""
        self._pass_time()
        self.cluster.close()
        self.busy_s = self.simulator.counts().busy_s
        self.simulator.finish(FOLLOWED_S)
        return self._summed_up()

    def _moments(self) -> list[float]:
        """When something other than requests happens, the end included."""
        end_s, period_s = self.stream.duration_s, self.policy.period_s
        moments = {n * period_s for n in range(int(end_s / period_s) + 1)}
        moments |= {n * self.interval_s for n in range(int(end_s / self.interval_s) + 1)}
        for failure in self.settings.failures:
            moments |= {failure.start_s, failure.end_s}
        return sorted({*(each for each in moments if each < end_s), end_s})

    def _pass_time(self) -> None:
        period_s, boundary, decision = self.policy.period_s, 0, 0
        waited_s = np.zeros(len(self.system.scenario.workloads))
        for moment in self._moments():
            self.simulator.run(moment)
            self.cluster.collect()
            self._fail(moment)
            ends = moment >= self.stream.duration_s
            if moment >= boundary * self.interval_s or ends:
                if moment > 0.0:
                    now_s = self.simulator.counts().waiting_s.sum(axis=1)
                    self.waiting_s.append(now_s - waited_s)
                    waited_s = now_s
                    self.progress(self.choice.name, moment / self.stream.duration_s)
                if not ends:
                    self.cluster.enter(self._horizon_interval(boundary))
                    boundary += 1
            if not ends and moment >= decision * period_s:
                self._decide(at_once=decision == 0)
                decision += 1

    def _fail(self, moment: float) -> None:
        """Failures that begin now and those that end, unless another one still has their leaves."""
        failures = self.settings.failures
        away = {
            leaf for each in failures if each.start_s <= moment < each.end_s for leaf in each.leaves
        }
        for failure in failures:
            if moment == failure.start_s:
                self.cluster.fail(failure.leaves)
            if moment == failure.end_s:
                self.cluster.recover(set(failure.leaves) - away)

    def _horizon_interval(self, interval: int) -> int:
        horizon = self.system.scenario.horizon
        if horizon.cyclic:
            return interval % horizon.intervals
        return min(interval, horizon.intervals - 1)

    def _decide(self, *, at_once: bool) -> None:
        self.meter.take()
        signals = self.meter.signals(self.settings.delay_s, self.policy.window_s)
        active, ready = self.cluster.active(), self.cluster.ready()
        ready_by_role = self.allocator.replicas(ready)
        state = ReplicaState(
            now_s=self.simulator.now_s,
            desired=self.desired,
            ready=ready_by_role,
            starting=self.allocator.replicas(active) - ready_by_role,
        )
        wanted = self._placed(self.policy.decide(signals, state), active)
        self.cluster.apply(wanted, at_once=at_once)

    def _placed(self, targets: Targets, active: NDArray[np.int64]) -> NDArray[np.int64]:
        """[deployment] replicas for what a policy wants."""
        if isinstance(targets, PoolTargets):
            self.desired = self.allocator.replicas(targets.replicas)
            return targets.replicas
        self.desired = targets.replicas
        free = self.cluster.free_gpus()
        if targets.floor is None:
            return self.allocator.deployments(targets.replicas, active, free)
        floor = targets.floor.replicas
        for number in np.flatnonzero(floor > active):
            at = self.system.deployments[number]
            option = self.system.options[at.option]
            missing = int(floor[number] - active[number]) * option.engine.gpus
            free[at.leaf, self.system.node_types[option.node_type]] -= missing
        beyond = targets.replicas - self.allocator.replicas(floor)
        more = self.allocator.deployments(beyond, np.maximum(active - floor, 0), free)
        placed: NDArray[np.int64] = floor + more
        return placed

    def _summed_up(self) -> PolicyReplay:
        system, duration_s = self.system, self.stream.duration_s
        shares = [load.slo.percentile for load in system.scenario.workloads]
        served = self.simulator.served(shares, self.interval_s)
        used = ledger.usage(system, self.cluster.lives, duration_s, self.interval_s)
        intervals = ledger.interval_table(
            served, used, np.array(self.waiting_s).T, duration_s, self.interval_s
        )
        return PolicyReplay(
            policy=self.choice.name,
            options=self.choice.options,
            gpu_hours=used.gpu_hours,
            cost_usd=used.cost_usd,
            saved_fraction=None,
            attainment=served.attainment,
            intervals_met=ledger.intervals_met(intervals, served.percentiles or shares),
            finished=int(served.finished.sum()),
            rejected=served.rejected,
            unfinished=served.unfinished,
            starts=self.cluster.starts,
            utilization=ledger.utilization(system, used, self.busy_s),
            ttft_ms=served.ttft_ms,
            itl_ms=served.itl_ms,
            e2e_ms=served.e2e_ms,
            intervals=intervals,
            requests=served.table,
            classes=served.classes,
            percentiles=served.percentiles,
        )
