"""Which days are like one another, and how their level moves from week to week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import exp

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.curve.season import planned_from_others
from heteroplan.numerics.tolerances import NOTHING

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

KINDS = ("alike", "weekend", "each")
"""All days, workdays and weekends apart, each weekday apart."""
AUTO = "auto"
FEWEST_DAYS = {"alike": 1, "weekend": 2, "each": 4}
"""Of each class, for the past to be asked whether it is one."""
SURE = 1.65
"""Of a normal number 5 % exceed it."""
MOST_LEFT_OUT = 119
"""Days, the last ones, that are left out one at a time: 17 weeks."""
LEAST_LEVEL = 1e-6
"""Of a usual day; a day with less counts as so much."""
FEWEST_FOR_CLASSES, FEWEST_FOR_TREND, FEWEST_FOR_TREND_NOTE = 7, 28, 7


@dataclass(frozen=True, slots=True)
class Trend:
    """Change of the level a week, as a factor, and its 99 % interval."""

    weekly: float
    low: float
    high: float
    days: int

    @property
    def holds(self) -> bool:
        """Whether the forecast applies it: enough days, and significantly not flat."""
        return self.days >= FEWEST_FOR_TREND and not self.low <= 1.0 <= self.high


def classes_of(days: Sequence[date], kind: str) -> Ints:
    """Class of each day, equal for days that are like one another."""
    weekdays = np.array([day.weekday() for day in days], dtype=np.int64)
    if kind == "alike":
        return np.zeros(len(days), np.int64)
    return np.where(weekdays >= 5, 1, 0) if kind == "weekend" else weekdays


def is_enough_for(kind: str, days: Sequence[date]) -> bool:
    """Whether there are days enough in every class for the past to be asked about it."""
    if kind == KINDS[0]:
        return True
    fewest = np.unique(classes_of(days, kind), return_counts=True)[1].min()
    return len(days) >= FEWEST_FOR_CLASSES and int(fewest) >= FEWEST_DAYS[kind]


def chosen(values: Floats, days: Sequence[date], quantile: float) -> str:
    """The kind by which days that are left out, one at a time, are planned best.

    By pinball loss at the quantile of `values` [day, interval]; a finer kind must gain more than
    `SURE` standard errors over days.
    """
    values, days = values[-MOST_LEFT_OUT:], days[-MOST_LEFT_OUT:]
    best, best_losses = KINDS[0], np.zeros(0)
    for kind in KINDS:
        if not is_enough_for(kind, days):
            continue
        classes = classes_of(days, kind)
        losses = _losses(values, classes, quantile) if len(days) > 1 else np.zeros(1)
        gains = best_losses - losses if len(best_losses) else None
        if gains is None or gains.mean() > SURE * gains.std(ddof=1) / np.sqrt(len(gains)):
            best, best_losses = kind, losses
    return best


def trend_of(values: Floats, classes: Ints) -> Trend | None:
    """Least squares on the logarithm of the days' levels within classes; None under 7 days.

    `values` [day, interval], one day after the other. The interval allows for days that resemble
    the day before them (Kendall's correction of their correlation).
    """
    from scipy.special import stdtrit

    kept = np.flatnonzero(~np.isnan(values).all(axis=1))
    values, classes = values[kept], classes[kept]
    if len(kept) < FEWEST_FOR_TREND_NOTE:
        return None
    known = ~np.isnan(values)
    usual = np.nanmean(np.where(known.any(axis=0), values, 0.0), axis=0)
    expected = np.where(known, usual, 0.0).sum(axis=1)
    levels = np.log(
        np.maximum(np.nansum(values, axis=1) / np.maximum(expected, NOTHING), LEAST_LEVEL)
    )
    times = kept.astype(float)
    for each in np.unique(classes):
        rows = classes == each
        levels[rows] -= levels[rows].mean()
        times[rows] -= times[rows].mean()
    squares = float(times @ times)
    if squares <= 0.0:
        return None
    slope = float(times @ levels) / squares
    errors = levels - slope * times
    freedom = max(len(kept) - 1 - len(np.unique(classes)), 1)
    near = float(errors[1:] @ errors[:-1]) / max(float(errors @ errors), NOTHING)
    near = min(0.9, max(0.0, near + (1.0 + 3.0 * max(near, 0.0)) / len(kept)))
    inflation = (1.0 + near) / (1.0 - near)
    deviation = np.sqrt(float(errors @ errors) / freedom * inflation / squares)
    reach = float(stdtrit(max(freedom / inflation, 2.0), 0.995) * deviation)
    low, middle, high = (exp(7.0 * each) for each in (slope - reach, slope, slope + reach))
    return Trend(middle, low, high, len(kept))


def _losses(values: Floats, classes: Ints, quantile: float) -> Floats:
    """Pinball loss of each day, planned from the others."""
    losses = []
    for i, day in enumerate(values):
        short = day - planned_from_others(values, classes, i, quantile)
        losses.append(np.nanmean(np.maximum(quantile * short, (quantile - 1.0) * short)))
    return np.array(losses)
