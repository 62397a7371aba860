"""Waits at replicas that take turns: each serves every n-th request of a stream (GI/G/1).

Gaps at a replica are sums of n gaps of the stream, each of them none at all (a request of the same
batch) or exponential. The wait is the greatest height of the walk whose steps are services less
gaps. With F the transform of a step, the coefficients of -log(1 - F) at positive powers are those
of the logarithm of the wait's transform, but for a constant (Spitzer 1956; Grübel, Appl. Stat. 40,
1991, by Fourier transform). F is taken along a circle on which its modulus is below 1. Its two
slowest parts, which would fold back on themselves, are divided out first: 1 - 1/z, as the walk
drifts down, and 1 - z e^-g, as the tail of the wait falls as e^(-g W).
"""

import math
from typing import TYPE_CHECKING

from heteroplan.queueing.bursts import POISSON, UNLOADED, Bursts
from heteroplan.queueing.lattice import DAMPED, NEGLIGIBLE, Points, masses

if TYPE_CHECKING:
    from heteroplan.queueing.lattice import Floats, Residual, Spectrum

FINE, LEAST, MOST = 8, 24, 2048
"""Points wanted a service and a horizon, and most of them."""
NEAREST, FARTHEST, REST = 8.0, 512.0, 1e-4
"""Services are told apart until this rest of them is left, from the nearest to the farthest."""
SETTLED = 12.0
"""Services a request of a batch at one replica, after which the walk has forgotten the batch."""
STEEPEST, TALLEST = 20.0, 600.0
"""Exponents of a step and of the longest service that are looked at."""
MOST_STEPS, NEAR = 50, 1e-10
REGULAR = 64
"""Replicas of a Poisson stream, beyond which gaps are as good as constant."""


class RoundRobin(Points):
    """One of several replicas that take turns."""

    def __init__(
        self, residual: "Residual", horizon: float, replicas: int, bursts: Bursts = POISSON
    ) -> None:
        """Waits up to `horizon`, in units of the mean service.

        `residual`: P(residual service time > each of some times).
        """
        import numpy as np
        from scipy.fft import next_fast_len

        longest = NEAREST
        while longest < FARTHEST and float(residual(np.array([longest]))[0]) > REST:
            longest *= 2.0
        longest = max(longest, horizon, SETTLED * bursts.mean / replicas)
        wanted = max(FINE * longest, LEAST * longest / horizon)
        points = math.ceil(min(wanted, MOST))
        super().__init__(longest / points)
        self._joined = bursts.joined
        self._gaps = min(float(replicas), REGULAR * bursts.dispersion)
        self._services = masses(residual, self.step, points)
        self._services[-1] += 1.0 - float(self._services.sum())
        self._services[self._services < NEGLIGIBLE] = 0.0
        self._places = np.flatnonzero(self._services)
        seconds = float(self._services @ (self.step * np.arange(points + 1)) ** 2)
        self._spread = max(seconds - 1.0, 0.0) + bursts.dispersion / self._gaps
        self._size = next_fast_len(2 * points + 2, real=True)
        self._circle = np.exp(-2j * np.pi / self._size * np.arange(self._size // 2 + 1))

    def tail(self, utilization: float) -> "Floats":
        """P(wait > i * step)."""
        import numpy as np
        from scipy.fft import irfft, rfft

        load = max(utilization, UNLOADED)
        gap = 2.0 / self.step / (self._gaps * load * (1.0 - self._joined))
        falls = self._falls(load, gap)
        half = self._size // 2
        tilt = math.exp(min(falls / 2.0, TALLEST / half))
        up = np.zeros(half)
        up[1:] = irfft(self._rest(gap, falls, tilt), self._size)[1:half]
        up /= tilt ** np.arange(half)
        damping = DAMPED ** (np.arange(half) / self._size)
        slow = 1.0 - DAMPED ** (1.0 / self._size) * math.exp(-falls) * self._circle
        spectrum = np.exp(float(up.sum()) - rfft(up * damping, self._size)) / slow
        mass = -math.expm1(-falls) * irfft(spectrum, self._size)[:half] / damping
        tail: Floats = 1.0 - np.cumsum(mass) + 0.5 * mass
        tail[0] += 0.5 * (mass[1] - mass[0])
        return np.clip(tail, 0.0, 1.0)

    def _falls(self, utilization: float, gap: float) -> float:
        """Exponent a step by which the tail of the wait falls: there a step's transform is 1.

        Its logarithm is convex, 0 at 0 and falling there: by Newton's method from beyond.
        """
        most = min(STEEPEST, TALLEST / float(self._places[-1]))
        exponent = min(most, 2.0 * self.step * (1.0 - utilization) / self._spread)
        while (found := self._step(exponent, gap))[0] < 0.0 and exponent < most:
            exponent = min(most, 2.0 * exponent)
        for _ in range(MOST_STEPS):
            value, slope = found
            if value <= slope * exponent * NEAR:
                break
            exponent -= value / slope
            found = self._step(exponent, gap)
        return exponent

    def _step(self, exponent: float, gap: float) -> tuple[float, float]:
        """Logarithm of the transform of a step at e^exponent, and its derivative."""
        import numpy as np

        risen = self._services[self._places] * np.exp(exponent * self._places)
        total, joined = float(risen.sum()), self._joined
        slope = math.tanh(exponent / 2.0)
        each = 1.0 / (1.0 + gap * slope)
        some = joined + (1.0 - joined) * each
        value = math.log(total) + self._gaps * math.log(some)
        down = (1.0 - joined) * each**2 * gap * (1.0 - slope**2) / 2.0
        return value, float(risen @ self._places) / total - self._gaps * down / some

    def _rest(self, gap: float, falls: float, tilt: float) -> "Spectrum":
        """log(1 - F) on the circle of radius `tilt`, without its slowest parts.

        An exponential gap's transform is taken at s = 2 (z - 1) / (z + 1) / step for log(z) / step,
        which is 2 / step at most apart; `gap` is twice its mean, in steps.
        """
        import numpy as np
        from scipy.fft import rfft

        z = tilt * self._circle
        each = (z + 1.0) / (z + 1.0 + gap * (z - 1.0))
        gaps = np.exp(self._gaps * np.log(self._joined + (1.0 - self._joined) * each))
        services = rfft(self._services * tilt ** np.arange(len(self._services)), self._size)
        slowest = (1.0 - math.exp(-falls) * z) * (1.0 - 1.0 / z)
        rest: Spectrum = np.log(1.0 - services * gaps) - np.log(slowest)
        return rest
