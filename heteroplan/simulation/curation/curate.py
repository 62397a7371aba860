"""Every policy with its options and with better ones, on requests that the search never saw."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.curation.figures import PartFigures, figures_after, figures_of
from heteroplan.simulation.curation.pieces import before
from heteroplan.simulation.curation.pressure import REQUESTS, PressureTest, pressure_tests
from heteroplan.simulation.curation.results import Candidate, Curated, Curation
from heteroplan.simulation.curation.search import Point, Score, best_of, clipped, search, widened
from heteroplan.simulation.policies.shared.options import Searched
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import PolicyReplay
from heteroplan.simulation.run import PolicyChoice, Progress, ReplaySettings, run_policy
from heteroplan.simulation.system import ServingSystem

SPARE = 0.1
"""Of the misses that the SLO allows, the share that found options leave over on the seen part, so
that chance does not break the SLO on the other."""
PRESSURE = "pressure test"
"""What progress calls it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy to curate, or to replay as it is where its box is empty."""

    name: str
    """As the user wrote it."""
    box: Mapping[str, Searched]
    """Options to search: those that the user did not set."""
    bounds: Mapping[str, tuple[float, float]]
    """Least and most that these options may be."""
    defaults: Point
    """Of these options."""
    make: Callable[[Point], PolicyChoice]
    """The policy with values of these options."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried, and how."""

    cut: int
    """Intervals of the seen part."""
    trials: int
    """A policy, its given options included."""
    seed: int
    burstiness: float
    """Of the requests of pressure tests."""
    jobs: int
    """Simulations at a time; the result does not depend on it."""
    requests: int = REQUESTS
    """Of each run of a pressure test."""


def curate(
    system: ServingSystem,
    stream: RequestStream,
    subjects: Sequence[Subject],
    settings: ReplaySettings,
    effort: Effort,
    progress: Progress,
    *,
    plan_id: str | None = None,
    notes: Sequence[str] = (),
) -> Curation:
    """Search the options of each policy on the first intervals, and judge them on the rest.

    Each has the same number of trials. The first ones are its given options, and those with the
    ratio and the load a replica that the pressure test found.
    """
    with ThreadPoolExecutor(max(1, effort.jobs)) as pool:
        tests = pressure_tests(
            system,
            settings,
            seed=effort.seed,
            burstiness=effort.burstiness,
            pool=pool,
            tell=lambda share: progress(PRESSURE, share),
            requests=effort.requests,
        )
        work = _Work(system, stream, settings, effort, tests, pool, progress)
        policies = tuple(map(work.curated, subjects))
    scenario = system.scenario
    slos = [load.slo for load in scenario.workloads]
    return Curation(
        scenario=scenario.name,
        objective=scenario.objective.value,
        plan_id=plan_id,
        seed=effort.seed,
        start=scenario.horizon.boundaries()[0],
        interval_s=scenario.horizon.interval_s,
        duration_s=stream.duration_s,
        cut=effort.cut,
        most_trials=effort.trials,
        workloads=tuple(load.name for load in scenario.workloads),
        percentiles=tuple(slo.percentile for slo in slos),
        ttft_slo_ms=tuple(slo.ttft_ms for slo in slos),
        itl_slo_ms=tuple(slo.itl_ms for slo in slos),
        tests=tests,
        policies=policies,
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """What all searches share."""

    system: ServingSystem
    stream: RequestStream
    settings: ReplaySettings
    effort: Effort
    tests: Sequence[PressureTest]
    pool: Executor
    progress: Progress

    @property
    def seen(self) -> RequestStream:
        return before(self.stream, self.effort.cut * float(self.system.scenario.horizon.interval_s))

    def curated(self, subject: Subject) -> Curated:
        """Search on the seen part, then both candidates on all requests.

        What is tried does not depend on which other policies there are.
        """
        seen = self.seen
        random = np.random.default_rng([self.effort.seed, *subject.name.encode()])
        told = _Told(subject.name, self.effort.trials if subject.box else 1, self.progress)

        def score(point: Point) -> Score:
            found = figures_of(self._run(subject, point, seen, told))
            return self._score(found)

        pressed = self._pressed()
        box = widened(subject.box, pressed, subject.bounds)
        starts = [subject.defaults]
        if box and pressed:
            starts.append({**subject.defaults, **clipped(box, pressed)})
        trials = search(
            box,
            starts,
            self.effort.trials if subject.box else 1,
            random,
            lambda points: list(self.pool.map(score, points)),
        )
        points = [subject.defaults]
        if best_of(trials).options != subject.defaults:
            points.append(best_of(trials).options)
        found = list(self.pool.map(lambda point: self._candidate(subject, point, seen), points))
        self.progress(subject.name, 1.0)
        return Curated(subject.name, found[0], found[-1], tuple(trials) if subject.box else ())

    def _pressed(self) -> Point:
        """Options as the pressure tests of all workloads suggest them; empty without tests."""
        kept = [each for each in self.tests if each.best.rate_rps > 0.0]
        if not kept:
            return {}
        factors = [np.log(each.ratio_factor) for each in kept]
        return {
            "target_share": min(each.target_share for each in kept),
            "pd_ratio_factor": float(np.exp(np.mean(factors))),
        }

    def _score(self, found: PartFigures) -> Score:
        scenario = self.system.scenario
        percentiles = [load.slo.percentile for load in scenario.workloads]
        return Score(found.shortfall(percentiles, SPARE), found.amount(scenario.objective.value))

    def _candidate(self, subject: Subject, point: Point, seen: RequestStream) -> Candidate:
        told = _Told(subject.name, None, self.progress)
        first = self._run(subject, point, seen, told)
        whole = self._run(subject, point, self.stream, told)
        return Candidate(point, figures_of(first), figures_after(whole, first, self.effort.cut))

    def _run(
        self, subject: Subject, point: Point, stream: RequestStream, told: "_Told"
    ) -> PolicyReplay:
        found = run_policy(self.system, stream, subject.make(point), self.settings, told.running)
        told.ended()
        return found


class _Told:
    """Tells how many trials of a policy are over."""

    def __init__(self, name: str, trials: int | None, progress: Progress) -> None:
        self._name, self._trials, self._progress = name, trials, progress
        self._over = 0

    def running(self, _policy: str, _share: float) -> None:
        """Within a trial: so that one can stop it."""
        self._progress(self._name, self._share())

    def ended(self) -> None:
        """A trial is over."""
        self._over += 1
        self._progress(self._name, self._share())

    def _share(self) -> float:
        return 0.99 if self._trials is None else 0.99 * min(1.0, self._over / self._trials)
