"""Quotients of arrays whose divisors may be 0."""

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]


def quotient(part: float | Floats, whole: Floats, otherwise: float | Floats = 0.0) -> Floats:
    """part / whole, or `otherwise` where the whole is not more than 0."""
    positive = whole > 0
    return np.where(positive, part / np.where(positive, whole, 1.0), otherwise)
