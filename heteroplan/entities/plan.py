"""A plan: the decision, its proof and what it saves. Field for field what plan.json holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.placement import Stay
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Loss, Role


class Termination(StrEnum):
    """Why the solver stopped."""

    OPTIMAL = "optimal"
    GAP_REACHED = "gap_reached"
    TIME_LIMIT = "time_limit"
    EFFORT_REACHED = "effort_reached"
    """As many steps of the search as were asked for."""
    EXHAUSTED = "exhausted"
    """The search had no step left that might find a better plan, and time was."""
    INTERRUPTED = "interrupted"


class Coverage(StrEnum):
    """Whether the fleet serves the forecast."""

    COVERED = "covered"
    """The plan serves all demand."""
    SHORT = "short"
    """It is proven that no plan does."""
    UNDECIDED = "undecided"
    """The plan does not, and the search ended before it was proven that none does."""


@dataclass(frozen=True, slots=True)
class Calmness:
    """How often pools of a plan change their sizes, and what the plan costs on paper."""

    changes: int
    starts: int
    objective: float
    """Before replicas stand on nodes, which may add moves."""
    unserved_requests: float = 0.0
    """Over the horizon, all workloads."""


@dataclass(frozen=True, slots=True)
class Calming:
    """What the last pass gave up for fewer changes."""

    before: Calmness
    after: Calmness
    frontier: tuple[Calmness, ...] = ()
    """Plans on the way that none beats in changes and cost, the most changes first; empty unless
    it was asked for."""


@dataclass(frozen=True, slots=True)
class SolveReport:
    """The solver's verdict. Objective and bound are USD or GPU-hours, as the scenario asks."""

    termination: Termination
    objective: float
    bound: float
    """No plan that leaves as little demand unserved has a lower objective."""
    unserved_requests: float
    """Requests left unserved over the horizon, all workloads."""
    unserved_requests_bound: float
    """No plan leaves fewer that serves each more urgent priority as well; above 0 it is proven that
    demand cannot be covered."""
    seconds: float
    calming: Calming | None = None
    """None where the last pass did not run."""

    @property
    def gap(self) -> float:
        """(objective - bound) / objective; 0 where both are 0."""
        return (self.objective - self.bound) / self.objective if self.objective > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Pool:
    """The replicas of one workload, role and engine in one network domain."""

    workload: str
    role: Role
    engine: str
    node_type: str
    gpus_per_replica: int
    domain: str
    level: Affinity
    """Of `domain`: narrower than the workload's affinity for parts of a divided engine, and
    where a leaf may be lost."""
    group: str
    """Deployment group: the workload and its domain at its affinity level, `chat@a-s1`."""
    replicas: tuple[int, ...]
    """One an interval."""
    flow_rps: tuple[tuple[float, ...], ...]
    """[class][interval] requests a second that the pool handles; not shown in plan.json."""


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """What a workload asks for and gets, per interval."""

    name: str
    priority: int
    demand_rps: tuple[float, ...]
    served_rps: tuple[float, ...]
    capacity_rps: tuple[float, ...]
    """Greatest rate the planned replicas serve with the interval's request mix."""
    pd_ratio: tuple[float | None, ...]
    """Prefill replicas / decode replicas; None where there is no decode replica."""
    gpu_hours: float
    """Its part of the plan's GPU-hours: held by its running, starting and draining replicas."""
    cost_usd: float
    """Its part of the plan's cost, with what its changes of sizes cost."""
    team: str | None = None
    """Team that it belongs to; None where the scenario names none."""


class ShortageKind(StrEnum):
    """Why a workload has no more replicas."""

    NO_ENGINE = "no_engine"
    """No engine of its model serves it; `detail` says why."""
    NO_GPUS = "no_gpus"
    """No domain at its affinity has GPUs for an engine that serves these requests."""
    MAX_REPLICAS = "max_replicas"
    """Of `role`."""
    RULE = "rule"
    """A rule of the workload; `detail` names its fields, such as max_groups or anti_affinity."""
    RESILIENCE = "resilience"
    """The replicas could serve more, but not after the loss of one `lose`."""
    FULL = "full"
    """GPUs of `node_type` are taken in `domains`."""
    HELD_BEFORE = "held_before"
    """What ran before holds GPUs of `node_type` in `domains` until the horizon begins, so that no
    more could start before it."""
    NO_PAIR = "no_pair"
    """In `domains` a prefill or a decode replica finds room, but not both."""
    UNKNOWN = "unknown"
    """Nothing that is known: the search found no better."""


@dataclass(frozen=True, slots=True)
class ShortageReason:
    """One thing that keeps a workload from more replicas; fields that `kind` does not name are
    empty."""

    kind: ShortageKind
    node_type: str = ""
    domains: tuple[str, ...] = ()
    starts: int | None = None
    """Interval in which the replicas would have to start and find no room; None where there is no
    room in the interval of the shortage."""
    role: Role | None = None
    affinity: Affinity | None = None
    lose: Loss | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shortage:
    """Demand of one interval that the plan does not serve."""

    workload: str
    interval: int
    unserved_rps: float
    reasons: tuple[ShortageReason, ...]
    """At least one."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The plan in five numbers; GPU-hours and cost cover running, starting and draining."""

    gpu_hours: float
    """GPUs held by time: serving, and starting and draining for as long as the engine takes."""
    cost_usd: float
    served_fraction: float
    """Requests served / requests asked for."""
    peak_gpus: int
    """Greatest number of GPUs held at once, starting replicas included."""
    starts: int
    """Replicas started over the horizon, moves included."""
    moves: int
    """Replicas that are replaced on other nodes."""
    changes: int
    """Times that a pool has another size than in the interval before."""
    gpu_hours_by_priority: Mapping[SubgroupPriority, float]
    """`gpu_hours` by the priority of the leaf where they are held; their sum."""
    gpu_hours_by_type: Mapping[str, float] = field(default_factory=dict)
    """`gpu_hours` by node type; their sum."""


class BaselineKind(StrEnum):
    """What a plan is compared with; the key under `savings` in plan.json."""

    STATIC_PEAK = "static_peak"
    """The cheapest sizes that never change."""
    STATIC_PEAK_ONE_GPU_TYPE = "static_peak_one_gpu_type"
    """The cheapest sizes that never change, on the GPU type that serves all demand for least."""
    LOWER_BOUND = "lower_bound"
    """What no plan can be below."""
    GREEDY = "greedy_topology"
    """HeteroScale's Algorithm 4."""
    GREEDY_PAIRED = "greedy_topology_paired"
    """Algorithm 4, placing prefill and decode replicas together."""
    WITHOUT_RESILIENCE = "without_resilience"
    """The plan that may serve less after a loss."""


REPLAYED = "replayed:"
"""Stands before the name of a policy that was replayed, among the keys under `savings`."""


class BaselineRemark(StrEnum):
    """Why a baseline has no figure, or what its figure leaves out."""

    NO_SIZE = "no_size"
    """No constant size covers the demand."""
    NO_GPU_TYPE = "no_gpu_type"
    """No GPU type alone covers the demand."""
    NOT_COMPARED = "not_compared"
    """The plan leaves demand unserved."""
    NOT_FOUND = "not_found"
    INTERRUPTED = "interrupted"
    NO_TIME = "no_time"
    NO_RESILIENCE = "no_resilience"
    """It survives no loss, as the plan does."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline: what another plan needs for the same demand."""

    name: BaselineKind
    gpu_hours: float | None
    """None where the baseline does not say (a bound on cost says nothing of GPU-hours)."""
    cost_usd: float | None
    saved_gpu_hours: float | None
    saved_cost_usd: float | None
    saved_fraction: float | None
    """Of the scenario's objective: (baseline - plan) / baseline."""
    utilization: float | None
    """Demand over capacity, weighted by GPUs."""
    remarks: tuple[BaselineRemark, ...] = ()
    gpu: str = ""
    """The GPU type that it runs on, where it is only one."""
    excess: float = 0.0
    """Share of its cost by which it may be above the cheapest of its kind; 0 where proven."""
    unserved_requests: float = 0.0
    """Requests that it leaves unserved."""
    changes: int | None = None
    """Times that a pool changes its size; None where the baseline does not say."""
    starts: int | None = None
    """Replicas started; None where the baseline does not say."""
    stranded_replica_hours: float | None = None
    """Replica-hours that are idle: too little prefill or decode in their group. None where there
    are none by construction."""
    gpu_hours_by_priority: Mapping[SubgroupPriority, float] | None = None
    """As in Totals."""


class EasierPromise(StrEnum):
    """A promise that is easier to keep than the plan's."""

    TWICE_THE_TTFT = "twice_the_ttft"
    P90 = "p90"
    """Percentiles above the 90th are that."""
    POISSON = "poisson_arrivals"
    """The same targets, if arrivals were Poisson where they are known not to be."""


@dataclass(frozen=True, slots=True)
class PromiseCost:
    """About what a plan for an easier promise takes; an estimate, for the plan's engines."""

    promise: EasierPromise
    gpu_hours: float
    cost_usd: float


@dataclass(frozen=True, slots=True)
class SupplyUse:
    """GPUs of one node type over the horizon."""

    node_type: str
    supply: tuple[int, ...]
    """GPUs present, maintenance applied, one an interval."""
    held: tuple[int, ...]
    """GPUs of running and starting replicas, one an interval."""


def limited_name(role: Role, workload: str) -> str:
    """Who is limited, as `BindingLimit.pools` names it: `decode of chat-70b`."""
    return f"{role.value} of {workload}"


@dataclass(frozen=True, slots=True)
class BindingLimit:
    """GPUs of one node type that run out in a domain, and which pools that limits."""

    level: Affinity
    domain: str
    node_type: str
    first: int
    last: int
    """Inclusive."""
    pools: tuple[str, ...]
    """Pools that would use more, such as `decode of chat-70b`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision for one scenario."""

    scenario: Scenario
    candidates: tuple[Candidate, ...]
    """Every engine considered, used or not."""
    report: SolveReport
    totals: Totals
    utilization: float
    """Demand over capacity of the plan, weighted by GPUs."""
    savings: tuple[Baseline, ...]
    pools: tuple[Pool, ...]
    """Pools with a replica in any interval, in a fixed order."""
    workloads: tuple[WorkloadPlan, ...]
    shortages: tuple[Shortage, ...]
    supply: tuple[SupplyUse, ...]
    stays: tuple[Stay, ...]
    """Every replica on its nodes; `Stay.pool` counts in `pools`."""
    limits: tuple[BindingLimit, ...]
    """Where GPUs run out, in the order of the fleet."""
    easier: tuple[PromiseCost, ...] = ()
    """What the promise costs: the plan at easier ones."""

    @property
    def covered(self) -> bool:
        """Whether all demand is served."""
        return not self.shortages

    @property
    def coverage(self) -> Coverage:
        """Whether demand is covered, proven not to be, or neither."""
        if self.covered:
            return Coverage.COVERED
        proven = self.report.unserved_requests_bound > 0
        return Coverage.SHORT if proven else Coverage.UNDECIDED
