"""`demand`: request traces to a demand curve, and the curve to files and frames."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.errors import UsageError
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names
from heteroplan.reading.input_size import MOST_BYTES

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.forecasting.curve.backtest import Backtest
    from heteroplan.forecasting.curve.curve import Curve, CurveOptions
    from heteroplan.forecasting.steps.steps import TraceOptions
    from heteroplan.forecasting.traces.bad_rows import BadRowLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandOptions:
    """Keywords of `demand`."""

    format: str | None = None
    """Such as azure or table; by what is in the file where not given."""
    columns: Mapping[str, str] | None = None
    """Our names of columns -> theirs, for any CSV, Parquet or JSON lines (`--map`)."""
    interval_s: int = 900
    """Of the curve [s]."""
    peak_s: int = 300
    """An interval is planned for its busiest piece of this length [s]."""
    timezone: str | None = None
    """IANA time zone of the forecast, and of timestamps without a zone; UTC where not given."""
    trace_timezone: str | None = None
    """Time zone of timestamps without a zone, if it is another."""
    start: datetime | None = None
    """When the trace begins, where it knows no date; without a zone it is in `timezone`."""
    quantile: float | None = 0.95
    """Of like intervals of the past; None for the intervals as recorded."""
    growth: float = 1.0
    """Multiplies all rates."""
    weekdays: str = "auto"
    """Days like one another: alike, weekend, each, or auto (by the past)."""
    trend: float | None = None
    """Change of the level a week, as a factor; by the past where not given."""
    events: Name | None = None
    """YAML file of calendar overrides."""
    first_day: date | None = None
    """Of the curve (`--date`); the day after the trace where not given."""
    days: int = 1
    """Of the curve."""
    prefix_cache_tokens: int | None = None
    """Size of a prefix cache, where the trace tells blocks [tokens]."""
    max_class_error: float = 0.03
    """Largest error of capacity from dividing requests into classes; 1 for one class."""
    backtest: bool = False
    """Forecast the last days from the days before, and compare."""
    held_back_days: int | None = None
    """Days to hold back (`--holdback`); a third where not given."""
    where: Mapping[str, str | Sequence[str]] | None = None
    """Values by column of a log, or by label of counters: what has others is left out."""
    max_bad_rows: int | str = 0
    """Bad rows of a trace of requests that are left out: a number, or a share such as `0.1%`."""
    max_bytes: int = MOST_BYTES
    """Held of a file at a time."""


@dataclass(frozen=True, slots=True)
class DemandResult:
    """A demand curve, and what it looks like as files and frames."""

    curve: "Curve"
    backtest: "Backtest | None"
    """None where it was not asked for."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, filled in or changed; one sentence each."""
        return self.curve.notes

    @property
    def has_classes(self) -> bool:
        """Whether the trace tells the lengths of requests."""
        return all(row.classes for row in self.curve.rows)

    def curve_frame(self) -> "DataFrame":
        """One row an interval: rates, and lengths of requests where the trace tells them."""
        from heteroplan.outputs.demand.frames import curve_frame

        return curve_frame(self.curve)

    def classes_frame(self) -> "DataFrame":
        """One row an interval and request class; none where the trace has no lengths."""
        from heteroplan.outputs.demand.frames import classes_frame

        return classes_frame(self.curve)

    def text(self, name: str) -> str:
        """What goes into a file of that name: a page for .html, all figures for .json, or CSV."""
        from heteroplan.outputs.demand.files import demand_csv, demand_document

        if name.lower().endswith(".html"):
            from heteroplan.outputs.demand.page import demand_html

            return demand_html(self.curve, self.backtest)
        if name.lower().endswith(".json"):
            import json

            document = demand_document(self.curve, self.backtest)
            return json.dumps(document, indent=2, allow_nan=False) + "\n"
        return demand_csv(self.curve)

    def classes_text(self) -> str:
        """CSV of the request classes. Raises UsageError where the trace has no lengths."""
        from heteroplan.outputs.demand.files import classes_csv

        if not self.has_classes:
            raise UsageError("--classes: the trace has no request lengths")
        return classes_csv(self.curve)

    def arrivals_frame(self) -> "DataFrame":
        """One row a time scale and percentile: how bursty arrivals are below the interval."""
        from heteroplan.outputs.demand.frames import arrivals_frame

        return arrivals_frame(self.curve)

    def arrivals_text(self) -> str:
        """CSV of how bursty arrivals are, by time scale and percentile."""
        from heteroplan.outputs.demand.files import arrivals_csv

        return arrivals_csv(self.curve)

    def write(self, folder: Name) -> None:
        """Write demand.csv, .json and .html, arrivals.csv, and classes.csv where lengths are known.

        All or none. The folder is made. Raises UsageError.
        """
        from heteroplan.outputs.shared.files import try_folder, write_all

        out = Path(folder)
        try_folder(out)
        texts = {name: self.text(name) for name in ("demand.csv", "demand.json", "demand.html")}
        texts["arrivals.csv"] = self.arrivals_text()
        if self.has_classes:
            texts["classes.csv"] = self.classes_text()
        write_all({out / name: text for name, text in texts.items()})


@keywords(DemandOptions)
def demand(traces: Name | Iterable[Name], options: DemandOptions) -> DemandResult:
    """The demand that traces (paths, globs, `-`) let expect; see `forecasting.curve.curve`.

    Keywords are the fields of `DemandOptions`.
    Raises InputError for files and UsageError for options that do not fit.
    """
    from heteroplan.forecasting.curve.backtest import backtested
    from heteroplan.forecasting.curve.curve import past, planned, zone_of

    check_limits(options, limits.DEMAND)
    files = names(traces)
    if not files:
        raise UsageError("name a trace")
    zone = zone_of(options.timezone or "UTC")
    curve_options = _curve_options(options, zone)
    found = past(files, _trace_options(options, zone), curve_options.events)
    curve = planned(found, curve_options)
    held_back = options.held_back_days
    asked = options.backtest or held_back is not None
    return DemandResult(curve, backtested(found, curve_options, held_back) if asked else None)


def _curve_options(options: DemandOptions, zone: ZoneInfo) -> "CurveOptions":
    from heteroplan.forecasting.curve.curve import CurveOptions
    from heteroplan.inputs.trace_demand import read_events

    return CurveOptions(
        interval_s=options.interval_s,
        quantile=options.quantile,
        growth=options.growth,
        weekdays=options.weekdays,
        trend=options.trend,
        events=() if options.events is None else read_events(os.fspath(options.events), zone),
        first_day=options.first_day,
        days=options.days,
        max_class_error=options.max_class_error,
    )


def _trace_options(options: DemandOptions, zone: ZoneInfo) -> "TraceOptions":
    from heteroplan.forecasting.curve.curve import step_of, zone_of
    from heteroplan.forecasting.steps.steps import TraceOptions

    stamps = options.trace_timezone
    return TraceOptions(
        step_s=step_of(options.interval_s, options.peak_s),
        interval_s=options.interval_s,
        zone=zone,
        zone_given=options.timezone is not None,
        stamp_zone=zone if stamps is None else zone_of(stamps),
        format=options.format,
        columns=options.columns or {},
        start=None if options.start is None else _moment(options.start, zone),
        cache_tokens=options.prefix_cache_tokens,
        max_bytes=options.max_bytes,
        bad_rows=_bad_row_limit(options.max_bad_rows),
        where={name: names(each) for name, each in (options.where or {}).items()},
    )


def _bad_row_limit(text: int | str) -> "BadRowLimit":
    from heteroplan.forecasting.traces.bad_rows import parse_limit

    try:
        return parse_limit(text)
    except ValueError as error:
        raise UsageError(f"--max-bad-rows {text}: {error}") from None


def _moment(start: datetime, zone: ZoneInfo) -> datetime:
    """A wall-clock time in `zone`, where it has no zone of its own. Raises UsageError."""
    from heteroplan.reading.local_time import localized

    try:
        return localized(start.isoformat(), zone)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"start {start.isoformat()}: {error}") from None
