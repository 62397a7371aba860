"""A part of a horizon: its busiest time, where the whole of it has too many requests to replay."""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.simulation.requests import Floats

LEAST_S = 60.0
"""Shortest time that is replayed, however many requests it has [s]."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive intervals of a horizon, the last of which may be cut short."""

    first: int
    intervals: int
    duration_s: float
    """From the start of the first interval."""

    def of(self, scenario: Scenario) -> Scenario:
        """The scenario whose horizon is this stretch; it is cyclic if that is the whole day."""
        whole = scenario.horizon
        if self.intervals == whole.intervals:
            return scenario
        own = slice(self.first, self.first + self.intervals)
        horizon = replace(
            whole, start=whole.boundaries()[self.first], intervals=self.intervals, cyclic=False
        )
        loads = tuple(replace(load, demand=load.demand[own]) for load in scenario.workloads)
        return replace(scenario, horizon=horizon, workloads=loads, current=None)


def stretch_of(scenario: Scenario, duration_s: float) -> Stretch:
    """The busiest `duration_s`, or the whole horizon where that is shorter."""
    horizon = scenario.horizon
    intervals = min(horizon.intervals, ceil(duration_s / horizon.interval_s))
    return _busiest(scenario, intervals, min(duration_s, intervals * horizon.interval_s))


def stretch_within(scenario: Scenario, requests: int) -> Stretch:
    """The longest number of intervals of which any has no more than `requests` expected requests.

    A part of the busiest interval, `LEAST_S` at least, where a single one has more.
    """
    by_interval = _requests(scenario)
    horizon, before = scenario.horizon, np.concatenate([[0.0], np.cumsum(by_interval)])
    for intervals in range(horizon.intervals, 0, -1):
        if (before[intervals:] - before[:-intervals]).max() <= requests:
            return _busiest(scenario, intervals, float(intervals * horizon.interval_s))
    share = requests / float(by_interval.max())
    return _busiest(scenario, 1, min(max(LEAST_S, share * horizon.interval_s), horizon.interval_s))


def _busiest(scenario: Scenario, intervals: int, duration_s: float) -> Stretch:
    before = np.concatenate([[0.0], np.cumsum(_requests(scenario))])
    first = int(np.argmax(before[intervals:] - before[:-intervals]))
    return Stretch(first, intervals, duration_s)


def _requests(scenario: Scenario) -> Floats:
    """[interval] expected of all workloads, without headroom."""
    rates = [
        np.array([each.rps for each in load.demand]) / (1.0 + load.headroom)
        for load in scenario.workloads
    ]
    total: Floats = np.sum(rates, axis=0) * scenario.horizon.interval_s
    return total
