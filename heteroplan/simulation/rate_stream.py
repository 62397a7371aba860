"""What arrives at the fluid level: rates of requests, and what these requests are like."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from heteroplan.simulation.requests import Floats, Integers


@dataclass(frozen=True, slots=True)
class Mix:
    """Requests each of which is as likely as the others; arrays [request]."""

    isl: Integers
    """Input tokens, 1 at least."""
    cached: Integers
    """Input tokens found in the prefix cache, 0 <= cached < isl."""
    osl: Integers
    """Output tokens, 1 at least."""


@dataclass(frozen=True, slots=True)
class RateStream:
    """Rates that are constant from one edge to the next."""

    workloads: tuple[str, ...]
    """Names, in the order of the scenario."""
    edges_s: Floats
    """[piece + 1] ascending, from 0 to the end of the replay [s]."""
    rps: Floats
    """[W, piece] requests a second."""
    mixes: tuple[tuple[Mix, ...], ...]
    """[W] mixes of the workload, one at least."""
    mix: Integers
    """[W, piece] index in the mixes of the workload."""
    burstiness: float = 1.0
    """Coefficient of variation of the gaps between arrivals; 1 for Poisson arrivals."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Requests that are no requests to a replica, by reason; not in the rates."""
    notes: tuple[str, ...] = ()
    """How the rates were made, one sentence each."""

    @property
    def duration_s(self) -> float:
        """Of the replay [s]."""
        return float(self.edges_s[-1])

    @property
    def asked(self) -> int:
        """All requests, those that cannot be sent to a replica included."""
        return round(float((self.rps @ np.diff(self.edges_s)).sum())) + sum(self.rejected.values())

    def by_interval(self, interval_s: float) -> Floats:
        """[W, interval] requests that arrive."""
        intervals = int(np.ceil(self.duration_s / interval_s))
        edges_s = np.minimum(np.arange(intervals + 1) * interval_s, self.duration_s)
        zeros = np.zeros((len(self.rps), 1))
        before = np.concatenate([zeros, np.cumsum(self.rps * np.diff(self.edges_s), axis=1)], 1)
        return np.array([np.diff(np.interp(edges_s, self.edges_s, each)) for each in before])
