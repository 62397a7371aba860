"""AMD Infera's `profile.json`: prefill over input lengths, decode over a grid.

`decode.itl_ms[i][j]` is the ITL at share `kv_usage[i]` of the `max_kv_tokens` tokens that the KV
cache holds, and at `context_length[j]` tokens a sequence; null where nothing was measured. The GPU
type is not in the file.
"""

from collections.abc import Iterator

from pydantic import BaseModel, TypeAdapter

from heteroplan.entities.workload import Role
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers import kv_usage
from heteroplan.profiles.readers.document import Count, MeasurementDocument, Positive
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_format import MeasurementFormat

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


class _Prefill(BaseModel):
    isl: list[Positive]
    ttft_ms: list[Positive]


class _Decode(BaseModel):
    kv_usage: list[Positive]
    context_length: list[Positive]
    itl_ms: list[list[Positive | None]]
    thpt_per_gpu: list[list[Positive | None]] | None = None
    max_kv_tokens: Count


class _Profile(BaseModel):
    prefill: _Prefill
    decode: _Decode
    prefill_engine_num_gpu: Count
    decode_engine_num_gpu: Count


SHAPE = TypeAdapter(_Profile)


def parse(document: MeasurementDocument, given: Given) -> FileMeasurements:
    """Measurements of both phases. Raises InputError with every problem."""
    found, gpu = document.fitting(SHAPE), given.gpu_of(document)
    prefill, decode, gpus = found.prefill, found.decode, found.decode_engine_num_gpu
    if len(prefill.isl) != len(prefill.ttft_ms):
        document.problem(0, "prefill.ttft_ms", "", "must have one value for each isl")
    for name, grid in (("itl_ms", decode.itl_ms), ("thpt_per_gpu", decode.thpt_per_gpu)):
        wanted = [len(decode.context_length)] * len(decode.kv_usage)
        if grid is not None and [len(row) for row in grid] != wanted:
            rows = "must have a row for each kv_usage, in it a value for each context_length"
            document.problem(0, f"decode.{name}", "", rows)
    document.done()
    points = [
        Measurement(gpu, found.prefill_engine_num_gpu, Role.PREFILL, 1.0, tokens, 0.0, latency_ms)
        for tokens, latency_ms in zip(prefill.isl, prefill.ttft_ms, strict=True)
    ]
    steps, notes = kv_usage.points(document, gpu, gpus, decode.max_kv_tokens, _steps(decode, gpus))
    document.done()
    return FileMeasurements((*points, *steps), tuple(notes), {(gpu, gpus): decode.max_kv_tokens})


def _steps(decode: _Decode, gpus: int) -> Iterator[kv_usage.Step]:
    """The decode steps that were measured."""
    rates = decode.thpt_per_gpu or [[None] * len(decode.context_length)] * len(decode.kv_usage)
    for i, usage in enumerate(decode.kv_usage):
        for j, context in enumerate(decode.context_length):
            itl_ms, rate = decode.itl_ms[i][j], rates[i][j]
            if itl_ms is not None:
                tokens_per_s = None if rate is None else rate * gpus
                yield kv_usage.Step(usage, context, itl_ms, tokens_per_s, f"decode.kv_usage[{i}]")


FORMAT = MeasurementFormat(NAMES, (MeasurementDocument,), parse)
