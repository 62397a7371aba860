"""The busiest time of a horizon: what is replayed where all of it has too many requests."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.simulation.requests import Floats

LEAST_S = 60.0
"""Shortest time that is replayed, however many requests it has [s]."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a horizon."""

    first: int
    """The interval with which it begins."""
    duration_s: float


def busiest(scenario: Scenario, duration_s: float) -> Stretch:
    """The consecutive intervals of `duration_s` with most demand, the last of which may be cut
    short; the whole horizon where that is shorter."""
    horizon = scenario.horizon
    intervals = min(horizon.intervals, ceil(duration_s / horizon.interval_s))
    length_s = min(float(duration_s), float(intervals * horizon.interval_s))
    return Stretch(int(np.argmax(_expected(scenario, intervals))), length_s)


def busiest_within(scenario: Scenario, requests: int) -> Stretch:
    """The busiest intervals, as many as have no more than `requests` expected requests.

    A part of the busiest one, `LEAST_S` at least, where a single interval has more.
    """
    horizon = scenario.horizon
    for intervals in range(horizon.intervals, 0, -1):
        if _expected(scenario, intervals).max() <= requests:
            return busiest(scenario, intervals * horizon.interval_s)
    share = requests / float(_expected(scenario, 1).max())
    return busiest(scenario, min(max(LEAST_S, share * horizon.interval_s), horizon.interval_s))


def _expected(scenario: Scenario, intervals: int) -> Floats:
    """[first interval] requests, without headroom, in so many intervals from there on."""
    rates_rps = [
        np.array([each.rps for each in load.demand]) / (1.0 + load.headroom)
        for load in scenario.workloads
    ]
    by_interval = np.sum(rates_rps, axis=0) * scenario.horizon.interval_s
    before = np.concatenate([[0.0], np.cumsum(by_interval)])
    found: Floats = before[intervals:] - before[:-intervals]
    return found
