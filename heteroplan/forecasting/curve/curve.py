"""The past -> a demand curve: what a plan must cover in equal intervals of coming days.

An interval is planned for its busiest piece (five minutes, say): the quantile, over like
intervals of the past, of its greatest rate; of input and output tokens likewise, so that
`rps * isl` is the planned rate of input tokens, or a little more: the intervals of an hour share
their longest requests. Or, without a quantile, for what was recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import UsageError
from heteroplan.forecasting.bursts.measured import NOTHING_KNOWN, Bursts
from heteroplan.forecasting.curve.events import Event, multipliers
from heteroplan.forecasting.curve.forecast import (
    MEAN_RPS,
    MEDIAN_RPS,
    Forecast,
    hours_touched,
    longest_gap_s,
)
from heteroplan.forecasting.curve.history import (
    INPUT_RATE,
    MISSED_RATE,
    OUTPUT_RATE,
    RPS,
    History,
    history,
    hours_text,
)
from heteroplan.forecasting.curve.mix import Mix, mix_of, shaped
from heteroplan.forecasting.curve.past_bursts import bursts_of
from heteroplan.forecasting.curve.record import Record
from heteroplan.forecasting.curve.weekdays import AUTO, KINDS
from heteroplan.forecasting.steps.local_days import S_PER_DAY, day_start_us
from heteroplan.forecasting.steps.shape import StepShape, together
from heteroplan.forecasting.steps.stamps import US_PER_S
from heteroplan.forecasting.steps.steps import TraceOptions, read_steps
from heteroplan.numerics.tolerances import NOTHING

type _Floats = NDArray[np.float64]

MOST_GROWTH = 1000.0
LEAST_PLANNED_S = 60
"""Shortest interval of coming days."""
LONGEST_BRIDGE_S = 7200
"""Times of day without any past are bridged from their neighbours up to this."""


@dataclass(frozen=True, slots=True)
class CurveOptions:
    """What is made of the past."""

    interval_s: int = 900
    quantile: float | None = 0.95
    """Of like intervals; None for the recorded intervals as they were."""
    growth: float = 1.0
    """Multiplies all rates."""
    weekdays: str = "auto"
    """Which days are alike: one of `weekdays.KINDS`, or found from the past (`AUTO`)."""
    trend: float | None = None
    """Change of the level a week, as a factor; by the past where not given."""
    events: tuple[Event, ...] = ()
    first_day: date | None = None
    """Of the curve; the day after the trace where not given."""
    days: int = 1
    max_class_error: float = 0.03


@dataclass(frozen=True, slots=True)
class CurveRow:
    """Demand of one interval."""

    start: datetime
    """Zone-aware, in the zone of the days."""
    rps: float
    """To be planned for [requests/s]."""
    mean_rps: float
    """Mean over like intervals [requests/s]."""
    median_rps: float
    """Of the greatest rates in like intervals [requests/s]."""
    classes: tuple[StepShape, ...] = ()
    """Of the requests; empty where the trace has no lengths."""

    @property
    def shape(self) -> StepShape | None:
        """All classes together."""
        return together(self.classes) if self.classes else None


@dataclass(frozen=True, slots=True)
class Curve:
    """Demand in equal steps of elapsed time."""

    interval_s: int
    rows: tuple[CurveRow, ...]
    quantile: float | None
    days: int
    """Of the past."""
    step_s: int
    """An interval's rate is that of its busiest piece of this length [s]."""
    class_error: float | None
    """Greatest relative error of capacity by telling no more classes apart; None: not known."""
    notes: tuple[str, ...]
    """What was left out, filled in or changed; one sentence each."""
    bursts: Bursts = NOTHING_KNOWN
    """How bursty arrivals are below the interval."""


def zone_of(name: str) -> ZoneInfo:
    """The time zone. Raises UsageError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"unknown time zone {name!r}; write an IANA name such as Asia/Singapore"
        raise UsageError(message) from None


def step_of(interval_s: int, peak_s: int) -> int:
    """The longest piece, up to `peak_s`, that divides an interval [s]. Raises UsageError."""
    if interval_s < 1 or S_PER_DAY % interval_s:
        raise UsageError(
            f"an interval of {interval_s} s does not divide the day; write one that does, such as "
            "15min (--interval)"
        )
    most = min(interval_s, max(1, peak_s))
    return next(step for step in range(most, 0, -1) if interval_s % step == 0)


def past(paths: Sequence[str], trace: TraceOptions, events: Sequence[Event] = ()) -> History:
    """What all `paths` hold, laid on days. Raises InputError and UsageError."""
    return history(read_steps(paths, trace), trace.zone, events)


def planned(found: History, options: CurveOptions) -> Curve:
    """The curve of coming days, or of the recorded ones without a quantile.

    Where the past does not reach round the day, and no day is asked for, it is the recorded one.
    Raises UsageError.
    """
    check(options)
    mix = mix_of(found, options.max_class_error)
    if options.quantile is None:
        return _with_bursts(_recorded(found, options, mix, ()), found, None, options)
    gap_s = longest_gap_s(found, options.interval_s)
    if gap_s > LONGEST_BRIDGE_S:
        gap = f"the trace has no data for {hours_text(gap_s)} of the day"
        if options.first_day is not None:
            raise UsageError(f"{gap}; give a trace that covers all 24 hours")
        curve = _recorded(found, options, mix, (f"{gap}: the intervals are as recorded",))
        return _with_bursts(curve, found, None, options)
    if options.interval_s < LEAST_PLANNED_S:
        raise UsageError(
            f"an interval of {options.interval_s} s is too short to plan for, "
            f"{LEAST_PLANNED_S} s is the least; --quantile none gives the recorded ones"
        )
    forecast = Forecast(found, options)
    return _with_bursts(_coming(found, options, mix, forecast), found, forecast, options)


def _with_bursts(
    curve: Curve, found: History, forecast: Forecast | None, options: CurveOptions
) -> Curve:
    bursts = bursts_of(found, forecast, options.events)
    return replace(curve, bursts=bursts, notes=(*curve.notes, *bursts.notes))


def check(options: CurveOptions) -> None:
    """Raises UsageError for options that no curve can be made by."""
    if options.quantile is not None and not 0.0 <= options.quantile <= 1.0:
        raise UsageError(f"quantile {options.quantile:g} is not between 0 and 1")
    if not 0.0 < options.growth <= MOST_GROWTH:
        raise UsageError(f"growth {options.growth:g} is not above 0 and at most {MOST_GROWTH:g}")
    if options.quantile is None and (options.first_day or options.days > 1 or options.events):
        raise UsageError("intervals as recorded take no other days and no events")
    if not 0.0 < options.max_class_error <= 1.0:
        raise UsageError(f"class error {options.max_class_error:g} is not between 0 and 1")
    if options.trend is not None and not 0.1 <= options.trend <= 10.0:
        raise UsageError(f"trend {options.trend:g} is no factor a week between 0.1 and 10")
    if options.weekdays not in (AUTO, *KINDS):
        raise UsageError(
            f"unknown weekdays {options.weekdays!r}; known are {', '.join((AUTO, *KINDS))}"
        )


def _coming(found: History, options: CurveOptions, mix: Mix | None, forecast: Forecast) -> Curve:
    first = options.first_day or found.last_day + timedelta(days=1)
    start_us = day_start_us(first, found.zone)
    end_us = day_start_us(first + timedelta(days=options.days), found.zone)
    interval_us = options.interval_s * US_PER_S
    size = -(-(end_us - start_us) // interval_us)
    rates = forecast.rates(start_us, size) * options.growth
    events = multipliers(options.events, start_us, options.interval_s, size)
    rates *= events
    starts = _starts(start_us, options.interval_s, size, found.zone)
    like = [forecast.like_hours(start) for start in starts]
    rows = _rows(starts, rates, mix, like, by_hour=True, has_cached=found.steps.has_cached)
    notes = [*found.notes, *forecast.notes(first, first + timedelta(days=options.days - 1))]
    if (events != 1.0).any():
        notes.append(f"events change {int((events != 1.0).sum())} of {size} intervals")
    if mix is None and found.has_lengths:
        notes.append(
            "all requests of an interval are assumed to be equally long: the trace has means only"
        )
    begin_s = start_us // US_PER_S
    end_s = begin_s + size * options.interval_s
    notes += [
        f"the event {each.name} touches neither the past nor these days"
        for each in options.events
        if not found.spans(each.start.timestamp(), each.end.timestamp())
        and not (each.start.timestamp() < end_s and each.end.timestamp() > begin_s)
    ]
    chosen = options if forecast.days > 1 else replace(options, quantile=None)
    return _curve(found, chosen, rows, mix, notes, forecast.days)


def _recorded(
    found: History, options: CurveOptions, mix: Mix | None, notes: Sequence[str]
) -> Curve:
    """The intervals as they were, whole ones from the first to the last."""
    record = Record(found, options.interval_s)
    starts = _starts(record.start_us, options.interval_s, record.size, found.zone)
    like = [
        tuple(start.weekday() * 24 + hour for hour in hours_touched(start, options.interval_s))
        for start in starts
    ]
    rows = _rows(
        starts,
        record.rates * options.growth,
        mix,
        like,
        by_hour=False,
        has_cached=found.steps.has_cached,
    )
    all_notes = (*found.notes, *notes, *record.notes)
    recorded = replace(options, quantile=None)
    return _curve(found, recorded, rows, mix, all_notes, len({each.date() for each in starts}))


def _curve(
    found: History,
    options: CurveOptions,
    rows: Sequence[CurveRow],
    mix: Mix | None,
    notes: Sequence[str],
    days: int,
) -> Curve:
    all_notes = list(notes)
    if options.growth != 1.0:
        all_notes.append(f"rates multiplied by {options.growth:g}")
    if found.steps.window_s > found.step_s:
        window = hours_text(found.steps.window_s)
        all_notes.append(f"rates are means over {window}: shorter peaks do not show")
    error = None if mix is None else mix.error
    return Curve(
        options.interval_s,
        tuple(rows),
        options.quantile,
        days,
        max(found.step_s, found.steps.window_s),
        error,
        tuple(all_notes),
    )


def _starts(start_us: int, interval_s: int, size: int, zone: ZoneInfo) -> list[datetime]:
    first = datetime.fromtimestamp(start_us // US_PER_S, UTC)
    return [(first + timedelta(seconds=i * interval_s)).astimezone(zone) for i in range(size)]


def _rows(
    starts: Sequence[datetime],
    rates: _Floats,
    mix: Mix | None,
    like: Sequence[tuple[int, ...]],
    *,
    by_hour: bool,
    has_cached: bool,
) -> list[CurveRow]:
    """`rates` [kind, interval] with the request classes of `like` hours of the week.

    `by_hour`: the intervals of an hour share the longest of their lengths, so that a day has 24
    shapes of request at most.
    """
    rps = np.maximum(rates[RPS], NOTHING)
    lengths = rates[[INPUT_RATE, OUTPUT_RATE, MISSED_RATE]] / rps
    lengths[:, rates[RPS] <= 0.0] = np.nan
    usual = np.array([_mean(lengths[i], rates[RPS]) for i in range(len(lengths))])
    lengths = np.where(np.isnan(lengths), usual[:, None], lengths)
    if by_hour and mix is not None:
        hours = np.array([f"{start:%F %H}" for start in starts])
        for hour in np.unique(hours):
            lengths[:, hours == hour] = lengths[:, hours == hour].max(axis=1, keepdims=True)
    found = []
    for i, start in enumerate(starts):
        isl, osl, missed = (float(each) for each in lengths[:, i])
        classes: tuple[StepShape, ...] = ()
        if not np.isnan(isl):
            classes = shaped(
                mix, like[i], max(1.0, isl), max(1.0, osl), missed if has_cached else None
            )
        found.append(
            CurveRow(
                start,
                float(rates[RPS, i]),
                float(rates[MEAN_RPS, i]),
                float(rates[MEDIAN_RPS, i]),
                classes,
            )
        )
    return found


def _mean(values: _Floats, weights: _Floats) -> float:
    known = ~np.isnan(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else np.nan
