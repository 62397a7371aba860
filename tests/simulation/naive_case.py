"""What the naive simulator is given and what it says: plain descriptions of small cases.

Tokens are counted, times are in seconds from the start and coefficients in milliseconds. Replicas,
groups, workloads and requests are named by their index in `Case`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf, nan, sqrt

LEAST_MS = 0.001
"""No batch and no step is shorter [ms]."""


class Routing(Enum):
    LEAST_WORK = "least_work"
    ROUND_ROBIN = "round_robin"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class PrefillTime:
    """Time of a batch of prompts."""

    overhead_ms: float = 0.0
    ms_per_token: float = 0.0
    ms_per_token_squared: float = 0.0
    floor_ms: float = 0.0

    def ms(self, chunks: Mapping[int, tuple[int, int]]) -> float:
        """Of chunks of prompts by request: (tokens done before, tokens of the chunk) [ms]."""
        tokens = sum(chunk for _, chunk in chunks.values())
        squares = sum((done + chunk) ** 2 - done**2 for done, chunk in chunks.values())
        linear = self.overhead_ms + self.ms_per_token * tokens
        return max(self.floor_ms, linear + self.ms_per_token_squared * squares)

    def alone_s(self, tokens: int) -> float:
        """Of one whole prompt in a batch of its own [s]."""
        return max(LEAST_MS, self.ms({0: (0, tokens)})) / 1000.0


@dataclass(frozen=True, slots=True)
class StepTime:
    """Time of a decode step."""

    base_ms: float = 0.0
    root_ms: float = 0.0
    ms_per_sequence: float = 0.0
    ms_per_context_token: float = 0.0
    floor_ms: float = 0.0

    def ms(self, sequences: int, context: float) -> float:
        """Of so many sequences with so many tokens of context in sum [ms]."""
        at_n = self.base_ms + self.root_ms * sqrt(sequences) + self.ms_per_sequence * sequences
        return max(LEAST_MS, self.floor_ms, at_n + self.ms_per_context_token * context)


@dataclass(frozen=True, slots=True)
class FirstTokenTime:
    """The engine's measured TTFT of a prompt alone, where it exceeds the prefill time."""

    base_ms: float
    ms_per_token: float


@dataclass(frozen=True, slots=True)
class NaivePrefill:
    time: PrefillTime
    group: int = 0
    capacity_rps: float = 1.0
    in_flight: float = 1.0
    max_batch_tokens: int | None = None
    """None: one prompt at a time."""
    kv_tokens: float = inf
    tokens_in_time: float = inf
    """The most missed tokens that alone are in time for the TTFT target."""
    leaf: int = 0
    nic_bytes_per_s: float = inf
    at_start: bool = True
    """Ready at 0; otherwise absent until a `Start`."""


@dataclass(frozen=True, slots=True)
class NaiveDecode:
    step: StepTime
    recompute: PrefillTime = field(default_factory=PrefillTime)
    """Of preempted sequences: that of the group's prefill engine."""
    group: int = 0
    capacity_rps: float = 1.0
    in_flight: float = 1.0
    max_sequences: float = inf
    kv_tokens: float = inf
    leaf: int = 0
    nic_bytes_per_s: float = inf
    at_start: bool = True


@dataclass(frozen=True, slots=True)
class NaiveAggregated:
    time: PrefillTime
    step: StepTime
    ttft: FirstTokenTime | None = None
    group: int = 0
    capacity_rps: float = 1.0
    in_flight: float = 1.0
    max_batch_tokens: int | None = None
    """Tokens of a step, prompt tokens and decoding sequences; None: one whole prompt a step."""
    max_sequences: float = inf
    kv_tokens: float = inf
    tokens_in_time: float = inf
    at_start: bool = True


type NaiveReplica = NaivePrefill | NaiveDecode | NaiveAggregated


@dataclass(frozen=True, slots=True)
class NaiveWorkload:
    routing: Routing = Routing.LEAST_WORK
    """Of prefill replicas."""
    decode_routing: Routing = Routing.LEAST_WORK
    """Not shared."""
    aggregated_routing: Routing = Routing.LEAST_WORK
    """Not shared."""
    waits_when_full: bool = False
    """`kv_full: wait`; otherwise `preempt`."""
    kv_bytes_per_token: float = 0.0
    transfers_missed: bool = False
    """`kv_transfer: missed`: the cached tokens are at the decode replica already."""
    latency_s: float = 0.0005
    """Of a transfer of any bytes at all [s]."""
    users: int | None = None
    """Closed loop of so many users, who ignore the requests' arrivals; None: open."""


@dataclass(frozen=True, slots=True)
class NaiveRequest:
    arrival_s: float
    isl: int
    osl: int
    cached: int = 0
    workload: int = 0
    gap_s: float = inf
    """Longest time between two of its tokens."""
    gap_over_alone: float = inf
    """That over its mean step alone."""


@dataclass(frozen=True, slots=True)
class Start:
    """An absent replica holds GPUs from now on and is ready after `startup_s`."""

    at_s: float
    replica: int
    startup_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Drain:
    """No new requests; gone when empty and after `drain_s` at least, or killed then."""

    at_s: float
    replica: int
    drain_s: float = 0.0
    kill: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """Replicas that fail together."""

    at_s: float
    replicas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Linger:
    """Out of routing, kept until a `Restore` or a `Drain`."""

    at_s: float
    replica: int


@dataclass(frozen=True, slots=True)
class Restore:
    at_s: float
    replica: int


type Command = Start | Drain | Kill | Linger | Restore


@dataclass(frozen=True, slots=True)
class Case:
    replicas: tuple[NaiveReplica, ...]
    requests: tuple[NaiveRequest, ...]
    """By arrival."""
    duration_s: float = inf
    workloads: tuple[NaiveWorkload, ...] = (NaiveWorkload(),)
    groups: tuple[int, ...] = (0,)
    """The workload of each."""
    commands: tuple[Command, ...] = ()
    bandwidth: Mapping[tuple[int, int], float] = field(default_factory=dict)
    """Share of the NICs' bandwidth by (sending leaf, receiving leaf); 1 where none is given."""


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    arrived_s: float
    """NaN if it never did."""
    first_token_s: float
    last_token_s: float
    outcome: str
    """`finished`, `rejected`, `unfinished`, or `absent`: the replay ended before it arrived."""
    restarts: int
    first_alone_s: float = nan
    """Its TTFT where it is alone on the replicas that served it; of finished ones, as the next."""
    step_alone_s: float = nan
    """A step of it alone with half its output."""
    late_gaps: int = 0
    """Gaps between its tokens that were longer than both limits allow."""


@dataclass(frozen=True, slots=True)
class ReplicaOutcome:
    prefill_tokens: int
    """Of batches that ended; recomputed ones only where the replica is aggregated."""
    decode_tokens: int
    """Given to requests."""
    busy_s: float
    held_s: tuple[tuple[float, float], ...]
    """(from, to) of the times in which it held its GPUs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    requests: tuple[RequestOutcome, ...]
    replicas: tuple[ReplicaOutcome, ...]


def for_routing(replica: NaiveReplica) -> NaiveReplica:
    """The replica without what routing does not look at."""
    match replica:
        case NaivePrefill():
            return replace(replica, leaf=0, at_start=True)
        case NaiveDecode():
            return replace(replica, step=StepTime(), leaf=0, at_start=True)
        case NaiveAggregated():
            return replace(replica, step=StepTime(), at_start=True)
