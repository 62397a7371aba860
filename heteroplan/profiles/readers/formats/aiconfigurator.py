"""Estimates of NVIDIA AIConfigurator by GPU type, TP and phase: modelled, not measured.

A row is the TTFT [ms] of a batch of prompts of `context_len` tokens, or the time of a decode step
of `batch_size` sequences at that context. The tool answers also where the KV cache does not fit in
memory and says so in `kv_cache_warning`; such rows are dropped.
"""

from collections.abc import Mapping

from heteroplan.entities.workload import Role, SourceKind
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.profiles.readers.table import MeasurementTable
from heteroplan.reading.csv_rows import Row

COLUMNS = (
    "model",
    "system",
    "backend",
    "backend_version",
    "tp",
    "phase",
    "context_len",
    "batch_size",
    "ttft_ms",
    "tpot_ms",
    "kv_cache_warning",
)
SYSTEMS = {
    "a100_pcie": "A100-PCIE-80GB",
    "a100_sxm": "A100-SXM-80GB",
    "a30": "A30-24GB",
    "b200_sxm": "B200-SXM-180GB",
    "b300_sxm": "B300-SXM-288GB",
    "b60": "B60-24GB",
    "gb200": "GB200-186GB",
    "gb300": "GB300-279GB",
    "h100_pcie": "H100-PCIE-80GB",
    "h100_sxm": "H100-SXM-80GB",
    "h200_sxm": "H200-SXM-141GB",
    "l4": "L4-24GB",
    "l40s": "L40S-48GB",
    "rtx_pro_6000_server": "RTX-PRO-6000-SERVER-96GB",
}
PHASES = {"prefill": Role.PREFILL, "decode": Role.DECODE}
WARNINGS = {"True": True, "False": False, "true": True, "false": False, "": False}


def parse(table: MeasurementTable, given: Given) -> FileMeasurements:
    """Measurements of one model. Raises InputError with every problem of the table."""
    table.require(COLUMNS, only=False)
    model, rows = given.rows_of(table)
    _check_versions(table, rows)
    fitting = [
        (line, row)
        for line, row in rows
        if not table.one_of(line, "kv_cache_warning", row["kv_cache_warning"], WARNINGS, False)
    ]
    points = tuple(_point(table, line, row) for line, row in fitting)
    table.done()
    dropped = len(rows) - len(fitting)
    note = f"left out {dropped} rows whose KV cache does not fit in memory (kv_cache_warning)"
    return FileMeasurements(points, (note,) if dropped else (), model=model)


def _check_versions(table: MeasurementTable, rows: list[Row]) -> None:
    """A fit over several backends would be of none of them."""
    versions: dict[str, set[str]] = {}
    for _, row in rows:
        versions.setdefault(row["system"], set()).add(f"{row['backend']} {row['backend_version']}")
    for system, found in versions.items():
        if len(found) > 1:
            several = ", ".join(sorted(found))
            table.problem(0, "backend", several, f"several backends on {system}; keep one's rows")


def _point(table: MeasurementTable, line: int, row: Mapping[str, str]) -> Measurement:
    phase = table.one_of(line, "phase", row["phase"], PHASES, Role.PREFILL)
    prefill = phase is Role.PREFILL
    latency = "ttft_ms" if prefill else "tpot_ms"
    tokens = table.positive(line, "context_len", row["context_len"])
    return Measurement(
        gpu=table.one_of(line, "system", row["system"], SYSTEMS, ""),
        gpus=table.whole(line, "tp", row["tp"]),
        phase=phase,
        batch=table.positive(line, "batch_size", row["batch_size"]),
        tokens=tokens if prefill else 1.0,
        context=0.0 if prefill else tokens,
        latency_ms=table.positive(line, latency, row[latency]),
        source=SourceKind.MODELLED,
    )


FORMAT = MeasurementFormat(COLUMNS, (MeasurementTable,), parse)
