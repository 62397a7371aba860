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

MOST = 1e4
"""Greatest dispersion told; the least is that of Poisson arrivals, 1."""
MOST_CAPACITY = 1e6
"""In multiples of a rate."""
_HALVINGS = 60


def by_capacity(
    capacity: Floats, rps: Floats, wait_s: float, percentile: float, cv: float
) -> Floats:
    """Dispersion with which `capacity`, in multiples of `rps`, keeps a percentile of waits."""
    late = 1.0 - percentile
    return _solved(
        lambda dispersion: _late(dispersion, capacity, rps, wait_s, cv) < late,
        np.full(capacity.shape, MOST),
    )


def by_in_flight(others: Floats, planned: Floats, percentile: float) -> Floats:
    """Dispersion with which a percentile of so many others is seen where so many are planned."""
    return _solved(
        lambda dispersion: _others(dispersion, planned, percentile) < others,
        np.full(others.shape, MOST),
    )


def capacity_for(
    dispersion: float, rps: float, wait_s: float, percentile: float, cv: float
) -> float:
    """Capacity, in multiples of `rps`, that keeps a percentile of waits; 1 at least."""
    late = 1.0 - percentile
    found = _solved(
        lambda capacity: (
            _late(np.array([dispersion]), capacity, np.array([rps]), wait_s, cv) > late
        ),
        np.array([MOST_CAPACITY]),
    )
    return float(found[0])


def others_for(dispersion: float, planned: float, percentile: float) -> float:
    """Others that a sequence sees while it decodes, at a percentile, where so many are planned."""
    return float(_others(np.array([dispersion]), np.array([planned]), percentile)[0])


def _late(dispersion: Floats, capacity: Floats, rps: Floats, wait_s: float, cv: float) -> Floats:
    queued = 1.0 - (1.0 - 1.0 / capacity) * 2.0 / (dispersion + 1.0)
    decay = 2.0 * (capacity - 1.0) * rps * wait_s / (dispersion + cv**2)
    found: Floats = queued * np.exp(-decay)
    return found


def _others(dispersion: Floats, planned: Floats, percentile: float) -> Floats:
    mean = planned + dispersion - 1.0
    found: Floats = gammaincinv(mean / dispersion, percentile) * dispersion
    return found


def _solved(is_too_low: Callable[[Floats], NDArray[np.bool_]], most: Floats) -> Floats:
    """The value from 1 to `most`, an entry each, from which on it is not too low any more."""
    low, high = np.zeros(most.shape), np.log(most)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_low = is_too_low(np.exp(middle))
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    found: Floats = np.where(is_too_low(np.ones(most.shape)), np.exp(high), 1.0)
    return found
