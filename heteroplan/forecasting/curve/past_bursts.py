"""How bursty the past is below the intervals of the curve, over what these are planned for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.bursts.counted import counted
from heteroplan.forecasting.bursts.measured import Bursts, Planned, measured
from heteroplan.forecasting.bursts.steadiness import steadiness
from heteroplan.forecasting.curve.events import Event, multipliers
from heteroplan.forecasting.curve.history import MISSED_RATE, OUTPUT_RATE, RPS, History, rates_of
from heteroplan.forecasting.curve.intervals import ANY, peaks_of
from heteroplan.forecasting.steps.local_days import S_PER_DAY, wall_seconds
from heteroplan.forecasting.steps.stamps import US_PER_S

if TYPE_CHECKING:
    from heteroplan.forecasting.bursts.sample import Sampled
    from heteroplan.forecasting.curve.forecast import Forecast

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]


COARSE_S = 0.1
"""Steps of stamps from which on they are told."""
SHARED = 0.1
"""Share of requests with the stamp of another one, from which on stamps come in steps."""


def bursts_of(found: History, forecast: "Forecast | None", events: Sequence[Event] = ()) -> Bursts:
    """From single requests where these are known, or from counts in windows."""
    sampled = found.steps.sampled
    if sampled is None:
        return counted(found.steps.dispersions, found.steps.window_s)
    usable = forecast if forecast is not None and forecast.days > 1 else None
    rates = planned_rates(found, sampled, usable, events)
    bursts = measured(sampled, rates, found.step_s)
    notes = [
        *_stamps(sampled),
        *steadiness(sampled, rates if usable else None, found.step_s),
    ]
    return replace(bursts, notes=tuple(notes))


def _stamps(sampled: "Sampled") -> list[str]:
    """A sentence where many requests share a coarse stamp."""
    gaps_us = np.diff(sampled.moments_us)
    apart_us = gaps_us[gaps_us > 0]
    if len(apart_us) == 0 or (gaps_us == 0).mean() < SHARED:
        return []
    step_s = float(np.quantile(apart_us, 0.01)) / US_PER_S
    if step_s < COARSE_S:
        return []
    return [
        f"stamps come in steps of about {step_s:.1f} s: requests of a stamp count as arriving "
        "together, their bursts in shorter times are not known"
    ]


def planned_rates(
    found: History, sampled: "Sampled", forecast: "Forecast | None", events: Sequence[Event] = ()
) -> Planned:
    """Of the intervals that the trace covers as a whole, or of those in part if there are none.

    By their place in the day, as the forecast plans it; or by their own busiest piece.
    """
    steps, interval_us = found.steps, sampled.interval_us
    interval_s = interval_us // US_PER_S
    pieces = interval_s // steps.step_s
    starts_us = np.unique(sampled.starts_us)
    places = (starts_us - steps.start_us) // (steps.step_s * US_PER_S)
    inside = places[:, None] + np.arange(pieces)
    of_steps = np.clip(inside, 0, len(steps.known) - 1)
    known = steps.known[of_steps] & (inside == of_steps)
    for kept in (known.all(axis=1), known.any(axis=1)):
        if kept.any():
            starts_us, of_steps, known = starts_us[kept], of_steps[kept], known[kept]
            break
    rates = np.where(known, rates_of(steps)[:, of_steps], np.nan)
    own = peaks_of(rates.reshape(4, -1), pieces, ANY)
    wanted = own
    if forecast is not None:
        first = of_steps[:, 0]
        wanted = _of_days(forecast, found, first, interval_s)
        wanted *= multipliers(events, steps.start_us, steps.step_s, len(steps.known))[first]
        wanted = np.where(wanted > 0, wanted, own)
    rps = np.where(wanted[RPS] > 0, wanted[RPS], 1.0 / interval_s)
    prompts, answers = (
        np.where(wanted[kind] > 0, wanted[kind], rps) for kind in (MISSED_RATE, OUTPUT_RATE)
    )
    return Planned(starts_us, rps, prompts, answers)


def _of_days(forecast: "Forecast", found: History, first: Ints, interval_s: int) -> Floats:
    """[kind, interval] as planned for the days and times at which the steps `first` begin."""
    steps = found.steps
    wall_s = wall_seconds(steps.start_us, steps.step_s, len(steps.known), found.zone)[first]
    ordinals, seconds = np.divmod(wall_s, S_PER_DAY)
    rates = np.empty((4, len(first)))
    for ordinal in np.unique(ordinals).tolist():
        of_day = forecast.day_rates(date(1970, 1, 1) + timedelta(days=ordinal))
        here = ordinals == ordinal
        rates[:, here] = of_day[:4, seconds[here] // interval_s]
    return rates
