"""Commands that make inputs from traces and measurements: parse, one pipeline call, one render.

Heavy imports happen inside.
"""

from itertools import takewhile
from typing import Annotated, Any

import typer

from heteroplan.cli import options
from heteroplan.cli.streams import STDOUT, deliver, say, show
from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError


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


def fit(
    measurements: Annotated[
        list[str], typer.Argument(metavar="MEASUREMENTS", help="Measurement files (.gz too).")
    ],
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Such as vllm (a wrong one lists them all); default: by the names inside.",
        ),
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(metavar="GPU", help="Only this GPU type, or that of a file without one."),
    ] = None,
    tp: Annotated[
        int | None,
        typer.Option(min=1, metavar="GPUS", help="Only this size, or that of a file without one."),
    ] = None,
    tokens: Annotated[
        Any, typer.Option(parser=options.span, metavar="LO:HI", help="Prefill batches [tokens].")
    ] = None,
    batch: Annotated[
        Any, typer.Option(parser=options.span, metavar="LO:HI", help="Decode batches [sequences].")
    ] = None,
    context: Annotated[
        Any, typer.Option(parser=options.span, metavar="LO:HI", help="Decode contexts [tokens].")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Model of the profile, for --out; of several in a file, which."
        ),
    ] = None,
    layers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of the model, for times of a layer.")
    ] = None,
    context_tokens: Annotated[
        float | None,
        typer.Option(min=1, metavar="TOKENS", help="Of decode steps, for files without them."),
    ] = None,
    kv_tokens: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.kv_tokens,
            metavar="[GPU:TP=]TOKENS",
            help="KV cache that fits a decode replica. Repeatable.",
        ),
    ] = None,
    kv_bytes_per_token: Annotated[
        float | None, typer.Option(min=1, metavar="BYTES", help="KV cache of a token [bytes].")
    ] = None,
    startup_s: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Until a replica serves [s].")
    ] = 0.0,
    drain_s: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Until its GPUs come back [s].")
    ] = 0.0,
    isl: Annotated[
        float | None,
        typer.Option(
            min=1,
            metavar="TOKENS",
            help="Input of a request; with the next three, what one replica serves.",
        ),
    ] = None,
    osl: Annotated[float | None, typer.Option(min=1, metavar="TOKENS", help="Its output.")] = None,
    ttft_ms: Annotated[float | None, typer.Option(min=0, metavar="MS", help="SLO.")] = None,
    itl_ms: Annotated[float | None, typer.Option(min=0, metavar="MS", help="SLO.")] = None,
    percentile: Annotated[
        Any, typer.Option(parser=options.share, metavar="SHARE", help="Of requests that meet both.")
    ] = 0.99,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="profile.yaml; - for standard output.")
    ] = None,
) -> None:
    """Measurements to a profile, with its error."""
    from heteroplan import pipeline
    from heteroplan.outputs.fits import render_fits, render_replicas
    from heteroplan.profiles.fit import Within
    from heteroplan.profiles.fitted import with_kv_tokens
    from heteroplan.profiles.readers.reading import Given

    shape = options.shape(isl, osl)
    asked = options.asked(shape, ttft_ms, itl_ms, percentile)
    if out is not None and model is None:
        raise UsageError("--out needs --model, the name that scenarios call the model by")
    result = pipeline.fit(
        measurements,
        format=format,
        given=Given(gpu, tp, model, layers, context_tokens),
        within=Within(batch_tokens=tokens, batch=batch, context=context),
        shape=shape,
    )
    say(result.notes)
    decoding = [each.engine for each in result.fitted if each.engine.role is not Role.PREFILL]
    held = options.kv_tokens_by_engine(
        kv_tokens or (), [(engine.gpu, engine.gpus) for engine in decoding]
    )
    fitted = with_kv_tokens(result.fitted, held)
    if out != STDOUT:
        show(lambda console: render_fits(fitted, console))
    if out != STDOUT and asked is not None:
        replicas = pipeline.replicas(fitted, asked)
        show(lambda console: render_replicas(replicas, asked, console))
    if out is not None and model is not None:
        text = pipeline.profile(
            model,
            fitted,
            kv_bytes_per_token=kv_bytes_per_token,
            startup_s=startup_s,
            drain_s=drain_s,
        )
        deliver(text, out)
        missing = takewhile(lambda line: line.startswith("# "), text.splitlines())
        say(line.removeprefix("# ") for line in missing)
