"""Waiting times on evenly spaced points, by the Fourier transform of residual service times.

The wait of an M/G/1 queue is a geometric number of residual service times (Pollaczek-Khinchine), so
its transform is (1 - u) / (1 - u R) at the utilization u. Sequences are damped before a transform
and undamped after it, which keeps what folds back on itself below `DAMPED`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    type Spectrum = np.ndarray[tuple[int, ...], np.dtype[np.complex128]]

DAMPED = 1e-9
"""Of what a transform folds back on itself."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Transforms of the residual times, damped, from 0 to a horizon."""

    servers: int
    step: float
    """In the unit of the service times."""
    size: int
    damping: "Floats"
    residual: "Spectrum"
    """Of a service of the whole pool."""
    least: "Spectrum"
    """Of the least of the replicas' residual times."""

    @classmethod
    def of(
        cls, residual: "Callable[[Floats], Floats]", horizon: float, points: int, servers: int = 1
    ) -> "Lattice":
        """Waits up to `horizon` on `points`, from P(residual service time > each of some times)."""
        import numpy as np
        from scipy.fft import next_fast_len, rfft

        size = next_fast_len(2 * points + 2, real=True)
        step = horizon / points
        damping = np.exp(math.log(DAMPED) / size * np.arange(points + 1))
        edges = step * np.concatenate([[0.0], np.arange(points + 1) + 0.5])
        one = least = rfft(-np.diff(residual(servers * edges)) * damping, size)
        if servers > 1:
            least = rfft(-np.diff(residual(edges) ** servers) * damping, size)
        return cls(servers, step, size, damping, one, least)

    def tail(self, utilization: float) -> "Floats":
        """P(wait > i * step)."""
        import numpy as np
        from scipy.fft import irfft

        spectrum = (1.0 - utilization) * self.least / (1.0 - utilization * self.residual)
        mass = irfft(spectrum, self.size)[: len(self.damping)] / self.damping
        beyond = np.clip(1.0 - np.cumsum(mass) + 0.5 * mass, 0.0, 1.0)
        tail: Floats = erlang_c(self.servers, utilization) * beyond
        return tail

    def at(self, tail: "Floats", waits: "Floats") -> "Floats":
        """P(wait > each of `waits`), between the points of `tail`."""
        import numpy as np

        found: Floats = np.interp(waits / self.step, np.arange(len(tail)), tail)
        return found

    def crossing(self, tail: "Floats", late: float) -> float:
        """Where `tail` falls below `late`, in the unit of the service times."""
        import numpy as np

        after = max(1, int(np.argmax(tail < late)))
        part = (tail[after - 1] - late) / (tail[after - 1] - tail[after])
        return float(self.step * max(0.0, after - 1 + part))


def constant_residual(shares: "Floats", services: "Floats", times: "Floats") -> "Floats":
    """[time] sum over the service times s of share * max(0, s - time).

    Divided by their mean, this is P(residual service time > time).
    """
    import numpy as np

    order = np.lexsort((shares, services))
    shares, services = shares[order], services[order]
    longer = np.append(np.cumsum((shares * services)[::-1])[::-1], 0.0)
    count = np.append(np.cumsum(shares[::-1])[::-1], 0.0)
    at = np.searchsorted(services, times, side="right")
    tail: Floats = np.maximum(longer[at] - times * count[at], 0.0)
    return tail


def erlang_c(servers: int, utilization: float) -> float:
    """Probability of waiting in M/M/c (Erlang 1917), by the recursion of Erlang B."""
    blocked, load = 1.0, servers * utilization
    for busy in range(1, servers + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked / (1.0 - utilization * (1.0 - blocked))
