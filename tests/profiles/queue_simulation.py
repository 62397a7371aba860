"""An event simulation of M/G/c, first come first served: the oracle of the queueing formulae."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heteroplan.queueing.waiting import Service

WARM_UP = 0.1
"""Share of the arrivals that are not counted."""
BATCHES = 20


@dataclass(frozen=True)
class Seen:
    """A percentile of the wait, and its standard error over batches of arrivals."""

    wait_ms: float
    error_ms: float


def simulated(
    services: Sequence[Service],
    servers: int,
    utilization: float,
    percentiles: Sequence[float],
    arrivals: int,
    seed: int,
) -> list[Seen]:
    """Waits of Poisson arrivals whose service times are a mix of gammas."""
    random = np.random.default_rng(seed)
    shares = np.array([each.share for each in services])
    kinds = random.choice(len(services), arrivals, p=shares / shares.sum())
    times = np.empty(arrivals)
    for kind, each in enumerate(services):
        mine = kinds == kind
        times[mine] = (
            each.mean_ms
            if each.cv == 0
            else random.gamma(1 / each.cv**2, each.mean_ms * each.cv**2, int(mine.sum()))
        )
    mean_ms = sum(each.share * each.mean_ms for each in services) / shares.sum()
    gaps = random.exponential(mean_ms / (servers * utilization), arrivals)
    waits = _waits(np.cumsum(gaps), times, servers)[int(WARM_UP * arrivals) :]
    parts = np.array_split(waits, BATCHES)
    found = []
    for percentile in percentiles:
        each_ms = [float(np.quantile(part, percentile)) for part in parts]
        error_ms = float(np.std(each_ms, ddof=1)) / BATCHES**0.5
        found.append(Seen(float(np.quantile(waits, percentile)), error_ms))
    return found


def _waits(
    arrivals: np.ndarray[tuple[int], np.dtype[np.float64]],
    times: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    servers: int,
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    free = [0.0] * servers
    waits = np.empty(len(arrivals))
    for i, (arrival, time) in enumerate(zip(arrivals.tolist(), times.tolist(), strict=True)):
        start = max(arrival, free[0])
        waits[i] = start - arrival
        heapq.heapreplace(free, start + time)
    return waits
