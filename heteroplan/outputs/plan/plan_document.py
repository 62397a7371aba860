"""plan.json as a type: what is written, what is read back, and its JSON Schema."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from heteroplan.entities.capacity import Limit
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.plan import Coverage, Termination
from heteroplan.entities.scenario import Horizon, Objective
from heteroplan.entities.workload import Role, SourceKind
from heteroplan.inputs.schemas.base import Name, Text, Zone
from heteroplan.reading.local_time import check_year

SCHEMA_VERSION = 1


def _with_offset(start: datetime) -> datetime:
    if start.utcoffset() is None:
        raise ValueError("has no offset; write for example 2026-11-23T00:00:00+08:00")
    check_year(start)
    return start


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PlanId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
HoursByPriority = dict[SubgroupPriority, Amount]
"""GPU-hours by the priority of the leaf where they are held; empty where none were placed."""


class _Part(BaseModel):
    """Unknown fields are passed over: a later heteroplan may add some under one version."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class HorizonPart(_Part):
    """The planned time."""

    start: Annotated[datetime, AfterValidator(_with_offset)]
    """With its offset."""
    timezone: Zone
    interval_s: Annotated[int, Field(ge=1)]
    intervals: Annotated[int, Field(ge=1, le=1_000_000)]
    cyclic: bool

    def boundaries(self) -> tuple[datetime, ...]:
        """The intervals + 1 moments between intervals, in `timezone`."""
        start = self.start.astimezone(ZoneInfo(self.timezone))
        horizon = Horizon(start, self.intervals, self.interval_s, self.timezone, self.cyclic)
        return horizon.boundaries()

    @model_validator(mode="after")
    def _ends(self) -> Self:
        try:
            _ = self.start + timedelta(seconds=self.interval_s) * (self.intervals + 1)
        except OverflowError:
            raise ValueError("ends after the year 9999; make it shorter") from None
        return self


class SolverPart(_Part):
    """The proof: objective and bound in USD or GPU-hours, as the plan's objective says."""

    termination: Termination
    objective: Amount
    bound: Number
    gap: Number
    unserved_requests: Amount
    unserved_requests_bound: Number
    seconds: Amount
    """The only field that two runs of the same inputs may differ in."""


class TotalsPart(_Part):
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
    gpu_hours_by_priority: HoursByPriority = {}
    """`gpu_hours`, whose sum they are."""


class SourcePart(_Part):
    """Where an engine's figures come from."""

    kind: SourceKind
    origin: str = Field(alias="from")
    error_mape: Amount | None
    points: Count | None
    error_worst: Amount | None = None
    """Greatest relative error of the fit."""
    spread: Amount | None = None
    """Relative standard deviation of repeated measurements."""
    sha256: list[Sha256] = []
    """Hashes of the measurement files."""
    extrapolated: bool
    """A figure of any interval lies outside the measured range."""


class EnginePart(_Part):
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
        Annotated[Amount, Tag("<number>")] | Annotated[list[Amount], Tag("<list>")],
        Discriminator(lambda value: "<list>" if isinstance(value, list) else "<number>"),
    ]
    """Requests/s of one replica at the SLO; one an interval where it varies."""
    request_class: Name
    """The class that the operating point is of: the one that keeps a replica busiest."""
    batch: Amount | None
    utilization: Amount | None
    ttft_ms: Amount | None
    itl_ms: Amount | None
    limited_by: Limit
    reason: str
    """Why `capacity_rps` is 0; empty otherwise."""
    notes: list[str] = []
    """What makes the capacity less certain than it looks."""
    startup_s: Amount
    drain_s: Amount
    source: SourcePart


class BaselinePart(_Part):
    """What something else would need for the same demand."""

    gpu_hours: Amount | None
    cost_usd: Amount | None
    saved_gpu_hours: Number | None
    saved_cost_usd: Number | None
    saved_fraction: Number | None
    utilization: Amount | None
    note: str
    unserved_requests: Amount = 0.0
    stranded_replica_hours: Amount | None = None
    """Replica-hours whose other half is missing in their group."""
    gpu_hours_by_priority: HoursByPriority | None = None


class PoolPart(_Part):
    """Replicas of one workload, role and engine in one network domain."""

    workload: Name
    role: Role
    engine: Name
    node_type: Name
    gpus_per_replica: Annotated[int, Field(ge=1)]
    domain: Name
    level: Affinity
    group: Name
    replicas: list[Count]
    leaves: dict[Name, list[Count]] = {}
    """Of these, by leaf; empty where no replica was placed."""


class WorkloadPart(_Part):
    """What a workload asks for and gets, one value an interval."""

    name: Name
    priority: int
    demand_rps: list[Amount]
    served_rps: list[Amount]
    capacity_rps: list[Amount]
    pd_ratio: list[Amount | None]


class ShortagePart(_Part):
    """Demand of one interval that is not served."""

    workload: Name
    interval: Count
    unserved_rps: Amount
    limited_by: str


class SupplyPart(_Part):
    """GPUs of one node type, one value an interval."""

    node_type: Name
    supply: list[Count]
    held: list[Count]


class LimitPart(_Part):
    """GPUs of one node type that run out in a domain, and whom that limits."""

    level: Affinity
    domain: Name
    node_type: Name
    first: Count
    """Interval."""
    last: Count
    """Inclusive."""
    pools: list[Name]
    """Who would take more, such as `decode of chat-70b`."""


class PlanDocument(_Part):
    """plan.json, schema version 1."""

    schema_version: Literal[1]
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
    shortages: list[ShortagePart]
    limits: list[LimitPart] = []
    """Where GPUs run out, in the order of the fleet."""
    supply: list[SupplyPart]
    engines: list[EnginePart]
    workloads: list[WorkloadPart]
    pools: list[PoolPart]

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
