"""Work that arrives: sums of prompts' work over a time, on evenly spaced points.

Requests come in Poisson batches of geometric size, of which each brings its own work. Laws are
computed by the Fourier transform; what is longer than the points reach stands at the last of them.
"""

import math
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    type Spectra = np.ndarray[tuple[int, ...], np.dtype[np.complex128]]

TINY = 1e-14
"""Keeps roots apart from 0."""
DAMPED = 1e-8
"""Of what a transform folds back on itself."""


@dataclass(frozen=True, slots=True)
class Points:
    """Sums of work at 0, step, ..., (size - 1) * step."""

    step: float
    size: int

    def law(self, shares: "Floats", works: "Floats") -> "Floats":
        """[point] probabilities of `works`, each parted between its neighbours: means stay."""
        import numpy as np

        at = np.minimum(works / self.step, self.size - 1.0)
        low = np.minimum(at.astype(np.int64), self.size - 2)
        high = shares * (at - low)
        found: Floats = np.bincount(low, shares - high, self.size)
        found += np.bincount(low + 1, high, self.size)
        return found

    @property
    def length(self) -> int:
        """Of a transform, beyond the points."""
        return 2 * self.size

    def spectrum(self, laws: "Floats") -> "Spectra":
        """Transforms of laws, along the last axis, damped."""
        import numpy as np

        found: Spectra = np.fft.rfft(laws * self._damping(), self.length)
        return found

    def laws(self, spectra: "Spectra") -> "Floats":
        """Back from `spectrum`, what is beyond the points at the last of them."""
        import numpy as np

        found: Floats = np.maximum(self.plain(spectra), 0.0)
        found[..., -1] += np.maximum(0.0, 1.0 - found.sum(axis=-1))
        return found

    def plain(self, spectra: "Spectra") -> "Floats":
        """Back from `spectrum`, without what is beyond the points."""
        import numpy as np

        found: Floats = np.fft.irfft(spectra, self.length)[..., : self.size] / self._damping()
        return found

    def diagonal(self, spectra: "Spectra") -> "Floats":
        """[..., point] of `plain` of spectra [..., point, frequency], that of each at its own."""
        import numpy as np

        each = np.arange(self.size)
        turned = np.exp(2j * np.pi / self.length * np.outer(each, np.arange(self.size + 1)))
        twice = np.full(self.size + 1, 2.0)
        twice[[0, -1]] = 1.0
        sums = np.einsum("...pf,pf->...p", spectra, turned * twice).real
        found: Floats = np.maximum(0.0, sums / self.length / self._damping())
        return found

    def _damping(self) -> "Floats":
        import numpy as np

        found: Floats = np.exp(math.log(DAMPED) / self.length * np.arange(self.size))
        return found


@dataclass(frozen=True, eq=False)
class Stream:
    """Requests that come, and the work that each brings."""

    points: Points
    batch: "float | Floats"
    """Mean number of requests that come together, 1 or more; or [time] of them."""
    turns: int
    """Of a Poisson stream, the request that comes here is each so-manieth; 1: all of them."""
    one: "Spectra"
    """Of the work of a request."""

    @classmethod
    def of(
        cls,
        points: Points,
        shares: "Floats",
        works: "Floats",
        batch: float = 1.0,
        turns: int = 1,
    ) -> "Stream":
        """From shares of the requests, which sum to 1, and their work."""
        return cls(points, batch, turns, points.spectrum(points.law(shares, works)))

    @cached_property
    def together(self) -> "Spectra":
        """Of the work of those that come together."""
        return self.one * self.ahead

    @cached_property
    def ahead(self) -> "Spectra":
        """Of the work of those that come together with a request and are before it."""
        import numpy as np

        batch = np.asarray(self.batch)[..., None]
        found: Spectra = 1.0 / (batch - (batch - 1.0) * self.one)
        return found

    def within(self, requests: "Floats") -> "Spectra":
        """[time, ...] of the work that comes, by the mean number of requests that do.

        Of a stream that takes turns c, the number in a time is the whole part of (M + U) / c, with
        M Poisson and U evenly one of 0 to c - 1. With the c roots x of x^c = z its generating
        function is the sum of x / (x - 1)^2 exp(c requests (x - 1)), times (z - 1)^2 / (c^2 z).
        """
        import numpy as np

        mean = (requests / self.batch)[..., None]
        return reduce(add, [weight * np.exp(mean * exponent) for weight, exponent in self._roots])

    def evenly(self, requests: "Floats", times: int) -> "Spectra":
        """[..., time] as `within` of 0, 1, 2, ... times so many `requests` [..., 1]."""
        import numpy as np

        def powers(one: "Spectra") -> "Spectra":
            """1, one, one^2, ... along the axis of times."""
            factors = np.repeat(one, times, axis=-2)
            factors[..., 0, :] = 1.0
            return np.cumprod(factors, axis=-2)

        mean = (requests / self.batch)[..., None]
        return reduce(
            add, [weight * powers(np.exp(mean * exponent)) for weight, exponent in self._roots]
        )

    @cached_property
    def _roots(self) -> "list[tuple[Spectra, Spectra]]":
        """What each root counts in `within`, and what `requests` are multiplied by."""
        import numpy as np

        if self.turns == 1:
            return [(np.ones((), dtype=np.complex128), self.together - 1.0)]
        c, z = self.turns, self.together + TINY
        x = z ** (1.0 / c) * np.exp(2j * np.pi * np.arange(c) / c).reshape(-1, *[1] * z.ndim)
        weights = x / (x - 1.0) ** 2 * ((z - 1.0) ** 2 / (c**2 * z))
        return list(zip(weights, c * (x - 1.0), strict=True))

    def nobody(self, requests: "Floats") -> "Floats":
        """[time] P(no request comes), by the mean number of requests that do."""
        import numpy as np
        from scipy.special import pdtr

        mean = requests / self.batch
        terms = [pdtr(each, self.turns * mean) for each in range(self.turns)]
        found: Floats = np.mean(terms, axis=0)
        return found
