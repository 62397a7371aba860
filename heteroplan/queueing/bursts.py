"""Requests that come in bursts: Poisson batches of geometric size.

Numbers of requests in windows have the same dispersion (variance over mean) I at all lengths where
batches have (I + 1) / 2 requests on average; 1 is Poisson. The gaps between requests are then
independent: none at all behind a request of the same batch, exponential else.

M/M/c with such arrivals is exact (birth and death): with the batches' mean b, the numbers at c
replicas or fewer are a negative binomial, each further one is 1 - (1 - u) / b as likely as the
one before at the utilization u, and who waits does so for an exponential time of rate c (1 - u) / b
a service.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

UNLOADED = 1e-9
"""Utilization of which the limit at 0 is taken."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """Batches of the requests of one stream."""

    mean: float = 1.0
    """Requests of a batch."""

    @classmethod
    def of(cls, dispersion: float) -> "Bursts":
        """Of a stream; a dispersion below 1 counts as Poisson, which is safe."""
        return cls(max(1.0, (dispersion + 1.0) / 2.0))

    @property
    def dispersion(self) -> float:
        """Variance over mean of the number of requests in a window."""
        return 2.0 * self.mean - 1.0

    @property
    def joined(self) -> float:
        """Share of the requests that come with the one before them."""
        return 1.0 - 1.0 / self.mean

    def split(self, ways: int) -> "Bursts":
        """Of one of so many streams, to each of which a request goes by chance."""
        return Bursts(1.0 + (self.mean - 1.0) / ways)

    def spare(self, utilization: float) -> float:
        """Share of the requests that find no other at a single replica."""
        return (1.0 - utilization) / self.mean

    def delayed(self, servers: int, utilization: float, overlap: float = 0.5) -> float:
        """Probability of waiting for one of `servers`; `overlap` as `services.Mix.overlap` says.

        Exact for one server and for exponential services (`overlap` 0.5). Services less spread
        overlap longer with those of their batch, so more replicas are busy at a time: then as
        many as in batches whose numbers at endless replicas are so spread (the peakedness).
        """
        if self.joined == 0.0:
            return erlang_c(servers, utilization)
        if servers == 1:
            return 1.0 - self.spare(utilization)
        peak = 1.0 + 2.0 * (self.mean - 1.0) * max(overlap, 0.5)
        return max(self._delayed(servers, utilization, each) for each in {self.mean, peak})

    def finds(self, servers: int, utilization: float) -> "Floats":
        """[replicas busy, less than `servers`] chances that a batch finds so many.

        Of exponential services: as all batches come at any time, so often are so many busy.
        """
        import numpy as np
        from scipy.special import gammaln

        load, busy = max(utilization, UNLOADED), np.arange(servers + 1.0)
        shape = servers * load * (1.0 - self.joined) / self.joined
        orders = gammaln(shape + busy) - gammaln(shape) - gammaln(busy + 1.0)
        nobody = shape * math.log1p(-self.joined)
        weights = np.exp(orders + busy * math.log(self.joined) + nobody)
        found: Floats = weights[:-1] / (weights[:-1].sum() + weights[-1] / self.spare(utilization))
        return found

    def _delayed(self, servers: int, utilization: float, spread: float) -> float:
        """Where numbers at the replicas, while some are free, have `spread` as their dispersion."""
        from scipy.special import betainc, gammaln

        load, spare = max(utilization, UNLOADED), self.spare(utilization)
        joined = 1.0 - 1.0 / spread
        shape = servers * load * (1.0 - joined) / joined
        orders = gammaln(shape + servers) - gammaln(shape) - gammaln(servers + 1)
        full = math.exp(orders + servers * math.log(joined) + shape * math.log1p(-joined))
        free = float(betainc(shape, servers, 1.0 - joined))
        return (1.0 - spare) * full / (load * (spare * free + full))


POISSON = Bursts()


def erlang_c(servers: int, utilization: float) -> float:
    """Probability of waiting in M/M/c (Erlang 1917), by the recursion of Erlang B."""
    blocked, load = 1.0, servers * utilization
    for busy in range(1, servers + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked / (1.0 - utilization * (1.0 - blocked))
