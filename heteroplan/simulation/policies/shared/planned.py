"""The plan as policies hold it: replicas of each deployment by interval, and when to order them."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.requests import Floats, Integers
from heteroplan.simulation.signals import ROLES
from heteroplan.simulation.system import ServingSystem

_ROUNDING_S = 1e-6
"""By which a float may miss the moment between two intervals [s]."""


@dataclass(frozen=True, slots=True)
class PlannedPools:
    """Planned replicas of each deployment; arrays [deployment] but for `replicas`."""

    replicas: NDArray[np.int64]
    """[deployment, interval]"""
    startup_s: Floats
    """From the order to the first request [s]."""
    workload: Integers
    role: Integers
    """Index in `signals.ROLES`."""
    reference_replicas: Floats
    """That one replica counts for; 0 for a half of a divided engine, which no reactive policy
    places (`allocation`)."""
    interval_s: float
    cyclic: bool
    """The first interval follows the last one; otherwise the last one goes on."""
    workloads: int
    """How many there are."""

    @classmethod
    def of(cls, system: ServingSystem, replicas: NDArray[np.int64]) -> Self:
        """`replicas` [deployment, interval] on the deployments of `system`."""
        options = [system.options[deployment.option] for deployment in system.deployments]
        horizon = system.scenario.horizon
        return cls(
            replicas=replicas,
            startup_s=np.array([option.engine.startup_s for option in options], dtype=np.float64),
            workload=np.array([option.workload for option in options], dtype=np.int64),
            role=np.array([option.role for option in options], dtype=np.int64),
            reference_replicas=np.array(
                [
                    option.reference_replicas if option.engine.part is None else 0.0
                    for option in options
                ],
                dtype=np.float64,
            ),
            interval_s=float(horizon.interval_s),
            cyclic=horizon.cyclic,
            workloads=len(system.scenario.workloads),
        )

    def ordered(self, now_s: float, period_s: float) -> NDArray[np.int64]:
        """[deployment] what must have been ordered, if the next orders are `period_s` later.

        The greatest size that is planned from now until the start-up of an order of the next time
        is over: so a replica is ready when its interval begins, at most one period too early.
        """
        first = math.floor((now_s + _ROUNDING_S) / self.interval_s)
        until_s = now_s + period_s + self.startup_s - _ROUNDING_S
        last = np.ceil(until_s / self.interval_s).astype(np.int64) - 1
        sizes = self.replicas[:, self._index(first)].copy()
        for t in range(first + 1, int(last.max(initial=first)) + 1):
            np.maximum(sizes, self.replicas[:, self._index(t)], out=sizes, where=t <= last)
        return sizes

    def by_role(self, pools: NDArray[np.int64]) -> Floats:
        """[W, role] reference replicas of so many replicas of each deployment."""
        totals = np.zeros((self.workloads, len(ROLES)))
        np.add.at(totals, (self.workload, self.role), pools * self.reference_replicas)
        return totals

    def _index(self, interval: int) -> int:
        intervals = int(self.replicas.shape[1])
        return interval % intervals if self.cyclic else min(interval, intervals - 1)
