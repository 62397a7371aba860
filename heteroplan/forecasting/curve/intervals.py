"""Pieces of time -> intervals: the greatest rate in each, and the mean."""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.tolerances import ROUNDING

type Floats = NDArray[np.float64]

LEAST_KNOWN = 0.5
"""Of its pieces, for an interval to be known."""
ANY = 1e-9
"""One piece will do."""


def peaks_of(rates: Floats, pieces: int, least: float = LEAST_KNOWN) -> Floats:
    """Greatest of `pieces` along the last axis; NaN where too small a part of them is known."""
    return _reduced(rates, pieces, least, np.nanmax)


def means_of(rates: Floats, pieces: int, least: float = LEAST_KNOWN) -> Floats:
    """Mean of `pieces` along the last axis; NaN where too small a part of them is known."""
    return _reduced(rates, pieces, least, np.nanmean)


def median_over_days(values: Floats) -> Floats:
    """Of `values` [day, ...]; NaN where no day is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found: Floats = np.nanmedian(values, axis=0)
    return found


def covered(true: Floats, planned: Floats) -> NDArray[np.bool_]:
    """Where what came was planned for; rounding is no shortfall."""
    enough: NDArray[np.bool_] = true <= planned * (1.0 + ROUNDING)
    return enough


def _reduced(rates: Floats, pieces: int, least: float, function: Callable[..., Floats]) -> Floats:
    parts = rates.reshape(*rates.shape[:-1], -1, pieces)
    known = (~np.isnan(parts)).mean(axis=-1) >= least
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.where(known, function(parts, axis=-1), np.nan)
