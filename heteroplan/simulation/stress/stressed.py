"""The whole stress test: fixed cases one at a time, and the factors at which the SLO breaks."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import thread_time

import numpy as np

from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import IntervalTable
from heteroplan.simulation.run import PolicyChoice, Progress, ReplaySettings, run_policy, warm
from heteroplan.simulation.stress.engines import slower
from heteroplan.simulation.stress.limits import limit
from heteroplan.simulation.stress.results import (
    Cell,
    Criterion,
    Stress,
    StressLimit,
    Stressor,
    StressRun,
)
from heteroplan.simulation.system import ServingSystem

CASES = (
    (Stressor.DEMAND, 1.0),
    *((Stressor.DEMAND, factor) for factor in (0.75, 0.9, 1.1, 1.25)),
    *((Stressor.ENGINES, factor) for factor in (0.5, 0.85, 1.15, 1.5)),
    (Stressor.STARTUP, 2.0),
)
"""The first is as planned."""
SEARCHED = (Stressor.DEMAND, Stressor.ENGINES)
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Subject:
    """What is put under stress."""

    system: ServingSystem
    choice: PolicyChoice
    """Made from what was planned for: it does not know of the stress."""
    settings: ReplaySettings
    requests: Callable[[float], RequestStream]
    """For a factor on demand."""
    plan_id: str | None


class _Tester:
    """Runs each case once."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        self._subject, self._progress = subject, progress
        self.runs: dict[tuple[Stressor, float], StressRun] = {}
        self.duration_s = 0.0
        self.notes: tuple[str, ...] = ()

    def run(self, stressor: Stressor, factor: float) -> StressRun:
        """Factor 1 of any stressor is the same case."""
        key = (Stressor.DEMAND if factor == 1.0 else stressor, factor)
        if key not in self.runs:
            self.runs[key] = self._ran(*key)
        return self.runs[key]

    def known(self, stressor: Stressor) -> list[float]:
        """Factors that were run."""
        return [factor for of, factor in list(self.runs) if of is stressor or factor == 1.0]

    def _ran(self, stressor: Stressor, factor: float) -> StressRun:
        began, of = thread_time(), self._subject
        name = "as planned" if factor == 1.0 else f"{stressor.value} x{factor:g}"
        stream = of.requests(factor if stressor is Stressor.DEMAND else 1.0)
        system = slower(of.system, factor) if stressor is Stressor.ENGINES else of.system
        settings = of.settings
        if stressor is Stressor.STARTUP:
            lifecycle = replace(settings.lifecycle, startup_factor=factor)
            settings = replace(settings, lifecycle=lifecycle)
        choice = replace(of.choice, name=name)
        found = run_policy(system, stream, choice, settings, self._progress)
        if factor == 1.0:
            self.duration_s, self.notes = stream.duration_s, stream.notes
        loads = system.scenario.workloads
        names = [load.name for load in loads]
        return replace(
            stress_run(found.intervals, names, [load.slo.percentile for load in loads]),
            stressor=stressor, factor=factor, gpu_hours=found.gpu_hours,
            unfinished=found.unfinished, seconds=thread_time() - began,
        )  # fmt: skip


def stressed(subject: Subject, *, jobs: int, progress: Progress) -> Stress:
    """The policy in all cases, `jobs` at a time; the result does not depend on `jobs`."""
    warm(subject.system, subject.settings)
    tester = _Tester(subject, progress)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        fixed = tuple(pool.map(lambda case: tester.run(*case), CASES))
        found = list(pool.map(lambda stressor: _limits(tester, stressor), SEARCHED))
    searched = [run for key, run in tester.runs.items() if key not in CASES]
    scenario = subject.system.scenario
    return Stress(
        scenario=scenario.name,
        plan_id=subject.plan_id,
        policy=subject.choice.name,
        seed=subject.settings.simulator.seed,
        start=scenario.horizon.boundaries()[0],
        interval_s=scenario.horizon.interval_s,
        duration_s=tester.duration_s,
        percentiles={load.name: load.slo.percentile for load in scenario.workloads},
        runs=fixed,
        searched=tuple(sorted(searched, key=lambda run: (run.stressor, run.factor))),
        limits=tuple(each for limits in found for each in limits),
        notes=tester.notes,
    )


def stress_run(
    table: IntervalTable, names: Sequence[str], percentiles: Sequence[float]
) -> StressRun:
    """What the rows of a replay say; its stressor, factor and sums are left to be set."""
    requests, kept = table.requests, table.attained_both
    some = requests > 0
    shares = kept / np.maximum(requests, 1)
    wanted = np.asarray(percentiles)[:, None] - ROUNDING
    missed = some & (shares < wanted)
    cells = [(int(t), int(w)) for w, t in np.argwhere(missed)]
    shortfall = np.where(some, wanted - shares, -np.inf)

    def cell(w: int, t: int) -> Cell:
        return Cell(names[w], t, int(requests[w, t]), float(shares[w, t]))

    totals, in_time = requests.sum(axis=1), kept.sum(axis=1)
    whole = {w: float(in_time[w] / totals[w]) for w in range(len(names)) if totals[w]}
    short = sorted(
        (w for w, share in whole.items() if share < percentiles[w] - ROUNDING),
        key=lambda w: whole[w] - percentiles[w],
    )
    worst = np.unravel_index(int(np.argmax(shortfall)), shares.shape) if some.any() else None
    return StressRun(
        stressor=Stressor.DEMAND,
        factor=1.0,
        requests=int(totals.sum()),
        shares={names[w]: share for w, share in whole.items()},
        short=tuple(names[w] for w in short),
        intervals=int(some.sum()),
        missed=len(cells),
        first_missed=cell(*min(cells)[::-1]) if cells else None,
        worst=None if worst is None else cell(int(worst[0]), int(worst[1])),
        gpu_hours=0.0,
        unfinished=0,
        seconds=0.0,
    )


def _limits(tester: _Tester, stressor: Stressor) -> list[StressLimit]:
    """Over the whole replay, then in each interval, beginning with what is known by then."""
    found = []
    for criterion in Criterion:

        def keeps(factor: float, criterion: Criterion = criterion) -> bool:
            return tester.run(stressor, factor).keeps(criterion)

        holds, breaks = limit(keeps, tester.known(stressor))
        run = None if breaks is None else tester.run(stressor, breaks)
        found.append(StressLimit(stressor, criterion, holds, run))
    return found
