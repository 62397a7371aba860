"""One scenario planned in a process of its own: progress, memory, and what came out.

`measured` starts this module as a program; it prints a JSON line an event and one for the result.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import inf
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    import pulp

    from heteroplan.entities.plan import Plan
    from heteroplan.optimize.solvers.solver import Answer, Effort

DAY_S = 86400.0
SAMPLE_S = 1.0
"""Between looks at the memory, which take time from the plan."""
MODULE = "tests.benchmarks.scale_run"
ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Setting:
    """What is asked of `make_plan`, and of the clock."""

    gap: float = 0.001
    time_limit_s: float = 60.0
    method: str = "auto"
    without: tuple[str, ...] = ()
    cpu: bool = False
    """Whether seconds are those of one core that works for nobody else (`count_cpu_seconds`)."""

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `make_plan`; what is as by default is not named."""
        given: dict[str, Any] = {"gap": self.gap, "time_limit_s": self.time_limit_s}
        if self.method != "auto":
            given["method"] = self.method
        if self.without:
            given["without"] = frozenset(self.without)
        return given


@dataclass(frozen=True)
class Moment:
    """What was known at a time after loading."""

    seconds: float
    cost: float | None
    """Of the best sizes; None while they leave demand unserved."""
    bound: float

    @property
    def gap(self) -> float:
        """Relative to the cost; infinite where there is none, or no bound."""
        if self.cost is None or self.bound <= 0 < self.cost:
            return inf
        return (self.cost - self.bound) / self.cost if self.cost else 0.0


AFTER_S = (2, 5, 10, 20)
"""When the gap is looked at."""


@dataclass(frozen=True)
class Run:
    """A scenario planned once. The plan stands on nodes; what was known before it is of sizes."""

    error: str = ""
    """Why there is no plan; most of the rest is then empty."""
    cost: float = inf
    bound: float = 0.0
    unserved: float = 0.0
    """Requests."""
    changes: float = 0.0
    """Of the size of a pool, a day."""
    starts: float = 0.0
    ended: str = ""
    """Empty where the process crashed."""
    seconds: float = 0.0
    """Of solving and placing."""
    first_s: float = inf
    """When there was a plan that serves everything."""
    gap_2: float = inf
    gap_5: float = inf
    gap_10: float = inf
    gap_20: float = inf
    """Gaps after `AFTER_S`."""
    peak_gib: float = 0.0
    """Greatest memory of the process and its children together."""

    @property
    def gap(self) -> float:
        return Moment(self.seconds, None if self.error else self.cost, self.bound).gap

    def after(self, moments: Sequence[Moment]) -> "Run":
        """With when there was a plan, and the gaps: the run's own from its end on."""
        gaps: dict[str, Any] = {
            f"gap_{after}": self.gap
            if self.ended and not self.error and self.seconds <= after
            else next((m.gap for m in reversed(moments) if m.seconds <= after), inf)
            for after in AFTER_S
        }
        first_s = next((m.seconds for m in moments if m.cost is not None), inf)
        return replace(self, first_s=first_s, **gaps)


def measured(folder: Path, setting: Setting) -> Run:
    """Plan the scenario in a fresh process, its baselines left out."""
    order = json.dumps({"folder": str(folder.resolve()), **asdict(setting)})
    command = [sys.executable, "-m", MODULE, order]
    threads = os.environ | (ONE_THREAD if setting.cpu else {})
    peak, ended = [0.0], Event()
    with subprocess.Popen(
        command, cwd=ROOT, env=threads, stdout=subprocess.PIPE, text=True
    ) as child:
        sampler = Thread(target=_watch, args=(child.pid, peak, ended))
        sampler.start()
        assert child.stdout is not None
        try:
            lines = [json.loads(line) for line in child.stdout]
        finally:
            ended.set()
            sampler.join()
    crashed: dict[str, Any] = {"error": f"exit code {child.returncode}"}
    result = next((line for line in lines if "ended" in line), crashed)
    peak_gib = max(peak[0], result.pop("own_gib", 0.0))
    moments = [Moment(**line) for line in lines if "ended" not in line]
    return Run(**result, peak_gib=peak_gib).after(moments)


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


def count_cpu_seconds() -> None:
    """From now on a clock of this process shows its CPU seconds, and it has one core.

    To be called before heteroplan is imported. HiGHS has a clock of its own, of the wall: its
    calls have no time limit, and are interrupted where the clock of this process says so.
    """
    patch("time.monotonic", time.process_time).start()
    patch("os.cpu_count", lambda: 1).start()
    from heteroplan.optimize.solvers import solver

    run_highs = solver._run_highs

    def interrupted(
        problem: "pulp.LpProblem", effort: "Effort", integer: bool, warm: bool
    ) -> "Answer":
        return run_highs(problem, replace(effort, stop=effort.over), integer, warm)

    patch.object(solver, "_run_highs", interrupted).start()
    patch.object(solver.Effort, "seconds_left", lambda effort: None).start()


class _Stream:
    """Prints what the solve tells, on one clock; bounds of later rounds are of other programs."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._solving_s, self._later, self._bound = 0.0, False, 0.0

    def tell(self, cost: float | None, bound: float, seconds: float) -> None:
        self._later = self._later or seconds < self._solving_s
        self._solving_s = seconds
        if not self._later:
            self._bound = bound
        moment = Moment(time.monotonic() - self._began, cost, self._bound)
        print(json.dumps(asdict(moment)), flush=True)


def _plan(folder: str, setting: Setting) -> dict[str, Any]:
    if setting.cpu:
        count_cpu_seconds()
    from heteroplan.errors import HeteroplanError
    from heteroplan.pipelines.shared.solving import load
    from heteroplan.planning import make_plan
    from heteroplan.planning.first_use import compile_search

    compile_search()
    try:
        loaded = load(folder)
        plan = make_plan(
            loaded.scenario,
            loaded.candidates,
            progress=_Stream().tell,
            compare=False,
            **setting.arguments(),
        )
    except HeteroplanError as error:
        return {"error": str(error).splitlines()[0], "ended": "no plan"}
    report = plan.report
    return {
        "cost": report.objective,
        "bound": report.bound,
        "unserved": report.unserved_requests,
        "changes": changes(plan),
        "starts": plan.totals.starts,
        "ended": report.termination.value,
        "seconds": report.seconds,
        "own_gib": _own_gib(),
    }


def changes(plan: "Plan") -> float:
    """Times a day that a pool has another size than the interval before, summed over pools."""
    horizon = plan.scenario.horizon
    count = 0
    for pool in plan.pools:
        sizes = (*pool.replicas, pool.replicas[0]) if horizon.cyclic else pool.replicas
        count += sum(one != other for one, other in pairwise(sizes))
    return count * DAY_S / (horizon.intervals * horizon.interval_s)


def _own_gib() -> float:
    """Greatest memory of this process; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0.0
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main(arguments: Sequence[str]) -> None:
    order = json.loads(arguments[0])
    folder, without = order.pop("folder"), tuple(order.pop("without"))
    print(json.dumps(_plan(folder, Setting(**order, without=without))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
