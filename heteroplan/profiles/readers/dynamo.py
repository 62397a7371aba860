"""NVIDIA Dynamo's profiler: `raw_data.npz` of prefill and of decode, or the same as JSON or CSV.

Prefill: TTFT [ms] of one prompt of `prefill_isl` tokens. Decode: ITL [ms] at a share `x_kv_usage`
of the `max_kv_tokens` tokens that the KV cache holds, all sequences at `y_context_length` tokens;
so many are in flight as fill that share. The points are scattered; neither GPU type nor number is
in the file. Dynamo, components/planner (Apache-2.0).
"""

from heteroplan.entities.workload import Role
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.arrays import Arrays
from heteroplan.profiles.readers.document import Document
from heteroplan.profiles.readers.reading import Given, Reading
from heteroplan.profiles.readers.table import Table

PREFILL = ("prefill_isl", "prefill_ttft")
DECODE = ("x_kv_usage", "y_context_length", "z_itl")
HELD = "max_kv_tokens"
NAMES = (*PREFILL, "prefill_thpt_per_gpu", *DECODE, "z_thpt_per_gpu", HELD)


def parse(found: Arrays | Document | Table, given: Given) -> Reading:
    """Measurements of either phase or both. Raises InputError and UsageError."""
    gpu, gpus = given.engine_of(found.file)
    points: list[Measurement] = []
    kv_tokens = {}
    if found.names & {*PREFILL} or not found.names & {*DECODE}:
        for tokens, latency_ms in zip(*_columns(found, PREFILL), strict=True):
            points.append(Measurement(gpu, gpus, Role.PREFILL, 1.0, tokens, 0.0, latency_ms))
    if found.names & {*DECODE}:
        held = _held(found)
        kv_tokens[gpu, gpus] = int(held)
        for usage, context, latency_ms in zip(*_columns(found, DECODE), strict=True):
            batch = usage * held / context
            points.append(Measurement(gpu, gpus, Role.DECODE, batch, 1.0, context, latency_ms))
    return Reading(tuple(points), kv_tokens=kv_tokens)


def _columns(found: Arrays | Document | Table, names: tuple[str, ...]) -> list[list[float]]:
    """One list a name, of equal length."""
    for name in names:
        if name not in found.names:
            found.problem(0, name, "", "is missing")
    columns = [found.series(name) for name in names]
    counts = {name: len(column) for name, column in zip(names, columns, strict=True)}
    if len(set(counts.values())) > 1:
        found.problem(0, "", str(counts), "must all be of one length")
    found.done()
    return columns


def _held(found: Arrays | Document | Table) -> float:
    """Tokens that the KV cache holds."""
    values = set(found.series(HELD))
    if len(values) != 1:
        found.problem(0, HELD, str(sorted(values)), "must be one number")
    found.done()
    return values.pop()
