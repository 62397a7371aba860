"""A workload: one model served to users, its engines, its demand and its promises."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from heteroplan.entities.network import Affinity


class Role(StrEnum):
    """Which half of a request an engine serves."""

    PREFILL = "prefill"
    DECODE = "decode"
    AGGREGATED = "aggregated"


class SourceKind(StrEnum):
    """Where a number comes from."""

    MEASURED = "measured"
    FITTED = "fitted"
    INTERPOLATED = "interpolated"
    MODELLED = "modelled"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Source:
    """Where an engine's figures come from."""

    kind: SourceKind
    origin: str = ""
    """File, paper or tool; empty where the user does not say."""
    error_mape: float | None = None
    """Mean absolute relative error of the fit, 0.02 is 2 %."""
    points: int | None = None
    """Measured points behind the fit."""


@dataclass(frozen=True, slots=True)
class PrefillCoefficients:
    """Prefill time of a batch: overhead + per_token * sum(n) + squared * sum(n^2) [ms]."""

    overhead_ms: float
    ms_per_token: float
    ms_per_token_squared: float


@dataclass(frozen=True, slots=True)
class DecodeCoefficients:
    """Decode step: base + per_sequence * batch + per_context_token * batch * context [ms]."""

    base_ms: float
    ms_per_sequence: float
    ms_per_context_token: float


@dataclass(frozen=True, slots=True)
class Span:
    """A closed range that measurements cover."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Engine:
    """A model on a GPU type with a parallelism and a role."""

    name: str
    role: Role
    gpu: str
    """GPU type name."""
    gpus: int
    """GPUs a replica."""
    source: Source
    startup_s: float = 0.0
    """From asking for a replica to its first request; it holds its GPUs meanwhile [s]."""
    drain_s: float = 0.0
    """From the last new request to giving the GPUs back [s]."""
    prefill: PrefillCoefficients | None = None
    decode: DecodeCoefficients | None = None
    kv_tokens: int | None = None
    """KV cache that fits a replica [tokens]."""
    batch_tokens_range: Span | None = None
    """Measured prefill batch sizes [tokens]."""
    batch_range: Span | None = None
    """Measured decode batch sizes [sequences]."""
    context_range: Span | None = None
    """Measured decode context lengths [tokens]."""
    capacity_rps: float | None = None
    """Given capacity of one replica at the SLO [requests/s]; coefficients are then not used."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The engines of one model."""

    model: str
    kv_bytes_per_token: float | None
    engines: tuple[Engine, ...]


@dataclass(frozen=True, slots=True)
class RequestClass:
    """A share of a workload's requests with a shape of its own."""

    name: str
    share: float
    """Of the workload's requests, 0 < share <= 1; shares sum to 1."""
    isl: float
    """Input tokens a request."""
    osl: float
    """Output tokens a request."""
    prefix_hit_rate: float = 0.0
    """Share of the input tokens found in the prefix cache, 0 <= rate < 1."""

    @property
    def missed_tokens(self) -> float:
        """Input tokens that prefill has to compute."""
        return self.isl * (1.0 - self.prefix_hit_rate)


@dataclass(frozen=True, slots=True)
class Slo:
    """Latency targets of one workload."""

    ttft_ms: float
    """Time to first token, queueing included [ms]."""
    itl_ms: float
    """Inter-token latency [ms]."""
    percentile: float = 0.99
    """Share of requests that must meet both, 0 < percentile < 1."""


@dataclass(frozen=True, slots=True)
class IntervalDemand:
    """What one planning interval must serve."""

    rps: float
    """Requests a second to be planned for, headroom applied, all classes together."""
    classes: tuple[RequestClass, ...]
    """Their shapes; the same number of classes in every interval."""


@dataclass(frozen=True, slots=True)
class RatioBand:
    """Prefill replicas / decode replicas of each deployment group."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Workload:
    """One model served to users."""

    name: str
    profile: Profile
    demand: tuple[IntervalDemand, ...]
    """One entry a planning interval."""
    slo: Slo
    affinity: Affinity
    priority: int
    """1 is served first."""
    headroom: float
    """Already applied to `demand`; kept for reports."""
    pd_ratio: RatioBand | None
    min_replicas: Mapping[Role, int]
    max_replicas: Mapping[Role, int]
    allow_extrapolation: bool = False
    """Use profiles outside their measured range (marked in every output)."""
