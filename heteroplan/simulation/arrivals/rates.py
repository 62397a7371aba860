"""The rate at which a workload's requests are planned to arrive, over the time of a replay."""

from dataclasses import dataclass

import numpy as np

from heteroplan.entities.scenario import Horizon
from heteroplan.entities.workload import Workload
from heteroplan.simulation.requests import Floats, Integers


@dataclass(frozen=True, slots=True)
class Rates:
    """A rate that is constant from one edge to the next."""

    edges_s: Floats
    """[piece + 1] ascending, from the start of the replay to its end [s]."""
    rps: Floats
    """[piece] requests a second."""

    @property
    def expected(self) -> Floats:
        """[piece + 1] requests expected before each edge."""
        found: Floats = np.concatenate([[0.0], np.cumsum(self.rps * np.diff(self.edges_s))])
        return found


@dataclass(frozen=True, slots=True)
class Planned:
    """How requests follow the planned demand."""

    factor: float = 1.0
    """Multiplies the rates."""
    with_headroom: bool = False
    """Whether rates are those that are planned for, or those without headroom."""

    def rates(self, workload: Workload, horizon: Horizon, duration_s: float) -> Rates:
        """Over `duration_s` from the start of the horizon.

        A cyclic horizon repeats; after the end of another one nothing arrives.
        """
        pieces = int(np.ceil(duration_s / horizon.interval_s))
        edges_s = np.minimum(np.arange(pieces + 1) * float(horizon.interval_s), duration_s)
        by_interval = np.array([each.rps for each in workload.demand]) * self.factor
        if not self.with_headroom:
            by_interval /= 1.0 + workload.headroom
        numbers = np.arange(pieces)
        rps = by_interval[numbers % horizon.intervals]
        if not horizon.cyclic:
            rps = np.where(numbers < horizon.intervals, rps, 0.0)
        return Rates(edges_s, rps)


def intervals_at(arrival_s: Floats, horizon: Horizon) -> Integers:
    """The interval in which each arrival lies; the last one for what comes after a horizon that
    is not cyclic."""
    numbers = (arrival_s // horizon.interval_s).astype(np.int64)
    if horizon.cyclic:
        return numbers % horizon.intervals
    return np.minimum(numbers, horizon.intervals - 1)
