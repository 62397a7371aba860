"""plan.json as a type: what is written, what is read back, and its JSON Schema."""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    field_serializer,
    model_serializer,
)

from heteroplan.entities.capacity import Limit
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.plan import Coverage, EasierPromise, ShortageKind, Termination
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.entities.workload import Loss, Role, SourceKind
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.outputs.plan.document.parts import (
    Amount,
    AmountOrNone,
    Amounts,
    AmountsOrNone,
    AttainmentPart,
    Count,
    Counts,
    DocumentPart,
    HorizonPart,
    Moment,
    Number,
    NumberOrNone,
)
from heteroplan.outputs.plan.document.plan_inputs import PlanInputs

SCHEMA_VERSION: Literal[2] = 2
"""The version that is written; version 1 is read as well."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PlanId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
HoursByPriority = dict[SubgroupPriority, Amount]
"""GPU-hours by the priority of the leaf where they are held; empty where none were placed."""


class CalmnessPart(DocumentPart):
    """How often pools change their sizes, and what a plan costs before it stands on nodes."""

    changes: Count
    starts: Count
    objective: Amount
    unserved_requests: Amount = 0.0


class CalmingPart(DocumentPart):
    """What the last pass gave up for fewer changes."""

    before: CalmnessPart
    after: CalmnessPart
    frontier: tuple[CalmnessPart, ...] = ()
    """Plans that none beats in changes and cost, the most changes first; empty unless it was asked
    for (`--fewest-changes`)."""


class SolverPart(DocumentPart):
    """Cost, bound and gap, in USD or GPU-hours as the plan's objective says."""

    termination: Termination
    objective: Amount
    bound: Number
    gap: Number
    unserved_requests: Amount
    unserved_requests_bound: Number
    seconds: Amount
    """The only field that differs between two runs of the same inputs."""
    calming: CalmingPart | None = None
    """What the last pass gave up for fewer changes; None where it did not run."""


class TotalsPart(DocumentPart):
    """The plan in a few numbers."""

    gpu_hours: Amount
    """GPU-hours held by replicas that start, serve or drain."""
    cost_usd: Amount
    served_fraction: Amount
    utilization: Amount
    """Demand over capacity, weighted by GPUs."""
    peak_gpus: Count
    starts: Count
    """Starts of replicas, moves included."""
    moves: Count = 0
    """Replicas that are replaced on other nodes."""
    changes: Count | None = None
    """Times that a pool has another size than in the interval before; None in older plans."""
    gpu_hours_by_priority: HoursByPriority = Field({})
    """`gpu_hours` by the priority of the leaf."""


class SourcePart(DocumentPart):
    """Where an engine's figures come from."""

    kind: SourceKind
    origin: str = Field(validation_alias="from", serialization_alias="from")
    error_mape: AmountOrNone
    points: Count | None
    error_worst: AmountOrNone = None
    """Greatest relative error of the fit."""
    error_beyond: AmountOrNone = None
    """Mean relative error at the largest batches, of a fit without them."""
    spread: AmountOrNone = None
    """Relative standard deviation of repeated measurements."""
    sha256: tuple[Sha256, ...] = ()
    """SHA-256 of the measurement files."""
    extrapolated: bool
    """A figure of any interval lies outside the measured range."""


class EnginePart(DocumentPart):
    """A candidate engine, and its load in the workload's busiest interval."""

    workload: Name
    engine: Name
    role: Role
    part: Name | None = None
    """Part of a divided engine (attention, ffn); None for other engines."""
    span: Affinity | None = None
    """Span of the groups that the figures are for; None for all groups."""
    node_type: Name
    gpus_per_replica: Annotated[int, Field(ge=1)]
    capacity_rps: Annotated[
        Annotated[Amount, Tag("<number>")] | Annotated[Amounts, Tag("<list>")],
        Discriminator(lambda value: "<list>" if isinstance(value, list | tuple) else "<number>"),
    ]
    """Requests/s of one replica at the SLO; a list, one value per interval, if it varies."""
    pool_sizes: tuple[Count, ...] | None = None
    """Replicas of the pool that `capacity_rps` is for, one value per interval: the smallest one
    that serves the workload's whole demand alone. Replicas of smaller pools serve less. None where
    the size makes no difference."""
    request_class: Name
    """Request class of these figures: the one that keeps a replica busiest."""
    batch: AmountOrNone
    utilization: AmountOrNone
    ttft_ms: AmountOrNone
    itl_ms: AmountOrNone
    limited_by: Limit
    reason: str
    """Why `capacity_rps` is 0; empty otherwise."""
    notes: tuple[str, ...] = ()
    """What makes the capacity less certain."""
    startup_s: Amount
    drain_s: Amount
    source: SourcePart


class ReplayedPart(DocumentPart):
    """What an autoscaling policy was replayed on, and which requests were in time."""

    start: Moment
    """When the replay begins."""
    duration_s: Amount
    requests: Count
    """Drawn from the demand without headroom, Poisson."""
    seed: int
    attainment: AttainmentPart
    intervals_met: AmountOrNone
    """Share of workload-intervals with requests in which `both` reaches the percentile."""
    slo_kept: bool
    """Whether `both` of each workload reaches its percentile over the whole replay."""


class BaselinePart(DocumentPart):
    """A baseline: what another plan, or a replayed policy, needs for the same demand."""

    gpu_hours: AmountOrNone
    cost_usd: AmountOrNone
    saved_gpu_hours: NumberOrNone
    saved_cost_usd: NumberOrNone
    saved_fraction: NumberOrNone
    utilization: AmountOrNone
    note: str
    unserved_requests: Amount = 0.0
    changes: Count | None = None
    """Times that a pool changes its size; null where the baseline does not say."""
    starts: Count | None = None
    """Replicas started; null where the baseline does not say."""
    stranded_replica_hours: AmountOrNone = None
    """Replica-hours that are idle: too little prefill or decode in their group."""
    gpu_hours_by_priority: HoursByPriority | None = None
    replayed: ReplayedPart | None = None
    """Of a policy, `replayed:NAME` (`plan --replay`): its figures are those of the time that was
    replayed, and what is saved is against the plan over the same time. Null for other baselines."""


class PromiseCostPart(DocumentPart):
    """About what a plan for an easier promise takes."""

    promise: EasierPromise
    gpu_hours: Amount
    cost_usd: Amount


class PoolPart(DocumentPart):
    """Replicas of one workload, role and engine in one network domain."""

    workload: Name
    role: Role
    engine: Name
    node_type: Name
    gpus_per_replica: Annotated[int, Field(ge=1)]
    domain: Name
    level: Affinity
    group: Name
    replicas: Counts
    leaves: dict[Name, Counts] = Field({})
    """`replicas` by leaf; empty if none was placed."""
    starting: dict[Name, Counts] = Field({})
    """Replicas that start and do not serve yet, by leaf."""
    share: Amounts = ()
    """Share of the workload's served requests that the pool serves, 0 where none are served. The
    shares of prefill pools and of decode pools sum to 1 each, aggregated ones counted in both.
    Empty in older plans."""
    class_share: dict[Name, Amounts] = Field({})
    """`share` by request class, of the class's served requests. Empty where the pools of the
    workload take every class alike, and in older plans."""


class WorkloadPart(DocumentPart):
    """Demand, served demand and capacity of a workload, one value per interval."""

    name: Name
    priority: int
    demand_rps: Amounts
    served_rps: Amounts
    capacity_rps: Amounts
    pd_ratio: AmountsOrNone
    team: Name | None = None
    """Team that it belongs to; null where the scenario names none."""
    gpu_hours: AmountOrNone = None
    """Its part of `totals.gpu_hours`; null in older plans."""
    cost_usd: AmountOrNone = None
    """Its part of `totals.cost_usd`; null in older plans."""


class EgressPairPart(DocumentPart):
    """Traffic of one workload between its origin and another region that serves some of it."""

    workload: Name
    origin: Name
    """Region that its requests come from."""
    region: Name
    """Region that serves them."""
    requests: Amount
    """Requests served there over the horizon, headroom included."""
    request_gb: Amount
    """Traffic from `origin` to `region` over the horizon [10^9 bytes]."""
    answer_gb: Amount
    """Traffic from `region` to `origin` over the horizon [10^9 bytes]."""
    usd_per_gb: AmountOrNone
    """Price of both; null where they have two prices, or the fleet gives none."""
    request_usd_per_gb: AmountOrNone = None
    """Price from `origin` to `region`; null where the fleet gives none, and in older plans."""
    answer_usd_per_gb: AmountOrNone = None
    """Price from `region` to `origin`; null where the fleet gives none, and in older plans."""
    gb: Amount
    """`request_gb` and `answer_gb`."""
    usd: AmountOrNone
    """What `gb` costs; null where no price is known."""
    gb_a_day: Amount
    usd_a_day: AmountOrNone


class EgressPart(DocumentPart):
    """Traffic between regions. It is no part of `totals.cost_usd`, and the choice of region
    ignores it."""

    gb: Amount
    """Over the horizon [10^9 bytes]."""
    usd: AmountOrNone
    """What `gb` costs; null where the price of some of it is not known."""
    gb_a_day: Amount
    usd_a_day: AmountOrNone
    pairs: tuple[EgressPairPart, ...]
    """By workload and region that serves it; empty where all requests are served at home."""


class ReasonPart(DocumentPart):
    """A reason why a workload has no more replicas; fields without a value are left out."""

    kind: ShortageKind
    node_type: str = ""
    """Node type whose GPUs are all in use in `domains`."""
    domains: tuple[str, ...] = ()
    starts: Count | None = None
    """Interval in which the replicas would have to start, but GPUs are missing; without it GPUs
    are missing in the interval of the shortage."""
    role: Role | None = None
    """Role that has reached max_replicas."""
    affinity: Affinity | None = None
    """Affinity of the workload, if no domain of that level has GPUs for it."""
    lose: Loss | None = None
    """Failure after which the rest could not serve more."""
    detail: str = ""
    """Why no engine serves the workload, or the scenario fields that limit it."""

    @model_serializer(mode="wrap")
    def _short(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in whole(self).items() if value not in (None, "", [], ())}


class ShortagePart(DocumentPart):
    """Demand of one interval that is not served."""

    workload: Name
    interval: Count
    unserved_rps: Amount
    limited_by: str
    """`reasons` as one sentence."""
    reasons: tuple[ReasonPart, ...] = ()
    """Why the workload has no more replicas; empty in plans of version 1."""


class SupplyPart(DocumentPart):
    """GPUs of one node type, one value per interval."""

    node_type: Name
    supply: Counts
    held: Counts


class LimitPart(DocumentPart):
    """GPUs of one node type that run out in a domain, and which pools that limits."""

    level: Affinity
    domain: Name
    node_type: Name
    first: Count
    """First interval, counted from 0."""
    last: Count
    """Last interval, inclusive."""
    pools: tuple[Name, ...]
    """Pools that would use more, such as `decode of chat-70b`."""


class PlanDocument(DocumentPart):
    """plan.json. Version 1 is read as well: it has no `inputs` and no `reasons` of shortages."""

    schema_version: Literal[1, 2]
    heteroplan_version: Text
    scenario: Name
    inputs_sha256: Sha256
    plan_id: PlanId | None = None
    """Hash of the content, in all files of the plan; None in old plans."""
    objective: Objective
    """What was minimised; the unit of `solver` is USD or GPU-hours."""
    covered: bool
    coverage: Coverage | None = None
    """Demand is covered, proven not to be (`short`), or undecided; None in old plans."""
    horizon: HorizonPart
    solver: SolverPart
    totals: TotalsPart
    savings: dict[Name, BaselinePart]
    easier: tuple[PromiseCostPart, ...] = ()
    """What the promise costs: estimates for the plan's engines at easier ones. Empty where demand
    is not covered, and in older plans."""
    egress: EgressPart | None = None
    """Traffic between regions, beside `totals.cost_usd`; null where no workload has an origin, and
    in older plans."""
    shortages: tuple[ShortagePart, ...]
    limits: tuple[LimitPart, ...] = ()
    """Where GPUs run out, in the order of the fleet."""
    supply: tuple[SupplyPart, ...]
    engines: tuple[EnginePart, ...]
    workloads: tuple[WorkloadPart, ...]
    pools: tuple[PoolPart, ...]
    inputs: PlanInputs | None = None
    """All inputs of the plan; None in plans of version 1."""

    @field_serializer("inputs")
    def _without_nulls(self, inputs: PlanInputs | None) -> dict[str, Any] | None:
        return None if inputs is None else inputs.written()

    @cached_property
    def given(self) -> Scenario:
        """The scenario that was planned. Not for a plan of version 1 (`read_plan`)."""
        assert self.inputs is not None
        return self.inputs.scenario(self.inputs_sha256)

    def startup_s(self, pool: PoolPart) -> float:
        """Start-up time of the pool's engine [s]; 0 where the document does not list it."""
        for engine in self.engines:
            if (engine.workload, engine.engine, engine.node_type) == (
                pool.workload,
                pool.engine,
                pool.node_type,
            ):
                return engine.startup_s
        return 0.0
