"""heteroplan's own measurement CSV, into which every other format can be turned.

`gpu,gpus,phase,batch,tokens,context,latency_ms,source`. `prefill`: `batch` prompts of `tokens`
each, latency of the whole batch; `decode`: one step of `batch` sequences at `context` tokens each.
`source` is `measured` (also when empty) or `modelled`; the column that a phase does not use
(`context` of prefill, `tokens` of decode) may be empty.
"""

from heteroplan.entities.workload import Role, SourceKind
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.profiles.readers.table import MeasurementTable

COLUMNS = ("gpu", "gpus", "phase", "batch", "tokens", "context", "latency_ms", "source")
PHASES = {"prefill": Role.PREFILL, "decode": Role.DECODE}
SOURCES = {
    "measured": SourceKind.MEASURED,
    "": SourceKind.MEASURED,
    "modelled": SourceKind.MODELLED,
}


def parse(table: MeasurementTable, given: Given) -> FileMeasurements:
    """Measurements of the rows. Raises InputError with every problem of the table."""
    table.require(COLUMNS, only=True)
    points = []
    for line, row in table.rows():
        if not row["gpu"]:
            table.problem(line, "gpu", "", "GPU type is missing")
        phase = table.one_of(line, "phase", row["phase"], PHASES, Role.PREFILL)
        prefill = phase is Role.PREFILL
        points.append(
            Measurement(
                gpu=row["gpu"],
                gpus=table.whole(line, "gpus", row["gpus"]),
                phase=phase,
                batch=table.positive(line, "batch", row["batch"]),
                tokens=table.positive(line, "tokens", row["tokens"]) if prefill else 1.0,
                context=0.0 if prefill else table.positive(line, "context", row["context"]),
                latency_ms=table.positive(line, "latency_ms", row["latency_ms"]),
                source=table.one_of(line, "source", row["source"], SOURCES, SourceKind.MEASURED),
            )
        )
    table.done()
    return FileMeasurements(tuple(points))


FORMAT = MeasurementFormat(COLUMNS, (MeasurementTable,), parse)
