"""How far single days of the past came out from what the days before let expect."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import UsageError
from heteroplan.forecasting.curve.curve import LONGEST_BRIDGE_S, CurveOptions
from heteroplan.forecasting.curve.forecast import Forecast, longest_gap_s
from heteroplan.forecasting.curve.history import RPS, History
from heteroplan.forecasting.curve.intervals import LEAST_KNOWN

type Floats = NDArray[np.float64]

MIDDLE = 0.5
"""Quantile that errors are relative to."""
MOST_DAYS = 90
"""Days that are looked at, the last ones."""
LEAST_DAYS = 2
"""Errors of fewer days say nothing of how days differ."""


@dataclass(frozen=True, slots=True)
class DayErrors:
    """Rates of past days over the median that the days before let expect of them."""

    days: tuple[date, ...]
    """In order; those of which enough is known."""
    ratios: Floats
    """[day, interval of the day, piece of the interval], 0 or more."""


def day_errors(found: History, options: CurveOptions) -> DayErrors:
    """The last half of the past, each day forecast from all days before it, as a nightly plan does.

    Pieces of an interval are the steps of the past. What is not known of a day came as the rest of
    it did. Growth is none of the errors. Raises UsageError where fewer than two days are left.
    """
    pieces = options.interval_s // found.step_s
    rates = found.rates[RPS]
    known = np.flatnonzero((~np.isnan(rates)).mean(axis=1) >= LEAST_KNOWN)
    middle = replace(options, quantile=MIDDLE)
    days, ratios = [], []
    for at in known[len(known) // 2 :][-MOST_DAYS:]:
        past = replace(found, days=found.days[:at], rates=found.rates[:, :at])
        if at == 0 or longest_gap_s(past, options.interval_s) > LONGEST_BRIDGE_S:
            continue
        expected = Forecast(past, middle).day_rates(found.days[at])[RPS]
        came = rates[at].reshape(-1, pieces)
        if not np.nansum(came):
            continue
        days.append(found.days[at])
        ratios.append(_ratios(came, expected))
    if len(days) < LEAST_DAYS:
        raise UsageError(
            f"the trace has {len(known)} day(s), of which {len(days)} can be forecast from those "
            "before: too few to tell how far forecasts err"
        )
    return DayErrors(tuple(days), np.stack(ratios))


def _ratios(came: Floats, expected: Floats) -> Floats:
    """[interval, piece]; where nothing is expected, and where nothing is known, the day's own."""
    known = ~np.isnan(came)
    of_day = float(came[known].sum()) / float((expected[:, None] * known).sum() or 1.0)
    usable = known & (expected > 0.0)[:, None]
    found = np.full(came.shape, of_day)
    np.divide(came, expected[:, None], out=found, where=usable)
    return found
