"""What a workload of scenario.yaml may hold."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from heteroplan.inputs.schemas.base import (
    MAX_COUNT,
    Count,
    Duration,
    Factor,
    FilePath,
    Label,
    Name,
    NotNegative,
    OrPercent,
    Positive,
    RatioSpec,
    Share,
    Strict,
    Text,
    Tokens,
)
from heteroplan.inputs.schemas.demand import DemandSpec, TraceSpec


def _none_is_null(value: Any) -> Any:
    return None if value == "none" else value


def _for_all_roles(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in (known := get_args(RoutingName)):
        raise ValueError(f"must be one of {', '.join(known)}, or one of them for each role")
    return dict.fromkeys(RoutingSpec.model_fields, value)


Percentile = Annotated[float, Field(gt=0, lt=1), OrPercent()]
Slowdown = Annotated[float, Field(gt=1, le=1000)]
RoutingName = Literal["least_loaded", "random", "round_robin", "shared"]


class RequestSpec(Strict):
    """Lengths of the requests."""

    isl: Tokens
    """Mean input tokens per request."""
    osl: Tokens
    """Mean output tokens per request."""
    prefix_hit_rate: Annotated[float, Field(ge=0, lt=1), OrPercent()] = 0.0
    """Share of the input tokens found in the prefix cache, 0 to below 1."""
    isl_cv: Annotated[float, Field(ge=0, le=100)] | None = None
    """Coefficient of variation of the input tokens; 1 is assumed where it is not known."""
    context: Tokens | None = None
    """Mean tokens in the KV cache per sequence and decode step; by the lengths if not given."""
    context_cv: Annotated[float, Field(ge=0, le=100)] | None = None
    """Coefficient of variation of `context` over decode steps."""
    osl_cv: Annotated[float, Field(ge=0, le=100)] | None = None
    """Coefficient of variation of the output tokens; 1 is assumed where it is not known."""


class ClassSpec(RequestSpec):
    """Lengths of a share of the requests."""

    name: Name
    """Name of the class."""
    share: Share
    """Share of the requests; all shares sum to 1."""
    slo: "SlosSpec | None" = None
    """Latency targets of its own, or a list of them that hold at once.

    Percentiles and `itl_of` left out are those of the workload, in a list of its SLO of the same
    number. Another percentile than the workload's holds among the requests of the class.
    """


def _classes_kind(value: Any) -> str:
    return "<file>" if isinstance(value, str) else "<list>"


ClassesSpec = Annotated[
    Annotated[list[ClassSpec], Field(min_length=1, max_length=64), Tag("<list>")]
    | Annotated[FilePath, Tag("<file>")],
    Discriminator(_classes_kind),
]
"""Classes, or a classes CSV."""


class SloSpec(Strict):
    """Latency targets; an absolute one or a slowdown of each latency, or both."""

    ttft_ms: Positive | None = None
    """Time to first token, queueing included [ms]."""
    itl_ms: Positive | None = Field(None, validation_alias=AliasChoices("itl_ms", "tpot_ms"))
    """Inter-token latency [ms]."""
    percentile: Percentile | None = None
    """Share of requests that meet TTFT and ITL both; 95 % is 0.95. Default: 0.99."""
    ttft_percentile: Percentile | None = None
    """Share of requests that meet the TTFT, where another share is wanted of each latency."""
    itl_percentile: Percentile | None = None
    """Share of requests (or tokens, see `itl_of`) that meet the ITL."""
    itl_of: Literal["request", "token"] = "request"
    """Whether the ITL is the mean of a request or each gap between two tokens."""
    ttft_slowdown: Slowdown | None = None
    """Greatest TTFT over that of the same request on an idle replica of the same engine."""
    itl_slowdown: Slowdown | None = None
    """Greatest ITL over that of the same request alone on a replica of the same engine."""
    e2e_slowdown: Slowdown | None = None
    """Greatest time to the last token over that of the same request alone on the same engines.

    A limit of TTFT and ITL as well, in place of those that are not given.
    """

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.e2e_slowdown is not None:
            return self
        if self.ttft_ms is None and self.ttft_slowdown is None:
            raise ValueError("the TTFT has no target; give ttft_ms or ttft_slowdown")
        if self.itl_ms is None and self.itl_slowdown is None:
            raise ValueError("the ITL has no target; give itl_ms or itl_slowdown")
        return self


def _slos_kind(value: Any) -> str:
    return "<list>" if isinstance(value, list | tuple) else "<one>"


def _by_request(slos: tuple[SloSpec, ...]) -> tuple[SloSpec, ...]:
    if len(slos) > 1 and any(each.itl_of == "token" for each in slos):
        raise ValueError("itl_of: token is for a single SLO; leave it out, or give one SLO")
    return slos


SlosSpec = Annotated[
    Annotated[SloSpec, Tag("<one>")]
    | Annotated[
        tuple[SloSpec, ...],
        Field(min_length=1, max_length=16, strict=False),
        AfterValidator(_by_request),
        Tag("<list>"),
    ],
    Discriminator(_slos_kind),
]
"""Latency targets, or a list of them that hold at once."""


class RoutingSpec(Strict):
    """Which replica of a pool takes a request, by role."""

    prefill: RoutingName = "least_loaded"
    """Of prefill replicas: least_loaded is the one with the least work left."""
    decode: RoutingName = "least_loaded"
    """Of decode replicas: least_loaded is the one with the fewest requests, and so is shared."""
    aggregated: RoutingName = "least_loaded"
    """Of aggregated replicas: least_loaded is the one with the fewest requests, so is shared."""


class OriginSpec(Strict):
    """Where the requests of a workload come from, and how far they may go."""

    region: Label
    """Region of the fleet's clusters from which all requests come."""
    max_latency_ms: NotNegative
    """Longest round trip to a cluster that serves them [ms]; 0 for the region itself only."""
    egress_bytes_per_input_token: NotNegative = 4.0
    """Bytes of a request per input token, sent to another region: about 4 of text."""
    egress_bytes_per_output_token: NotNegative = 250.0
    """Bytes of an answer per output token, sent from another region: about 250 streamed, with a
    chunk of JSON for each token; about 4 of text otherwise."""


class DispersionSpec(Strict):
    """Arrivals that vary alike in windows of any length."""

    dispersion: Annotated[float, Field(ge=1, le=10_000)]
    """Variance of the requests in a window over their mean; 1 is Poisson."""


def _arrivals_kind(value: Any) -> str:
    if isinstance(value, str):
        return "poisson" if value == "poisson" else "<file>"
    return "<dispersion>"


ArrivalsSpec = Annotated[
    Annotated[Literal["poisson"], Tag("poisson")]
    | Annotated[DispersionSpec, Tag("<dispersion>")]
    | Annotated[FilePath, Tag("<file>")],
    Discriminator(_arrivals_kind),
]
"""Poisson arrivals, one dispersion, or an arrivals CSV."""


class DemandErrorSpec(Strict):
    """How far demand comes out from its forecast: by a log-normal factor."""

    day: Annotated[float, Field(ge=0, le=3), OrPercent(plain_below=3)]
    """Standard deviation of whole days, relative: 10% or 0.1."""
    interval: Annotated[float, Field(ge=0, le=3), OrPercent(plain_below=3)] = 0.0
    """Standard deviation of single intervals, beside that of their day."""
    quantile: Annotated[float, Field(gt=0, lt=1), OrPercent()] | None = None
    """Quantile of what may come that the demand CSV is: 0.5 where demand is as often above it as
    below. A trace has one already."""


class ResilienceSpec(Strict):
    """What may fail, and how much is still served then."""

    lose: Literal["spine", "leaf", "node"]
    """What may fail at any time: any one spine, leaf or node."""
    serve: Share
    """Share of the served demand that the rest still serves; 90 % is 0.9."""


class StabilitySpec(Strict):
    """How often pools may change their sizes, and what a change costs."""

    min_run: Duration | None = None
    """A pool that has grown does not shrink for so long, so every replica stays as long: 1h."""
    max_changes: Count | None = None
    """Most changes of one pool's size a day."""
    change_cost_usd: NotNegative = 0.0
    """Cost of one change of a pool's size, which counts in the cost of a plan [USD]."""


class MinReplicas(Strict):
    """Minimum number of replicas per role, all domains together."""

    prefill: Count = 0
    """Minimum number of prefill replicas."""
    decode: Count = 0
    """Minimum number of decode replicas."""
    aggregated: Count = 0
    """Minimum number of aggregated replicas."""


class MaxReplicas(Strict):
    """Maximum number of replicas per role, all domains together."""

    prefill: Count | None = None
    """Maximum number of prefill replicas."""
    decode: Count | None = None
    """Maximum number of decode replicas."""
    aggregated: Count | None = None
    """Maximum number of aggregated replicas."""


class _NamedWorkload(Strict):
    name: Label
    """Name of the workload."""


class WorkloadSources(_NamedWorkload):
    """The files of a workload: its engines and its demand."""

    model: Text
    """Model; its name in the profile."""
    profile: FilePath
    """Profile file, relative to the scenario's folder, or `ready:` and the name of a ready one."""
    demand: DemandSpec
    """Demand CSV, relative to the scenario's folder, or a forecast from traces."""
    requests: RequestSpec | None = None
    """Lengths of all requests; or give `classes`, or neither if demand is a trace."""
    classes: ClassesSpec | None = None
    """Request classes, or a classes CSV; or give `requests`."""
    growth: Factor = 1.0
    """Factor on its demand, beside that of the scenario: 1.2 is 20 % more."""
    arrivals: ArrivalsSpec = "poisson"
    """How requests arrive: poisson, `{dispersion: 5}`, or an arrivals CSV of `heteroplan demand`.

    Demand from a trace has the dispersion of the trace, unless this says something else.
    """
    demand_error: DemandErrorSpec | None = None
    """How far demand comes out from its forecast, for studies that sample it.

    Demand from a trace has the errors of past forecasts, unless this says something else.
    """

    origin: OriginSpec | None = None
    """Where its requests come from; by default they reach all clusters in no time.

    TTFT targets are less the round trip to the farthest cluster within `max_latency_ms`.
    """

    @field_validator("classes")
    @classmethod
    def _one_shape(
        cls, classes: list[ClassSpec] | str | None, info: ValidationInfo
    ) -> list[ClassSpec] | str | None:
        if "requests" not in info.data or "demand" not in info.data:
            return classes
        traced = isinstance(info.data["demand"], TraceSpec)
        if traced and classes is not None:
            raise ValueError("the trace gives the request classes; leave classes out")
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

    @field_validator("demand_error")
    @classmethod
    def _one_quantile(
        cls, error: DemandErrorSpec | None, info: ValidationInfo
    ) -> DemandErrorSpec | None:
        if error is None or "demand" not in info.data:
            return error
        traced = isinstance(info.data["demand"], TraceSpec)
        if traced and error.quantile is not None:
            raise ValueError("the trace has one already, demand.quantile; leave quantile out")
        if not traced and error.quantile is None:
            raise ValueError(
                "give quantile, which says how often demand stays below the CSV: 0.5 for half of "
                "the time, 0.95 where it was made for P95"
            )
        return error


class WorkloadRules(_NamedWorkload):
    """What a workload asks for beside its demand: targets, limits, where it may run."""

    slo: SlosSpec
    """Latency targets.

    Or a list of them that hold at once, each at its percentile.
    """
    team: Name | None = None
    """Team that it belongs to; cost and GPU-hours are summed by team."""
    affinity: Literal["leaf", "spine", "cluster"] = "spine"
    """How far apart the prefill and decode replicas of a group may be."""
    priority: Annotated[int, Field(ge=1, le=1000)] = 1
    """1 is served first."""
    headroom: Annotated[float, Field(ge=0, le=100), OrPercent(plain_below=2)] = 0.0
    """Share added to the demand, 0.1 or 10%; from 2 upwards only with %."""
    shortage_usd_per_1000_requests: NotNegative | None = None
    """What it costs not to serve 1,000 requests [USD]; studies of forecast risk weigh it."""
    pd_ratio: RatioSpec | None = None
    """Limits of prefill replicas / decode replicas in each group."""
    min_replicas: MinReplicas = MinReplicas()
    """Minimum number of replicas per role."""
    max_replicas: MaxReplicas = MaxReplicas()
    """Maximum number of replicas per role."""
    allow_extrapolation: bool = False
    """Whether profiles may be used outside their measured range."""
    max_groups: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = None
    """Maximum number of groups (domains in which it runs) over the horizon."""
    max_engines: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = None
    """Maximum number of engines of each role over the horizon."""
    pin: list[Text] = Field([], max_length=10_000)
    """Domains (of the affinity's level or wider) in which it may run; all by default."""
    exclude: list[Text] = Field([], max_length=10_000)
    """Domains (of the affinity's level or wider) in which it must not run."""
    anti_affinity: list[Text] = Field([], max_length=10_000)
    """Workloads that share no domain with it."""
    resilience: Annotated[
        ResilienceSpec | None,
        BeforeValidator(
            _none_is_null, json_schema_input_type=ResilienceSpec | Literal["none"] | None
        ),
    ] = None
    """Failures that it survives; the scenario's by default, or `none`."""
    stability: Annotated[
        StabilitySpec | None,
        BeforeValidator(
            _none_is_null, json_schema_input_type=StabilitySpec | Literal["none"] | None
        ),
    ] = None
    """How often its pools may change; as the scenario says by default, or `none`."""
    kv_transfer: Literal["all", "missed"] = "all"
    """KV cache sent to decode: that of all input tokens, or of missed tokens only."""
    route_by_class: bool = True
    """Whether its router can tell request classes apart, so that the plan may send them to
    different pools; if false, every pool takes the same mix."""
    routing: Annotated[
        RoutingSpec,
        BeforeValidator(_for_all_roles, json_schema_input_type=RoutingSpec | RoutingName),
    ] = RoutingSpec()
    """Which replica of a pool takes a request: one word for all roles, or one for each role."""
    prefill_queue: Literal["per_replica", "shared"] | None = None
    """Older form of `routing: {prefill: random}` (per_replica) and `{prefill: shared}`."""

    @field_validator("prefill_queue")
    @classmethod
    def _one_routing(cls, queue: str | None, info: ValidationInfo) -> str | None:
        routing = info.data.get("routing")
        if queue is not None and routing is not None and "prefill" in routing.model_fields_set:
            raise ValueError("routing says how prefill is routed as well; remove prefill_queue")
        return queue

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
