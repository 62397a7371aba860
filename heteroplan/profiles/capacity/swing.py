"""How the number of sequences on a decode replica swings in time, and over a request's residence.

Arrivals, the lengths of answers and steps that lengthen with the batch make it swing; routing evens
it out over the replicas of a pool.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp, expm1, lgamma, pi, sqrt

from heteroplan.entities.arrivals import Arrivals
from heteroplan.entities.workload import Routing
from heteroplan.profiles.capacity.setting import Setting

UNEVEN = 0.4
"""Variance of the sequences of one of many replicas, each of which gets a request when it has
fewest: they do not divide evenly, and end at random."""


@dataclass(frozen=True, slots=True)
class Factors:
    """Variances over those of a Poisson number of sequences of their mean."""

    numbers: float
    """Of the number of sequences, but for `uneven`."""
    contexts: float
    """Of what sequences hold beyond what so many equal ones would."""
    uneven: float
    """More of the number, in sequences, from one moment to the next."""


@dataclass(frozen=True, slots=True)
class Swing:
    """Of one replica in a pool of `servers`."""

    routing: Routing
    servers: int
    arrivals: Arrivals
    percentile: float
    outputs_cv: float
    """Of the output tokens of requests."""

    @classmethod
    def of(cls, setting: Setting) -> "Swing":
        """That of the mix of `setting`."""
        osl = setting.mean([shape.osl for shape in setting.mix])
        square = setting.mean([(1.0 + of.outputs_cv**2) * of.osl**2 for of in setting.mix])
        return cls(
            setting.routing,
            setting.servers,
            setting.arrivals,
            setting.slo.itl_share,
            sqrt(max(0.0, square / osl**2 - 1.0)),
        )

    @property
    def is_random(self) -> bool:
        """Whether a replica gets requests whatever the others have."""
        return self.servers == 1 or self.routing is Routing.RANDOM

    @property
    def own(self) -> float:
        """How many sequences a request adds to those that are on its replica without it.

        1 where it comes whatever is there, 1 / n where the others would have come instead.
        """
        return 1.0 if self.is_random else 1.0 / self.servers

    def dispersion(self, scale_s: float) -> float:
        """Of the pool's arrivals."""
        return self.arrivals.decode(scale_s, self.percentile)

    def mates(self, dispersion: float) -> float:
        """Sequences on its replica that a sequence meets above the mean over time.

        Requests come when others do: of arrivals of dispersion I there are I - 1 more in the pool.
        """
        return (dispersion - 1.0) / self.servers

    def met(self, dispersion: float) -> float:
        """Sequences on its replica that a request meets above the mean over time.

        More than a sequence of a step does (`mates`), as short answers leave before those that
        came with them; by 1 / sqrt(k) (`shorter_of_two`), which of exponential answers that come
        in batches is 1.41 for 2 ln 2 = 1.39.
        """
        return self.mates(dispersion) / sqrt(shorter_of_two(self.outputs_cv))

    def factors(self, stretch: float, dispersion: float) -> Factors:
        """`stretch` is that of the numbers of a lone replica with Poisson arrivals.

        With arrivals of dispersion I a replica of a pool of n has

            random         stretch (1 + (I - 1) / n)
            round robin    stretch ((I - 1 + k) / n + 1 - k)
            else           stretch I / n

        where k is the share of the swing of Poisson arrivals that is of arrivals, not of lengths:
        mean of the shorter of two answers over that of one. Contexts do not even out, but the
        numbers that come of slow steps do.
        """
        n = self.servers
        if self.is_random:
            return Factors(stretch * (1.0 + (dispersion - 1.0) / n), stretch, 0.0)
        if self.routing is Routing.ROUND_ROBIN:
            k = shorter_of_two(self.outputs_cv)
            numbers = (dispersion - 1.0 + k) / n + 1.0 - k
            return Factors(stretch * numbers, stretch, (1.0 - 1.0 / n**2) / 6.0)
        shared = 1.0 + (stretch - 1.0) / n
        return Factors(stretch * dispersion / n, shared, UNEVEN * (1.0 - 1.0 / n))


def averaged(stretch: float) -> float:
    """Variance of the mean over a request's residence, over that of a moment.

    Deviations decay as exp(-t / (stretch D)) over a residence of D: exact of exponential lengths,
    and a little too much of equal ones (0.74, not 2/3, at a stretch of 1).
    """
    return 2.0 * stretch * (1.0 + stretch * expm1(-1.0 / stretch))


@lru_cache(maxsize=4096)
def shorter_of_two(cv: float) -> float:
    """Mean of the shorter of two gamma distributed numbers over the mean of one."""
    if cv <= 0.0:
        return 1.0
    shape = 1.0 / cv**2
    return 1.0 - exp(lgamma(shape + 0.5) - lgamma(shape + 1.0)) / sqrt(pi)
