"""`demand`: traces to a demand curve. Parse, one pipeline call, one render.

Heavy imports happen inside.
"""

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heteroplan.cli import options
from heteroplan.cli.streams import STDOUT, delivering, emit, say, show
from heteroplan.errors import UsageError
from heteroplan.forecasting.traces.formats import FORMATS

if TYPE_CHECKING:
    from heteroplan.pipelines.plans import DemandResult


def demand(
    traces: Annotated[
        list[str],
        typer.Argument(
            metavar="TRACE",
            help="Request traces or windows (.gz, .zst too), globs, or - (standard input).",
        ),
    ],
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            metavar="FORMAT",
            help=FORMATS.help,
        ),
    ] = None,
    columns: Annotated[
        list[Any] | None,
        typer.Option(
            "--map",
            parser=options.columns,
            metavar="NAME=COLUMN,...",
            help="Columns of any CSV, Parquet or JSON lines: timestamp=ts,isl=prompt_tokens,"
            "osl=completion_tokens.",
        ),
    ] = None,
    interval: Annotated[
        Any,
        typer.Option(parser=options.duration_s, metavar="DURATION", help="Such as 15min."),
    ] = "15min",
    peak: Annotated[
        Any,
        typer.Option(
            parser=options.duration_s,
            metavar="DURATION",
            help="An interval is planned for its busiest piece of this length.",
        ),
    ] = "5min",
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="IANA zone of the days, and of stamps without one.")
    ] = "UTC",
    trace_timezone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="Zone of stamps without one, where it is another."),
    ] = None,
    start: Annotated[
        Any,
        typer.Option(
            parser=options.moment,
            metavar="STAMP",
            help="When the trace begins; needed where it knows no date.",
        ),
    ] = None,
    quantile: Annotated[
        Any,
        typer.Option(
            parser=options.share_or_none,
            metavar="SHARE",
            help="Of like intervals of the past; none for the intervals as recorded.",
        ),
    ] = "0.95",
    weekdays: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="Days like one another: alike (all), weekend (and workdays), each (weekday), or "
            "auto, by the past.",
        ),
    ] = "auto",
    trend: Annotated[
        Any,
        typer.Option(
            parser=options.factor,
            metavar="FACTOR",
            help="Change of the level a week, such as 1.05; 1 for none; default: by the past.",
        ),
    ] = None,
    growth: Annotated[
        Any,
        typer.Option(parser=options.factor, metavar="FACTOR", help="Multiplies all rates."),
    ] = "1",
    events: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="YAML of calendar overrides (events:)."),
    ] = None,
    day: Annotated[
        Any,
        typer.Option(
            "--date",
            parser=options.day,
            metavar="DATE",
            help="First day of the curve; default: the day after the trace.",
        ),
    ] = None,
    days: Annotated[
        Any,
        typer.Option(
            parser=options.wholes(1, options.MOST_DAYS), metavar="N", help="Days of the curve."
        ),
    ] = "1",
    prefix_cache: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(0, options.MOST_CACHE_TOKENS),
            metavar="TOKENS",
            help="Size of a prefix cache, where the trace tells blocks: prefill of what it misses.",
        ),
    ] = None,
    max_class_error: Annotated[
        Any,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="Tell requests apart until capacity is this well known; 1 for one class.",
        ),
    ] = "0.03",
    backtest: Annotated[
        bool,
        typer.Option("--backtest", help="Hold the last days back and compare."),
    ] = False,
    holdback: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(1, options.MOST_HELD_BACK),
            metavar="DAYS",
            help="Days to hold back; default: a third.",
        ),
    ] = None,
    out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Demand CSV (- for standard output), .html for a picture, .json for all figures. "
            "Repeatable.",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="CSV of the request classes, for a scenario's classes."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="All figures as JSON on standard output, nothing else.")
    ] = False,
    max_bytes: options.MaxBytes = options.HELD,
) -> None:
    """Traces to a demand curve."""
    from heteroplan.pipelines import plans as pipeline

    names = list(dict.fromkeys(out or ()))
    written = [*names, *([] if classes is None else [classes])]
    _check_names(traces, [*written, *([STDOUT] if as_json else [])])
    result = pipeline.demand(
        traces,
        format=format,
        columns={ours: theirs for each in columns or () for ours, theirs in each.items()},
        interval_s=interval,
        peak_s=peak,
        timezone=timezone,
        trace_timezone=trace_timezone,
        start=start,
        quantile=quantile,
        growth=growth,
        weekdays=weekdays,
        trend=trend,
        events=events,
        first_day=day,
        days=days,
        prefix_cache_tokens=prefix_cache,
        max_class_error=max_class_error,
        backtest=backtest,
        held_back_days=holdback,
        max_bytes=max_bytes,
    )
    texts = {name: _text(result, name) for name in names}
    if classes is not None:
        from heteroplan.outputs.demand.files import classes_csv

        if not all(row.classes for row in result.curve.rows):
            raise UsageError("--classes: the trace tells no lengths of requests")
        texts[classes] = classes_csv(result.curve)
    with delivering(texts):
        if as_json:
            emit(_text(result, ".json"))
        elif STDOUT in written:
            say(result.curve.notes)
        else:
            from heteroplan.outputs.demand.text import render_demand

            show(lambda console: render_demand(result.curve, result.backtest, console))


def _check_names(traces: Sequence[str], written: Sequence[str]) -> None:
    """No file is written twice, nor over a trace. Raises UsageError."""
    read = {os.path.realpath(name) for name in traces if name != STDOUT}
    seen = set()
    for name in written:
        options.named_file(name)
        place = name if name == STDOUT else os.path.realpath(name)
        if place in seen:
            raise UsageError(f"{name} is to be written twice; name another file")
        if place in read:
            raise UsageError(f"{name} is one of the traces; name another file")
        seen.add(place)


def _text(result: "DemandResult", name: str) -> str:
    """What goes into a file of that name."""
    from heteroplan.outputs.demand.files import demand_csv, demand_document

    if name.lower().endswith(".html"):
        from heteroplan.outputs.demand.page import demand_html

        return demand_html(result.curve, result.backtest)
    if name.lower().endswith(".json"):
        document = demand_document(result.curve, result.backtest)
        return json.dumps(document, indent=2, allow_nan=False) + "\n"
    return demand_csv(result.curve)
