"""Days of the past -> what a coming day must be planned for, at a quantile.

1. Profile: the mean of like days at each time of day, smoothed while days are few, drawn towards
   their flat mean as far as they disagree about their shape.
2. Ratios: each interval over its profile; their distance from 1 is stretched, because the profile
   was drawn from these same few days.
3. Pool: for each time of day the ratios around it, of the whole day while days are few (up to 7),
   of 4 hours either way at 14, of half an hour at 60, in the end of that time alone.
4. Quantile of the pool, at a level raised a little while days are few and differ as wholes.
5. Planned is the profile times that quantile.

With very many days that is the plain quantile of like intervals. The constants were chosen by
pinball loss over rolling origins on real and made-up traces; see the back-test benchmark.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.tolerances import NOTHING

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

MIN_PER_DAY = 1440.0
POOL_DAYS = 7
"""Up to here the pool is the whole day, and a class with fewer days takes the ratios of all."""
POOL_POWER = 1.5
SMOOTH_MIN = 60.0
"""Half of the window that a profile of one day is smoothed by [min]; of n days an nth of it."""
FLOOR = 0.05
"""Of the daily mean; intervals below it are not looked at relative to the profile."""
MOST_CENTRES = 288
"""Times of day at which pools are made; ratios between are on the line between them."""
CORRECTION = 4.0
"""Strength of what raises the level while days are few."""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A coming day, in its intervals."""

    planned: Floats
    """[interval] at the quantile."""
    median: Floats
    """[interval] of like days."""
    days: int
    """Like days."""


def planned_day(values: Floats, classes: Ints, wanted: int, quantile: float) -> DayPlan:
    """Plan a day of the class `wanted` from `values` [day, interval], NaN where not known.

    `classes` has the class of each day, one of which is `wanted`. Monotone in the quantile. Raises
    ValueError where no day holds a value.
    """
    kept = ~np.isnan(values).all(axis=1)
    values, classes = values[kept], classes[kept]
    if len(values) == 0:
        raise ValueError("no day holds a value")
    if len(values) == 1:
        only = np.where(np.isnan(values[0]), np.nanmax(values[0]), values[0])
        return DayPlan(only, only, 1)
    if wanted not in classes:
        classes = np.full(len(values), wanted)
    profiles, ratios = _profiles_and_ratios(values, classes)
    profile, days = profiles[wanted]
    pool = ratios[classes == wanted] if days >= POOL_DAYS else ratios
    pool = pool[~np.isnan(pool).all(axis=1)]
    if len(pool) == 0:
        pool = _profiles_and_ratios(values, np.full(len(values), wanted))[1]
        pool = pool[~np.isnan(pool).all(axis=1)]
    if len(pool) == 0:
        return DayPlan(profile, profile, days)
    # The profile errs about the coming day, too.
    pool = np.maximum(1.0 + (pool - 1.0) * np.sqrt((days + 1) / days), 0.0)
    level = raised_level(quantile, len(pool), _day_share(pool))
    high, middle = _pooled_quantiles(pool, (level, 0.5))
    return DayPlan(profile * high, profile * middle, days)


def planned_from_others(values: Floats, classes: Ints, day: int, quantile: float) -> Floats:
    """[interval] what a day of the past would have been planned for, had it not been known."""
    others = np.arange(len(values)) != day
    return planned_day(values[others], classes[others], int(classes[day]), quantile).planned


def raised_level(quantile: float, days: int, day_share: float) -> float:
    """The quantile itself at the median, of many days, and of days that are alike as wholes.

    `day_share` of the variance is of whole days. Increasing in the quantile, 1 at 1.
    """
    raised = CORRECTION * day_share * max(0.0, 2.0 * quantile - 1.0)
    return 1.0 - (1.0 - quantile) * days / (days + raised)


def _profiles_and_ratios(
    values: Floats, classes: Ints
) -> tuple[dict[int, tuple[Floats, int]], Floats]:
    """Profile and days of each class, and [day, interval] over the profile of its class.

    Ratios are freed of the part of their distance from 1 that a profile drawn from the same days
    hides; NaN where there is none, as for the only day of a class.
    """
    known = ~np.isnan(values)
    ratios = np.full(values.shape, np.nan)
    profiles = {}
    for each in np.unique(classes):
        rows = classes == each
        amounts, counts = np.where(known[rows], values[rows], 0.0), known[rows].astype(float)
        days = int(rows.sum())
        half = _half_window(SMOOTH_MIN / days, values.shape[1])
        weight = _shape_weight(amounts, counts, half)
        profile = _profile(amounts.sum(axis=0), counts.sum(axis=0), half, weight)
        profiles[int(each)] = profile, days
        if days > 1:
            with np.errstate(invalid="ignore", divide="ignore"):
                stretched = 1.0 + (amounts / profile - 1.0) * np.sqrt(days / (days - 1))
            ratios[rows] = np.where(counts > 0, stretched, np.nan)
    return profiles, ratios


def _half_window(half_min: float, intervals: int) -> int:
    return min(int(half_min * intervals / MIN_PER_DAY + 0.5), (intervals - 1) // 2)


def _window_sums(values: Floats, half: int) -> Floats:
    """Sums over the intervals up to `half` away, round the clock; along the last axis."""
    if half == 0:
        return values
    round_clock = np.concatenate([values[..., -half:], values, values[..., :half]], axis=-1)
    ahead = np.zeros((*values.shape[:-1], 1))
    sums = np.cumsum(np.concatenate([ahead, round_clock], axis=-1), axis=-1)
    return sums[..., 2 * half + 1 :] - sums[..., : -2 * half - 1]


def _profile(amounts: Floats, counts: Floats, half: int, weight: float) -> Floats:
    """Mean by interval, smoothed, with `weight` and flat with the rest; 0 only if all are."""
    flat = amounts.sum() / counts.sum()
    around, near = _window_sums(amounts, half), _window_sums(counts, half)
    mean = np.where(near > 0.5, around / np.maximum(near, 1.0), flat)
    return np.maximum(weight * mean + (1.0 - weight) * flat, FLOOR * flat)


def _shape_weight(amounts: Floats, counts: Floats, half: int) -> float:
    """How far days agree about their shape: 1 - noise / signal of the mean (James and Stein)."""
    if len(amounts) < 2:
        return 1.0
    mean = _profile(amounts.sum(axis=0), counts.sum(axis=0), half, 1.0)
    expected, came = (counts * mean).sum(axis=1), amounts.sum(axis=1)
    usable = (expected > 0) & (came > 0)
    if usable.sum() < 2:
        return 0.0
    levels = came[usable] / expected[usable]
    near = _window_sums(counts, half)[usable]
    around = _window_sums(amounts, half)[usable] / np.maximum(near, 1.0) / levels[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        spread = np.nanvar(np.where(near > 0.5, around, np.nan), axis=0, ddof=1)
        noise = float(np.nanmean(spread)) / int(usable.sum())
    signal = float(np.var(mean))
    if signal <= 0.0 or not np.isfinite(noise):
        return 0.0
    return min(1.0, max(0.0, 1.0 - noise / signal))


def _day_share(ratios: Floats) -> float:
    """Of the variance of log ratios of two days at least, the share of whole days, 0 to 1."""
    logs = np.log(np.maximum(ratios, 0.01))
    total = float(np.nanvar(logs))
    if total <= NOTHING:
        return 0.0
    return min(1.0, float(np.var(np.nanmean(logs, axis=1), ddof=1)) / total)


def _pooled_quantiles(ratios: Floats, levels: tuple[float, ...]) -> list[Floats]:
    """[level][interval] of the ratios in the window around each interval."""
    days, intervals = ratios.shape
    half_min = MIN_PER_DAY / 2 * min(1.0, (POOL_DAYS / days) ** POOL_POWER)
    half = int(half_min * intervals / MIN_PER_DAY + 0.5)
    whole = [float(np.nanquantile(ratios, level)) for level in levels]
    if 2 * half + 1 >= intervals:
        return [np.full(intervals, each) for each in whole]
    parts = [ratios[:, intervals - half :], ratios, ratios[:, :half]]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.concatenate(parts, axis=1), 2 * half + 1, axis=1
    )
    centres = np.arange(0, intervals, -(-intervals // MOST_CENTRES))
    near = windows[:, centres].transpose(1, 0, 2)
    pools = np.sort(near.reshape(len(centres), -1), axis=1)
    counts = (~np.isnan(pools)).sum(axis=1)
    last = np.maximum(counts - 1, 0)
    found = []
    for level, everywhere in zip(levels, whole, strict=True):
        place = level * last
        below = np.floor(place).astype(np.int64)
        low, high = (
            np.take_along_axis(pools, at[:, None], axis=1)[:, 0]
            for at in (below, np.minimum(below + 1, last))
        )
        at_centres = np.where(counts > 0, low + (high - low) * (place - below), everywhere)
        found.append(np.interp(np.arange(intervals), centres, at_centres, period=intervals))
    return found
