"""What was labelled or measured wrongly: GPU types that no fleet has, what no hardware does."""

from collections.abc import Collection

from heteroplan.entities.fleet import GpuType
from heteroplan.entities.workload import Engine
from heteroplan.text import of_words
from heteroplan.units import MS_PER_S


def unknown_gpu(name: str, known: Collection[str]) -> str:
    """That a GPU type is not built in, and which one may be meant."""
    starting = [each for each in known if each.upper().startswith(name.upper())]
    like = of_words(name, known) or starting
    meant = f"did you mean {' or '.join(sorted(like))}? " if like else ""
    return f"GPU type {name} is not built in: {meant}fleets have to describe it under gpu_types"


def faster_than_memory(
    engine: Engine, gpu: GpuType, kv_bytes_per_token: float | None
) -> str | None:
    """Whether decode reads its KV cache faster than the GPUs' memory; None where it does not.

    Every context token of a step is read once, so that it takes kv_bytes_per_token / bandwidth at
    least; a term of 0 says that contexts were not told apart.
    """
    if engine.decode is None or kv_bytes_per_token is None or gpu.memory_bytes_per_s is None:
        return None
    token_ms = engine.decode.ms_per_context_token
    least_ms = kv_bytes_per_token / (engine.gpus * gpu.memory_bytes_per_s) * MS_PER_S
    if token_ms >= least_ms:
        return None
    return (
        f"{engine.name}: a context token takes {token_ms:.3g} ms of a step, and reading its KV "
        f"cache from the memory of {engine.gpus} {gpu.name} {least_ms:.3g} ms at least: long "
        "contexts are promised too fast; measure decode at several contexts and batches"
    )
