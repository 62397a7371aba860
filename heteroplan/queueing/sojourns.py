"""Waiting and service together, of requests that each take a known time (M/G/1)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.queueing.lattice import Lattice
from heteroplan.queueing.services import constant_residual
from heteroplan.queueing.waiting import UTILIZATION_CAP

type Floats = NDArray[np.float64]

POINTS = 2047
"""Of the lattice, whatever its horizon."""


class Sojourns:
    """One server, first come first served, and how long requests are with it, up to a horizon."""

    def __init__(self, shares: Floats, times: Floats, horizon: float) -> None:
        """`shares` [kind] sum to 1; `times` [kind] and `horizon` in any one unit."""
        self.shares, self.times, self.horizon = shares, times, horizon
        self.mean = float(shares @ times)
        self._lattice = Lattice(self._residual, horizon, POINTS)

    def _residual(self, at: Floats) -> Floats:
        return constant_residual(self.shares, self.times, at) / self.mean

    def late_shares(self, load: float, budgets: Sequence[float]) -> Floats:
        """[budget] shares of the requests whose wait and service are longer, `load` busy."""
        return self._beyond(self._lattice.tail(load), np.array(budgets))

    def late_share(self, load: float, budget: float) -> float:
        """Share of the requests whose wait and service are longer than `budget`, `load` busy."""
        return float(self.late_shares(load, [budget])[0])

    def _beyond(self, tail: Floats, budgets: Floats) -> Floats:
        waits = budgets[:, None] - self.times
        late = np.where(waits < 0.0, 1.0, self._lattice.at(tail, waits))
        found: Floats = late @ self.shares
        return found

    def longest(self, load: float, late: float) -> float:
        """Wait and service that a share of `late` exceeds, within the horizon, `load` busy."""
        tail = self._lattice.tail(load)

        def excess(spare: float) -> float:
            return float(self._beyond(tail, np.array([self.horizon - spare]))[0]) - late

        return self.horizon - largest_meeting(excess, self.horizon)

    def greatest_load(self, budget: float, late: float) -> float:
        """Busy share <= UTILIZATION_CAP at which no more than `late` take longer than `budget`."""
        return largest_meeting(lambda load: self.late_share(load, budget) - late, UTILIZATION_CAP)
