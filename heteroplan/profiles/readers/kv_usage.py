"""Decode points at a share of the KV cache in use, as Dynamo and Infera profile them."""

from collections.abc import Iterable
from dataclasses import dataclass

from heteroplan.entities.workload import Role
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.measurement_file import MeasurementFile
from heteroplan.units import MS_PER_S

FULL = 1.0 + 1e-6
"""Share of the cache at most."""
QUEUED = 1.1
"""Times the sequences in flight from which some were only waiting."""


@dataclass(frozen=True, slots=True)
class Step:
    """A decode step as it was measured."""

    usage: float
    context: float
    """Length of a sequence [tokens]."""
    itl_ms: float
    tokens_per_s: float | None
    """Throughput of the whole engine; None where it is not known."""
    path: str
    """Place of the usage in the file."""

    def batch(self, kv_tokens: int) -> float:
        """Sequences that fill the share of a cache of `kv_tokens`."""
        return self.usage * kv_tokens / self.context

    def crowding(self, kv_tokens: int) -> float | None:
        """Those sequences per sequence in flight by Little's law; None without throughput."""
        if self.tokens_per_s is None:
            return None
        return self.batch(kv_tokens) / (self.tokens_per_s * self.itl_ms / MS_PER_S)


def points(
    found: MeasurementFile, gpu: str, gpus: int, kv_tokens: int, steps: Iterable[Step]
) -> tuple[list[Measurement], list[str]]:
    """As many sequences as fill the share, unless the throughput shows that some of them waited.

    By Little's law tokens/s x ITL sequences are in flight; an engine that takes no more than that
    leaves the rest in its queue, and the ITL is not theirs. Notes say how many such points went.
    """
    kept, waited = [], 0
    for step in steps:
        if step.usage > FULL:
            found.problem(0, step.path, f"{step.usage:g}", "must be a share up to 1; 1 % is 0.01")
        if (step.crowding(kv_tokens) or 0.0) > QUEUED:
            waited += 1
        else:
            batch = step.batch(kv_tokens)
            kept.append(Measurement(gpu, gpus, Role.DECODE, batch, 1.0, step.context, step.itl_ms))
    note = f"left out {waited} decode points of {found.file} at which sequences waited in a queue"
    return kept, [note] if waited else []
