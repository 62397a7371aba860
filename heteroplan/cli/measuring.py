"""Commands that make inputs from traces and measurements: parse, one pipeline call, one render.

Heavy imports happen inside.
"""

from typing import Annotated, Any

import typer

from heteroplan.cli import options
from heteroplan.cli.streams import STDOUT, deliver, say, show


def demand(
    traces: Annotated[
        list[str],
        typer.Argument(metavar="TRACE", help="Request traces (.gz too), or - (standard input)."),
    ],
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(metavar="FORMAT", help="azure or vidur; default: by the header."),
    ] = None,
    interval: Annotated[
        Any,
        typer.Option(parser=options.duration_s, metavar="DURATION", help="Such as 15min."),
    ] = "15min",
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="IANA zone of the days, and of stamps without one.")
    ] = "UTC",
    start: Annotated[
        Any,
        typer.Option(parser=options.moment, metavar="STAMP", help="When the first request comes."),
    ] = None,
    quantile: Annotated[
        Any,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="One typical day: this quantile at each time of day.",
        ),
    ] = None,
    growth: Annotated[
        Any,
        typer.Option(parser=options.factor, metavar="FACTOR", help="Multiplies all rates."),
    ] = 1.0,
    out: Annotated[
        Any,
        typer.Option(
            parser=options.named_file, metavar="FILE", help="Demand CSV; - for standard output."
        ),
    ] = None,
) -> None:
    """Traces to a demand curve."""
    from heteroplan import pipeline
    from heteroplan.demand.curve import write_csv
    from heteroplan.outputs.console import render_curve

    curve = pipeline.demand(
        traces,
        format=format,
        interval_s=interval,
        timezone=timezone,
        start=start,
        quantile=quantile,
        growth=growth,
    )
    if out is not None:
        deliver(write_csv(curve), out)
    if out == STDOUT:
        say(curve.notes)
    else:
        show(lambda console: render_curve(curve, console))
