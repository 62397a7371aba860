"""`fit`: measurements to a profile. Parse, one pipeline call, one render.

Heavy imports happen inside.
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated

import typer

from heteroplan.cli import completion, options
from heteroplan.cli.arguments import passed, taking, written
from heteroplan.cli.streams import STDOUT, delivering, say, show
from heteroplan.entities.workload import Span
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared import limits
from heteroplan.profiles.readers.formats import FORMATS

if TYPE_CHECKING:
    from heteroplan.pipelines.fit import FitResult

PICTURE = (".html", ".htm")
PLOTTED = 3
"""Latencies that are drawn unasked."""
TOKENS = options.numbers(1, limits.MOST_TOKENS)
LATENCY_MS = options.numbers(*limits.LATENCY_MS)
SECONDS = options.numbers(0, options.MOST_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitArguments:
    """What `fit` takes."""

    measurements: Annotated[
        list[str] | None,
        typer.Argument(metavar="MEASUREMENTS", help="Measurement files (.gz, .zst too)."),
    ] = None
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT", help=FORMATS.help, autocompletion=completion.measurement_formats
        ),
    ] = None
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="aic[:BACKEND]",
            help="Model the latencies with AIConfigurator (extra heteroplan[aic]) instead.",
        ),
    ] = None
    gpu: Annotated[
        str | None,
        typer.Option(
            metavar="GPU",
            help="Fit this GPU type only; for a file without GPU type: its GPU type.",
            autocompletion=completion.gpus,
        ),
    ] = None
    tp: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(*limits.FIT["tp"]),
            metavar="GPUS",
            help="Fit this number of GPUs per replica only; for a file without: its number.",
        ),
    ] = None
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Model name of the profile; also selects one of several models in a file.",
        ),
    ] = None
    layers: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(*limits.FIT["layers"]),
            metavar="N",
            help="Number of layers of the model, for files with times per layer.",
        ),
    ] = None
    context_tokens: Annotated[
        float | None,
        typer.Option(
            parser=TOKENS,
            metavar="TOKENS",
            help="Context of the decode steps, for files without it.",
        ),
    ] = None
    tokens: Annotated[
        Span | None,
        typer.Option(
            parser=options.span,
            metavar="LO:HI",
            help="Fit only prefill batches in this range of tokens.",
        ),
    ] = None
    batch: Annotated[
        Span | None,
        typer.Option(
            parser=options.span,
            metavar="LO:HI",
            help="Fit only decode steps in this range of sequences.",
        ),
    ] = None
    context: Annotated[
        Span | None,
        typer.Option(
            parser=options.span,
            metavar="LO:HI",
            help="Fit only decode steps in this range of contexts [tokens].",
        ),
    ] = None
    isl: Annotated[
        float | None,
        typer.Option(parser=TOKENS, metavar="TOKENS", help="Input tokens of a request."),
    ] = None
    osl: Annotated[
        float | None,
        typer.Option(parser=TOKENS, metavar="TOKENS", help="Output tokens of a request."),
    ] = None
    ttft_ms: Annotated[
        float | None, typer.Option(parser=LATENCY_MS, metavar="MS", help="TTFT target.")
    ] = None
    itl_ms: Annotated[
        float | None, typer.Option(parser=LATENCY_MS, metavar="MS", help="ITL target.")
    ] = None
    percentile: Annotated[
        float,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="Share of requests that meet the TTFT and the ITL both.",
        ),
    ] = written("0.99")
    kv_tokens: Annotated[
        list[options.KvTokens] | None,
        typer.Option(
            parser=options.kv_tokens,
            metavar="[GPU:TP=]TOKENS",
            help="Tokens of KV cache that fit in a decode replica. Repeatable.",
        ),
    ] = None
    kv_bytes_per_token: Annotated[
        float | None,
        typer.Option(
            parser=options.numbers(1, options.MOST_NUMBER),
            metavar="BYTES",
            help="Size of the KV cache of one token [bytes].",
        ),
    ] = None
    max_sequences: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(*limits.FIT["max_sequences"]),
            metavar="N",
            help="Sequences that a replica decodes at a time (vLLM: max_num_seqs).",
        ),
    ] = None
    max_batch_tokens: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(*limits.FIT["max_batch_tokens"]),
            metavar="TOKENS",
            help="Most tokens of a prefill batch (vLLM: max_num_batched_tokens); "
            "default: one prompt.",
        ),
    ] = None
    startup_s: Annotated[
        float,
        typer.Option(
            parser=SECONDS, metavar="SECONDS", help="From requesting a replica until it serves."
        ),
    ] = written("0")
    drain_s: Annotated[
        float,
        typer.Option(
            parser=SECONDS,
            metavar="SECONDS",
            help="From a replica's last new request until its GPUs are free.",
        ),
    ] = written("0")
    out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="profile.yaml (- for standard output), or .html for charts. Repeatable.",
        ),
    ] = None
    plot: Annotated[
        bool | None,
        typer.Option(
            "--plot/--no-plot",
            help=f"Draw the fits; by default when there are at most {PLOTTED}.",
        ),
    ] = None
    max_bytes: options.MaxBytes = written(options.MEASURED_HELD)


@taking(FitArguments)
def fit(given: FitArguments) -> None:
    """Fit a latency profile to measurements, with its error."""
    names = dict.fromkeys(given.out or ())
    pictures = [name for name in names if name.lower().endswith(PICTURE)]
    profiles = [name for name in names if not name.lower().endswith(PICTURE)]
    if profiles and given.model is None:
        raise UsageError("--out needs --model, the name that scenarios call the model by")
    result = _result(given)
    say(result.notes)
    say(result.doubts())
    shaped = given.isl is not None
    if shaped and result.asked is None and all(each.lines for each in result.fitted):
        say(["to say what a replica serves, --isl and --osl need --ttft-ms and --itl-ms"])
    texts: dict[str, str] = {}
    if pictures:
        texts |= dict.fromkeys(pictures, result.page())
    missing: list[str] = []
    if profiles:
        text = result.profile()
        texts |= dict.fromkeys(profiles, text)
        missing = list(takewhile(lambda line: line.startswith("# "), text.splitlines()))
    with delivering(texts):
        if STDOUT not in profiles:
            _show(result, given.plot)
    say(line.removeprefix("# ") for line in missing)


def _result(given: FitArguments) -> "FitResult":
    """The one pipeline call."""
    from heteroplan.pipelines import fit as pipeline

    return pipeline.fit(
        given.measurements or (),
        kv_tokens={each.engine: each.tokens for each in given.kv_tokens or ()},
        **passed(given, "measurements", "kv_tokens", "out", "plot"),
    )


def _show(result: "FitResult", plot: bool | None) -> None:
    """The one render: errors of the fits, pictures of a few, and what a replica serves."""
    from heteroplan.outputs.fit.plot import render_plots
    from heteroplan.outputs.fit.text import render_fits, render_replicas

    fitted, asked = result.fitted, result.asked
    show(lambda console: render_fits(fitted, console))
    lines = sum(len(each.lines) for each in fitted)
    if plot or (plot is None and lines <= PLOTTED):
        show(lambda console: render_plots(fitted, console))
    if asked is not None:
        replicas = result.replicas()
        show(lambda console: render_replicas(replicas, asked, console))
