"""Scenarios made from recorded traces, for benchmarks: the demand, the fleet, and what is replayed.

A trace is planned for as `heteroplan demand` reads it, from all of it or from its first half alone;
then every interval has the demand of the busiest one of that half, as nothing says more.
"""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import heteroplan

TRACES = Path("../shared/data/traces")
FLEET = """
name: large
node_types:
  - {name: h100x8, gpu: H100-SXM-80GB, gpus: 8, nic_gbit_per_s: 3200, usd_per_gpu_hour: 2.50}
  - {name: a100x8, gpu: A100-SXM-80GB, gpus: 8, nic_gbit_per_s: 1600, usd_per_gpu_hour: 1.20}
nodes: {h100x8: 2000, a100x8: 2000}
"""
SCENARIO = """
name: {name}
fleet: fleet.yaml
horizon: {{start: 2026-11-23, intervals: {intervals}, interval: {interval_s}s, timezone: UTC,
  cyclic: false}}
objective: cost
workloads:
  - name: chat
    model: {model}
    profile: ready:{model}
    demand: demand.csv
    classes: classes.csv
    arrivals: {arrivals}
    slo: {{ttft_ms: {ttft_ms}, itl_ms: 80, percentile: 0.95}}
    affinity: cluster
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A trace, and the model and targets that it is planned with."""

    name: str
    file: str
    model: str
    ttft_ms: float
    interval_s: int = 300
    most_tokens: int = 0
    """Longer requests are left out, as the profile was not measured there; 0 for all."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of `demand`."""
    second_half: int | None = None
    """Of all records, the first one of the second half; the middle one where None."""

    def lines(self) -> tuple[list[bytes], list[bytes]]:
        """Header lines, and a line for each request that is not too long."""
        data = (TRACES / self.file).read_bytes()
        if self.file.endswith(".gz"):
            data = gzip.decompress(data)
        lines = [line for line in data.splitlines(keepends=True) if line.strip()]
        head = lines[:1] if ".csv" in self.file else []
        return head, [line for line in lines[len(head) :] if self._short(line)]

    def _short(self, line: bytes) -> bool:
        if not self.most_tokens:
            return True
        record = json.loads(line)
        return bool(record["input_length"] + record["output_length"] <= self.most_tokens)

    def written(self, folder: Path, *, half: int | None = None) -> Path:
        """The trace as a file, all of it or one half (0 or 1)."""
        head, lines = self.lines()
        cut = len(lines) // 2 if self.second_half is None else self.second_half
        chosen = {None: lines, 0: lines[:cut], 1: lines[cut:]}[half]
        path = folder / f"{half}-{self.file.removesuffix('.gz')}"
        path.write_bytes(b"".join([*head, *chosen]))
        return path


MOONCAKE = Recorded(
    "Mooncake",
    "mooncake_fast25_conversation.jsonl.gz",
    "qwen3-32b",
    8000.0,
    most_tokens=16_384,
    options={"prefix_cache_tokens": 10_000_000},
)
AZURE_CODE = Recorded("Azure code", "azure_llm_2023_code.csv", "llama-2-70b", 2000.0)
RAGPULSE = Recorded(
    "RAGPulse",
    "ragpulse_week.jsonl.gz",
    "qwen3-32b",
    2000.0,
    interval_s=3600,
    second_half=3800,
)
"""Its second week begins where its clock starts again."""


def scenario(
    of: Recorded,
    trace: Path,
    folder: Path,
    *,
    intervals: int | None = None,
    poisson: bool = False,
    growth: float = 1.0,
) -> None:
    """Write a scenario planned from `trace`; of so many intervals like the busiest, if given."""
    curve = heteroplan.demand(
        str(trace),
        interval_s=of.interval_s,
        quantile=None,
        growth=growth,
        start=np.datetime64("2026-11-23T00:00").item(),
        **of.options,
    )
    demand, classes = curve.text("demand.csv"), curve.classes_text()
    if intervals is not None:
        demand, classes = _like_the_busiest(demand, classes, intervals, of.interval_s)
    (folder / "demand.csv").write_text(demand)
    (folder / "classes.csv").write_text(classes)
    (folder / "arrivals.csv").write_text(curve.arrivals_text())
    (folder / "fleet.yaml").write_text(FLEET)
    (folder / "scenario.yaml").write_text(
        SCENARIO.format(
            name=of.name.replace(" ", "-"),
            intervals=demand.count("\n") - 1,
            interval_s=of.interval_s,
            model=of.model,
            ttft_ms=of.ttft_ms,
            arrivals="poisson" if poisson else "arrivals.csv",
        )
    )


def _like_the_busiest(
    demand: str, classes: str, intervals: int, interval_s: int
) -> tuple[str, str]:
    rows = list(csv.DictReader(io.StringIO(demand)))
    busiest = max(rows, key=lambda row: float(row["rps"]) * float(row["isl"]))
    kinds = list(csv.DictReader(io.StringIO(classes)))
    mine = [row for row in kinds if row["interval_start"] == busiest["interval_start"]]
    return (
        _repeated([busiest], intervals, interval_s),
        _repeated(mine, intervals, interval_s),
    )


def _repeated(rows: Sequence[dict[str, str]], intervals: int, interval_s: int) -> str:
    found = io.StringIO()
    writer = csv.DictWriter(found, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for at in range(intervals):
        stamp = np.datetime64("2026-11-23T00:00:00") + np.timedelta64(at * interval_s, "s")
        for row in rows:
            writer.writerow(row | {"interval_start": f"{stamp}+00:00"})
    return found.getvalue()
