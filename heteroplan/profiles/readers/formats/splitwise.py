"""The performance table of splitwise-sim (`data/perf_model.csv`, Patel et al., ISCA 2024).

A row gives `prompt_time` [ms] of a whole prefill batch and `token_time` [ms] of a decode step,
averaged while `token_size` tokens were made after `prompt_size`: the decode context of a row is
therefore prompt_size + token_size / 2. Hardware capped at another power (`-pcap`) was never
measured (its prompt_time is the uncapped one times 1.3), so these rows are dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from heteroplan.entities.workload import Role
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.profiles.readers.table import MeasurementTable

COLUMNS = (
    "model",
    "hardware",
    "tensor_parallel",
    "prompt_size",
    "batch_size",
    "token_size",
    "prompt_time",
    "token_time",
)
GPUS = {"a100-80gb": "A100-SXM-80GB", "h100-80gb": "H100-SXM-80GB"}
NOT_MEASURED = "-pcap"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of the table."""

    gpu: str
    gpus: int
    prompt_tokens: float
    made_tokens: float
    batch: float
    prompt_ms: float
    token_ms: float

    @property
    def shape(self) -> tuple[str, int, float, float]:
        """What stays the same while the batch grows."""
        return (self.gpu, self.gpus, self.prompt_tokens, self.made_tokens)

    def points(self) -> tuple[Measurement, Measurement]:
        """The prefill and the decode measurement of the row."""
        context = self.prompt_tokens + self.made_tokens / 2
        return (
            Measurement(
                self.gpu,
                self.gpus,
                Role.PREFILL,
                self.batch,
                self.prompt_tokens,
                0.0,
                self.prompt_ms,
            ),
            Measurement(self.gpu, self.gpus, Role.DECODE, self.batch, 1.0, context, self.token_ms),
        )


def parse(table: MeasurementTable, given: Given) -> FileMeasurements:
    """Two measurements a row. Raises InputError with every problem of the table."""
    table.require(COLUMNS, only=False)
    model, mine = given.rows_of(table)
    measured = [(line, row) for line, row in mine if NOT_MEASURED not in row["hardware"]]
    rows = list(dict.fromkeys(_run(table, line, row) for line, row in measured))
    table.done()
    whole = _whole_batches(rows)
    counts = {
        "of power-capped hardware, computed upstream and not measured": len(mine) - len(measured),
        "that repeat another one exactly": len(measured) - len(rows),
        "in which a larger batch takes less time than a smaller one, so that it cannot have run "
        "as one batch": len(rows) - len(whole),
    }
    return FileMeasurements(
        tuple(point for row in whole for point in row.points()),
        tuple(f"left out {count} rows {why}" for why, count in counts.items() if count),
        model=model,
    )


def _run(table: MeasurementTable, line: int, row: Mapping[str, str]) -> TableRow:
    return TableRow(
        gpu=table.one_of(line, "hardware", row["hardware"], GPUS, ""),
        gpus=table.whole(line, "tensor_parallel", row["tensor_parallel"]),
        prompt_tokens=table.positive(line, "prompt_size", row["prompt_size"]),
        made_tokens=table.positive(line, "token_size", row["token_size"]),
        batch=table.positive(line, "batch_size", row["batch_size"]),
        prompt_ms=table.positive(line, "prompt_time", row["prompt_time"]),
        token_ms=table.positive(line, "token_time", row["token_time"]),
    )


def _whole_batches(runs: Sequence[TableRow]) -> list[TableRow]:
    """Runs without those of a batch whose median prompt time is below a smaller batch's."""
    times: dict[tuple[str, int, float, float], dict[float, list[float]]] = {}
    for run in runs:
        times.setdefault(run.shape, {}).setdefault(run.batch, []).append(run.prompt_ms)
    split = set()
    for shape, by_batch in times.items():
        longest_ms = 0.0
        for batch in sorted(by_batch):
            typical_ms = median(by_batch[batch])
            if typical_ms < longest_ms:
                split.add((shape, batch))
            longest_ms = max(longest_ms, typical_ms)
    return [run for run in runs if (run.shape, run.batch) not in split]


FORMAT = MeasurementFormat(COLUMNS, (MeasurementTable,), parse)
