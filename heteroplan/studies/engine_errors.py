"""Engines that are slower or faster than their profile says, as far as its fit errs."""

from collections.abc import Mapping
from dataclasses import replace
from math import exp, pi, sqrt

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Engine, Profile

type EngineKey = tuple[str, str]
"""Model and engine."""

MOST_SPREADS = 3.0
"""Standard deviations by which a drawn engine errs at most."""


def spread_of(engine: Engine) -> float | None:
    """Standard deviation of the logarithm of its times, of a normal error with the fit's mean."""
    error = engine.source.error_mape
    return None if error is None else error * sqrt(pi / 2.0)


def spreads(scenario: Scenario) -> dict[EngineKey, float]:
    """Of every engine whose profile says how far its fit errs."""
    found = {}
    for load in scenario.workloads:
        for engine in load.profile.engines:
            spread = spread_of(engine)
            if spread is not None:
                found[load.profile.model, engine.name] = spread
    return found


def drawn(known: Mapping[EngineKey, float], rng: np.random.Generator) -> dict[EngineKey, float]:
    """By how many standard deviations each engine is slower than its profile says."""
    keys = sorted(known)
    amounts = rng.standard_normal(len(keys)).clip(-MOST_SPREADS, MOST_SPREADS)
    return dict(zip(keys, map(float, amounts), strict=True))


def with_slowness(scenario: Scenario, spreads_by: Mapping[EngineKey, float]) -> Scenario:
    """The scenario with engines slower by so many standard deviations of their fits."""
    known = spreads(scenario)
    factors = {key: exp(known[key] * spreads_by[key]) for key in known if key in spreads_by}
    made: dict[int, Profile] = {}

    def changed(profile: Profile) -> Profile:
        if id(profile) not in made:
            engines = tuple(
                each.times_as_fast(1.0 / factors.get((profile.model, each.name), 1.0))
                for each in profile.engines
            )
            made[id(profile)] = replace(profile, engines=engines)
        return made[id(profile)]

    workloads = tuple(replace(load, profile=changed(load.profile)) for load in scenario.workloads)
    return replace(scenario, workloads=workloads)
