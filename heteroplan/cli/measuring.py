"""`demand`: traces to a demand curve. Parse, one pipeline call, one render.

Heavy imports happen inside.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

import typer

from heteroplan.cli import completion, options
from heteroplan.cli.arguments import passed, taking, written
from heteroplan.cli.streams import STDOUT, delivering, emit, say, show
from heteroplan.errors import UsageError
from heteroplan.forecasting.traces.formats import FORMATS
from heteroplan.pipelines.shared import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandArguments:
    """What `demand` takes."""

    traces: Annotated[
        list[str],
        typer.Argument(
            metavar="TRACE",
            help="Trace files (.gz and .zst too), globs, or - for standard input.",
        ),
    ]
    format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help=FORMATS.help, autocompletion=completion.trace_formats),
    ] = None
    columns: Annotated[
        list[Any] | None,
        typer.Option(
            "--map",
            parser=options.columns,
            metavar="NAME=COLUMN,...",
            help="Columns of any CSV, Parquet or JSON lines: timestamp=ts,isl=prompt_tokens,"
            "osl=completion_tokens.",
        ),
    ] = None
    interval_s: Annotated[
        int,
        typer.Option(
            "--interval",
            parser=options.duration_s,
            metavar="DURATION",
            help="Length of an interval of the forecast.",
        ),
    ] = written("15min")
    peak_s: Annotated[
        int,
        typer.Option(
            "--peak",
            parser=options.duration_s,
            metavar="DURATION",
            help="The rate of an interval is that of its busiest period of this length.",
        ),
    ] = written("5min")
    timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="IANA time zone of the forecast, and of timestamps without a zone; default: UTC.",
            autocompletion=completion.timezones,
        ),
    ] = None
    where: options.Where = None
    trace_timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="Time zone of timestamps without a zone, if it is another.",
            autocompletion=completion.timezones,
        ),
    ] = None
    start: Annotated[
        datetime | None,
        typer.Option(
            parser=options.moment,
            metavar="STAMP",
            help="When the trace begins; needed if the trace has no date.",
        ),
    ] = None
    quantile: Annotated[
        float | None,
        typer.Option(
            parser=options.share_or_none,
            metavar="SHARE",
            help="Quantile of past rates at the same time on like days; none: as recorded.",
        ),
    ] = written("0.95")
    weekdays: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="Which days are like days: alike (all), weekend (workdays and weekends), each "
            "(weekday), or auto (what forecast past days best).",
        ),
    ] = "auto"
    trend: Annotated[
        float | None,
        typer.Option(
            parser=options.factor,
            metavar="FACTOR",
            help="Growth per week, such as 1.05; 1: none; "
            "default: the trace's trend if significant.",
        ),
    ] = None
    growth: Annotated[
        float,
        typer.Option(parser=options.factor, metavar="FACTOR", help="Multiplies all rates."),
    ] = written("1")
    events: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="YAML file of events, such as launches and holidays."),
    ] = None
    first_day: Annotated[
        date | None,
        typer.Option(
            "--date",
            parser=options.day,
            metavar="DATE",
            help="First day of the forecast; default: the day after the trace.",
        ),
    ] = None
    days: Annotated[
        int,
        typer.Option(
            parser=options.wholes(*limits.DEMAND["days"]),
            metavar="N",
            help="Number of days to forecast.",
        ),
    ] = written("1")
    prefix_cache_tokens: Annotated[
        int | None,
        typer.Option(
            "--prefix-cache",
            parser=options.wholes(*limits.DEMAND["prefix_cache_tokens"]),
            metavar="TOKENS",
            help="Simulate a prefix cache of this size; the trace must list block hashes.",
        ),
    ] = None
    max_class_error: Annotated[
        float,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="Largest error of capacity from dividing requests into classes; 1: one class.",
        ),
    ] = written("0.03")
    backtest: Annotated[
        bool,
        typer.Option(
            "--backtest", help="Forecast the last days from the days before, and compare."
        ),
    ] = False
    held_back_days: Annotated[
        int | None,
        typer.Option(
            "--holdback",
            parser=options.wholes(*limits.DEMAND["held_back_days"]),
            metavar="DAYS",
            help="Number of days that --backtest forecasts; default: a third.",
        ),
    ] = None
    out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Demand CSV (- for standard output), .html for charts, .json for all figures. "
            "Repeatable.",
        ),
    ] = None
    classes: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the request classes there, as CSV."),
    ] = None
    arrivals: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write how bursty arrivals are there, as CSV."),
    ] = None
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all figures as JSON and nothing else.")
    ] = False
    max_bad_rows: Annotated[
        str,
        typer.Option(
            metavar="N",
            help="Leave out so many bad rows of a trace of requests, such as 100 or 0.1%.",
        ),
    ] = "0"
    max_bytes: options.MaxBytes = written(options.HELD)


@taking(DemandArguments)
def demand(given: DemandArguments) -> None:
    """Forecast demand from traces."""
    from heteroplan.pipelines import demand as pipeline

    names = list(dict.fromkeys(given.out or ()))
    files = [*names, *(each for each in (given.classes, given.arrivals) if each is not None)]
    _check_names(given.traces, [*files, *([STDOUT] if given.as_json else [])])
    result = pipeline.demand(
        given.traces,
        columns={ours: theirs for each in given.columns or () for ours, theirs in each.items()},
        where=options.by_column(given.where or ()),
        **passed(given, "traces", "columns", "where", "out", "classes", "arrivals", "as_json"),
    )
    texts = {name: result.text(name) for name in names}
    if given.classes is not None:
        texts[given.classes] = result.classes_text()
    if given.arrivals is not None:
        texts[given.arrivals] = result.arrivals_text()
    with delivering(texts):
        if given.as_json:
            emit(result.text(".json"))
        elif STDOUT in files:
            say(result.notes)
        else:
            from heteroplan.outputs.demand.text import render_demand

            show(lambda console: render_demand(result.curve, result.backtest, console))


def _check_names(traces: Sequence[str], files: Sequence[str]) -> None:
    """No file is written twice, nor over a trace. Raises UsageError."""
    read = {os.path.realpath(name) for name in traces if name != STDOUT}
    seen = set()
    for name in files:
        options.named_file(name)
        place = name if name == STDOUT else os.path.realpath(name)
        if place in seen:
            raise UsageError(f"{name} is to be written twice; name another file")
        if place in read:
            raise UsageError(f"{name} is one of the traces; name another file")
        seen.add(place)
