"""Latencies and batch sizes that coefficients give; plain arithmetic."""

import math
from statistics import NormalDist

from heteroplan.entities.workload import DecodeCoefficients, PrefillCoefficients

SHORTEST_MS = 1e-3
"""No pass over a model is shorter; keeps rates finite when every coefficient is 0."""
NO_SPREAD = 1e-9
"""Standard deviation, as a share of the mean, up to which a number does not vary."""


def prefill_ms(coefficients: PrefillCoefficients, tokens: float) -> float:
    """Time of a prefill batch of one prompt of `tokens` [ms]."""
    time_ms = (
        coefficients.overhead_ms
        + coefficients.ms_per_token * tokens
        + coefficients.ms_per_token_squared * tokens**2
    )
    return max(SHORTEST_MS, coefficients.floor_ms, time_ms)


def slope_ms(coefficients: DecodeCoefficients, context: float) -> float:
    """What each sequence at `context` tokens adds to a decode step [ms]."""
    return coefficients.ms_per_sequence + coefficients.ms_per_context_token * context


def step_ms(coefficients: DecodeCoefficients, batch: float, context: float) -> float:
    """Time of a decode step of `batch` sequences at `context` tokens each [ms]."""
    time_ms = (
        coefficients.base_ms
        + batch * slope_ms(coefficients, context)
        + coefficients.ms_per_root_sequence * math.sqrt(batch)
    )
    return max(SHORTEST_MS, coefficients.floor_ms, time_ms)


def batch_within(coefficients: DecodeCoefficients, context: float, itl_ms: float) -> float:
    """Greatest batch whose step takes no longer than `itl_ms`, floors apart; infinite if any."""
    slope, root = slope_ms(coefficients, context), coefficients.ms_per_root_sequence
    left_ms = max(0.0, itl_ms - coefficients.base_ms)
    if slope > 0.0:
        return ((math.sqrt(root**2 + 4.0 * slope * left_ms) - root) / (2.0 * slope)) ** 2
    return (left_ms / root) ** 2 if root > 0.0 else math.inf


def normal_quantile(percentile: float) -> float:
    """Standard deviations above the mean that `percentile` stays below; at least 0."""
    return max(0.0, NormalDist().inv_cdf(percentile))


def gamma_quantile(mean: float, variance: float, percentile: float) -> float:
    """What a number of this mean and variance stays below; at least its mean.

    A gamma's: as right-skewed as numbers in flight and their sums are, and never below 0.
    """
    if percentile <= 0.5 or not 0.0 < mean < math.inf or variance <= 0.0:
        return mean
    from scipy.special import gammaincinv

    scale = variance / mean
    if scale <= NO_SPREAD**2 * mean:
        return mean
    return max(mean, float(gammaincinv(mean / scale, percentile)) * scale)
