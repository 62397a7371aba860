"""One measured latency: what every measurement reader yields and every fit takes."""

from dataclasses import dataclass

from heteroplan.entities.workload import Role, SourceKind


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
