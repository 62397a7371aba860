"""`static_peak`: one size all day, the cheapest that covers the peak of the forecast."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.policies.policy import PoolTargets
from heteroplan.simulation.policies.shared.options import Searched
from heteroplan.simulation.signals import ReplicaState, Signals


class StaticPeak:
    """The pools that it was given, always."""

    name = "static_peak"
    period_s = 60.0
    """Between two looks whether all replicas are there, as after a failure (our choice)."""
    window_s = 60.0
    SEARCHED: Mapping[str, Searched] = {}

    def __init__(self, replicas: NDArray[np.int64]) -> None:
        """`replicas` [deployment]."""
        self._targets = PoolTargets(replicas.copy())

    def decide(self, signals: Signals, state: ReplicaState) -> PoolTargets:
        """The same pools at all times."""
        return self._targets
