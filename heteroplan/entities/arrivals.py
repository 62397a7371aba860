"""How much the number of arrivals varies from window to window."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    _prefill: "_Curves" = field(init=False, repr=False, compare=False)
    _decode: "_Curves" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_prefill", _curves(self.points, "prefill"))
        object.__setattr__(self, "_decode", _curves(self.points, "decode"))

    def prefill(self, scale_s: float, percentile: float) -> float:
        """Dispersion of missed input tokens at a time scale, 1 or more."""
        return _at(self._prefill, scale_s, percentile)

    def decode(self, scale_s: float, percentile: float) -> float:
        """Dispersion of output tokens at a time scale, 1 or more."""
        return _at(self._decode, scale_s, percentile)


type _Curves = tuple[tuple[float, tuple[tuple[float, float], ...]], ...]
"""By log scale: log dispersion over -ln(1 - percentile)."""


def _curves(points: Sequence[Dispersion], tokens: str) -> _Curves:
    by_scale: dict[float, list[tuple[float, float]]] = {}
    for point in points:
        late = -log(1.0 - point.percentile)
        value = log(getattr(point, tokens))
        by_scale.setdefault(log(point.scale_s), []).append((late, value))
    return tuple((scale, tuple(curve)) for scale, curve in by_scale.items())


def _at(curves: _Curves, scale_s: float, percentile: float) -> float:
    """Straight between the points in log scale, in ln(1 - percentile) and in log dispersion.

    As at the nearest point beyond the first and the last of them.
    """
    if not curves:
        return 1.0
    wanted, at = -log(1.0 - percentile), log(scale_s)
    before, curve = curves[0]
    for after, later in curves[1:] if at > before else ():
        if at <= after:
            low, high = _between(curve, wanted), _between(later, wanted)
            return exp(low + (high - low) * (at - before) / (after - before))
        before, curve = after, later
    return exp(_between(curve, wanted))


POISSON = Arrivals()


def _between(points: Sequence[tuple[float, float]], at: float) -> float:
    """Straight between points of rising abscissa; the nearest one's beyond them."""
    before, low = points[0]
    if at <= before:
        return low
    for after, high in points[1:]:
        if at <= after:
            return low + (high - low) * (at - before) / (after - before)
        before, low = after, high
    return low
