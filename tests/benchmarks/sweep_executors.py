"""Where the cases of a sweep run: `python -m tests.benchmarks.sweep_executors`.

By hand; ten minutes on a machine of its own, with the extras dask and ray. The same cases of
quickstart are planned by one process, by two, by a Dask cluster of two workers and by a Ray
cluster of two processors, each started before it is timed; `--kill` kills a worker of each when a
quarter of the cases are done. `same table` compares cases.csv with that of one process, byte by
byte. The overhead is that of tasks that do nothing, once the workers are there.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heteroplan.clock import never
from heteroplan.pipelines.shared.executors.choose import executor_of
from tests.benchmarks.markdown import header, row

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "scenarios" / "quickstart"
NOTHINGS = 400
"""Tasks that do nothing."""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}

type Where = dict[str, str]
"""Options of `sweep`: jobs, dask or ray."""


@contextmanager
def processes(jobs: int) -> Iterator[Where]:
    yield {"jobs": str(jobs)}


@contextmanager
def dask(workers: int) -> Iterator[Where]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        yield {"dask": cluster.scheduler_address}


@contextmanager
def ray(processors: int) -> Iterator[Where]:
    name = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]
    given = ["--head", "--num-cpus", str(processors), "--include-dashboard", "false"]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*name, "start", *given], env=ENVIRONMENT, check=True, **quiet)
    try:
        yield {"ray": "auto"}
    finally:
        subprocess.run([*name, "stop"], env=ENVIRONMENT, check=True, **quiet)


PLACES: dict[str, Callable[[], Any]] = {
    "1 process": lambda: processes(1),
    "2 processes": lambda: processes(2),
    "Dask, 2 workers": lambda: dask(2),
    "Ray, 2 processors": lambda: ray(2),
}


def demands(count: int) -> str:
    """So many demands, from 0.6 to 1.1 of that of the scenario."""
    return "demand=" + ",".join(f"{0.6 + 0.5 * i / max(1, count - 1):.4f}" for i in range(count))


def swept(where: Where, count: int, gap: str, kill: str | None) -> tuple[float, bytes, int]:
    """Wall time of `sweep` [s], its cases.csv, and how many workers were killed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "heteroplan", "sweep", str(SCENARIO), "--vary",
                   demands(count), "--gap", gap, "--out", folder]  # fmt: skip
        options = [text for name, value in where.items() for text in (f"--{name}", value)]
        began_s = time.perf_counter()
        process = subprocess.Popen([*command, *options], env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        killed: list[int] = []
        if kill is not None:
            given = (process, Path(folder) / "cases", count // 4, kill, killed)
            threading.Thread(target=_kill_one, args=given, daemon=True).start()
        if process.wait() != 0:
            raise SystemExit(f"sweep ended with {process.returncode}")
        seconds = time.perf_counter() - began_s
        return seconds, (Path(folder) / "cases.csv").read_bytes(), len(killed)


def _kill_one(
    sweep: subprocess.Popen[bytes], cases: Path, after: int, kill: str, killed: list[int]
) -> None:
    """A process whose command line has `kill` in it, when so many cases are done."""
    while sweep.poll() is None and not killed:
        time.sleep(0.05)
        if cases.is_dir() and len(list(cases.glob("*.json"))) >= after:
            for process in descendants(os.getpid() if "ray" not in kill else 1):
                if kill in _command(process):
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)
                    return


def descendants(of: int) -> list[int]:
    """Processes that a process began, and that those began."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(folder.name))
    found, ahead = [], list(parents.get(of, []))
    while ahead:
        found.append(ahead.pop())
        ahead += parents.get(found[-1], [])
    return found


def _command(process: int) -> str:
    try:
        return (Path("/proc") / str(process) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


KILLED = {
    "2 processes": "executors.serving",
    "Dask, 2 workers": "multiprocessing.spawn",
    "Ray, 2 processors": "ray::",
}
"""What stands in the command line of a worker."""


def overhead_s(where: Where) -> float:
    """Of a task that does nothing [s]."""
    given: Any = {"jobs": 1, **where}
    given["jobs"] = int(given["jobs"])
    with executor_of(**given) as executor:
        ended = iter(executor.run(abs, range(NOTHINGS), never))
        next(ended)
        began_s = time.perf_counter()
        for _ in ended:
            pass
        return (time.perf_counter() - began_s) / (NOTHINGS - 1)


def table(count: int, gap: str, kill: bool, names: list[str]) -> None:
    columns = ["where", "time [s]", "workers killed", "same table", "overhead of a task [ms]"]
    header(f"sweep of {count} cases of quickstart", f"Gap {gap}.", columns)
    first = None
    for name in names:
        with PLACES[name]() as where:
            seconds, cases, killed = swept(where, count, gap, KILLED.get(name) if kill else None)
            first = first or cases
            same = "yes" if cases == first else "no"
            row(name, f"{seconds:.1f}", killed, same, f"{1000 * overhead_s(where):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--gap", default="5%")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--where", nargs="+", default=list(PLACES), choices=list(PLACES))
    given = parser.parse_args()
    table(given.cases, given.gap, given.kill, given.where)
