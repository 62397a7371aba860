"""One scenario planned in a process of its own: the progress stream, memory, and the verdict.

`measured` starts this module as a program; it prints a JSON line an event and one for the result.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from inspect import signature
from math import inf
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

SAMPLE_S = 0.25
"""Between looks at the memory."""
MODULE = "tests.benchmarks.scale_run"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Setting:
    """What is asked of `make_plan`; what it has no parameter for stays at its default."""

    gap: float = 0.01
    time_limit_s: float = 60.0
    method: str = "auto"
    without: tuple[str, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `make_plan`."""
        given: dict[str, Any] = {"gap": self.gap, "time_limit_s": self.time_limit_s}
        if self.method != "auto":
            given["method"] = self.method
        if self.without:
            given["without"] = frozenset(self.without)
        return given

    def missing(self) -> list[str]:
        """Parameters that `make_plan` does not have (yet)."""
        from heteroplan.planning import make_plan

        return [name for name in self.arguments() if name not in signature(make_plan).parameters]


@dataclass(frozen=True)
class Moment:
    """What was known at a time after loading."""

    seconds: float
    cost: float | None
    """Of the best sizes; None while they leave demand unserved."""
    bound: float

    @property
    def gap(self) -> float:
        """Relative to the cost; infinite where there is none."""
        if self.cost is None:
            return inf
        return (self.cost - self.bound) / self.cost if self.cost else 0.0


@dataclass(frozen=True)
class Run:
    """A scenario planned once. The plan stands on nodes; the moments before it are of sizes."""

    moments: tuple[Moment, ...] = ()
    error: str = ""
    """Why there is no plan; the rest is then empty."""
    cost: float = inf
    bound: float = 0.0
    unserved: float = 0.0
    """Share of the requests."""
    ended: str = ""
    load_s: float = 0.0
    seconds: float = 0.0
    """Of solving and placing."""
    total_s: float = 0.0
    """Of all that the command does but writing files: load, plan, baselines, checks."""
    peak_gib: float = field(default=0.0, compare=False)
    """Greatest memory of the process and its children together."""

    @property
    def gap(self) -> float:
        return Moment(self.seconds, self.cost, self.bound).gap if not self.error else inf

    def gap_after(self, seconds: float) -> float:
        """Gap of what was known by then; of the plan where it had ended."""
        if not self.error and self.seconds <= seconds:
            return self.gap
        return next((m.gap for m in reversed(self.moments) if m.seconds <= seconds), inf)

    def seconds_to(self, gap: float) -> float:
        """When the gap was first within `gap`; infinite where it never was."""
        last = self.seconds if self.gap <= gap else inf
        return next((m.seconds for m in self.moments if m.gap <= gap), last)

    @property
    def first_s(self) -> float:
        """When there was a plan that serves everything."""
        return next((m.seconds for m in self.moments if m.cost is not None), inf)


def measured(folder: Path, setting: Setting, *, compare: bool = True) -> Run:
    """Plan the scenario in a fresh process; with its baselines where `compare`."""
    order = json.dumps({"folder": str(folder.resolve()), "compare": compare, **asdict(setting)})
    command = [sys.executable, "-m", MODULE, order]
    peak, ended = [0.0], Event()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        sampler = Thread(target=_watch, args=(child.pid, peak, ended))
        sampler.start()
        assert child.stdout is not None
        try:
            lines = [json.loads(line) for line in child.stdout]
        finally:
            ended.set()
            sampler.join()
    moments = tuple(Moment(**line) for line in lines if "ended" not in line)
    crashed: dict[str, Any] = {"error": f"exit code {child.returncode}"}
    result = next((line for line in lines if "ended" in line), crashed)
    own_gib = result.pop("own_gib", 0.0)
    return Run(moments, **result, peak_gib=max(peak[0], own_gib))


def _watch(pid: int, peak: list[float], ended: Event) -> None:
    while not ended.wait(SAMPLE_S):
        peak[0] = max(peak[0], sum(map(_gib, _family(pid))))


def _family(pid: int) -> Iterator[int]:
    """A process and all below it; the process alone where the system does not say."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))


def _gib(pid: int) -> float:
    """Memory of a process, pages that it shares divided among those that do."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 2**20


class _Stream:
    """Prints what the solve tells, on one clock; bounds of later rounds are of other programs."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._solving_s, self._later, self._bound = 0.0, False, 0.0

    def tell(self, cost: float | None, bound: float, seconds: float) -> None:
        self._later = self._later or seconds < self._solving_s
        self._solving_s = seconds
        if not self._later:
            self._bound = bound
        moment = Moment(monotonic() - self._began, cost, self._bound)
        print(json.dumps(asdict(moment)), flush=True)


def _plan(order: dict[str, Any]) -> dict[str, Any]:
    from heteroplan.errors import HeteroplanError
    from heteroplan.pipelines.solving import load
    from heteroplan.planning import make_plan

    began = monotonic()
    folder, compare = order.pop("folder"), order.pop("compare")
    arguments = Setting(**{**order, "without": tuple(order["without"])}).arguments()
    try:
        loaded = load(folder)
        load_s = monotonic() - began
        plan = make_plan(
            loaded.scenario,
            loaded.candidates,
            progress=_Stream().tell,
            compare=compare,
            **arguments,
        )
    except HeteroplanError as error:
        return {"error": str(error).splitlines()[0], "ended": "no plan"}
    report = plan.report
    return {
        "cost": report.objective,
        "bound": report.bound,
        "unserved": 1.0 - plan.totals.served_fraction,
        "ended": report.termination.value,
        "load_s": load_s,
        "seconds": report.seconds,
        "total_s": monotonic() - began,
        "own_gib": _own_gib(),
    }


def _own_gib() -> float:
    """Greatest memory of this process; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0.0
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main(arguments: Sequence[str]) -> None:
    print(json.dumps(_plan(json.loads(arguments[0]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
