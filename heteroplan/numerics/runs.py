"""Runs of intervals in which something is so."""

import numpy as np
from numpy.typing import NDArray


def true_runs(flags: NDArray[np.bool_]) -> list[range]:
    """Indices of each run of true values."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False)).tolist()
    return [range(first, end) for first, end in zip(edges[::2], edges[1::2], strict=True)]
