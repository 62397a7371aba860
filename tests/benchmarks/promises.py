"""Whether plans keep what they promise on requests: `python -m tests.benchmarks.promises`.

By hand; some minutes to an hour, by what is asked for. Each plan is replayed on requests drawn from
its own demand (Poisson), and plans of recorded traces on the very trace that they were made from.
Told: the share of intervals with 500 requests and more that reach the promised percentile, and the
factor on the planned demand, headroom included, at which the busiest hour first misses it.
"""

import argparse
import gzip
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import heteroplan
from heteroplan.pipelines.plan import PlanResult
from tests.benchmarks.markdown import header, percent, row

LEAST_REQUESTS = 500
TRACES = Path("../shared/data/traces")
FLEET = """
name: large
node_types:
  - {name: h100x8, gpu: H100-SXM-80GB, gpus: 8, nic_gbit_per_s: 3200, usd_per_gpu_hour: 2.50}
  - {name: a100x8, gpu: A100-SXM-80GB, gpus: 8, nic_gbit_per_s: 1600, usd_per_gpu_hour: 1.20}
nodes: {h100x8: 200, a100x8: 200}
"""
SCENARIO = """
name: {name}
fleet: fleet.yaml
horizon: {{start: 2026-11-23, intervals: {intervals}, interval: 5min, timezone: UTC, cyclic: false}}
objective: cost
workloads:
  - name: chat
    model: {model}
    profile: ready:{model}
    demand: demand.csv
    classes: classes.csv
    slo: {{ttft_ms: {ttft_ms}, itl_ms: 80, percentile: 0.95}}
    affinity: cluster
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A plan, and which parts of its day are replayed."""

    name: str
    hours: tuple[str, ...]
    """With which an hour begins that is replayed."""
    trace: str = ""
    """Recorded requests, of which the plan is made and that it is replayed on."""
    model: str = ""
    ttft_ms: float = 0.0
    most_tokens: int = 0
    """Longer requests are left out, as the profile was not measured there; 0 for all."""
    options: dict[str, Any] = field(default_factory=dict)

    def requests(self, folder: Path) -> Path:
        """Its trace, without the requests that are too long."""
        source = TRACES / self.trace
        if not self.most_tokens:
            return source
        lines = gzip.decompress(source.read_bytes()).splitlines(keepends=True)
        records = [json.loads(line) for line in lines]
        short = [
            line
            for line, each in zip(lines, records, strict=True)
            if each["input_length"] + each["output_length"] <= self.most_tokens
        ]
        print(f"{self.name}: {len(lines) - len(short):,} of {len(lines):,} requests are too long")
        (folder / "trace.jsonl").write_bytes(b"".join(short))
        return folder / "trace.jsonl"


DAY = tuple(f"{hour:02}:00" for hour in range(24))
CASES = (
    Case("quickstart", DAY),
    Case("topology", DAY[::4]),
    Case("four-type", DAY[::6]),
    Case("Azure code", (), "azure_llm_2023_code.csv", "llama-2-70b", 2000.0),
    Case(
        "Mooncake",
        (),
        "mooncake_fast25_conversation.jsonl.gz",
        "qwen3-32b",
        8000.0,
        16_384,
        {"prefix_cache_tokens": 10_000_000},
    ),
)


def planned(case: Case, folder: Path) -> PlanResult:
    """The plan of a case; of a trace, from the recorded intervals."""
    if not case.trace:
        return heteroplan.plan(f"scenarios/{case.name}")
    curve = heteroplan.demand(
        str(case.requests(folder)),
        interval_s=300,
        quantile=None,
        start=np.datetime64("2026-11-23T00:00").item(),
        **case.options,
    )
    rows = len(curve.curve_frame())
    (folder / "demand.csv").write_text(curve.text("demand.csv"))
    (folder / "classes.csv").write_text(curve.classes_text())
    (folder / "fleet.yaml").write_text(FLEET)
    (folder / "scenario.yaml").write_text(
        SCENARIO.format(
            name=case.name.replace(" ", "-"),
            intervals=rows,
            model=case.model,
            ttft_ms=case.ttft_ms,
        )
    )
    return heteroplan.plan(folder)


def parts(case: Case, folder: Path) -> Iterator[dict[str, Any]]:
    """Options of each replay of a case."""
    if case.trace:
        yield {
            "trace": str(folder / "trace.jsonl" if case.most_tokens else TRACES / case.trace),
            "prefix_cache_tokens": case.options.get("prefix_cache_tokens"),
        }
    for hour in case.hours:
        yield {"begin": hour, "duration_s": 3600.0}


def kept(plan: Path, case: Case, routing: str) -> tuple[int, int, float]:
    """Intervals with enough requests that keep the percentile, all of them, requests in time."""
    met = counted = 0
    in_time = requests = 0.0
    for part in parts(case, plan.parents[1]):
        found = heteroplan.replay(plan, policy=("plan",), routing=routing, **part).replay
        table = found.policies[0].intervals
        share = table.attained_both / np.maximum(table.requests, 1)
        enough = table.requests >= LEAST_REQUESTS
        met += int((share >= np.array(found.percentiles)[:, None])[enough].sum())
        counted += int(enough.sum())
        in_time += float(table.attained_both.sum())
        requests += float(table.requests.sum()) + sum(found.policies[0].rejected.values())
    return met, counted, in_time / requests


def breaks_at(plan: Path, result: PlanResult, routing: str) -> float:
    """Factor on planned demand at which the busiest hour first misses the SLO, to 2 %."""
    scenario = result.plan.scenario
    rps = np.array([[each.rps for each in load.demand] for load in scenario.workloads]).sum(axis=0)
    busiest = scenario.horizon.boundaries()[int(rps.argmax())]
    headroom = 1.0 + min(load.headroom for load in scenario.workloads)
    low, high = 0.0, 4.0
    while high - low > 0.02:
        middle = (low + high) / 2.0
        found = heteroplan.replay(
            plan,
            policy=("plan",),
            routing=routing,
            begin=busiest.isoformat()[:16],
            duration_s=min(900.0, scenario.horizon.interval_s),
            demand_factor=middle * headroom,
        ).replay
        table = found.policies[0].intervals
        share = table.attained_both.sum(axis=1) / np.maximum(table.requests.sum(axis=1), 1)
        if (share >= np.array(found.percentiles)).all():
            low = middle
        else:
            high = middle
    return low


def main() -> None:
    """All cases, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(case.name for case in CASES))
    names = parser.parse_args().names
    header(
        "Promises kept on requests",
        f"Intervals of {LEAST_REQUESTS} requests and more that reach the promised percentile.",
        ("plan", "routing", "intervals kept", "requests in time", "breaks at", "cost [USD]"),
    )
    for case in CASES:
        if names and case.name not in names:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            result = planned(case, folder)
            result.write(folder / "plan")
            plan = folder / "plan" / "plan.json"
            for routing in ("least_work", "random"):
                met, counted, share = kept(plan, case, routing)
                factor = breaks_at(plan, result, routing)
                row(
                    case.name,
                    routing,
                    f"{met} of {counted}",
                    percent(share),
                    f"{factor:.2f}",
                    f"{result.plan.totals.cost_usd:,.0f}",
                )


if __name__ == "__main__":
    main()
