"""NVIDIA Dynamo's profiler: `raw_data.npz` of prefill and of decode, or the same as JSON or CSV.

Prefill: TTFT [ms] of one prompt of `prefill_isl` tokens. Decode: ITL [ms] at a share `x_kv_usage`
of the `max_kv_tokens` tokens that the KV cache holds, all sequences at `y_context_length` tokens;
so many are in flight as fill that share. The points are scattered; neither GPU type nor number is
in the file. Dynamo, components/planner (Apache-2.0).
"""

from heteroplan.entities.workload import Role
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers import kv_usage
from heteroplan.profiles.readers.arrays import MeasurementArrays
from heteroplan.profiles.readers.document import MeasurementDocument
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.profiles.readers.table import MeasurementTable
from heteroplan.units import MS_PER_S

PREFILL = ("prefill_isl", "prefill_ttft")
PREFILL_RATE = "prefill_thpt_per_gpu"
DECODE = ("x_kv_usage", "y_context_length", "z_itl")
DECODE_RATE = "z_thpt_per_gpu"
HELD = "max_kv_tokens"
NAMES = (*PREFILL, PREFILL_RATE, *DECODE, DECODE_RATE, HELD)
OFF = 1.25
"""Times between the GPUs that are given and those that throughput shows; sizes double."""

type Found = MeasurementArrays | MeasurementDocument | MeasurementTable


def parse(found: Found, given: Given) -> FileMeasurements:
    """Measurements of either phase or both. Raises InputError with every problem."""
    gpu, gpus = given.engine_of(found)
    decode = bool(found.names.intersection(DECODE))
    prefill = bool(found.names.intersection(PREFILL)) or not decode
    prompts = _rows(found, PREFILL, PREFILL_RATE, gpus) if prefill else []
    steps = [
        kv_usage.Step(usage, context, itl_ms, rate, f"x_kv_usage[{i}]")
        for i, ((usage, context, itl_ms), rate) in enumerate(
            _rows(found, DECODE, DECODE_RATE, gpus) if decode else []
        )
    ]
    held = _held(found) if decode else 0
    found.done()
    points = [
        Measurement(gpu, gpus, Role.PREFILL, 1.0, tokens, 0.0, ttft_ms)
        for (tokens, ttft_ms), _ in prompts
    ]
    running, notes = kv_usage.points(found, gpu, gpus, held, steps)
    by_rate = [rate and tokens / ttft_ms * MS_PER_S / rate for (tokens, ttft_ms), rate in prompts]
    by_rate += [step.crowding(held) for step in steps]
    _check_size(found, gpus, [ratio for ratio in by_rate if ratio is not None])
    found.done()
    return FileMeasurements(
        (*points, *running), tuple(notes), {(gpu, gpus): held} if decode else {}
    )


def _rows(
    found: Found, names: tuple[str, ...], rate: str, gpus: int
) -> list[tuple[tuple[float, ...], float | None]]:
    """Rows of some columns, and the engine's tokens/s, None where they are not there."""
    for name in names:
        if name not in found.names:
            found.problem(0, name, "", "is missing")
    columns = [found.series(name) for name in names if name in found.names]
    rates: list[float | None] = [each * gpus for each in found.series(rate)]
    if rate not in found.names:
        rates = [None] * len(columns[0] if columns else [])
    counts = [*(len(column) for column in columns), len(rates)]
    if len(set(counts)) > 1:
        lengths = ", ".join(str(count) for count in counts)
        found.problem(0, ", ".join((*names, rate)), lengths, "must all be of one length")
    if found.problems:
        return []
    return list(zip(zip(*columns, strict=True), rates, strict=True))


def _held(found: Found) -> int:
    """Tokens that the KV cache holds."""
    values = set(found.series(HELD))
    held = values.pop() if len(values) == 1 else 0.0
    if not (held >= 1 and held == int(held)):
        shown = f"{held:g}" if held else ""
        found.problem(0, HELD, shown, "must be there and one whole number of tokens")
        return 0
    return int(held)


def _check_size(found: Found, gpus: int, by_rate: list[float]) -> None:
    """Whether tokens/s fit the GPUs given: ratios of 1, and more where sequences waited."""
    least = min(by_rate, default=1.0)
    if not 1 / OFF <= least <= OFF:
        shown = f"{least * gpus:.2g}"
        remedy = f"by its tokens/s per GPU the engine had {shown} in all; --tp says {gpus}"
        found.problem(0, "", "", remedy)


FORMAT = MeasurementFormat(NAMES, (MeasurementArrays, MeasurementDocument, MeasurementTable), parse)
