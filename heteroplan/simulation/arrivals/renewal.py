"""Arrivals at a rate that changes in steps: a renewal process of unit rate in changed time.

Gaps of the unit process are gamma distributed with mean 1 and the coefficient of variation
`burstiness`; with 1 they are exponential, so arrivals are Poisson. The process is stationary: its
first gap is what is left of a gap at a random moment, so that the mean number of arrivals in each
piece of time is exactly rate times time for any burstiness.
"""

import numpy as np

from heteroplan.simulation.arrivals.rates import Rates
from heteroplan.simulation.requests import Floats


def arrivals(rates: Rates, burstiness: float, random: np.random.Generator) -> Floats:
    """Times of arrival, ascending, each before the end of its piece [s]."""
    unit = _unit_process(float(rates.expected[-1]), burstiness, random)
    return placed(unit, rates)


def placed(unit: Floats, rates: Rates) -> Floats:
    """When as many requests as `unit` are expected to have arrived, ascending [s]."""
    expected = rates.expected
    piece = np.searchsorted(expected, unit, side="right") - 1
    begin_s, end_s = rates.edges_s[piece], rates.edges_s[piece + 1]
    found: Floats = np.minimum(
        begin_s + (unit - expected[piece]) / rates.rps[piece], np.nextafter(end_s, begin_s)
    )
    return found


def _unit_process(until: float, burstiness: float, random: np.random.Generator) -> Floats:
    """Moments before `until` of a stationary process of mean gap 1."""
    first = random.random() * _length_biased_gap(burstiness, random)
    parts, last = [np.array([first])], first
    while last < until:
        missing = until - last
        size = int(missing + 4.0 * burstiness * np.sqrt(missing)) + 16
        moments = last + np.cumsum(_gaps(size, burstiness, random))
        parts.append(moments)
        last = float(moments[-1])
    moments = np.concatenate(parts)
    return moments[: np.searchsorted(moments, until)]


def _gaps(size: int, burstiness: float, random: np.random.Generator) -> Floats:
    if burstiness == 0.0:
        return np.ones(size)
    if burstiness == 1.0:
        return random.standard_exponential(size)
    shape = burstiness**-2
    return random.standard_gamma(shape, size) / shape


def _length_biased_gap(burstiness: float, random: np.random.Generator) -> float:
    """The gap in which a random moment lies: long ones are met more often."""
    if burstiness == 0.0:
        return 1.0
    shape = burstiness**-2
    return float(random.standard_gamma(shape + 1.0)) / shape
