"""Whether plans keep what they promise on requests: `python -m tests.benchmarks.promises`.

By hand; some minutes to an hour, by what is asked for. Each plan is replayed on requests drawn from
its own demand (Poisson), and plans of recorded traces on the very trace that they were made from,
or on its second half where they were made from the first. Told: the intervals with 500 requests and
more that reach the promised percentile, and the factor on the planned demand, headroom included, at
which the busiest part first misses it (of recorded traces: on the rate of the trace).
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import heteroplan
from heteroplan.pipelines.plan import PlanResult
from tests.benchmarks.markdown import header, percent, row
from tests.benchmarks.recorded import AZURE_CODE, FLEET, MOONCAKE, RAGPULSE, Recorded, scenario

LEAST_REQUESTS = 500
DAY = tuple(f"{hour:02}:00" for hour in range(24))
MEANS_ONLY = """
name: means-only
fleet: fleet.yaml
horizon: {start: 2026-11-23, intervals: 4, interval: 15min, timezone: UTC, cyclic: false}
objective: cost
workloads:
  - name: chat
    model: llama-3.1-70b
    profile: ready:llama-3.1-70b
    demand: demand.csv
    requests: {isl: 250, osl: 1500}
    slo: {ttft_ms: 1000, itl_ms: 80, percentile: 0.95}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A plan, and the parts of its day that are replayed."""

    name: str
    planned: Callable[[Path], PlanResult]
    hours: tuple[str, ...] = ()
    """With which an hour begins that is replayed."""
    replayed: Callable[[Path], dict[str, Any]] | None = None
    """Options of the one replay of a plan that is not replayed by the hour."""
    judged_from: int = 0
    """First interval of a replay that counts."""

    def parts(self, folder: Path) -> Iterator[dict[str, Any]]:
        """Options of each replay."""
        if self.replayed is not None:
            yield self.replayed(folder)
        for hour in self.hours:
            yield {"begin": hour, "duration_s": 3600.0}


def shipped(name: str, hours: tuple[str, ...], *overrides: str) -> Case:
    """A scenario of this repository."""
    words = f" {overrides[0].rsplit('=')[-1]}" if overrides else ""

    def planned(_: Path) -> PlanResult:
        return heteroplan.plan(f"scenarios/{name}", overrides=overrides)

    return Case(f"{name}{words}", planned, hours)


def recorded(of: Recorded, *, halves: bool = False, poisson: bool = False) -> Case:
    """A plan of a recorded trace, replayed on it; by halves, made of the first and judged on the
    second, which finds the prefix cache that the first left unless its clock starts again."""

    apart = halves and of.second_half is not None

    def planned(folder: Path) -> PlanResult:
        trace = of.written(folder, half=0 if halves else None)
        intervals = 168 if apart else 12
        scenario(of, trace, folder, intervals=intervals if halves else None, poisson=poisson)
        return heteroplan.plan(folder)

    def replayed(folder: Path) -> dict[str, Any]:
        cache = of.options.get("prefix_cache_tokens")
        trace = of.written(folder, half=1 if apart else None)
        return {"trace": str(trace), "prefix_cache_tokens": cache}

    words = f"{', second half from the first' if halves else ''}{', as Poisson' if poisson else ''}"
    return Case(f"{of.name}{words}", planned, (), replayed, 6 if halves and not apart else 0)


def means_only(folder: Path) -> PlanResult:
    """Lengths of which only the means are known."""
    stamps = np.datetime64("2026-11-23T00:00:00") + np.arange(4) * np.timedelta64(900, "s")
    rows = [f"{stamp}+00:00,12\n" for stamp in stamps]
    (folder / "demand.csv").write_text("".join(["interval_start,rps\n", *rows]))
    (folder / "fleet.yaml").write_text(FLEET)
    (folder / "scenario.yaml").write_text(MEANS_ONLY)
    return heteroplan.plan(folder)


def lognormal_requests(folder: Path) -> dict[str, Any]:
    """An hour of Poisson requests at the planned rate with lognormal lengths of cv 1."""
    draw = np.random.default_rng(18)
    at = np.sort(draw.uniform(0.0, 3600.0, 12 * 3600))
    width = np.sqrt(np.log(2.0))
    isl, osl = (
        np.maximum(1, np.rint(draw.lognormal(np.log(mean) - width**2 / 2, width, len(at))))
        for mean in (250, 1500)
    )
    lines = [f"{t:.3f},{i:.0f},{o:.0f}\n" for t, i, o in zip(at, isl, osl, strict=True)]
    (folder / "trace.csv").write_text("".join(["timestamp,isl,osl\n", *lines]))
    columns = {"timestamp_s": "timestamp", "isl": "isl", "osl": "osl"}
    return {"trace": str(folder / "trace.csv"), "columns": columns}


CASES = (
    shipped("quickstart", DAY),
    shipped("topology", DAY[::4]),
    shipped("four-type", DAY[::6]),
    *(
        shipped(
            "quickstart",
            DAY[::2],
            *(f"workloads.{load}.routing={routing}" for load in ("chat-70b", "code-70b")),
        )
        for routing in ("random", "round_robin", "shared")
    ),
    Case("means only", means_only, (), lognormal_requests),
    recorded(AZURE_CODE),
    recorded(AZURE_CODE, poisson=True),
    recorded(MOONCAKE),
    recorded(AZURE_CODE, halves=True),
    recorded(MOONCAKE, halves=True),
    recorded(RAGPULSE, halves=True),
)


def kept(plan: Path, case: Case) -> tuple[int, int, float]:
    """Intervals with enough requests that keep the percentile, all of them, requests in time."""
    met = counted = 0
    in_time = requests = 0.0
    for part in case.parts(plan.parents[1]):
        found = heteroplan.replay(plan, policy=("plan",), **part).replay
        table = found.policies[0].intervals
        came, both = (
            table.requests[:, case.judged_from :],
            table.attained_both[:, case.judged_from :],
        )
        share = both / np.maximum(came, 1)
        enough = came >= LEAST_REQUESTS
        met += int((share >= np.array(found.percentiles)[:, None])[enough].sum())
        counted += int(enough.sum())
        in_time += float(both.sum())
        requests += float(came.sum()) + sum(found.policies[0].rejected.values())
    return met, counted, in_time / requests


def breaks_at(plan: Path, case: Case, result: PlanResult) -> float:
    """Factor on demand at which the busiest part first misses the SLO, to 2 %."""
    scaled = _scaled_trace if case.replayed is not None else _scaled_demand
    at = scaled(plan, case, result)
    low, high = 0.0, 4.0
    while high - low > 0.02:
        middle = (low + high) / 2.0
        found = heteroplan.replay(plan, policy=("plan",), **at(middle)).replay
        table, first = found.policies[0].intervals, int(case.judged_from / max(1.0, middle))
        came = table.requests[:, first:].sum(axis=1)
        share = table.attained_both[:, first:].sum(axis=1) / np.maximum(came, 1)
        if (share >= np.array(found.percentiles)).all():
            low = middle
        else:
            high = middle
    return low


def _scaled_trace(plan: Path, case: Case, result: PlanResult) -> Callable[[float], dict[str, Any]]:
    """Options of a replay of the whole trace, so many times as fast."""
    options = next(case.parts(plan.parents[1]))
    table = heteroplan.replay(plan, policy=("plan",), **options).replay.policies[0].intervals
    came = np.count_nonzero(table.requests.sum(axis=0))
    rate_rps = float(table.requests.sum()) / (came * result.plan.scenario.horizon.interval_s)

    def at(factor: float) -> dict[str, Any]:
        return options | {"rate_rps": rate_rps * factor}

    return at


def _scaled_demand(_: Path, case: Case, result: PlanResult) -> Callable[[float], dict[str, Any]]:
    """Options of a replay of the busiest part, with so many times the planned demand."""
    loads, horizon = result.plan.scenario.workloads, result.plan.scenario.horizon
    rps = np.array([[each.rps for each in load.demand] for load in loads]).sum(axis=0)
    headroom = 1.0 + min(load.headroom for load in loads)
    busiest = {
        "begin": horizon.boundaries()[int(rps.argmax())].isoformat()[:16],
        "duration_s": min(900.0, horizon.interval_s),
    }

    def at(factor: float) -> dict[str, Any]:
        return busiest | {"demand_factor": factor * headroom}

    return at


def main() -> None:
    """All cases, or those whose names begin with what is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(case.name for case in CASES))
    names = tuple(parser.parse_args().names)
    header(
        "Promises kept on requests",
        f"Intervals of {LEAST_REQUESTS} requests and more that reach the promised percentile.",
        ("plan", "intervals kept", "requests in time", "breaks at", "cost [USD]"),
    )
    for case in CASES:
        if names and not case.name.startswith(names):
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            result = case.planned(folder)
            result.write(folder / "plan")
            plan = folder / "plan" / "plan.json"
            met, counted, share = kept(plan, case)
            factor = breaks_at(plan, case, result)
            row(
                case.name,
                f"{met} of {counted}",
                percent(share),
                f"{factor:.2f}",
                f"{result.plan.totals.cost_usd:,.0f}",
            )


if __name__ == "__main__":
    main()
