"""AIConfigurator's silicon sample: TTFT and TPOT of whole deployments as they were measured.

Most rows are of InferenceX (SemiAnalysis). The number of requests in flight stands in the text of
`silicon_data_source` (`silicon_concurrency=N`), as do image and date, without which engines with
and without speculative decoding look the same. aiconfigurator-core 0.12.0 (Apache-2.0),
systems/silicon_sample.csv.

Traps: the same measurement stands there up to four times; rows of DeepSeek-R1 are called V3;
parallel sizes of 16 and 64 of aggregated rows are products of tensor and data parallelism of 4 and
8 GPUs; most disaggregated rows do not say how many workers there were.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers import runs
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.formats.aiconfigurator import SYSTEMS
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.profiles.readers.table import MeasurementTable

ATTENTION = "attention_dp_size"
SIZES = ("tp_size", "pp_size", ATTENTION)
COLUMNS = (
    "id",
    "silicon_data_source",
    "backend",
    "backend_version",
    "model_path",
    "system",
    "precision",
    "mode",
    "isl",
    "osl",
    *SIZES,
    "moe_tp_size",
    "moe_ep_size",
    *(
        f"{role}_{name}"
        for role in ("prefill", "decode")
        for name in ("num_workers", *SIZES, "moe_ep_size")
    ),
    "silicon_ttft_ms",
    "silicon_tpot_ms",
)
CONCURRENCY = re.compile(r"silicon_concurrency=(\d+)")
IMAGE = re.compile(r"(?:image=|workflow_run_id=\d+; )(?:[^;]*/)?([^;/]+)")
DATE = re.compile(r"measured=(\d{4}-\d{2}-\d{2})")
MISNAMED = {"deepseek-ai/DeepSeek-V3": "deepseek-ai/DeepSeek-R1"}
MODES = {"agg": False, "disagg": True}
PRODUCTS = {16: 4, 64: 8}
"""Sizes above a node's -> GPUs; what others are products of is open."""
NODE_GPUS = 8


def parse(table: MeasurementTable, given: Given) -> FileMeasurements:
    """Runs of one model. Raises InputError with every problem of the table."""
    table.require(COLUMNS, only=False)
    names = [MISNAMED.get(name, name) for name in table.texts["model_path"]]
    named = replace(table, texts={**table.texts, "model_path": names})
    model, rows = given.rows_of(named, "model_path")
    loaded = [(line, row) for line, row in rows if _concurrency(row)]
    kept = [(line, row) for line, row in loaded if row["mode"] != "disagg" or _counted(row)]
    every = [_run(table, line, row) for line, row in kept]
    table.done()
    read = [run for run in every if run.gpus]
    unique = {_identity(run): run for run in reversed(read)}
    counts = {
        "that do not say how many requests were in flight": len(rows) - len(loaded),
        "of disaggregated engines that do not say how many workers there were": len(loaded)
        - len(kept),
        "whose parallel sizes leave open on how many GPUs they ran": len(every) - len(read),
        "that repeat another one": len(read) - len(unique),
    }
    notes = [f"left out {count} rows {why}" for why, count in counts.items() if count]
    return runs.reading(tuple(reversed(unique.values())), notes, model=model)


def _concurrency(row: Mapping[str, str]) -> str:
    found = CONCURRENCY.search(row["silicon_data_source"])
    return found[1] if found else ""


def _counted(row: Mapping[str, str]) -> bool:
    return bool(row["prefill_num_workers"] and row["decode_num_workers"])


def _run(table: MeasurementTable, line: int, row: Mapping[str, str]) -> Run:
    disaggregated = table.one_of(line, "mode", row["mode"], MODES, False)
    prefix = "decode_" if disaggregated else ""
    gpus = _gpus(table, line, row, prefix)
    if not disaggregated:
        gpus = max(gpus, _experts(table, line, row))
        gpus = PRODUCTS.get(gpus, 0) if gpus > NODE_GPUS else gpus
    osl = table.positive(line, "osl", row["osl"])
    if osl <= 1.0:
        table.problem(line, "osl", row["osl"], "must be above 1 token")
    return Run(
        gpu=table.one_of(line, "system", row["system"], SYSTEMS, ""),
        gpus=gpus,
        isl=table.positive(line, "isl", row["isl"]),
        osl=osl,
        concurrency=table.whole(line, "silicon_data_source", _concurrency(row)),
        ttft_ms=table.positive(line, "silicon_ttft_ms", row["silicon_ttft_ms"]),
        tpot_ms=table.positive(line, "silicon_tpot_ms", row["silicon_tpot_ms"]),
        variant=_variant(row, prefix),
        replicas=_count(table, line, row, "decode_num_workers") if disaggregated else 1,
        prefill_gpus=_gpus(table, line, row, "prefill_") if disaggregated else None,
        prefill_replicas=_count(table, line, row, "prefill_num_workers") if disaggregated else 1,
    )


def _gpus(table: MeasurementTable, line: int, row: Mapping[str, str], prefix: str) -> int:
    attention = table.whole(line, prefix + ATTENTION, _data_parallel(row, prefix))
    tensor, pipeline = (_count(table, line, row, prefix + name) for name in ("tp_size", "pp_size"))
    return tensor * pipeline * attention


def _data_parallel(row: Mapping[str, str], prefix: str) -> str:
    """Size of attention's data parallelism; 0 and blank are none, which is 1."""
    size = row[prefix + ATTENTION].removesuffix(".0")
    return "1" if size in ("", "0") else size


def _experts(table: MeasurementTable, line: int, row: Mapping[str, str]) -> int:
    """GPUs over which the experts are spread."""
    sizes = [row[name] for name in ("moe_tp_size", "moe_ep_size")]
    if any(size in ("", "0.0", "0") for size in sizes):
        return 1
    return _count(table, line, row, "moe_tp_size") * _count(table, line, row, "moe_ep_size")


def _count(table: MeasurementTable, line: int, row: Mapping[str, str], column: str) -> int:
    """A whole number that the file writes as 8.0; blank is 1."""
    return table.whole(line, column, row[column].removesuffix(".0") or "1")


def _variant(row: Mapping[str, str], prefix: str) -> str:
    """What tells the engine from others on the same GPUs."""
    source = row["silicon_data_source"]
    image, date = IMAGE.search(source), DATE.search(source)
    parallel = _data_parallel(row, prefix)
    experts = row[f"{prefix}moe_ep_size"].removesuffix(".0") or "1"
    parts = (
        row["backend"],
        row["precision"],
        f"dp{parallel}" if parallel != "1" else "",
        f"ep{experts}" if experts not in ("0", "1") else "",
        image[1].strip() if image else row["backend_version"],
        date[1] if date else "",
    )
    return " ".join(part for part in parts if part)


def _identity(run: Run) -> tuple[object, ...]:
    """What copies of a measurement have in common, whatever their labels."""
    return (
        run.gpu,
        run.prefill_gpus is None,
        run.isl,
        run.osl,
        run.concurrency,
        round(run.ttft_ms, 1),
        round(run.tpot_ms, 2),
    )


FORMAT = MeasurementFormat(COLUMNS, (MeasurementTable,), parse)
