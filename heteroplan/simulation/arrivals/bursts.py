"""Bursty arrivals as planning sees them: Poisson clusters of geometric batches of requests.

Planning counts on a dispersion I (variance over mean of the arrivals in a window) at two time
scales: the wait that a prompt may have, and the time a request decodes. Batches of geometric size
with mean (I + 1) / 2 that arrive at once have dispersion I at every scale. Where it is greater at
the longer scale, a geometric number of batches makes a cluster, and the batches of a cluster are
spread evenly over that scale. A cluster ends in the piece of time of constant rate in which it
begins (what would come later comes at the start of the piece), so that rates stay exact.
"""

from dataclasses import dataclass, replace

import numpy as np

from heteroplan.entities.workload import Workload
from heteroplan.profiles.capacity.targets import absolute_slo
from heteroplan.simulation.arrivals.rates import Rates
from heteroplan.simulation.arrivals.renewal import placed
from heteroplan.simulation.requests import Floats
from heteroplan.units import MS_PER_S

LEAST_SCALE_S = 0.1
"""Shorter windows are not asked for."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """How requests come together."""

    batch: float
    """Mean requests that arrive at once, 1 or more."""
    batches: float
    """Mean batches of a cluster, 1 or more."""
    spread_s: float
    """Over which the batches of a cluster are spread [s]."""

    @classmethod
    def between(cls, short_s: float, at_short: float, long_s: float, at_long: float) -> "Clusters":
        """With a dispersion at each of two scales, where there are such.

        A dispersion that falls with the scale is held at that of the short one; one that rises
        faster than spreading makes it is met at the long one.
        """
        if long_s <= short_s or at_long <= at_short:
            return cls((at_short + 1.0) / 2.0, 1.0, 0.0)
        part, whole = together(short_s, long_s), together(long_s, long_s)
        spread = min((at_long - at_short) / (whole - part), (at_long - 1.0) / whole)
        batch = 1.0 + (at_long - 1.0 - spread * whole) / 2.0
        return cls(batch, 1.0 + spread / (2.0 * batch), long_s)

    def at(self, rps: float) -> "Clusters":
        """As they are at a rate of 1 request/s when all is as much slower."""
        return replace(self, spread_s=self.spread_s * rps)

    def dispersion(self, window_s: float) -> float:
        """Variance over mean of the arrivals in a window."""
        spread = 2.0 * (self.batches - 1.0) * self.batch
        return 2.0 * self.batch - 1.0 + spread * together(window_s, self.spread_s)


def together(window_s: float, spread_s: float) -> float:
    """Of two moments spread evenly over `spread_s`: that one is in the window of the other."""
    if window_s >= spread_s:
        return 1.0 - spread_s / (3.0 * window_s)
    ratio = window_s / spread_s
    return ratio - ratio**2 / 3.0


def clusters_of(workload: Workload) -> Clusters:
    """By the dispersion at the TTFT target and at the time that a mean request decodes.

    At the percentile of the SLO, the first of several. Relative targets are those of the mean
    request (`absolute_slo`); beyond the scales that are known the longest one counts.
    """
    slo = absolute_slo(workload)
    known = [each.scale_s for each in workload.arrivals.points]
    shapes = [each for demand in workload.demand for each in demand.classes]
    osl = sum(each.share * each.osl for each in shapes) / sum(each.share for each in shapes)
    most_s = max(known)
    short_s = min(max(slo.ttft_ms / MS_PER_S, LEAST_SCALE_S), most_s)
    long_s = min(max(osl * slo.itl_ms / MS_PER_S, LEAST_SCALE_S), most_s)
    return Clusters.between(
        short_s,
        workload.arrivals.prefill(short_s, slo.percentile),
        long_s,
        workload.arrivals.decode(long_s, slo.percentile),
    )


def clustered(rates: Rates, clusters: Clusters, random: np.random.Generator) -> Floats:
    """Times of arrival, ascending, each in its piece [s]."""
    expected = float(rates.expected[-1])
    amount = random.poisson(expected / (clusters.batch * clusters.batches))
    begins_s = placed(np.sort(random.random(amount)) * expected, rates)
    batches = random.geometric(1.0 / clusters.batches, amount)
    moments_s = np.repeat(begins_s, batches)
    later_s = random.random(len(moments_s)) * clusters.spread_s
    piece = np.searchsorted(rates.edges_s, moments_s, side="right") - 1
    start_s, end_s = rates.edges_s[piece], rates.edges_s[piece + 1]
    moments_s = start_s + (moments_s - start_s + later_s) % (end_s - start_s)
    moments_s = np.minimum(moments_s, np.nextafter(end_s, start_s))
    found: Floats = np.sort(
        np.repeat(moments_s, random.geometric(1.0 / clusters.batch, len(piece)))
    )
    return found
