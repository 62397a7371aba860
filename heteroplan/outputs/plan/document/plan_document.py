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
from heteroplan.entities.plan import Coverage, ShortageKind, Termination
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.entities.workload import Loss, Role, SourceKind
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.outputs.plan.document.parts import (
    Amount,
    AmountOrNone,
    Amounts,
    AmountsOrNone,
    Count,
    Counts,
    DocumentPart,
    HorizonPart,
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


class SolverPart(DocumentPart):
    """The proof: objective and bound in USD or GPU-hours, as the plan's objective says."""

    termination: Termination
    objective: Amount
    bound: Number
    gap: Number
    unserved_requests: Amount
    unserved_requests_bound: Number
    seconds: Amount
    """The only field that two runs of the same inputs may differ in."""


class TotalsPart(DocumentPart):
    """The plan in a few numbers."""

    gpu_hours: Amount
    """GPUs held by time: serving, starting and draining."""
    cost_usd: Amount
    served_fraction: Amount
    utilization: Amount
    """Demand over capacity, weighted by GPUs."""
    peak_gpus: Count
    starts: Count
    """Moves included."""
    moves: Count = 0
    """Replicas that go on elsewhere."""
    gpu_hours_by_priority: HoursByPriority = Field({})
    """`gpu_hours`, whose sum they are."""


class SourcePart(DocumentPart):
    """Where an engine's figures come from."""

    kind: SourceKind
    origin: str = Field(validation_alias="from", serialization_alias="from")
    error_mape: AmountOrNone
    points: Count | None
    error_worst: AmountOrNone = None
    """Greatest relative error of the fit."""
    spread: AmountOrNone = None
    """Relative standard deviation of repeated measurements."""
    sha256: tuple[Sha256, ...] = ()
    """Hashes of the measurement files."""
    extrapolated: bool
    """A figure of any interval lies outside the measured range."""


class EnginePart(DocumentPart):
    """A candidate and how it runs in the workload's busiest interval."""

    workload: Name
    engine: Name
    role: Role
    part: Name | None = None
    """Which half of a divided engine it is (attention, ffn); None for a whole one."""
    span: Affinity | None = None
    """How far apart the replicas of the groups stand that its figures are for; None for all."""
    node_type: Name
    gpus_per_replica: Annotated[int, Field(ge=1)]
    capacity_rps: Annotated[
        Annotated[Amount, Tag("<number>")] | Annotated[Amounts, Tag("<list>")],
        Discriminator(lambda value: "<list>" if isinstance(value, list | tuple) else "<number>"),
    ]
    """Requests/s of one replica at the SLO; one an interval where it varies."""
    request_class: Name
    """The class that the operating point is of: the one that keeps a replica busiest."""
    batch: AmountOrNone
    utilization: AmountOrNone
    ttft_ms: AmountOrNone
    itl_ms: AmountOrNone
    limited_by: Limit
    reason: str
    """Why `capacity_rps` is 0; empty otherwise."""
    notes: tuple[str, ...] = ()
    """What makes the capacity less certain than it looks."""
    startup_s: Amount
    drain_s: Amount
    source: SourcePart


class BaselinePart(DocumentPart):
    """What something else would need for the same demand."""

    gpu_hours: AmountOrNone
    cost_usd: AmountOrNone
    saved_gpu_hours: NumberOrNone
    saved_cost_usd: NumberOrNone
    saved_fraction: NumberOrNone
    utilization: AmountOrNone
    note: str
    unserved_requests: Amount = 0.0
    stranded_replica_hours: AmountOrNone = None
    """Replica-hours whose other half is missing in their group."""
    gpu_hours_by_priority: HoursByPriority | None = None


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
    """Of these, by leaf; empty where no replica was placed."""
    starting: dict[Name, Counts] = Field({})
    """Replicas that start and do not serve yet, on leaves where there are any in some interval."""


class WorkloadPart(DocumentPart):
    """What a workload asks for and gets, one value an interval."""

    name: Name
    priority: int
    demand_rps: Amounts
    served_rps: Amounts
    capacity_rps: Amounts
    pd_ratio: AmountsOrNone


class ReasonPart(DocumentPart):
    """One thing that keeps a workload from more replicas; fields without a value are left out."""

    kind: ShortageKind
    node_type: str = ""
    """That is full in `domains`."""
    domains: tuple[str, ...] = ()
    starts: Count | None = None
    """Interval in which the replicas would have to start and find no room; without it there is
    none in the interval of the shortage."""
    role: Role | None = None
    """That has reached max_replicas."""
    affinity: Affinity | None = None
    """Of the workload, where no such domain has GPUs for it."""
    lose: Loss | None = None
    """What may be lost, where the rest could not serve more."""
    detail: str = ""
    """Why no engine serves it, or the fields of the rule."""

    @model_serializer(mode="wrap")
    def _short(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in whole(self).items() if value not in (None, "", [], ())}


class ShortagePart(DocumentPart):
    """Demand of one interval that is not served."""

    workload: Name
    interval: Count
    unserved_rps: Amount
    limited_by: str
    """`reasons` in a sentence."""
    reasons: tuple[ReasonPart, ...] = ()
    """What keeps the workload from more replicas; empty in plans of version 1."""


class SupplyPart(DocumentPart):
    """GPUs of one node type, one value an interval."""

    node_type: Name
    supply: Counts
    held: Counts


class LimitPart(DocumentPart):
    """GPUs of one node type that run out in a domain, and whom that limits."""

    level: Affinity
    domain: Name
    node_type: Name
    first: Count
    """Interval."""
    last: Count
    """Inclusive."""
    pools: tuple[Name, ...]
    """Who would take more, such as `decode of chat-70b`."""


class PlanDocument(DocumentPart):
    """plan.json. Version 1 is read as well: it has no `inputs` and no `reasons` of shortages."""

    schema_version: Literal[1, 2]
    heteroplan_version: Text
    scenario: Name
    inputs_sha256: Sha256
    plan_id: PlanId | None = None
    """Of the content (`inputs.plan_ids.content_id`), in all files of the plan; None in old ones."""
    objective: Objective
    """What was minimised, and so the unit of `solver`: USD or GPU-hours."""
    covered: bool
    coverage: Coverage | None = None
    """Whether demand is covered, proven short, or neither; None in old plans."""
    horizon: HorizonPart
    solver: SolverPart
    totals: TotalsPart
    savings: dict[Name, BaselinePart]
    shortages: tuple[ShortagePart, ...]
    limits: tuple[LimitPart, ...] = ()
    """Where GPUs run out, in the order of the fleet."""
    supply: tuple[SupplyPart, ...]
    engines: tuple[EnginePart, ...]
    workloads: tuple[WorkloadPart, ...]
    pools: tuple[PoolPart, ...]
    inputs: PlanInputs | None = None
    """All that the plan was made of; None in plans of version 1."""

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
