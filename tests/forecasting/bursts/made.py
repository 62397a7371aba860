"""Arrivals whose dispersion is known, as samples."""

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.bursts.measured import Planned
from heteroplan.forecasting.bursts.sample import Sampled

type Floats = NDArray[np.float64]

INTERVAL_S = 900
US_PER_S = 1_000_000
TOKENS = 1000.0


def sample(
    times_s: Floats,
    prompts: Floats | None = None,
    answers: Floats | None = None,
    interval_s: int = INTERVAL_S,
) -> Sampled:
    """Requests of those times, of `TOKENS` in and out each where not given."""
    moments_us = np.round(times_s * US_PER_S).astype(np.int64)
    same = np.full(len(times_s), TOKENS)
    starts_us = moments_us - moments_us % (interval_s * US_PER_S)
    return Sampled(
        moments_us,
        same if prompts is None else prompts,
        same if answers is None else answers,
        starts_us,
        interval_s * US_PER_S,
        interval_s * US_PER_S,
    )


def planned(of: Sampled, rps: float, tokens: float = TOKENS) -> Planned:
    """The same rates in all intervals of a sample."""
    starts_us = np.unique(of.starts_us)
    rates = np.full(len(starts_us), rps)
    return Planned(starts_us, rates, rates * tokens, rates * tokens)


def batches(rps: float, batch: float, hours: int, seed: int = 0) -> Floats:
    """Times of requests in Poisson batches of geometric size; Poisson where `batch` is 1 [s]."""
    draws = np.random.default_rng(seed)
    length_s = hours * 3600.0
    count = draws.poisson(rps / batch * length_s)
    times_s = np.sort(draws.uniform(0.0, length_s, count))
    return np.repeat(times_s, draws.geometric(1.0 / batch, count))


def exponential(size: int, seed: int = 1) -> Floats:
    """Lengths of mean `TOKENS` and a coefficient of variation of 1."""
    return np.random.default_rng(seed).exponential(TOKENS, size)
