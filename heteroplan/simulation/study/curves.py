"""How a signal follows the load: correlation, noise, order, and what a policy would make of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from heteroplan.simulation.requests import Floats
from heteroplan.simulation.study.results import SignalCurve

STEP = 0.1
"""Of load, to which the signal-to-noise ratio refers."""
ROUNDING = 1e-9


def curve(
    name: str,
    unit: str,
    loads: Floats,
    samples: Sequence[Floats],
    *,
    in_threshold: float,
    assumed: bool = False,
) -> SignalCurve:
    """Of the samples at each load; `loads` ascend and hold 0.5 and 1, load at capacity."""
    means = np.array([_mean(each) for each in samples])
    deviations = np.array([_deviation(each) for each in samples])
    usual = loads <= 1.0 + ROUNDING
    ratios = means / means[np.argmin(np.abs(loads - 1.0))]
    half = float(ratios[np.argmin(np.abs(loads - 0.5))])
    below = np.flatnonzero(scales_in(ratios, in_threshold))
    return SignalCurve(
        name=name,
        unit=unit,
        assumed=assumed,
        means=means,
        deviations=deviations,
        correlation=correlation(loads[usual], means[usual]),
        rank_correlation=_rank_correlation(loads[usual], means[usual]),
        rising=float((np.diff(means[usual]) > 0.0).mean()),
        signal_to_noise=_signal_to_noise(loads[usual], means[usual], deviations[usual]),
        at_half=half,
        scales_in=bool(scales_in(np.array([half]), in_threshold)[0]),
        scales_in_at=float(loads[below[-1]]) if len(below) else None,
    )


def scales_in(ratios: Floats, in_threshold: float) -> NDArray[np.bool_]:
    """Whether a policy wants fewer replicas, where a signal has these ratios to its target.

    As `policies.shared.joint`: it wants ratio times the replicas that there are, and scales in
    where that is the threshold's share below them.
    """
    found: NDArray[np.bool_] = ratios < 1.0 - in_threshold - ROUNDING
    return found


def correlation(x: Floats, y: Floats) -> float:
    """Pearson's; NaN where one of them never changes."""
    if np.ptp(x) == 0.0 or not np.ptp(y) > 0.0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def _rank_correlation(x: Floats, y: Floats) -> float:
    return float(spearmanr(x, y).statistic) if np.ptp(y) > 0.0 else float("nan")


def _signal_to_noise(loads: Floats, means: Floats, deviations: Floats) -> float:
    """Slope of the least squares for a step of load, over the root mean square deviation."""
    if not np.all(np.isfinite(means)):
        return float("nan")
    noise = float(np.sqrt(np.mean(np.square(deviations))))
    change = float(np.polyfit(loads, means, 1)[0]) * STEP
    return change / noise if noise > 0.0 else float("nan")


def _mean(samples: Floats) -> float:
    """Of samples in which something was measured."""
    known = samples[np.isfinite(samples)]
    return float(known.mean()) if len(known) else float("nan")


def _deviation(samples: Floats) -> float:
    known = samples[np.isfinite(samples)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")
