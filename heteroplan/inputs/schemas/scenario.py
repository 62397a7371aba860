"""What scenario.yaml may hold."""

from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from heteroplan.inputs.schemas.base import (
    MAX_COUNT,
    Count,
    Duration,
    FilePath,
    Label,
    Name,
    OrPercent,
    Positive,
    RatioSpec,
    Share,
    Stamp,
    Strict,
    Text,
    Tokens,
    Zone,
)
from heteroplan.inputs.schemas.demand import DemandSpec, TraceSpec


def _none_is_null(value: Any) -> Any:
    return None if value == "none" else value


class HorizonSpec(Strict):
    """The time to plan, in equal steps."""

    start: Stamp
    """First moment, local to `timezone`: 2026-11-23 or 2026-11-23T06:00."""
    days: Annotated[int, Field(ge=1, le=366)] | None = None
    """Local calendar days; 1 where neither `days` nor `intervals` stands."""
    intervals: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Number of intervals, instead of `days`."""
    interval: Duration = "15min"
    """Planning step, such as 15min."""
    timezone: Zone = "UTC"
    """IANA time zone."""
    cyclic: bool = True
    """Whether the first interval follows the last one."""

    @field_validator("intervals")
    @classmethod
    def _one_length(cls, intervals: int | None, info: ValidationInfo) -> int | None:
        if intervals is not None and info.data.get("days") is not None:
            raise ValueError("days stands as well; keep one of them")
        return intervals


class RequestSpec(Strict):
    """Shape of all requests."""

    isl: Tokens
    """Input tokens a request."""
    osl: Tokens
    """Output tokens a request."""
    prefix_hit_rate: Annotated[float, Field(ge=0, lt=1), OrPercent()] = 0.0
    """Share of the input tokens found in the prefix cache, 0 to below 1."""
    isl_cv: Annotated[float, Field(ge=0, le=100)] | None = None
    """Coefficient of variation of the input length; without it waits are as behind one of 1."""
    context: Tokens | None = None
    """Tokens that a decode step finds in the KV cache; isl + osl / 2 where not given."""
    context_cv: Annotated[float, Field(ge=0, le=100)] | None = None
    """Coefficient of variation of that over decode steps."""


class ClassSpec(RequestSpec):
    """Shape of a share of the requests."""

    name: Name
    """Name of the class."""
    share: Share
    """Share of the requests; all shares sum to 1."""


def _classes_kind(value: Any) -> str:
    return "<file>" if isinstance(value, str) else "<list>"


ClassesSpec = Annotated[
    Annotated[list[ClassSpec], Field(min_length=1, max_length=64), Tag("<list>")]
    | Annotated[FilePath, Tag("<file>")],
    Discriminator(_classes_kind),
]
"""Classes, or a classes CSV."""


class SloSpec(Strict):
    """Latency targets."""

    ttft_ms: Positive
    """Time to first token, queueing included [ms]."""
    itl_ms: Positive = Field(validation_alias=AliasChoices("itl_ms", "tpot_ms"))
    """Inter-token latency [ms]."""
    percentile: Annotated[float, Field(gt=0, lt=1), OrPercent()] = 0.99
    """Share of requests that must meet both; 95 % is 0.95."""


class ResilienceSpec(Strict):
    """What may be lost, and how much is served all the same."""

    lose: Literal["spine", "leaf", "node"]
    """What may be lost at any moment: any one spine, leaf or node."""
    serve: Share
    """Share of what is served that the rest still serves; 90 % is 0.9."""


class MinReplicas(Strict):
    """Fewest replicas a role, all domains together."""

    prefill: Count = 0
    """Fewest prefill replicas."""
    decode: Count = 0
    """Fewest decode replicas."""
    aggregated: Count = 0
    """Fewest aggregated replicas."""


class MaxReplicas(Strict):
    """Most replicas a role, all domains together."""

    prefill: Count | None = None
    """Most prefill replicas."""
    decode: Count | None = None
    """Most decode replicas."""
    aggregated: Count | None = None
    """Most aggregated replicas."""


class _NamedWorkload(Strict):
    name: Label
    """Name of the workload."""


class WorkloadSources(_NamedWorkload):
    """Where the engines and the demand of a workload are told."""

    model: Text
    """Model, as its profile calls it."""
    profile: FilePath
    """Profile file, relative to the scenario's folder, or `ready:` and the name of a ready one."""
    demand: DemandSpec
    """Demand CSV, relative to the scenario's folder, or `trace:` and what to make of it."""
    requests: RequestSpec | None = None
    """Shape of all requests; or give `classes`, or neither where a trace tells them."""
    classes: ClassesSpec | None = None
    """Shapes of shares of the requests, or a classes CSV; or give `requests`."""

    @field_validator("classes")
    @classmethod
    def _one_shape(
        cls, classes: list[ClassSpec] | str | None, info: ValidationInfo
    ) -> list[ClassSpec] | str | None:
        if "requests" not in info.data or "demand" not in info.data:
            return classes
        traced = isinstance(info.data["demand"], TraceSpec)
        if traced and classes is not None:
            raise ValueError("the trace tells the requests; leave classes out")
        if not traced and (classes is None) == (info.data["requests"] is None):
            raise ValueError("give either requests or classes, and one of them only")
        listed = classes if isinstance(classes, list) else []
        names = [each.name for each in listed]
        if len(names) != len(set(names)):
            raise ValueError("two classes have the same name; rename one")
        total = sum(each.share for each in listed) if listed else 1.0
        if abs(total - 1) > 1e-6:
            raise ValueError(f"shares sum to {total:.6g}; make them sum to 1")
        return classes


class WorkloadRules(_NamedWorkload):
    """What a workload asks for beside its demand: targets, limits, where it may run."""

    slo: SloSpec
    """Latency targets."""
    affinity: Literal["leaf", "spine", "cluster"] = "spine"
    """How far apart the prefill and decode replicas of a group may stand."""
    priority: Annotated[int, Field(ge=1, le=1000)] = 1
    """1 is served first."""
    headroom: Annotated[float, Field(ge=0, le=100), OrPercent(plain_below=2)] = 0.0
    """Share added to the demand, 0.1 or 10%; from 2 upwards only with %."""
    pd_ratio: RatioSpec | None = None
    """Band of prefill replicas / decode replicas."""
    min_replicas: MinReplicas = MinReplicas()
    """Fewest replicas a role."""
    max_replicas: MaxReplicas = MaxReplicas()
    """Most replicas a role."""
    allow_extrapolation: bool = False
    """Whether profiles may be used outside their measured range."""
    max_groups: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = None
    """Most domains that have a replica of it at any time of the horizon."""
    max_engines: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = None
    """Most engines of each role that it uses over the horizon."""
    pin: list[Text] = Field([], max_length=10_000)
    """Domains, of the affinity's level or wider, that its groups may live in; all by default."""
    exclude: list[Text] = Field([], max_length=10_000)
    """Domains, of the affinity's level or wider, that none of its groups lives in."""
    anti_affinity: list[Text] = Field([], max_length=10_000)
    """Workloads that share no domain with it."""
    resilience: Annotated[
        ResilienceSpec | None,
        BeforeValidator(
            _none_is_null, json_schema_input_type=ResilienceSpec | Literal["none"] | None
        ),
    ] = None
    """What it survives; the scenario's by default, `none` for nothing."""
    kv_transfer: Literal["all", "missed"] = "all"
    """Whether all input tokens' KV cache moves to decode, or that of cache misses only."""
    prefill_queue: Literal["per_replica", "shared"] = "per_replica"
    """Where prompts wait: before each replica, or in one queue for all of an engine in a group."""

    @field_validator("max_replicas")
    @classmethod
    def _not_below_min(cls, most: MaxReplicas, info: ValidationInfo) -> MaxReplicas:
        fewest = info.data.get("min_replicas", MinReplicas())
        for role, low in fewest:
            high = getattr(most, role)
            if high is not None and high < low:
                raise ValueError(f"{role}: {high} is below min_replicas {low}")
        return most


class WorkloadSpec(WorkloadRules, WorkloadSources):
    """One model served to users."""


class ScenarioFile(Strict):
    """scenario.yaml."""

    name: Name
    """Name of the scenario."""
    fleet: FilePath
    """Fleet file, relative to the scenario's folder."""
    horizon: HorizonSpec
    """The time to plan."""
    objective: Literal["cost", "gpu_hours"] = "cost"
    """What is minimised once all demand that can be served is."""
    resilience: ResilienceSpec | None = None
    """What every workload survives that does not say otherwise."""
    workloads: list[WorkloadSpec] = Field(min_length=1, max_length=10_000)
    """The models to serve."""
