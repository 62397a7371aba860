"""Times to first tokens: waits of a cell (a workload and interval) and prompts of its mix.

The share within x is the mean over the prompts' own times s of P(wait <= x - s).
"""

from dataclasses import dataclass
from math import log

import numpy as np

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.fluid.state import LEAST_WAIT_S, WAIT_GROWTH, Flow
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.results import Percentiles
from heteroplan.simulation.signals import AGGREGATED, PREFILL
from heteroplan.units import MS_PER_S

ALL = (0.5, 0.9, 0.95, 0.99)
PARTS = 8
"""Into which the prompts of a mix are cut."""
HALVINGS = 26
"""Of the range in which a percentile is sought."""
LOG_GROWTH = log(WAIT_GROWTH)


@dataclass(frozen=True, slots=True)
class Answers:
    """Of all cells; arrays [cell, ...], in seconds."""

    waits: Floats
    """[cell, class] requests that waited no longer than the upper edge of the class."""
    own: Floats
    """[cell, part] time to the first token without a wait."""

    @classmethod
    def of(cls, flow: Flow, mean_s: Floats) -> "Answers":
        """`mean_s` [W, interval] is the mean time to a first token without a wait."""
        starts_s = np.arange(mean_s.shape[1]) * flow.clock[2]
        piece = np.searchsorted(flow.edges, starts_s, side="right") - 1
        own = np.zeros((*mean_s.shape, PARTS))
        for workload in range(len(mean_s)):
            first, last = flow.ranges[workload, PREFILL]
            if first == last:
                first, last = flow.ranges[workload, AGGREGATED]
            if first < last:
                parts = flow.own[first, flow.mix[workload, piece]]
                own[workload] = parts.reshape(len(piece), PARTS, -1).mean(axis=2)
        own += mean_s[:, :, None] - own.mean(axis=2, keepdims=True)
        waits = np.cumsum(flow.waits.reshape(-1, flow.waits.shape[2]), axis=1)
        return cls(waits, np.maximum(0.0, own.reshape(-1, PARTS)))

    def by_cell(self, shares: Floats) -> Floats:
        """[cell] time that a share of the requests of each cell stays within; NaN of no request."""
        found = np.full(len(shares), np.nan)
        _by_cell(self.waits, self.own, shares, found)
        return found

    def of_all(self) -> Percentiles:
        """Of the requests of all cells [ms]."""
        some = self.waits[:, -1] > 0.0
        found = [_of_all(self.waits[some], self.own[some], share) * MS_PER_S for share in ALL]
        return Percentiles(*found)


@compiled
def _within(waits: Floats, own: Floats, limit: float) -> float:
    """Requests of a cell whose first token came within `limit`."""
    found = 0.0
    for part in range(len(own)):
        left = limit - own[part]
        if left < 0.0:
            continue
        if left < LEAST_WAIT_S:
            found += waits[0] * (left / LEAST_WAIT_S)
            continue
        at = log(left / LEAST_WAIT_S) / LOG_GROWTH
        place = int(at)
        if place >= len(waits) - 1:
            found += waits[-1]
        else:
            edge = LEAST_WAIT_S * WAIT_GROWTH**place
            share = (left - edge) / (edge * (WAIT_GROWTH - 1.0))
            found += waits[place] * (1.0 - share) + waits[place + 1] * share
    return float(found / len(own))


@compiled
def _by_cell(waits: Floats, own: Floats, shares: Floats, found: Floats) -> None:
    for cell in range(len(waits)):
        if waits[cell, -1] <= 0.0:
            continue
        low, high = 0.0, own[cell].max() + LEAST_WAIT_S * WAIT_GROWTH ** waits.shape[1]
        aim = shares[cell] * waits[cell, -1]
        for _ in range(2 * HALVINGS):
            middle = (low * high) ** 0.5 if low > 0.0 else high / 4.0
            if _within(waits[cell], own[cell], middle) < aim:
                low = middle
            else:
                high = middle
            if high - low < 1e-4 * high:
                break
        found[cell] = high


@compiled
def _of_all(waits: Floats, own: Floats, share: float) -> float:
    total = 0.0
    for cell in range(len(waits)):
        total += waits[cell, -1]
    if total <= 0.0:
        return np.nan
    low, high = 0.0, own.max() + LEAST_WAIT_S * WAIT_GROWTH ** waits.shape[1]
    for _ in range(2 * HALVINGS):
        middle = (low * high) ** 0.5 if low > 0.0 else high / 4.0
        amount = 0.0
        for cell in range(len(waits)):
            amount += _within(waits[cell], own[cell], middle)
        if amount < share * total:
            low = middle
        else:
            high = middle
        if high - low < 1e-3 * high:
            break
    return float(high)
