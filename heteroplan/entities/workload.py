"""A workload: one model served to users, its engines, its demand and its promises."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from math import ceil, sqrt
from typing import Self

from heteroplan.entities.arrivals import POISSON, Arrivals
from heteroplan.entities.network import Affinity, Leaf, Network
from heteroplan.entities.slo import Slo


class Role(StrEnum):
    """Prefill, decode, or both (aggregated)."""

    PREFILL = "prefill"
    DECODE = "decode"
    AGGREGATED = "aggregated"


PAIRED = (Role.PREFILL, Role.DECODE)
"""Roles that serve a request together."""


class SourceKind(StrEnum):
    """Where a number comes from."""

    MEASURED = "measured"
    FITTED = "fitted"
    INTERPOLATED = "interpolated"
    MODELLED = "modelled"
    GIVEN = "given"


MAX_ORIGIN = 1000
"""Characters that say where figures come from."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an engine's figures come from."""

    kind: SourceKind
    origin: str = ""
    """File, paper or tool; empty where the user does not say."""
    error_mape: float | None = None
    """Mean absolute relative error of the fit, 0.02 is 2 %."""
    points: int | None = None
    """Number of measured points in the fit."""
    error_worst: float | None = None
    """Greatest absolute relative error of the fit."""
    spread: float | None = None
    """Relative standard deviation of repeated measurements."""
    sha256: tuple[str, ...] = ()
    """Hashes of the files behind the fit, in hexadecimal."""
    error_beyond: float | None = None
    """Mean absolute relative error at the largest batches, of a fit without them."""


@dataclass(frozen=True, slots=True)
class PrefillCoefficients:
    """Prefill time of a batch: overhead + per_token * sum(n) + squared * sum(n^2) [ms]."""

    overhead_ms: float
    ms_per_token: float
    ms_per_token_squared: float
    floor_ms: float = 0.0
    """Shortest time of a batch [ms]."""


@dataclass(frozen=True, slots=True)
class DecodeCoefficients:
    """Decode step: base + per_sequence * batch + per_context_token * batch * context [ms],

    and per_root_sequence * sqrt(batch), as with more sequences more experts of an MoE are read.
    """

    base_ms: float
    ms_per_sequence: float
    ms_per_context_token: float
    floor_ms: float = 0.0
    """Shortest time of a step [ms]."""
    ms_per_root_sequence: float = 0.0


@dataclass(frozen=True, slots=True)
class TtftCoefficients:
    """Mean TTFT of an aggregated replica [ms]:

    base + per_token * isl + (per_request + per_request_token * isl) * requests in flight.
    """

    base_ms: float
    ms_per_token: float
    ms_per_request: float
    ms_per_request_token: float


@dataclass(frozen=True, slots=True)
class Span:
    """A closed range that measurements cover."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """From the least to the greatest of `values`, one at least."""
        found = list(values)
        return cls(min(found), max(found))


@dataclass(frozen=True, slots=True)
class RatioBand:
    """Replicas of prefill / decode, or of the first / second part, between `low` and `high`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a divided engine this is, such as the attention of a disaggregated MoE.

    Both parts of a divided engine serve every request, on the same leaf.
    """

    of: str
    """Name of the divided engine."""
    name: str
    """attention, ffn."""
    index: int
    """0 or 1. Part 0 holds the KV cache, and a replica of it counts for the role."""
    ratio: RatioBand | None
    """Replicas of part 0 / replicas of part 1 on each leaf."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A model on a GPU type, with a number of GPUs and a role."""

    name: str
    role: Role
    gpu: str
    """GPU type name."""
    gpus: int
    """GPUs per replica."""
    source: Source
    startup_s: float = 0.0
    """From asking for a replica to its first request; it holds its GPUs meanwhile [s]."""
    drain_s: float = 0.0
    """Time from its last new request until its GPUs are free [s]."""
    prefill: PrefillCoefficients | None = None
    decode: DecodeCoefficients | None = None
    ttft: TtftCoefficients | None = None
    """Of an aggregated engine measured end to end, whose `prefill` is what it takes from decode."""
    kv_tokens: int | None = None
    """Tokens of KV cache that fit in a replica."""
    max_sequences: int | None = None
    """Sequences that a replica decodes at a time, at most (vLLM: max_num_seqs)."""
    max_batch_tokens: int | None = None
    """Of prompts that wait, those that a replica prefills together have no more tokens (vLLM:
    max_num_batched_tokens); one at a time where it is not given."""
    batch_tokens_range: Span | None = None
    """Measured prefill batch sizes [tokens]."""
    batch_range: Span | None = None
    """Measured decode batch sizes [sequences]."""
    context_range: Span | None = None
    """Measured decode context lengths [tokens]."""
    kv_tokens_range: Span | None = None
    """KV cache in use at a time as it was measured, which is no limit of memory [tokens]."""
    capacity_rps: float | None = None
    """Given capacity of one replica at the SLO [requests/s]; coefficients are then not used."""
    part: Part | None = None
    """Where the engine is one part of a divided one."""

    def times_as_fast(self, factor: float) -> Self:
        """The engine with all its times divided by `factor`, and a given capacity times it."""
        if factor == 1.0:
            return self
        capacity = None if self.capacity_rps is None else self.capacity_rps * factor
        return replace(
            self,
            prefill=_divided(self.prefill, factor),
            decode=_divided(self.decode, factor),
            ttft=_divided(self.ttft, factor),
            capacity_rps=capacity,
        )

    @property
    def decodes_beyond(self) -> bool:
        """Whether it is said to decode more sequences at a time than were measured."""
        if self.max_sequences is None or self.batch_range is None:
            return False
        return self.max_sequences > ceil(self.batch_range.high)

    @property
    def counts(self) -> bool:
        """Whether a replica counts for its role: all but the second part of a divided engine."""
        return self.part is None or self.part.index == 0


def _divided[T: (PrefillCoefficients, DecodeCoefficients, TtftCoefficients)](
    times: T | None, factor: float
) -> T | None:
    """All coefficients, which are times, by `factor`."""
    if times is None:
        return None
    return replace(
        times, **{each.name: getattr(times, each.name) / factor for each in fields(times)}
    )


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
    """Mean input tokens per request."""
    osl: float
    """Mean output tokens per request."""
    prefix_hit_rate: float = 0.0
    """Share of the input tokens found in the prefix cache, 0 <= rate < 1."""
    isl_cv: float | None = None
    """Coefficient of variation of the missed tokens within the class; None where not known."""
    context: float | None = None
    """Tokens in the KV cache of a decode step, sum osl (isl + osl / 2) / sum osl; by
    `osl_cv` where not known."""
    context_cv: float | None = None
    """Coefficient of variation of that over decode steps; of equal requests where not known."""
    osl_cv: float | None = None
    """Coefficient of variation of the output tokens within the class; None where not known."""
    slo: Slo | None = None
    """The class's own; the workload's where None."""

    @property
    def missed_tokens(self) -> float:
        """Input tokens that prefill has to compute."""
        return self.isl * (1.0 - self.prefix_hit_rate)

    @property
    def outputs_cv(self) -> float:
        """`osl_cv`, or what `context` tells of it; 0 where nothing does.

        Of independent input and output tokens the context of a decode step is
        isl + osl (1 + cv^2) / 2 in the mean.
        """
        if self.osl_cv is not None:
            return self.osl_cv
        if self.context is None:
            return 0.0
        return sqrt(max(0.0, 2.0 * (self.context - self.isl) / self.osl - 1.0))

    @property
    def decode_context(self) -> float:
        """`context`, or isl + osl (1 + osl_cv^2) / 2, of independent lengths [tokens]."""
        if self.context is not None:
            return self.context
        return self.isl + self.osl * (1.0 + self.outputs_cv**2) / 2.0

    @property
    def decode_context_cv(self) -> float:
        """`context_cv`, or of contexts that grow evenly from isl to isl + osl.

        Of independent gamma distributed lengths where `context` is not known either, of equal ones
        where it is.
        """
        if self.context_cv is not None:
            return self.context_cv
        if self.context is not None:
            return self.osl / sqrt(12.0) / self.context
        of_isl, of_osl = (self.isl_cv or 0.0) ** 2, self.outputs_cv**2
        variance = self.isl**2 * of_isl
        variance += self.osl**2 * (1.0 + of_osl) * (1.0 + 5.0 * of_osl) / 12.0
        return sqrt(variance) / self.decode_context


@dataclass(frozen=True, slots=True)
class IntervalDemand:
    """What one planning interval must serve."""

    rps: float
    """Requests a second to be planned for, headroom applied, all classes together."""
    classes: tuple[RequestClass, ...]
    """Their shapes; the same number of classes in every interval."""


class KvTransfer(StrEnum):
    """Which input tokens' KV cache moves from prefill to decode."""

    ALL = "all"
    MISSED = "missed"
    """Those not found in the prefix cache: decode has the others."""


class Routing(StrEnum):
    """Which replica of a pool takes a request."""

    LEAST_LOADED = "least_loaded"
    """The one with the least work left: of prefill in tokens, of others in requests in flight."""
    RANDOM = "random"
    """Any one."""
    ROUND_ROBIN = "round_robin"
    """One after the other."""
    SHARED = "shared"
    """None: requests wait in one queue until a replica is free."""


LEAST_LOADED: Mapping[Role, Routing] = dict.fromkeys(Role, Routing.LEAST_LOADED)


class Loss(StrEnum):
    """What may be lost at any moment."""

    NODE = "node"
    LEAF = "leaf"
    SPINE = "spine"


@dataclass(frozen=True, slots=True)
class Resilience:
    """With any one `lose` gone the rest serves at least `serve` of what is served."""

    lose: Loss
    serve: float
    """Share of the demand, 0 < serve <= 1."""


@dataclass(frozen=True, slots=True)
class Stability:
    """How often pools of a workload may change their sizes, and what a change costs."""

    min_run_s: int = 0
    """A pool that has grown does not shrink for so long [s], so every replica stays as long."""
    max_changes: int | None = None
    """Most changes of one pool's size a day."""
    change_cost_usd: float = 0.0
    """Of one change of a pool's size; part of the cost of a plan where cost is minimised."""


@dataclass(frozen=True, slots=True)
class DemandError:
    """How far demand comes out from its forecast: by a log-normal factor."""

    day: float
    """Standard deviation of its logarithm from day to day, one value a day."""
    interval: float
    """The same from interval to interval, beside that of their day."""
    quantile: float
    """Of what may come, that the planned demand is."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the requests of a workload come from, and what they weigh on the way."""

    region: str
    bytes_per_input_token: float
    """Of requests [bytes]."""
    bytes_per_output_token: float
    """Of answers [bytes]."""


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
    """Prefill replicas / decode replicas of each deployment group."""
    min_replicas: Mapping[Role, int]
    max_replicas: Mapping[Role, int]
    allow_extrapolation: bool = False
    """Use profiles outside their measured range (marked in every output)."""
    max_groups: int | None = None
    """Most domains in which the workload has a replica at any time of the horizon."""
    max_engines: int | None = None
    """Most engines of each role that it uses over the horizon; a divided engine is one."""
    pin: tuple[str, ...] = ()
    """Domains, at the affinity level or wider, that its groups may live in; all where empty."""
    exclude: tuple[str, ...] = ()
    """Domains, at the affinity level or wider, that none of its groups lives in."""
    anti_affinity: tuple[str, ...] = ()
    """Workloads none of whose groups overlaps one of this workload's; holds both ways."""
    resilience: Resilience | None = None
    stability: Stability = Stability()
    kv_transfer: KvTransfer = KvTransfer.ALL
    route_by_class: bool = True
    """Whether pools may take the classes of its requests in other shares than each other."""
    routing: Mapping[Role, Routing] = field(default_factory=lambda: LEAST_LOADED)
    """Of each role."""
    arrivals: Arrivals = POISSON
    demand_notes: tuple[str, ...] = ()
    """What was made of the traces that demand comes from, one sentence each."""
    trace_end: datetime | None = None
    """When the last request of these traces came, or their last window ended; None where demand
    comes from elsewhere."""
    team: str | None = None
    """Team that it belongs to; None where the scenario names none."""
    demand_error: DemandError | None = None
    """As the scenario states it; None where it does not."""
    shortage_usd_per_1000_requests: float | None = None
    """What it costs not to serve 1,000 requests; None where the scenario does not say."""
    origin: Origin | None = None
    """None where the scenario does not say."""

    @property
    def slo_items(self) -> int:
        """Most SLOs that the workload or one of its classes has at once, one at least.

        The item of a number holds for all of its requests: each class has the one of that number
        of its own, or its last one.
        """
        own = {id(each.classes): each.classes for each in self.demand}.values()
        slos = [self.slo, *(kind.slo for mix in own for kind in mix if kind.slo is not None)]
        return max(len(each.items) for each in slos)

    @property
    def busiest(self) -> int:
        """Interval with the greatest demand, the first of several."""
        return max(range(len(self.demand)), key=lambda t: self.demand[t].rps)

    def scaled(self, factor: float) -> Self:
        """The same with all demand times a factor."""
        demand = tuple(replace(each, rps=each.rps * factor) for each in self.demand)
        return replace(self, demand=demand)

    @property
    def with_first_slo(self) -> Self:
        """Without the other SLOs of several, for what judges by one; classes alike."""
        if self.slo_items == 1:
            return self
        return self.with_slo(lambda slo: slo.item(0))

    def with_slo(self, change: Callable[[Slo], Slo]) -> Self:
        """With a change of its SLO and of those of its classes."""
        return replace(
            self,
            slo=change(self.slo),
            demand=tuple(
                replace(
                    demand,
                    classes=tuple(
                        kind if kind.slo is None else replace(kind, slo=change(kind.slo))
                        for kind in demand.classes
                    ),
                )
                for demand in self.demand
            ),
        )

    def domains(self, network: Network) -> dict[str, tuple[Leaf, ...]]:
        """Domains at its affinity level that its groups may live in, with their leaves."""
        found = {}
        for name, leaves in network.domains(self.affinity).items():
            names = {leaves[0].domain(level) for level in _from(self.affinity)}
            if (not self.pin or names & set(self.pin)) and not names & set(self.exclude):
                found[name] = leaves
        return found


def _from(level: Affinity) -> list[Affinity]:
    """`level` and the wider ones."""
    levels = list(Affinity)
    return levels[levels.index(level) :]
