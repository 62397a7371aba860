"""Lengths of requests of which only the mean and the spread are known: a gamma, or a
lognormal, in parts."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

TAIL = 0.1
"""Share of the longest requests, which are parted ever more finely."""

STEEPNESS = 4
"""Of the share that a gamma has of spread lengths. By capacities of aggregated engines beside a
simulation of the Azure code trace (`tests/benchmarks/aggregated_capacity.py`)."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Into how many parts a gamma is cut."""

    body: int = 60
    """Parts of equal shares, up to the tail."""
    tail: int = 30
    """Parts of ever smaller shares."""
    finest: float = 1e-8
    """Share of the last part."""


@lru_cache(maxsize=65536)
def gamma_parts(cv: float, cut: Resolution = Resolution()) -> "tuple[Floats, Floats]":
    """[part] shares of a gamma of mean 1, and the mean length of each; one part at a `cv` of 0."""
    import numpy as np
    from scipy.special import gammainc, gammaincinv

    if cv == 0.0:
        return np.ones(1), np.ones(1)
    shape = 1.0 / cv**2
    ends = gammaincinv(shape, _ends(cut))
    shares = np.diff(gammainc(shape, ends))
    means = np.diff(gammainc(shape + 1.0, ends))
    held = shares > 0.0
    return shares[held], means[held] / shares[held]


@lru_cache(maxsize=65536)
def lognormal_parts(cv: float, cut: Resolution = Resolution()) -> "tuple[Floats, Floats]":
    """[part] shares of a lognormal of mean 1, and the mean length of each; one part at 0."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    if cv == 0.0:
        return np.ones(1), np.ones(1)
    ends = _ends(cut)
    shares = np.diff(ends)
    return shares, -np.diff(ndtr(math.sqrt(math.log1p(cv**2)) - ndtri(ends))) / shares


@lru_cache(maxsize=4096)
def either_parts(cv: float, cut: Resolution) -> "tuple[Floats, Floats]":
    """[part] shares and mean lengths: half by a gamma, half by a lognormal of mean 1.

    The one has more short answers than most, the other fewer. Above a `cv` of 1 a gamma is less of
    it, as most of its answers would have next to no tokens.
    """
    import numpy as np

    (shares, means), (others, their_means) = gamma_parts(cv, cut), lognormal_parts(cv, cut)
    part = 0.5 / max(1.0, cv) ** STEEPNESS
    both = np.concatenate([part * shares, (1.0 - part) * others])
    return both, np.concatenate([means, their_means])


def _ends(cut: Resolution) -> "Floats":
    """Quantiles at which parts end, 0 and 1 included."""
    import numpy as np

    body = np.linspace(0.0, 1.0 - TAIL, cut.body + 1)
    tail = 1.0 - TAIL * np.geomspace(1.0, cut.finest / TAIL, cut.tail)[1:]
    found: Floats = np.concatenate([body, tail, [1.0]])
    return found
