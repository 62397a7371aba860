"""How well the curve would have covered the last days of the past, had they not been known."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import UsageError
from heteroplan.forecasting.curve.curve import LONGEST_BRIDGE_S, CurveOptions
from heteroplan.forecasting.curve.forecast import Forecast, longest_gap_s
from heteroplan.forecasting.curve.history import INPUT_RATE, OUTPUT_RATE, RPS, History
from heteroplan.forecasting.curve.intervals import covered, peaks_of
from heteroplan.forecasting.steps.local_days import S_PER_DAY

type Floats = NDArray[np.float64]

KINDS = {RPS: "requests", INPUT_RATE: "input tokens", OUTPUT_RATE: "output tokens"}
HELD_BACK = 3
"""One day of so many is held back where the user does not say how many."""


@dataclass(frozen=True, slots=True)
class Covered:
    """How planned rates of one kind compare with what came."""

    what: str
    """`requests`, `input tokens` or `output tokens`."""
    coverage: float
    """Share of the intervals whose greatest rate was at most the planned one."""
    planned_over_true: float
    """Planned rates over greatest rates, each summed over the intervals."""
    worst_shortfall: float
    """Greatest part of a true rate that was not planned for, 0 to 1; 0 where none."""
    worst_start: datetime | None
    """Interval of that shortfall; None where there is none."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """The last days of the past held back, planned from the days before and compared."""

    quantile: float
    trained_days: int
    held_back: tuple[date, ...]
    intervals: int
    """Of the days held back, as far as they are known."""
    measures: tuple[Covered, ...]
    """Requests first, then tokens where they are known."""
    coverage_by_day: tuple[float, ...]
    """Of requests, one a day held back."""


def backtested(found: History, options: CurveOptions, held_back: int | None) -> Backtest:
    """Plan the last `held_back` days (a third by default) from those before.

    Raises UsageError where too few days are left.
    """
    if options.quantile is None:
        raise UsageError("a back-test needs a quantile; leave out --quantile none")
    peaks = peaks_of(found.rates, options.interval_s // found.step_s)
    known = np.flatnonzero(~np.isnan(peaks[RPS]).all(axis=1))
    last = max(1, len(known) // HELD_BACK) if held_back is None else held_back
    if len(known) - last < 1:
        raise UsageError(
            f"a back-test that holds back {last} day(s) needs more than {len(known)} of them"
        )
    tested = known[-last:]
    before = int(tested[0])
    past = replace(found, days=found.days[:before], rates=found.rates[:, :before])
    if longest_gap_s(past, options.interval_s) > LONGEST_BRIDGE_S:
        raise UsageError("the days before those held back do not cover all 24 hours")
    forecast = Forecast(past, options)
    days = [found.days[i] for i in tested]
    planned = np.stack([forecast.day_rates(day) for day in days], axis=1)
    true = peaks[:, tested]
    kinds = [kind for kind in KINDS if kind == RPS or not np.isnan(true[kind]).all()]
    enough = covered(true[RPS], planned[RPS])
    known_intervals = ~np.isnan(true[RPS])
    return Backtest(
        options.quantile,
        forecast.days,
        tuple(days),
        int(known_intervals.sum()),
        tuple(_covered(found, days, kind, planned[kind], true[kind]) for kind in kinds),
        tuple(float(row[ok].mean()) for row, ok in zip(enough, known_intervals, strict=True)),
    )


def _covered(found: History, days: list[date], kind: int, planned: Floats, true: Floats) -> Covered:
    known = ~np.isnan(true)
    missing = np.where(known, true - planned, -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(missing > 0, missing / true, 0.0)
    day, interval = np.unravel_index(int(np.argmax(parts)), parts.shape)
    worst = float(parts[day, interval])
    start = None
    if worst > 0:
        wall = timedelta(seconds=int(interval) * S_PER_DAY // true.shape[1])
        start = datetime.combine(days[int(day)], time(), found.zone) + wall
    total = float(true[known].sum())
    return Covered(
        KINDS[kind],
        float(covered(true, planned)[known].mean()),
        float(planned[known].sum()) / total if total > 0 else np.inf,
        worst,
        start,
    )
