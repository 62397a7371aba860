"""An event simulation of pools of replicas behind a router: the oracle of `queueing.waiting`.

Requests come in Poisson batches of geometric size and are served first come, first served. Times
are in mean services. The same requests come at every utilization, only faster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled
from heteroplan.queueing.waiting import Service

type Floats = NDArray[np.float64]

WARM_UP = 0.05
"""Share of the arrivals that are not counted."""
PARTS = 20
"""In which the others are counted, for the standard error."""
ROUNDING = 1e-9


class Router(IntEnum):
    """How requests are sent to replicas. Ties go to any of them."""

    RANDOM = 0
    ROUND_ROBIN = 1
    LEAST_WORK = 2
    """To the one that is free soonest."""
    FEWEST_REQUESTS = 3
    """To the one with the fewest requests, waiting and in service."""
    FEWER_OF_TWO = 4
    """To the one with fewer requests of two that are picked by chance."""


@dataclass(frozen=True)
class Stream:
    """Requests that come, all mean services a request apart."""

    gaps: Floats
    services: Floats
    picks: Floats
    """In 0..1, for what is left to chance."""

    @classmethod
    def of(cls, mix: Sequence[Service], dispersion: float, arrivals: int, seed: int) -> Self:
        """`dispersion` of the number of requests in a window, 1 or more; 1 of Poisson."""
        random = np.random.default_rng(seed)
        shares = np.array([each.share for each in mix])
        kinds = random.choice(len(mix), arrivals, p=shares / shares.sum())
        mean_ms = sum(each.share * each.mean_ms for each in mix) / shares.sum()
        services = np.empty(arrivals)
        for kind, each in enumerate(mix):
            mine, mean = kinds == kind, each.mean_ms / mean_ms
            spread = each.cv**2
            services[mine] = (
                random.gamma(1 / spread, mean * spread, int(mine.sum())) if spread else mean
            )
        batch = (dispersion + 1.0) / 2.0
        gaps = random.exponential(batch, arrivals)
        gaps[random.random(arrivals) >= 1.0 / batch] = 0.0
        return cls(gaps, services, random.random(arrivals))

    def late(
        self, router: Router, servers: int, utilization: float, waits: Sequence[float]
    ) -> Floats:
        """[part, wait] shares of the requests that wait longer than each of `waits`, ascending."""
        scale = 1.0 / (utilization * servers)
        asked = np.array(waits) + ROUNDING
        counts = _counts(self.gaps * scale, self.services, self.picks, int(router), servers, asked)
        late: Floats = 1.0 - np.cumsum(counts, axis=1)[:, :-1] / counts.sum(axis=1)[:, None]
        return late


@compiled
def _counts(
    gaps: Floats, services: Floats, picks: Floats, router: int, servers: int, waits: Floats
) -> NDArray[np.int64]:
    """[part, wait] requests that wait no longer than each of `waits`, but than the one before."""
    arrivals = len(gaps)
    warm = int(WARM_UP * arrivals)
    counts = np.zeros((PARTS, len(waits) + 1), np.int64)
    free = np.zeros(servers)
    leaves, behind = np.zeros(arrivals), np.zeros(arrivals, np.int64)
    first, last = np.full(servers, -1), np.full(servers, -1)
    held = np.zeros(servers, np.int64)
    now = 0.0
    for i in range(arrivals):
        now += gaps[i]
        pick = int(picks[i] * servers)
        chosen = pick
        if router == 1:
            chosen = i % servers
        elif router == 2:
            for k in range(servers):
                if free[k] < free[chosen]:
                    chosen = k
        elif router >= 3:
            looked = servers
            step = 1
            if router == 4 and servers > 1:
                looked = 2
                step = 1 + int((picks[i] * servers - pick) * (servers - 1))
            for k in range(looked):
                at = (pick + k * step) % servers
                while first[at] >= 0 and leaves[first[at]] <= now:
                    first[at] = behind[first[at]]
                    held[at] -= 1
                if held[at] < held[chosen]:
                    chosen = at
        wait = max(0.0, free[chosen] - now)
        free[chosen] = now + wait + services[i]
        leaves[i], behind[i] = free[chosen], -1
        if first[chosen] < 0:
            first[chosen] = i
        else:
            behind[last[chosen]] = i
        last[chosen] = i
        held[chosen] += 1
        if i >= warm:
            place = 0
            while place < len(waits) and wait > waits[place]:
                place += 1
            counts[(i - warm) * PARTS // (arrivals - warm), place] += 1
    return counts


def greatest(loads: Sequence[float], late: Floats, allowed: float) -> float:
    """Load up to which no more than `allowed` are late, of [load] shares; 0 where there is none."""
    shares = np.log(np.maximum(np.maximum.accumulate(late), ROUNDING) / allowed)
    if shares[0] > 0.0 or shares[-1] <= 0.0:
        return 0.0 if shares[0] > 0.0 else loads[-1]
    return float(np.interp(0.0, shares, loads))
