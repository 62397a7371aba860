"""`heteroplan fit`: parse, fit, show and write. Heavy imports happen inside."""

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heteroplan.cli import options
from heteroplan.cli.streams import STDOUT, delivering, say, show
from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError
from heteroplan.profiles.readers.formats import FORMATS

if TYPE_CHECKING:
    from heteroplan.pipelines.plans import FitResult
    from heteroplan.profiles.fitting.fit import Within
    from heteroplan.profiles.fitting.fitted import Fitted
    from heteroplan.profiles.readers.file_measurements import Given

PICTURE = (".html", ".htm")
PLOTTED = 3
"""Latencies that are drawn unasked."""
AIC = "aic"
TOKENS = options.numbers(1, options.MOST_TOKENS)
LATENCY_MS = options.numbers(1e-12, options.MOST_NUMBER)
SECONDS = options.numbers(0, options.MOST_SECONDS)


def fit(
    measurements: Annotated[
        list[str] | None,
        typer.Argument(metavar="MEASUREMENTS", help="Measurement files (.gz, .zst too)."),
    ] = None,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            metavar="FORMAT",
            help=FORMATS.help,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="aic[:BACKEND]",
            help="Model the latencies with AIConfigurator (extra heteroplan[aic]) instead.",
        ),
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(metavar="GPU", help="Only this GPU type, or that of a file without one."),
    ] = None,
    tp: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(1, options.MOST_GPUS),
            metavar="GPUS",
            help="Only this size, or that of a file without one.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Model of the profile, for --out; of several in a file, which."
        ),
    ] = None,
    layers: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(1, options.MOST_LAYERS),
            metavar="N",
            help="Of the model, for times of a layer.",
        ),
    ] = None,
    context_tokens: Annotated[
        float | None,
        typer.Option(
            parser=TOKENS, metavar="TOKENS", help="Of decode steps, for files without them."
        ),
    ] = None,
    tokens: Annotated[
        Any,
        typer.Option(
            parser=options.span, metavar="LO:HI", help="Only prefill batches of so many tokens."
        ),
    ] = None,
    batch: Annotated[
        Any,
        typer.Option(
            parser=options.span, metavar="LO:HI", help="Only decode steps of so many sequences."
        ),
    ] = None,
    context: Annotated[
        Any,
        typer.Option(
            parser=options.span,
            metavar="LO:HI",
            help="Only decode steps at such contexts [tokens].",
        ),
    ] = None,
    isl: Annotated[
        float | None,
        typer.Option(parser=TOKENS, metavar="TOKENS", help="Input of a request."),
    ] = None,
    osl: Annotated[
        float | None,
        typer.Option(parser=TOKENS, metavar="TOKENS", help="Its output."),
    ] = None,
    ttft_ms: Annotated[
        float | None, typer.Option(parser=LATENCY_MS, metavar="MS", help="SLO.")
    ] = None,
    itl_ms: Annotated[
        float | None, typer.Option(parser=LATENCY_MS, metavar="MS", help="SLO.")
    ] = None,
    percentile: Annotated[
        Any,
        typer.Option(parser=options.share, metavar="SHARE", help="Of requests that meet both."),
    ] = "0.99",
    kv_tokens: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.kv_tokens,
            metavar="[GPU:TP=]TOKENS",
            help="KV cache that fits a decode replica. Repeatable.",
        ),
    ] = None,
    kv_bytes_per_token: Annotated[
        float | None,
        typer.Option(
            parser=options.numbers(1, options.MOST_NUMBER),
            metavar="BYTES",
            help="KV cache of a token [bytes].",
        ),
    ] = None,
    max_sequences: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(1, options.MOST_SEQUENCES),
            metavar="N",
            help="Sequences that a replica decodes at a time (vLLM: max_num_seqs).",
        ),
    ] = None,
    max_batch_tokens: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(1, options.MOST_BATCH_TOKENS),
            metavar="TOKENS",
            help="Of prompts prefilled together (vLLM: max_num_batched_tokens); else one by one.",
        ),
    ] = None,
    startup_s: Annotated[
        Any,
        typer.Option(parser=SECONDS, metavar="SECONDS", help="Until a replica serves."),
    ] = "0",
    drain_s: Annotated[
        Any,
        typer.Option(parser=SECONDS, metavar="SECONDS", help="Until its GPUs come back."),
    ] = "0",
    out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="profile.yaml (- for standard output), or .html for a picture. Repeatable.",
        ),
    ] = None,
    plot: Annotated[
        bool | None,
        typer.Option(
            "--plot/--no-plot",
            help=f"Draw the fits; by default when there are at most {PLOTTED}.",
        ),
    ] = None,
    max_bytes: options.MaxBytes = options.MEASURED_HELD,
) -> None:
    """Measurements to a profile, with its error."""
    from heteroplan.pipelines import plans as pipeline
    from heteroplan.profiles.fitting.fit import Within
    from heteroplan.profiles.fitting.fitted import with_limits
    from heteroplan.profiles.readers.file_measurements import Given

    shape = options.shape(isl, osl)
    asked = options.asked(shape, ttft_ms, itl_ms, percentile)
    names = list(dict.fromkeys(out or ()))
    pictures = [name for name in names if name.lower().endswith(PICTURE)]
    profiles = [name for name in names if not name.lower().endswith(PICTURE)]
    if profiles and model is None:
        raise UsageError("--out needs --model, the name that scenarios call the model by")
    given = Given(gpu, tp, model, layers, context_tokens)
    within = Within(batch_tokens=tokens, batch=batch, context=context)
    if source is None and not measurements:
        raise UsageError("name a file of measurements, or model them with --from aic")
    if source is None:
        result = pipeline.fit(
            measurements or (),
            format=format,
            given=given,
            within=within,
            shape=shape,
            max_bytes=max_bytes,
        )
    else:
        result = _modelled(source, measurements or (), given, within)
    say(result.notes)
    decoding = [each.engine for each in result.fitted if each.engine.role is not Role.PREFILL]
    held = options.kv_tokens_by_engine(
        kv_tokens or (), [(engine.gpu, engine.gpus) for engine in decoding]
    )
    fitted = with_limits(result.fitted, held, max_sequences, max_batch_tokens)
    say(pipeline.fit_doubts(fitted, kv_bytes_per_token))
    if shape is not None and asked is None and all(each.lines for each in fitted):
        say(["--isl and --osl say what a replica serves only beside --ttft-ms and --itl-ms"])
    texts: dict[str, str] = {}
    if pictures:
        from heteroplan.outputs.fit.report import fit_html

        texts |= dict.fromkeys(pictures, fit_html(fitted))
    missing: list[str] = []
    if profiles:
        text = pipeline.profile(
            model or "",
            fitted,
            kv_bytes_per_token=kv_bytes_per_token,
            startup_s=startup_s,
            drain_s=drain_s,
        )
        texts |= dict.fromkeys(profiles, text)
        missing = list(takewhile(lambda line: line.startswith("# "), text.splitlines()))
    with delivering(texts):
        if STDOUT not in profiles:
            _show(fitted, plot)
        if STDOUT not in profiles and asked is not None:
            from heteroplan.outputs.fit.text import render_replicas

            replicas = pipeline.replicas(fitted, asked)
            show(lambda console: render_replicas(replicas, asked, console))
    say(line.removeprefix("# ") for line in missing)


def _modelled(source: str, files: Sequence[str], given: "Given", within: "Within") -> "FitResult":
    """What AIConfigurator says of one engine. Raises UsageError."""
    from heteroplan.pipelines import plans as pipeline

    tool, _, backend = source.partition(":")
    asked = {"--model": given.model, "--gpu": given.gpu, "--tp": given.gpus}
    missing = [option for option, value in asked.items() if value is None]
    if tool != AIC or source.endswith(":"):
        raise UsageError(f"--from {source}: must be {AIC}, or {AIC}:BACKEND such as {AIC}:sglang")
    if files:
        raise UsageError(f"--from {source} takes no measurement files; leave out {files[0]}")
    if given.model is None or given.gpu is None or given.gpus is None:
        raise UsageError(f"--from {source} needs {', '.join(missing)}")
    return pipeline.fit_modelled(
        given.model, given.gpu, given.gpus, backend=backend or None, within=within
    )


def _show(fitted: "Sequence[Fitted]", plot: bool | None) -> None:
    from heteroplan.outputs.fit.plot import render_plots
    from heteroplan.outputs.fit.text import render_fits

    show(lambda console: render_fits(fitted, console))
    lines = sum(len(each.lines) for each in fitted)
    if plot or (plot is None and lines <= PLOTTED):
        show(lambda console: render_plots(fitted, console))
