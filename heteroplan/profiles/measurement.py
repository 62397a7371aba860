"""What every measurement reader yields and every fit takes."""

from dataclasses import dataclass

from heteroplan.entities.workload import Role, SourceKind
from heteroplan.units import MS_PER_S


@dataclass(frozen=True, slots=True)
class Measurement:
    """Latency of one prefill batch or of one decode step."""

    gpu: str
    """GPU type name."""
    gpus: int
    """GPUs the engine ran on."""
    phase: Role
    """PREFILL or DECODE."""
    batch: float
    """Prompts of a prefill batch, or sequences of a decode step."""
    tokens: float
    """Prefill: tokens of each prompt. Decode: 1, what a step adds to each sequence."""
    context: float
    """Decode: tokens already in each sequence. Prefill: 0."""
    latency_ms: float
    """Of the whole batch, or of the step [ms]."""
    source: SourceKind = SourceKind.MEASURED
    """MEASURED, or MODELLED where a tool estimated it."""


@dataclass(frozen=True, slots=True)
class Run:
    """Means of whole requests that an engine answered under one steady load."""

    gpu: str
    """GPU type name."""
    gpus: int
    """GPUs of an aggregated or decode replica."""
    isl: float
    """Mean input tokens per request."""
    osl: float
    """Output tokens a request, more than 1."""
    concurrency: float
    """Requests in flight, waiting ones included, in all replicas together."""
    ttft_ms: float
    """Time to first token, queueing included [ms]."""
    tpot_ms: float
    """Time a further output token [ms]."""
    variant: str = ""
    """What else tells the engine from others of its GPU type and size: backend, precision, ..."""
    replicas: int = 1
    """Aggregated or decode replicas that shared the load."""
    prefill_gpus: int | None = None
    """GPUs of a prefill replica; None where engines are aggregated."""
    prefill_replicas: int = 1

    @property
    def engines(self) -> tuple[tuple[str, int, Role], ...]:
        """GPU types, GPUs and roles of the engines that took part."""
        if self.prefill_gpus is None:
            return ((self.gpu, self.gpus, Role.AGGREGATED),)
        return (
            (self.gpu, self.prefill_gpus, Role.PREFILL),
            (self.gpu, self.gpus, Role.DECODE),
        )

    @property
    def decoding_ms(self) -> float:
        """From the first token to the last [ms]."""
        return self.tpot_ms * (self.osl - 1.0)

    @property
    def rate_rps(self) -> float:
        """Requests/s of all replicas together, by Little's law."""
        return self.concurrency / (self.ttft_ms + self.decoding_ms) * MS_PER_S

    @property
    def batch(self) -> float:
        """Sequences that a replica decodes at a time, by Little's law."""
        return self.rate_rps * self.decoding_ms / MS_PER_S / self.replicas

    @property
    def context(self) -> float:
        """Tokens of a sequence halfway through its output."""
        return self.isl + self.osl / 2.0


@dataclass(frozen=True, slots=True)
class Rated:
    """Requests/s that one replica serves at an SLO, as a tool says it for one request shape."""

    gpu: str
    gpus: int
    isl: float
    osl: float
    capacity_rps: float
    """0 where the SLO is missed."""
