"""Fits of measurements on a terminal, from 80 columns up."""

from collections.abc import Sequence
from itertools import groupby
from textwrap import wrap

from rich.console import Console

from heteroplan.entities.capacity import OperatingPoint
from heteroplan.entities.workload import Engine, SourceKind
from heteroplan.outputs.shared.tables import plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed
from heteroplan.outputs.shared.words import figure
from heteroplan.profiles.capacity.replica import Asked
from heteroplan.profiles.fitting.fitted import Fitted
from heteroplan.text import percent

DOUBTFUL = 0.2
"""Mean error above which a latency is named."""
VARIANT_WIDTH = 26
"""Characters a line, so that the other columns have room."""
HEADS = ("GPUs", "latency", ">points", ">MAPE", ">held out", ">worst", ">repeats", "measured")


def render_fits(fitted: Sequence[Fitted], console: Console) -> None:
    """A table of each model: one line a latency of an engine, errors and what was measured."""
    repeated = any(line.spread is not None for each in fitted for line in each.lines)
    for model, mine in groupby(fitted, key=lambda each: each.model):
        if model:
            console.print(Text(model))
        _print_table(list(mine), repeated, console)
    console.print(
        Text(
            "MAPE: mean error of the fit; held out, worst: mean and largest error at points left "
            "out of it; "
            + "repeats: standard deviation of repeated measurements; " * repeated
            + "measured: tokens of a prompt or prefill batch, sequences x context tokens of a step",
            style="dim",
        )
    )
    _print_doubtful(fitted, console)
    _print_sources(fitted, console)


def _print_table(fitted: Sequence[Fitted], repeated: bool, console: Console) -> None:
    heads = (head for head in HEADS if repeated or head != ">repeats")
    table = plain_table(console, *heads, last_wraps=True)
    before = ""
    for each in fitted:
        if each.variant != before:
            for words in wrap(each.variant, VARIANT_WIDTH):
                table.add_row(Text(words, style="dim"))
        before = each.variant
        for line in each.lines:
            table.add_row(
                Text(f"{each.engine.gpu} x{each.engine.gpus}"),
                line.what,
                str(line.points),
                percent(line.seen.mape),
                "" if line.held_out is None else percent(line.held_out.mape),
                percent(line.error.worst),
                *["" if line.spread is None else f"±{percent(line.spread)}"] * repeated,
                Text(line.reach),
            )
    print_trimmed(table, console)


def _print_doubtful(fitted: Sequence[Fitted], console: Console) -> None:
    """Latencies with an error above `DOUBTFUL`."""
    found = [
        f"{line.what} of {each.engine.name} ({percent(line.error.mape)})"
        for each in fitted
        for line in each.lines
        if line.error.mape > DOUBTFUL
    ]
    if found:
        words = "large error at points left out, measure more points: "
        console.print(Text(words + ", ".join(found), style="yellow"))


def _print_sources(fitted: Sequence[Fitted], console: Console) -> None:
    """What was not measured, or not by us."""
    words_of = {
        SourceKind.MODELLED: "modelled by another tool, not measured",
        SourceKind.INTERPOLATED: "capacity stated by another tool",
    }
    for kind, words in words_of.items():
        engines = [each.engine for each in fitted if each.engine.source.kind is kind]
        if engines:
            names = ", ".join(engine.name for engine in engines)
            which = "all of these" if len(engines) == len(fitted) else names
            console.print(Text(f"{words}: {which}", style="yellow"))


def render_replicas(
    replicas: Sequence[tuple[Engine, OperatingPoint]], asked: Asked, console: Console
) -> None:
    """What one replica of each engine serves, and what limits it."""
    shape, slo = asked.shape, asked.slo
    varying = f", cv {shape.isl_cv:g}" if shape.isl_cv else ""
    heads = ("engine", ">requests/s", ">batch", "limited by")
    table = plain_table(console, *heads, last_wraps=True)
    for engine, point in replicas:
        table.add_row(
            Text(engine.name),
            figure(point.capacity_rps),
            "" if point.batch is None else figure(point.batch),
            Text(point.reason or _limited_by(engine, point)),
        )
    console.print()
    console.print(
        Text(
            f"one replica, {shape.isl:g} tokens in, {shape.osl:g} out{varying}, "
            f"P{100 * slo.percentile:g} of TTFT {slo.ttft_ms:g} ms and ITL {slo.itl_ms:g} ms:"
        )
    )
    print_trimmed(table, console)


def _limited_by(engine: Engine, point: OperatingPoint) -> str:
    """What limits the rate, and whether it was extrapolated, with the error of that."""
    limit = point.limited_by.value.replace("_", " ")
    if not point.extrapolated:
        return limit
    error = engine.source.error_beyond
    return f"{limit}, extrapolated" + ("" if error is None else f" (error {percent(error)})")
