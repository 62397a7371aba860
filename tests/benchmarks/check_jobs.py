"""`check` on many scenarios at a time: `python -m tests.benchmarks.check_jobs`.

By hand; two minutes on a machine of its own. Scenarios are the shipped heteroscale-day with other
amounts of demand, from a fixed seed. Each number of jobs checks all of them in a process of its
own, as the command does: what is timed includes the start of processes. The numbers take turns in
`--rounds`, and of each the shortest time counts, as others may use the machine. Answers are
compared with those of one job. Where others use the machine, look at the CPU time: what several
jobs take more is the start of their processes.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter
from typing import Any

import yaml

from tests.benchmarks.markdown import header, ratio, row

SHIPPED = Path(__file__).resolve().parents[2] / "scenarios" / "heteroscale-day"
SEED = 7
LEAST, MOST = 0.5, 1.05
"""Times the demand of the shipped scenario, which the fleet covers."""
LIMIT_S = 3600


def scenarios(folder: Path, count: int, seed: int = SEED) -> list[Path]:
    """Folders that hold a scenario each, made below `folder`."""
    random = Random(seed)
    shipped: dict[str, Any] = yaml.safe_load((SHIPPED / "scenario.yaml").read_text("utf-8"))
    (workload,) = shipped["workloads"]
    with (SHIPPED / workload["demand"]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    made = []
    for number in range(count):
        own = folder / f"s{number:02d}"
        own.mkdir()
        factor = random.uniform(LEAST, MOST)
        with (own / "demand.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(each | {"rps": f"{float(each['rps']) * factor:.4f}"} for each in rows)
        scenario = {
            **shipped,
            "name": own.name,
            "fleet": str((SHIPPED / shipped["fleet"]).resolve()),
            "workloads": [
                {
                    **workload,
                    "profile": str((SHIPPED / workload["profile"]).resolve()),
                    "demand": "demand.csv",
                }
            ],
        }
        (own / "scenario.yaml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
        made.append(own)
    return made


def checked(folders: list[Path], jobs: int) -> tuple[float, float, list[dict[str, Any]]]:
    """Wall and CPU time of `check` [s], and its rows without times."""
    command = [sys.executable, "-m", "heteroplan", "check", *map(str, folders)]
    options = ["--format", "json", "--jobs", str(jobs), "--time-limit", str(LIMIT_S)]
    began_s, before_s = perf_counter(), _cpu_s()
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    wall_s, cpu_s = perf_counter() - began_s, _cpu_s() - before_s
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    for each in rows:
        del each["seconds"]
    return wall_s, cpu_s, rows


def _cpu_s() -> float:
    """Of processes that this one has waited for [s]."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(count: int, jobs: list[int], rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        folders = scenarios(Path(folder), count)
        times: dict[int, list[tuple[float, float]]] = {number: [] for number in jobs}
        answers: dict[int, list[dict[str, Any]]] = {}
        for _ in range(rounds):
            for number in jobs:
                *both, answers[number] = checked(folders, number)
                times[number].append((both[0], both[1]))
    header(
        f"check on {count} scenarios",
        f"Shortest of {rounds} rounds.",
        ["jobs", "time [s]", "against one job", "CPU [s]", "same rows"],
    )
    for number in jobs:
        same = "yes" if answers[number] == answers[jobs[0]] else "no"
        wall_s, cpu_s = min(times[number])
        share = ratio(wall_s, min(times[jobs[0]])[0])
        row(number, f"{wall_s:.1f}", share, f"{cpu_s:.1f}", same)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=20)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    table(given.scenarios, given.jobs, given.rounds)
