"""What capacity and numbers in flight say of arrivals, taken as Poisson batches.

Arrivals are planned for as Poisson batches of geometric size, mean B = (I + 1) / 2, whose number in
a long window has variance over mean I. In a queue of rate r and capacity K r, whose requests bring
work with coefficient of variation cv, a share

    (1 - (1 - 1 / K) / B) exp(-2 (K - 1) r w / (I + cv^2))

waits longer than w: exact for exponential work, for one request at a time (I = 1) the usual
approximation of M/G/1. While one of them decodes, and m are in flight on average, it sees m + I - 1
others on average, among them its own batch; they are about gamma distributed with variance over
mean I.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

type Floats = NDArray[np.float64]

POISSON, MOST = 1.0, 1e4
"""Least and greatest dispersion told."""
_HALVINGS = 40


def by_capacity(
    capacity: Floats, rps: Floats, wait_s: float, percentile: float, cv: float
) -> Floats:
    """Dispersion with which `capacity`, in multiples of `rps`, keeps a percentile of waits."""

    def late(dispersion: Floats) -> Floats:
        queued = 1.0 - (1.0 - 1.0 / capacity) * 2.0 / (dispersion + 1.0)
        decay = 2.0 * (capacity - 1.0) * rps * wait_s / (dispersion + cv**2)
        found: Floats = queued * np.exp(-decay)
        return found

    return _solved(lambda dispersion: late(dispersion) < 1.0 - percentile, capacity)


def by_in_flight(others: Floats, planned: Floats, percentile: float) -> Floats:
    """Dispersion with which a percentile of so many others is seen where so many are planned."""

    def quantile(dispersion: Floats) -> Floats:
        mean = planned + dispersion - 1.0
        found: Floats = gammaincinv(mean / dispersion, percentile) * dispersion
        return found

    return _solved(lambda dispersion: quantile(dispersion) < others, others)


def _solved(is_too_low: Callable[[Floats], NDArray[np.bool_]], like: Floats) -> Floats:
    """The dispersion from which on it is not too low any more, for each entry of `like`."""
    low, high = np.full(like.shape, np.log(POISSON)), np.full(like.shape, np.log(MOST))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_low = is_too_low(np.exp(middle))
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    found: Floats = np.where(is_too_low(np.full(like.shape, POISSON)), np.exp(high), POISSON)
    return found
