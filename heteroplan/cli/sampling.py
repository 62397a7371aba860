"""`sweep --samples` and `--risk`: options, and `--risk` as one pipeline call and one render."""

import math
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from heteroplan.cli import options
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import emit, show, wrote
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared import limits

if TYPE_CHECKING:
    from heteroplan.cli.sweeping import SweepArguments
    from heteroplan.pipelines.risk import RiskResult

Samples = Annotated[
    int | None,
    typer.Option(
        "--samples",
        parser=options.wholes(*limits.RISK["samples"]),
        metavar="N",
        help="Draw what is uncertain N times: demand (errors of past forecasts, or demand_error), "
        "engines (error_mape of their source) and failures of nodes. A case each; with --risk "
        "only what each plan is met with (1,000).",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        parser=options.wholes(*limits.RISK["seed"]),
        metavar="N",
        help="Of the samples.",
    ),
]
Sampled = Annotated[
    str,
    typer.Option(
        "--sampled",
        metavar="KINDS",
        help="What is drawn: some of demand,profiles,failures.",
    ),
]
Risk = Annotated[
    bool,
    typer.Option(
        "--risk",
        help="Which quantile of demand to plan for: capacity and shortages in USD "
        "(shortage_usd_per_1000_requests of workloads).",
    ),
]
Quantiles = Annotated[
    str | None,
    typer.Option(
        "--quantiles",
        metavar="Q,...",
        help="With --risk: quantiles of demand that are planned for, such as 0.5,0.9,0.99.",
    ),
]


ALL_KINDS = "demand,profiles,failures"
_QUANTILE = options.shares(least=-math.inf)
"""The study says which shares are quantiles."""


def kinds(text: str) -> tuple[str, ...]:
    """`demand,failures`."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


def quantiles(text: str) -> tuple[float, ...]:
    """`0.5,0.9`, or `50%,P90`. Raises UsageError."""
    parts = [part.strip() for part in text.split(",")]
    try:
        return tuple(
            _QUANTILE(f"{each[1:]}%" if each[:1] in ("P", "p") else each) for each in parts if each
        )
    except typer.BadParameter as error:
        raise UsageError(f"--quantiles {text}: {error.message}") from None


def refuse_unused(given: "SweepArguments") -> None:
    """Raises UsageError for options that say something of what is not drawn."""
    if given.quantiles is not None:
        raise UsageError("--quantiles: goes with --risk; add it")
    if given.samples is None and kinds(given.sampled) != kinds(ALL_KINDS):
        raise UsageError("--sampled: nothing is drawn; add --samples N or --risk")


def run_risk(given: "SweepArguments") -> NoReturn:
    """Plan for some quantiles, meet the plans with samples, and show which costs least.

    Raises UsageError for what a study of risk does not take.
    """
    if given.vary or given.study is not None or given.sensitivity:
        remedy = "leave --vary, --study and --sensitivity out"
        raise UsageError(f"--risk: varies the quantile of demand alone; {remedy}")
    kept = "; plans that are done are kept" if given.out is not None else ""
    with Interrupt(f"ending without a result{kept}") as interrupted:
        result = _result(given, interrupted)
        try:
            if given.out is not None:
                result.write(given.out)
        finally:
            if given.json:
                emit(result.json_text())
            else:
                from heteroplan.outputs.risk.text import render_risk

                show(lambda console: render_risk(result.risk, console))
    if given.out is not None:
        wrote(str(given.out / name) for name in result.file_names())
    raise typer.Exit(result.exit_code)


def _result(given: "SweepArguments", interrupted: Interrupt) -> "RiskResult":
    """The one pipeline call."""
    from heteroplan.numerics.processors import cores
    from heteroplan.outputs.shared.terminal import make_console
    from heteroplan.outputs.sweep.progress import SweepProgress
    from heteroplan.pipelines import risk as pipeline
    from heteroplan.pipelines.sweep import GAP, STEPS

    with SweepProgress(make_console(stderr=True)) as progress:
        return pipeline.risk(
            given.scenario,
            quantiles=pipeline.QUANTILES if given.quantiles is None else quantiles(given.quantiles),
            samples=pipeline.SAMPLES if given.samples is None else given.samples,
            seed=given.seed,
            sampled=kinds(given.sampled),
            overrides=given.overrides or (),
            interval=given.interval,
            gap=GAP if given.gap is None else given.gap,
            steps=STEPS if given.steps is None else given.steps,
            time_limit_s=given.time_limit,
            solver=given.solver,
            jobs=given.jobs or cores(),
            dask=given.dask,
            ray=given.ray,
            folder=given.out,
            stop=interrupted,
            done=progress.done,
        )
