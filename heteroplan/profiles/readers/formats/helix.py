"""Helix's batch times by machine and phase, in milliseconds a layer (Mei et al., ASPLOS 2025).

Columns `machine, phase, batch_tokens, time_ms_per_layer`, as its simulator's
`{prompt,decode}_bs2time.csv` joined. A prompt batch is taken as one prompt of so many tokens, a
decode batch has one token a sequence. Neither the model's layers nor the context of the decode
steps is in the file. Every curve starts at 0, 0, which was not measured.
"""

from collections.abc import Mapping

from heteroplan.entities.workload import Role
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.profiles.readers.table import MeasurementTable
from heteroplan.reading.numbers import number_of

COLUMNS = ("machine", "phase", "batch_tokens", "time_ms_per_layer")
MACHINES = {
    "a100": ("A100-40GB", 1),
    "v100": ("V100-16GB", 1),
    "l4": ("L4-24GB", 1),
    "l4x2": ("L4-24GB", 2),
    "t4": ("T4-16GB", 1),
    "t4x2": ("T4-16GB", 2),
    "t4x4": ("T4-16GB", 4),
}
PHASES = {"prompt": Role.PREFILL, "decode": Role.DECODE}


def parse(table: MeasurementTable, given: Given) -> FileMeasurements:
    """Measurements of the whole model. Raises InputError with every problem of the table."""
    table.require(COLUMNS, only=False)
    layers, context = given.layers_of(table), given.context_of(table)
    says = "model" in table.header
    model, rows = given.rows_of(table) if says else (given.model, list(table.rows()))
    measured = [(line, row) for line, row in rows if not _is_origin(row)]
    points = [_point(table, line, row, layers, context) for line, row in measured]
    table.done()
    note = f"{table.file} holds times per layer: a replica is assumed to run {layers} layers"
    return FileMeasurements(tuple(points), (note,), model=model)


def _is_origin(row: Mapping[str, str]) -> bool:
    return number_of(row["batch_tokens"]) == number_of(row["time_ms_per_layer"]) == 0.0


def _point(
    table: MeasurementTable, line: int, row: Mapping[str, str], layers: int, context: float
) -> Measurement:
    gpu, gpus = table.one_of(line, "machine", row["machine"], MACHINES, ("", 1))
    phase = table.one_of(line, "phase", row["phase"], PHASES, Role.PREFILL)
    tokens = table.positive(line, "batch_tokens", row["batch_tokens"])
    layer_ms = table.positive(line, "time_ms_per_layer", row["time_ms_per_layer"])
    prefill = phase is Role.PREFILL
    return Measurement(
        gpu=gpu,
        gpus=gpus,
        phase=phase,
        batch=1.0 if prefill else tokens,
        tokens=tokens if prefill else 1.0,
        context=0.0 if prefill else context,
        latency_ms=layer_ms * layers,
    )


FORMAT = MeasurementFormat(COLUMNS, (MeasurementTable,), parse)
