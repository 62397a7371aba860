"""AMD Infera's `profile.json`: prefill over input lengths, decode over a grid.

`decode.itl_ms[i][j]` is the ITL at share `kv_usage[i]` of the `max_kv_tokens` tokens that the KV
cache holds, and at `context_length[j]` tokens a sequence; null where nothing was measured. The GPU
type is not in the file.
"""

from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter

from heteroplan.entities.workload import Role
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.document import Document
from heteroplan.profiles.readers.reading import Given, Reading

NAMES = (
    "prefill",
    "isl",
    "ttft_ms",
    "decode",
    "kv_usage",
    "context_length",
    "itl_ms",
    "thpt_per_gpu",
    "max_kv_tokens",
    "prefill_engine_num_gpu",
    "decode_engine_num_gpu",
)

type Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
type Count = Annotated[int, Field(gt=0, strict=True)]


class _Prefill(BaseModel):
    isl: list[Positive]
    ttft_ms: list[Positive]


class _Decode(BaseModel):
    kv_usage: list[Positive]
    context_length: list[Positive]
    itl_ms: list[list[Positive | None]]
    max_kv_tokens: Count


class _Profile(BaseModel):
    prefill: _Prefill
    decode: _Decode
    prefill_engine_num_gpu: Count
    decode_engine_num_gpu: Count


SHAPE = TypeAdapter(_Profile)


def parse(document: Document, given: Given) -> Reading:
    """Measurements of both phases. Raises InputError and UsageError."""
    found, gpu = document.fitting(SHAPE), given.gpu_of(document.file)
    prefill, decode = found.prefill, found.decode
    if len(prefill.isl) != len(prefill.ttft_ms):
        document.problem(0, "prefill.ttft_ms", "", "must have one value an isl")
    grid = [len(row) for row in decode.itl_ms]
    if grid != [len(decode.context_length)] * len(decode.kv_usage):
        rows = "must have a row for each kv_usage, in it a value for each context_length"
        document.problem(0, "decode.itl_ms", "", rows)
    document.done()
    points = [
        Measurement(gpu, found.prefill_engine_num_gpu, Role.PREFILL, 1.0, tokens, 0.0, latency_ms)
        for tokens, latency_ms in zip(prefill.isl, prefill.ttft_ms, strict=True)
    ]
    gpus = found.decode_engine_num_gpu
    for usage, row in zip(decode.kv_usage, decode.itl_ms, strict=True):
        for context, latency_ms in zip(decode.context_length, row, strict=True):
            if latency_ms is not None:
                batch = usage * decode.max_kv_tokens / context
                points.append(Measurement(gpu, gpus, Role.DECODE, batch, 1.0, context, latency_ms))
    return Reading(tuple(points), kv_tokens={(gpu, gpus): decode.max_kv_tokens})
