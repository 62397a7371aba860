"""Waiting times on evenly spaced points, by the Fourier transform of service times.

The wait of an M/G/1 queue is a geometric number of residual service times (Pollaczek-Khinchine), so
its transform is (1 - u) / (1 - u R) at the utilization u. Where requests come in batches of b on
average, b geometric, a share q = 1 - 1 / b of them behind another of the same batch, it is

    (1 - u) (1 - q) / (1 - q S - u (1 - q) R)

with S the transform of a whole service: everyone has either the rest of a service or one of its own
batch ahead, then again, and nobody with probability (1 - u) / b.

Of several replicas, `mates` knows better how long those wait whose batch finds some free: their
part of the tail is replaced.

Sequences are damped before a transform and undamped after it, which keeps what folds back on itself
below `DAMPED`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heteroplan.queueing.bursts import POISSON, Bursts
from heteroplan.queueing.mates import Mates

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    type Spectrum = np.ndarray[tuple[int, ...], np.dtype[np.complex128]]
    type Residual = Callable[[Floats], Floats]

DAMPED = 1e-9
"""Of what a transform folds back on itself."""
NEGLIGIBLE = 1e-13
"""Chance that is as good as none."""


class Points(ABC):
    """Waits evenly spaced from 0."""

    def __init__(self, step: float) -> None:
        """`step` in the unit of the service times."""
        self.step = step

    @abstractmethod
    def tail(self, utilization: float) -> "Floats":
        """P(wait > i * step)."""

    def at(self, tail: "Floats", waits: "Floats") -> "Floats":
        """P(wait > each of `waits`), between the points of `tail`."""
        import numpy as np

        found: Floats = np.interp(waits / self.step, np.arange(len(tail)), tail)
        return found

    def crossing(self, tail: "Floats", late: float) -> float:
        """Where `tail` falls below `late`, in the unit of the service times."""
        import numpy as np

        if tail[0] < late:
            return 0.0
        after = max(1, int(np.argmax(tail < late)))
        part = (tail[after - 1] - late) / (tail[after - 1] - tail[after])
        return float(self.step * max(0.0, after - 1 + part))


class Lattice(Points):
    """One queue of several replicas."""

    def __init__(
        self,
        residual: "Residual",
        horizon: float,
        points: int,
        servers: int = 1,
        bursts: Bursts = POISSON,
        together: float = 1.0,
        overlap: float = 0.5,
    ) -> None:
        """Waits up to `horizon` on `points`.

        `residual`: P(residual service time > each of some times); with bursts in units of the mean
        service. `together`: replicas that a burst makes free at a time; the first is that much
        later. `overlap`: of services, as `services.Mix` says.
        """
        import numpy as np
        from scipy.fft import next_fast_len

        super().__init__(horizon / points)
        self.servers, self.bursts, self.overlap = servers, bursts, overlap
        self._size = next_fast_len(2 * points + 2, real=True)
        self._damping = np.exp(math.log(DAMPED) / self._size * np.arange(points + 1))
        edges = self.step * np.concatenate([[0.0], np.arange(points + 1) + 0.5])
        self._residual = self._spectrum(-np.diff(residual(servers * edges)))
        """Of a service of the whole pool."""
        self._service: Spectrum | None = None
        self._least = self._residual
        """Of the least of the replicas' residual times."""
        if bursts.joined:
            self._service = self._spectrum(masses(residual, servers * self.step, points))
        if servers > 1:
            self._replicas = servers / together
            self._first, self._own = residual(edges), np.ones(0)
            if bursts.joined:
                self._mates = self._waits_behind_mates(residual, points)
                self._cut(residual(self.step * np.arange(points + 2.0)))
            else:
                self._least = self._soonest(0.0)

    def tail(self, utilization: float) -> "Floats":
        """P(wait > i * step)."""
        import numpy as np

        joined, spare = self.bursts.joined, self.bursts.spare(utilization)
        least, ahead = self._least, utilization * (1.0 - joined) * self._residual
        if self._service is not None:
            ahead += joined * self._service
            behind = joined / (1.0 - spare)
            if self.servers > 1:
                least = self._soonest(behind)
            else:
                least = behind * self._service + (1.0 - behind) * self._residual
        beyond = self._beyond(spare * least / (1.0 - ahead))
        tail = self.bursts.delayed(self.servers, utilization, self.overlap) * beyond
        if self._service is None or self.servers == 1:
            return tail
        replaced = self._beyond((1.0 - joined) * least / (1.0 - joined * self._service))
        tail += self._mates.late_share(utilization, replaced)
        return np.clip(tail, 0.0, 1.0)

    def _beyond(self, spectrum: "Spectrum") -> "Floats":
        """P(a time > i * step)."""
        import numpy as np
        from scipy.fft import irfft

        mass = irfft(spectrum, self._size)[: len(self._damping)] / self._damping
        beyond: Floats = np.clip(1.0 - np.cumsum(mass) + 0.5 * mass, 0.0, 1.0)
        return beyond

    def _waits_behind_mates(self, residual: "Residual", points: int) -> Mates:
        """A geometric number of whole services at one replica, and with a first that was on."""
        import numpy as np

        joined = self.bursts.joined
        whole = self._spectrum(masses(residual, self.step, points))
        further = (1.0 - joined) / (1.0 - joined * whole)
        first = self._spectrum(-np.diff(self._first))
        return Mates(
            self.bursts, self.servers, self._beyond(whole * further), self._beyond(first * further)
        )

    def _cut(self, rest: "Floats") -> None:
        """P(a replica is busy) in a service that was on, or began with the wait, while it matters.

        `rest`: P(residual service time > i * step), whose slope is that of a whole one.
        """
        import numpy as np

        own = np.concatenate([[1.0], -np.diff(rest) / self.step])
        busy = np.maximum(self._first, own) > NEGLIGIBLE ** (1.0 / self._replicas)
        held = int(np.flatnonzero(busy)[-1]) + 2
        self._first, self._own = self._first[:held], own[:held]

    def _spectrum(self, mass: "NDArray[np.floating[Any]]") -> "Spectrum":
        from scipy.fft import rfft

        found: Spectrum = rfft(mass * self._damping[: len(mass)], self._size)
        return found

    def _soonest(self, behind: float) -> "Spectrum":
        """Time until a first replica is free, `behind` of whom wait for others of their batch.

        These find replicas that began with them; never taken to be free sooner for it.
        """
        import numpy as np

        busy = self._first
        if behind:
            busy = np.maximum(busy, behind * self._own + (1.0 - behind) * busy)
        free = -np.diff(busy**self._replicas)
        return self._spectrum(free)


def masses(residual: "Residual", step: float, points: int) -> "Floats":
    """[point] shares of the services, spread over the points beside them so that means stay."""
    import numpy as np

    left = residual(step * np.arange(points + 2.0))
    ahead = np.concatenate([[1.0 + step], left])
    found: Floats = (ahead[:-2] - 2.0 * ahead[1:-1] + ahead[2:]) / step
    return found
