"""Fixed replicas at one load after the other, and what monitoring tells of each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import thread_time

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.arrivals.drawn import drawn
from heteroplan.simulation.events.simulator import SimulatorOptions
from heteroplan.simulation.policies.policy import PoolTargets
from heteroplan.simulation.policies.shared.metrics import EIGHT_SIGNALS, METRICS
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.run import PolicyChoice, Progress, ReplaySettings, run_policy, warm
from heteroplan.simulation.signals import AGGREGATED, ReplicaState, Signals
from heteroplan.simulation.study.station import Station

SAMPLE_S = 15.0
"""Over which monitoring averages: a scrape interval, as Prometheus users set it."""
LOADS = tuple(n / 10 for n in range(1, 21))
"""Shares of capacity at the SLO: up to 120 %, and on to where queues grow."""
CACHE_LOADS = (0.3, 0.6, 0.9)
CACHE_MISSES = (1.0, 0.75, 0.5, 0.25)
"""Shares of the tokens that the prefix cache misses now which it misses then."""


@dataclass(frozen=True, slots=True)
class Case:
    """One load, and how much of what is prefilled now the prefix cache then finds besides."""

    load: float
    """Share of capacity."""
    misses: float = 1.0

    @property
    def name(self) -> str:
        """As progress shows it."""
        hits = "" if self.misses == 1.0 else f", {100 * self.misses:.0f} % of the misses"
        return f"load {100 * self.load:.0f} %{hits}"


@dataclass(frozen=True, slots=True)
class Samples:
    """What was seen at one load; arrays [sample]."""

    signals: dict[str, Floats]
    """The eight, by their names in `METRICS`."""
    all_tokens_per_s: Floats
    """Prompt tokens, those found in the prefix cache included."""
    in_time: float
    """Share of requests that kept the SLO."""
    requests: int
    seconds: float
    """CPU seconds."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """How each load is run."""

    run_s: float
    """[s]"""
    settling_s: float
    """Until the first sample [s]."""
    seed: int
    simulator: SimulatorOptions


class _Recorder:
    """A policy that keeps what it has and writes down the signals."""

    name = "study"
    period_s = SAMPLE_S
    window_s = SAMPLE_S

    def __init__(self, station: Station, settling_s: float) -> None:
        self._targets = PoolTargets(station.replicas)
        self._settling_s = settling_s
        self.seen: list[Signals] = []

    def decide(self, signals: Signals, state: ReplicaState) -> PoolTargets:
        """The same replicas always."""
        if signals.at_s - signals.window_s >= self._settling_s:
            self.seen.append(signals)
        return self._targets


def swept(
    station: Station, cases: Sequence[Case], sweep: Sweep, *, jobs: int, progress: Progress
) -> list[Samples]:
    """Each case by itself, `jobs` at a time; the result does not depend on `jobs`."""

    def ran(case: Case) -> Samples:
        return _ran(station, case, sweep, progress)

    warm(station.system, ReplaySettings(simulator=sweep.simulator))
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        return list(pool.map(ran, cases))


def hit_rates(station: Station, misses: float) -> tuple[float, ...]:
    """By class, where the prefix cache misses this share of what it misses now."""
    classes = station.scenario.workloads[0].demand[0].classes
    return tuple(1.0 - misses * (1.0 - each.prefix_hit_rate) for each in classes)


def mean_hit_rate(station: Station, misses: float) -> float:
    """Share of all prompt tokens that are found in the prefix cache."""
    classes = station.scenario.workloads[0].demand[0].classes
    tokens = [each.share * each.isl for each in classes]
    rates = hit_rates(station, misses)
    return sum(t * rate for t, rate in zip(tokens, rates, strict=True)) / sum(tokens)


def _ran(station: Station, case: Case, sweep: Sweep, progress: Progress) -> Samples:
    began = thread_time()
    load = station.scenario.workloads[0]
    demand = load.demand[0]
    rates = hit_rates(station, case.misses)
    classes = tuple(
        replace(each, prefix_hit_rate=rate)
        for each, rate in zip(demand.classes, rates, strict=True)
    )
    asking = replace(load, demand=(replace(demand, classes=classes),))
    stream = drawn(
        replace(station.scenario, workloads=(asking,)),
        seed=sweep.seed, factor=case.load, duration_s=sweep.run_s,
    )  # fmt: skip
    recorder = _Recorder(station, sweep.settling_s)
    choice = PolicyChoice(case.name, {}, lambda: recorder)
    settings = ReplaySettings(simulator=sweep.simulator, delay_s=0.0)
    found = run_policy(station.system, stream, choice, settings, progress)
    split = np.array([station.system.is_split(0)])
    seen = recorder.seen
    return Samples(
        signals={name: _values(name, seen, split) for name in EIGHT_SIGNALS},
        all_tokens_per_s=np.array([_all_tokens_per_s(each) for each in seen]),
        in_time=found.attainment.both,
        requests=len(stream),
        seconds=thread_time() - began,
    )


def _values(name: str, seen: Sequence[Signals], split: NDArray[np.bool_]) -> Floats:
    metric = METRICS[name]
    role = metric.leads if split[0] else AGGREGATED
    return np.array([metric.read(each, split)[0, role] for each in seen])


def _all_tokens_per_s(signals: Signals) -> float:
    """What is prefilled, and what the prompts that came had in the prefix cache."""
    cached = float(np.nan_to_num(signals.arrived_rps * signals.cached)[0])
    return float(signals.prefill_tokens_per_s[0]) + cached
