"""What profile.yaml may hold."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from heteroplan.entities.workload import MAX_ORIGIN
from heteroplan.inputs.schemas.base import (
    MAX_LABEL,
    Count,
    FilePath,
    Label,
    NotNegative,
    Positive,
    Range,
    RatioSpec,
    Seconds,
    Strict,
    Text,
)
from heteroplan.text import LINE

Gpus = Annotated[int, Field(ge=1, le=10_000)]


class PrefillSpec(Strict):
    """Prefill time of a batch [ms] = overhead + per token * tokens + squared * sum of n^2."""

    overhead_ms: NotNegative
    """Constant time per batch [ms]."""
    ms_per_token: NotNegative
    """Time per token [ms]."""
    ms_per_token_squared: NotNegative = 0.0
    """Time per squared prompt length [ms]."""
    floor_ms: NotNegative = 0.0
    """Shortest time of a batch [ms]."""

    @model_validator(mode="after")
    def _takes_time(self) -> Self:
        given = (self.overhead_ms, self.ms_per_token, self.ms_per_token_squared, self.floor_ms)
        if not any(given):
            raise ValueError("all coefficients are 0; give measured ones")
        return self


class DecodeSpec(Strict):
    """Decode step [ms] = base + per sequence * batch + per context token * batch * context

    + per root sequence * sqrt(batch).
    """

    base_ms: NotNegative
    """Constant time per step [ms]."""
    ms_per_sequence: NotNegative
    """Time per sequence of the batch [ms]."""
    ms_per_context_token: NotNegative
    """Time per context token of the batch [ms]."""
    floor_ms: NotNegative = 0.0
    """Shortest time of a step [ms]."""
    ms_per_root_sequence: NotNegative = 0.0
    """Time per square root of sequences [ms]: more sequences read more experts of an MoE."""

    @model_validator(mode="after")
    def _takes_time(self) -> Self:
        if not any(value for _, value in self):
            raise ValueError("all coefficients are 0; give measured ones")
        return self


class TtftSpec(Strict):
    """Mean TTFT of an aggregated engine [ms], n requests in flight:

    base + per token * isl + (per request + per request token * isl) * n.
    """

    base_ms: NotNegative
    """Constant time, without other requests [ms]."""
    ms_per_token: NotNegative
    """Time per token [ms]."""
    ms_per_request: NotNegative
    """Time per request in flight [ms]."""
    ms_per_request_token: NotNegative
    """Time per token and per request in flight [ms]."""


class RangeSpec(Strict):
    """Measured range."""

    batch_tokens: Range | None = None
    """Smallest and largest prefill batch [tokens]."""
    batch: Range | None = None
    """Smallest and largest decode batch [sequences]."""
    context: Range | None = None
    """Smallest and largest decode context [tokens]."""
    kv_tokens: Range | None = None
    """Least and most KV cache in use at a time [tokens]."""


class SourceSpec(Strict):
    """Where an engine's figures come from."""

    kind: Literal["measured", "fitted", "interpolated", "modelled", "given"]
    """Where the figures come from."""
    origin: Annotated[str, Field(pattern=LINE)] = Field("", alias="from", max_length=MAX_ORIGIN)
    """File, paper or tool."""
    error_mape: NotNegative | None = None
    """Mean absolute relative error of the fit; 2 % is 0.02."""
    points: Count | None = None
    """Number of measured points in the fit."""
    error_worst: NotNegative | None = None
    """Greatest absolute relative error of the fit."""
    error_beyond: NotNegative | None = None
    """Mean absolute relative error at the largest batches, of a fit without them."""
    spread: NotNegative | None = None
    """Relative standard deviation of repeated measurements."""
    sha256: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]] = Field(default_factory=list)
    """SHA-256 of the measurement files."""


class PartSpec(Strict):
    """One part of a divided engine, such as the attention of an MoE model."""

    name: Label
    """Name of the part, such as attention."""
    gpu: Text
    """GPU type."""
    gpus: Gpus
    """GPUs per replica."""
    capacity_rps: Positive
    """Rate that one replica serves at the SLO [requests/s]."""
    startup_s: Seconds | None = None
    """Time from requesting a replica to its first request [s]; the engine's by default."""
    drain_s: Seconds | None = None
    """Time from its last new request until its GPUs are free [s]; the engine's by default."""


_UNDIVIDED = (
    "prefill",
    "decode",
    "ttft",
    "kv_tokens",
    "max_sequences",
    "max_batch_tokens",
    "range",
    "measurements",
    "capacity_rps",
)


class EngineSpec(Strict):
    """A model on a GPU type, with a number of GPUs and a role."""

    name: Label
    """Name of the engine."""
    role: Literal["prefill", "decode", "aggregated"]
    """Prefill, decode, or both (aggregated)."""
    parts: list[PartSpec] | None = Field(None, min_length=2, max_length=2)
    """The two parts of a divided engine, on one leaf; the part with the KV cache first."""
    part_ratio: RatioSpec | None = None
    """Limits of replicas of the first part / replicas of the second on each leaf."""
    gpu: Text | None = None
    """GPU type."""
    gpus: Gpus | None = None
    """GPUs per replica."""
    startup_s: Seconds = 0.0
    """Time from requesting a replica to its first request [s]."""
    drain_s: Seconds = 0.0
    """Time from its last new request until its GPUs are free [s]."""
    prefill: PrefillSpec | None = None
    """Prefill coefficients."""
    decode: DecodeSpec | None = None
    """Decode coefficients."""
    ttft: TtftSpec | None = None
    """TTFT of an aggregated engine as it was measured end to end."""
    kv_tokens: Annotated[int, Field(ge=1, le=10**12)] | None = None
    """Tokens of KV cache that fit in a replica."""
    max_sequences: Annotated[int, Field(ge=1, le=10**6)] | None = None
    """Sequences that a replica decodes at a time, at most (vLLM: max_num_seqs). More than were
    measured are extrapolated."""
    max_batch_tokens: Annotated[int, Field(ge=1, le=10**7)] | None = None
    """Most tokens of one prefill batch (vLLM: max_num_batched_tokens)."""
    range: RangeSpec = RangeSpec()
    """Measured range."""
    source: SourceSpec | None = None
    """Where the figures come from."""
    measurements: FilePath | None = None
    """Measurement CSV to fit, relative to the profile's folder."""
    capacity_rps: Positive | None = None
    """Rate that one replica serves at the SLO in a load test [requests/s]."""
    speed_factor: Positive = 1.0
    """How many times as fast the engine is as its figures say: for what-ifs, such as 0.9."""

    @field_validator("parts")
    @classmethod
    def _divisible(
        cls, parts: list[PartSpec] | None, info: ValidationInfo
    ) -> list[PartSpec] | None:
        if parts is None:
            return None
        if info.data.get("role") == "aggregated":
            raise ValueError("an aggregated engine has no parts; make it prefill and decode")
        if parts[0].name == parts[1].name:
            raise ValueError("both parts have the same name; rename one")
        if any(len(f"{info.data.get('name')}-{part.name}") > MAX_LABEL for part in parts):
            raise ValueError(
                f"engine and part names joined by - have more than {MAX_LABEL} characters; "
                "shorten them"
            )
        return parts

    @field_validator("part_ratio")
    @classmethod
    def _of_parts(cls, band: RatioSpec | None, info: ValidationInfo) -> RatioSpec | None:
        if band is not None and info.data.get("parts", ()) is None:
            raise ValueError("the engine has no parts; remove it or add them")
        return band

    @field_validator("gpu", "gpus")
    @classmethod
    def _once[T: str | int](cls, given: T | None, info: ValidationInfo) -> T | None:
        if "parts" in info.data and (given is None) == (info.data["parts"] is None):
            raise ValueError(
                "missing; add it, or parts that have one each"
                if given is None
                else "the engine has parts, which have one each; remove it"
            )
        return given

    @model_validator(mode="after")
    def _has_figures(self) -> Self:
        if self.parts is not None:
            return self._has_none()
        given = {role for role in ("prefill", "decode") if getattr(self, role) is not None}
        needed = {"prefill", "decode"} if self.role == "aggregated" else {self.role}
        if self.measurements is not None and (given or self.capacity_rps is not None):
            raise ValueError("measurements and figures are both given; keep one of them")
        if self.ttft is not None and self.role != "aggregated":
            raise ValueError(f"a {self.role} engine takes no ttft block; remove it")
        if extra := given - needed:
            raise ValueError(f"a {self.role} engine takes no {extra.pop()} block; remove it")
        if not (needed <= given or self.measurements is not None or self.capacity_rps is not None):
            missing = " and ".join(sorted(needed - given))
            raise ValueError(f"add a {missing} block, measurements or capacity_rps")
        return self

    def _has_none(self) -> Self:
        for name in _UNDIVIDED:
            if name in self.model_fields_set:
                raise ValueError(f"a divided engine takes no {name}; its parts give capacity_rps")
        return self


class ProfileFile(Strict):
    """profile.yaml: the engines of one model."""

    model: Text
    """Name of the model."""
    kv_bytes_per_token: Positive | None = None
    """Size of the KV cache of one token [bytes]; without it KV transfer is not limited."""
    engines: list[EngineSpec] = Field(min_length=1, max_length=1000)
    """Engines of the model."""
