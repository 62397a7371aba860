"""Samples: what the uncertain inputs of a scenario may turn out to be, drawn together.

`Uncertainty` says what is uncertain, `drawn` makes one `Sample` of it, `Sample.scenario` is the
scenario with what was drawn. The same seed and place give the same sample, however many are drawn.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import exp

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import IntervalDemand, Workload
from heteroplan.studies import engine_errors, failures
from heteroplan.studies.case import Value
from heteroplan.studies.engine_errors import EngineKey
from heteroplan.studies.failures import Failed
from heteroplan.studies.outlook import Days, Outlook, common_days

type Floats = NDArray[np.float64]


class Kind(StrEnum):
    """What may be uncertain; the order is part of how samples are drawn."""

    DEMAND = "demand"
    PROFILES = "profiles"
    FAILURES = "failures"


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What is uncertain of a scenario, and how much."""

    outlooks: tuple[Outlook, ...] = ()
    """One a workload, or none."""
    spreads: Mapping[EngineKey, float] = field(default_factory=dict)
    """Of engines, as `engine_errors.spreads`."""
    fails: bool = False
    """Whether nodes fail, as often as the fleet says."""
    notes: tuple[str, ...] = ()
    """What is taken as certain, or assumed; one sentence each."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is drawn."""
        known = {
            Kind.DEMAND: bool(self.outlooks),
            Kind.PROFILES: bool(self.spreads),
            Kind.FAILURES: self.fails,
        }
        return tuple(kind for kind in Kind if known[kind])


@dataclass(frozen=True, slots=True)
class Sample:
    """What the uncertain inputs turn out to be."""

    seed: int
    place: int
    """Among the samples of the seed, from 0."""
    rps: Mapping[str, Floats] = field(default_factory=dict)
    """[T, piece of an interval] rates that come, by workload; without headroom."""
    slowness: Mapping[EngineKey, float] = field(default_factory=dict)
    """By how many standard deviations of its fit an engine is slower than its profile says."""
    failed: tuple[Failed, ...] = ()

    def inputs(self, scenario: Scenario) -> dict[str, Value]:
        """What was drawn, in a number for each input; demand over that which is planned for.

        Planned demand is that without its headroom, means over the horizon.
        """
        found: dict[str, Value] = {"sample": self.place}
        for load in scenario.workloads:
            if load.name in self.rps:
                planned = sum(each.rps for each in load.demand) / (1.0 + load.headroom)
                came = float(self.rps[load.name].max(axis=1).sum())
                found[f"sample.demand.{load.name}"] = round(came / planned, 6) if planned else 1.0
        spreads = engine_errors.spreads(scenario)
        for (model, engine), amount in sorted(self.slowness.items()):
            factor = exp(spreads[model, engine] * amount)
            found[f"sample.slowness.{model}.{engine}"] = round(factor, 6)
        if failures.has_failures(scenario.fleet):
            found["sample.failed_node_hours"] = round(failures.node_hours(self.failed), 3)
        return found

    def scenario(self, given: Scenario) -> Scenario:
        """The scenario if all that was drawn were known before: its demand, engines and absences.

        Demand has the headroom of its workload, as it has in a plan; that of an interval is its
        busiest piece's.
        """
        made = engine_errors.with_slowness(given, self.slowness) if self.slowness else given
        fleet = given.fleet
        away = failures.outages(self.failed, given.horizon)
        return replace(
            made,
            fleet=replace(fleet, outages=(*fleet.outages, *away)) if away else fleet,
            workloads=tuple(map(self._workload, made.workloads)),
        )

    def _workload(self, load: Workload) -> Workload:
        if load.name not in self.rps:
            return load
        rates = self.rps[load.name].max(axis=1) * (1.0 + load.headroom)
        demand = tuple(
            IntervalDemand(rps, each.classes)
            for rps, each in zip(rates.tolist(), load.demand, strict=True)
        )
        return replace(load, demand=demand)


def drawn(scenario: Scenario, what: Uncertainty, seed: int, place: int) -> Sample:
    """One sample. Each kind has random numbers of its own, so that none changes the others."""
    streams = {
        kind: np.random.default_rng([seed, place, number]) for number, kind in enumerate(Kind)
    }
    return Sample(
        seed,
        place,
        _rates(scenario, what.outlooks, streams[Kind.DEMAND]),
        engine_errors.drawn(what.spreads, streams[Kind.PROFILES]),
        failures.drawn(scenario.fleet, scenario.horizon, streams[Kind.FAILURES])
        if what.fails
        else (),
    )


def samples(scenario: Scenario, what: Uncertainty, seed: int, count: int) -> Iterable[Sample]:
    """The first `count` samples of a seed."""
    return (drawn(scenario, what, seed, place) for place in range(count))


def _rates(
    scenario: Scenario, outlooks: tuple[Outlook, ...], rng: np.random.Generator
) -> dict[str, Floats]:
    """Workloads of which the same past days are known come out as on the same of these days."""
    days = Days.of(scenario.horizon)
    common = common_days(outlooks)
    begin = common[int(rng.integers(len(common)))] if common else None
    return {
        each.workload: np.array(each.median_rps)[:, None] * each.errors.factors(days, begin, own)
        for each, own in zip(outlooks, rng.spawn(len(outlooks)), strict=True)
    }
