"""How much the number of arrivals varies from window to window."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log


class ArrivalsSource(StrEnum):
    """Where a dispersion comes from."""

    ASSUMED = "assumed"
    """Nothing is known below the windows of a trace, or nothing at all: then Poisson."""
    STATED = "stated"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Variance over mean of the arrivals, as it counts at one time scale and percentile.

    1 of Poisson arrivals. Arrivals of dispersion I queue as Poisson batches of geometric size do
    whose mean is (I + 1) / 2.
    """

    scale_s: float
    """Of prefill the time that a prompt may wait, of decode the time that a request decodes [s]."""
    percentile: float
    """Share of the requests that is to be in time."""
    prefill: float
    """Of the missed input tokens, 1 or more."""
    decode: float
    """Of the output tokens, 1 or more."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The dispersion of a workload's arrivals; Poisson where no points are given."""

    points: tuple[Dispersion, ...] = ()
    """Each scale with each percentile, in the order of the scales, then of the percentiles."""
    source: ArrivalsSource = ArrivalsSource.ASSUMED

    def prefill(self, scale_s: float, percentile: float) -> float:
        """Dispersion of missed input tokens at a time scale, 1 or more."""
        return self._at(scale_s, percentile, [each.prefill for each in self.points])

    def decode(self, scale_s: float, percentile: float) -> float:
        """Dispersion of output tokens at a time scale, 1 or more."""
        return self._at(scale_s, percentile, [each.decode for each in self.points])

    def _at(self, scale_s: float, percentile: float, values: Sequence[float]) -> float:
        """Straight between the points in log scale, in ln(1 - percentile) and in log dispersion.

        As at the nearest point beyond the first and the last of them.
        """
        if not self.points:
            return 1.0
        by_scale: dict[float, list[tuple[float, float]]] = {}
        for point, value in zip(self.points, values, strict=True):
            late = -log(1.0 - point.percentile)
            by_scale.setdefault(log(point.scale_s), []).append((late, log(value)))
        wanted = -log(1.0 - percentile)
        at_scales = [(scale, _between(found, wanted)) for scale, found in by_scale.items()]
        return exp(_between(at_scales, log(scale_s)))


POISSON = Arrivals()


def _between(points: Sequence[tuple[float, float]], at: float) -> float:
    """Straight between points of rising abscissa; the nearest one's beyond them."""
    (before, low), *rest = points
    if at <= before:
        return low
    for after, high in rest:
        if at <= after:
            return low + (high - low) * (at - before) / (after - before)
        before, low = after, high
    return low
