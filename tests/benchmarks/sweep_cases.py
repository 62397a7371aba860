"""`sweep` on 100 cases of quickstart: `python -m tests.benchmarks.sweep_cases`.

By hand; about half an hour on a machine of its own. Cases are ten amounts of demand, five TTFT
targets and two prices of H100. Each number of jobs plans all of them, in processes of their own and
as the command does; tables are compared byte for byte. `overhead` is the CPU time that a sweep
takes beside the solves themselves, a case: loading, keys, the table. At last the same cases are
planned once more, each search beginning at the plan of the first case. Where others use the
machine, look at CPU times. Processes may write and read Python's bytecode: each begins in 0.7 CPU s
with it and in 1.5 without (PYTHONDONTWRITEBYTECODE).
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

from heteroplan.pipelines.shared import case_work
from heteroplan.pipelines.shared.solving import solved
from heteroplan.pipelines.sweep import SweepResult, sweep
from tests.benchmarks.markdown import header, row

SCENARIO = "scenarios/quickstart"
DEMAND = tuple(round(0.6 + 0.05 * i, 2) for i in range(10))
TTFT_MS = (700, 850, 1000, 1250, 1500)
H100_USD = (2.5, 3.0)
PRICE = "fleet.node_types.h100x8.usd_per_gpu_hour"


def variations(cases: int) -> list[str]:
    """Of so many cases at most: fewer amounts of demand."""
    amounts = DEMAND[: max(1, cases // (len(TTFT_MS) * len(H100_USD)))]
    return [
        f"demand={','.join(map(str, amounts))}",
        f"slo.ttft_ms={','.join(map(str, TTFT_MS))}",
        f"{PRICE}={','.join(map(str, H100_USD))}",
    ]


@contextmanager
def timed_solves() -> Iterator[list[float]]:
    """CPU seconds of each solve of this process."""
    found: list[float] = []

    def timed(loaded: Any, effort: Any) -> Any:
        began = process_time()
        try:
            return solved(loaded, effort)
        finally:
            found.append(process_time() - began)

    with patch.object(case_work, "solved", timed):
        yield found


def here(vary: list[str], **options: Any) -> tuple[SweepResult, float, float]:
    """Of a sweep in this process: the result, CPU seconds of its solves, and beside them."""
    began = process_time()
    with timed_solves() as solves:
        result = sweep(SCENARIO, vary=vary, **options)
    return result, sum(solves), process_time() - began - sum(solves)


def command(vary: list[str], jobs: int) -> tuple[str, float, float]:
    """What the command prints, its seconds and its CPU seconds."""
    options = [part for each in vary for part in ("--vary", each)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    cpu_before, began = _children_cpu_s(), perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "heteroplan", "sweep", SCENARIO, *options, "--jobs", str(jobs),
         "--json"],
        capture_output=True, text=True, check=False, env=env,
    )  # fmt: skip
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    return done.stdout, perf_counter() - began, _children_cpu_s() - cpu_before


def _children_cpu_s() -> float:
    use = getrusage(RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def mean_gap(result: SweepResult) -> float:
    """Of the cases that have one."""
    gaps = [each.gap for each in result.cases if each.gap is not None]
    return sum(gaps) / len(gaps)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 2])
    given = parser.parse_args()
    vary = variations(given.cases)
    header("Cases side by side", "The command, in processes", ["jobs", "s", "CPU s", "same table"])
    first = None
    for jobs in given.jobs:
        table, seconds, cpu_s = command(vary, jobs)
        first = first or table
        row(jobs, f"{seconds:.0f}", f"{cpu_s:.0f}", "yes" if table == first else "no")
    columns = ["starts", "cases", "solves [CPU s]", "beside them, a case [CPU s]", "mean gap"]
    header("Warm starts", "In one process", columns)
    for name, warm in (("greedy schedule", False), ("first case", True)):
        result, solve_s, beside_s = here(vary, start_from_first=warm)
        count = len(result.cases)
        cells = (f"{solve_s:.1f}", f"{beside_s / count:.3f}", f"{mean_gap(result):.2%}")
        row(name, count, *cells)


if __name__ == "__main__":
    main()
