"""Requests -> a demand curve: rate and mean lengths in equal intervals of the local day."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from heteroplan.demand.bins import EPOCH, MICROSECOND, US_PER_S, Bin, Binned, binned
from heteroplan.errors import InputError, InputProblem, UsageError

S_PER_DAY = 86_400
PARTIAL_GAPS = 5
"""A trace ends inside an interval when nothing comes for five of its mean gaps there (which
happens to random arrivals once in 150 intervals)."""
DIGITS = 6
"""Significant digits of a written rate or length."""


@dataclass(frozen=True, slots=True)
class CurveRow:
    """Demand of one interval."""

    start: datetime
    """Zone-aware, in the curve's zone."""
    rps: float
    """Mean rate over the interval [requests/s]."""
    isl: float
    """Mean input tokens a request."""
    osl: float
    """Mean output tokens a request."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Demand in equal steps of elapsed time."""

    interval_s: int
    rows: tuple[CurveRow, ...]
    notes: tuple[str, ...]
    """What was left out, filled in or changed; one sentence each."""


def demand_curve(
    paths: Sequence[str],
    *,
    format: str | None = None,  # noqa: A002
    interval_s: int = 900,
    timezone: str = "UTC",
    start: datetime | None = None,
    quantile: float | None = None,
    growth: float = 1.0,
) -> Curve:
    """Demand per interval of the requests in all `paths` (`-` is standard input).

    Intervals are elapsed time from local midnight, so a day on which clocks change has 23 or 25
    hours. `timezone` is also the zone of stamps that name none. With `start` (naive: in
    `timezone`) the first request arrives then. An interval that the trace begins or ends in the
    middle of is left out, unless no whole one remains; one without requests inside it has rate 0
    and the lengths before it. With `quantile` the days are laid on one another and each time of
    day gets that quantile of its rates, dated on the first day on which clocks do not change;
    `growth` multiplies rates. Raises InputError for bad rows and UsageError for bad arguments.
    """
    zone = _zone(timezone)
    _check(interval_s, quantile, growth)
    if start is not None and start.tzinfo is None:
        start = start.replace(tzinfo=zone)
    trace = binned(paths, format=format, interval_s=interval_s, zone=zone, start=start)
    if not trace.bins:
        raise InputError(InputProblem(path, 0, "", "", "holds no requests") for path in paths)
    notes = [f"{sum(found.requests for found in trace.bins.values())} requests"]
    whole, cut_notes = _whole_bins(trace, interval_s)
    rows, fill_notes = _rows(whole, trace.midnight_us, interval_s, zone)
    notes += cut_notes + fill_notes
    if quantile is not None:
        rows, note = _typical_day(rows, quantile, interval_s)
        notes.append(note)
    if growth != 1.0:
        rows = [replace(row, rps=row.rps * growth) for row in rows]
        notes.append(f"rates multiplied by {growth:g}")
    return Curve(interval_s, tuple(rows), tuple(notes))


def write_csv(curve: Curve) -> str:
    """`interval_start,rps,isl,osl` as scenarios read it; stamps with their UTC offset."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["interval_start", "rps", "isl", "osl"])
    for row in curve.rows:
        figures = (f"{value:.{DIGITS}g}" for value in (row.rps, row.isl, row.osl))
        writer.writerow([row.start.isoformat(), *figures])
    return text.getvalue()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"unknown time zone {name!r}; write an IANA name such as Asia/Singapore"
        raise UsageError(message) from None


def _check(interval_s: int, quantile: float | None, growth: float) -> None:
    if interval_s < 1 or S_PER_DAY % interval_s:
        raise UsageError(f"an interval of {interval_s} s does not divide the day")
    if quantile is not None and not 0.0 <= quantile <= 1.0:
        raise UsageError(f"quantile {quantile:g} is not between 0 and 1")
    if not (math.isfinite(growth) and growth > 0):
        raise UsageError(f"growth {growth:g} must be a finite number above 0")


def _whole_bins(trace: Binned, interval_s: int) -> tuple[dict[int, Bin], list[str]]:
    """The bins without a first and a last one that the trace covers only in part."""
    length_us = interval_s * US_PER_S
    first, last = min(trace.bins), max(trace.bins)
    head, tail = trace.bins[first], trace.bins[last]
    before_us, after_us = head.first_us - first * length_us, (last + 1) * length_us - tail.last_us
    cut = {
        index
        for index, missing_us, found in ((first, before_us, head), (last, after_us, tail))
        if missing_us * found.requests > PARTIAL_GAPS * (length_us - missing_us)
    }
    if not cut:
        return trace.bins, []
    whole = {index: found for index, found in trace.bins.items() if index not in cut}
    if not whole:
        return trace.bins, ["the trace covers no whole interval: its rates are too low"]
    lost = sum(trace.bins[index].requests for index in cut)
    return whole, [
        f"left out {len(cut)} interval(s) at the ends that the trace covers in part, "
        f"with {lost} of these requests"
    ]


def _rows(
    bins: dict[int, Bin], midnight_us: int, interval_s: int, zone: ZoneInfo
) -> tuple[list[CurveRow], list[str]]:
    first, last = min(bins), max(bins)
    rows: list[CurveRow] = []
    for index in range(first, last + 1):
        moment = EPOCH + (midnight_us + index * interval_s * US_PER_S) * MICROSECOND
        start = moment.astimezone(zone)
        found = bins.get(index)
        rows.append(
            replace(rows[-1], start=start, rps=0.0)
            if found is None
            else CurveRow(
                start=start,
                rps=found.requests / interval_s,
                isl=found.input_tokens / found.requests,
                osl=found.output_tokens / found.requests,
            )
        )
    empty = len(rows) - len(bins)
    note = f"{empty} interval(s) without requests: rate 0, lengths of the one before"
    return rows, [note] if empty else []


def _typical_day(
    rows: Sequence[CurveRow], quantile: float, interval_s: int
) -> tuple[list[CurveRow], str]:
    """One day whose rates are the `quantile` of like times of day; lengths are rps-weighted."""
    import numpy as np

    like: dict[time, list[CurveRow]] = {}
    for row in rows:
        like.setdefault(row.start.time(), []).append(row)
    days = len({row.start.date() for row in rows})
    if days < 2 or len(like) * interval_s < S_PER_DAY:
        raise UsageError("a quantile over days needs a trace of more than one day")
    midnight = _regular_midnight(rows)
    typical = []
    for step in range(0, S_PER_DAY, interval_s):
        start = midnight + timedelta(seconds=step)
        same = like[start.time()]
        weights = [row.rps or 1e-12 for row in same]
        typical.append(
            CurveRow(
                start=start,
                rps=float(np.quantile([row.rps for row in same], quantile)),
                isl=float(np.average([row.isl for row in same], weights=weights)),
                osl=float(np.average([row.osl for row in same], weights=weights)),
            )
        )
    return typical, f"quantile {quantile:g} of {days} days, by time of day"


def _regular_midnight(rows: Sequence[CurveRow]) -> datetime:
    """Start of the first day of `rows` on which clocks do not change."""
    days = dict.fromkeys(row.start.replace(hour=0, minute=0, second=0, fold=0) for row in rows)
    return next(day for day in days if day.utcoffset() == (day + timedelta(days=1)).utcoffset())
