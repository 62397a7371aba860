"""What arrives: the requests of all workloads, in the order of their arrival."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RequestStream:
    """Requests by their arrival; arrays [request]."""

    workloads: tuple[str, ...]
    """Names, in the order of the scenario."""
    duration_s: float
    """Of the replay: requests arrive before it ends, and are cut off at its end [s]."""
    workload: Integers
    """Index of the workload."""
    arrival_s: Floats
    """Since the start of the replay, ascending [s]."""
    isl: Integers
    """Input tokens, 1 at least."""
    cached: Integers
    """Input tokens found in the prefix cache, 0 <= cached < isl."""
    osl: Integers
    """Output tokens, 1 at least."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Requests of the trace that are no requests to a replica, by reason; not in the arrays."""
    notes: tuple[str, ...] = ()
    """How they were made, one sentence each."""
    kind: Integers | None = None
    """Class of the workload that they were drawn from, -1 where not known."""

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def asked(self) -> int:
        """All requests, those that cannot be sent to a replica included."""
        return len(self) + sum(self.rejected.values())
