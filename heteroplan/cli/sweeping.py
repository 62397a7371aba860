"""`sweep`: parse, one pipeline call, one render. Heavy imports happen inside."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heteroplan.cli import options, sampling
from heteroplan.cli.arguments import taking, written
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import emit, say, show, wrote
from heteroplan.errors import ExitCode
from heteroplan.pipelines.shared import limits

if TYPE_CHECKING:
    from heteroplan.pipelines.sweep import SweepResult


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepArguments:
    """What `sweep` takes."""

    scenario: options.ScenarioPath
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="PATH=VALUES",
            help="An input and its values: demand=1,1.2,1.5 (a factor), slo.ttft_ms=500,1000 (of "
            "every workload), fleet.LEAF.NODE_TYPE=6..12, demand=1..2/0.1; a path as of --set. "
            "Repeatable: every combination is a case.",
        ),
    ] = None
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            parser=options.named_file,
            metavar="FILE",
            help="A YAML file that says what is varied (heteroplan schema sweep-study); - for "
            "standard input.",
        ),
    ] = None
    sensitivity: Annotated[
        bool,
        typer.Option(
            "--sensitivity",
            help="Instead of --vary: demand, each price, the speed of each engine and each number "
            "of nodes, one at a time, a tenth less and a tenth more.",
        ),
    ] = False
    out: Annotated[
        Path | None,
        typer.Option(
            parser=options.named_folder,
            metavar="DIR",
            help="Write cases.csv, cases.parquet, sweep.json and report.html there, and keep each "
            "case in DIR/cases as soon as it is done: a sweep that was ended goes on there. With "
            "--risk: risk.json, risk.csv, risk-samples.csv and report.html; plans in DIR/plans.",
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print sweep.json and nothing else.")] = False
    interval: options.Interval = None
    gap: Annotated[
        float | None,
        typer.Option(
            parser=options.relative_gap,
            metavar="SHARE",
            help="Gap at which the search of a case ends; default: 0.01, or as the study says.",
        ),
    ] = None
    steps: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(*limits.SWEEP["steps"]),
            metavar="N",
            help="Steps after which the search of a case ends with what it has, the same on every "
            "machine; default: 20, which is seconds for small fleets and minutes for 20,000 GPUs, "
            "or as the study says.",
        ),
    ] = None
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit",
            parser=options.seconds,
            metavar="SECONDS",
            help="Limit for each case [s]: a safety; cases that it ends may differ from run to "
            "run.",
        ),
    ] = written("600")
    jobs: options.Jobs = None
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Plan the cases on a Dask cluster (heteroplan[dask]), such as tcp://host:8786.",
        ),
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Plan the cases on a Ray cluster (heteroplan[ray]), such as ray://host:10001 or "
            "auto.",
        ),
    ] = None
    start_from_first: Annotated[
        bool,
        typer.Option(
            "--start-from-first",
            help="Begin the search of every case at the plan of the first one as well.",
        ),
    ] = False
    overrides: options.Overrides = None
    solver: options.Solver = "HiGHS"
    samples: sampling.Samples = None
    seed: sampling.Seed = written("1")
    sampled: sampling.Sampled = sampling.ALL_KINDS
    risk: sampling.Risk = False
    quantiles: sampling.Quantiles = None


@taking(SweepArguments)
def sweep(given: SweepArguments) -> None:
    """What if: plan a scenario with some of its inputs varied, and show all cases in one table.

    Exit code 2: the input of a case is wrong; else 3: a case has no answer, since it failed or its
    search ended undecided. Ctrl-C ends with the cases that are done (130).
    """
    if given.risk:
        sampling.run_risk(given)
    sampling.refuse_unused(given)
    with Interrupt("ending with the cases that are done") as interrupted:
        result = _result(given, interrupted)
        try:
            if given.out is not None:
                result.write(given.out)
        finally:
            if given.json:
                emit(result.json_text())
            else:
                from heteroplan.outputs.sweep.text import render_sweep

                show(lambda console: render_sweep(result.document, console))
    if given.out is not None:
        wrote(str(given.out / name) for name in result.file_names())
    raise typer.Exit(ExitCode.INTERRUPTED if result.interrupted else result.exit_code)


def _result(given: SweepArguments, interrupted: Interrupt) -> "SweepResult":
    """The one pipeline call."""
    from heteroplan.numerics.processors import cores
    from heteroplan.outputs.shared.terminal import make_console
    from heteroplan.outputs.sweep.progress import SweepProgress
    from heteroplan.pipelines import sweep as pipeline

    with SweepProgress(make_console(stderr=True)) as progress:
        return pipeline.sweep(
            given.scenario,
            vary=given.vary or (),
            study=given.study,
            sensitivity=given.sensitivity,
            overrides=given.overrides or (),
            interval=given.interval,
            gap=given.gap,
            steps=given.steps,
            time_limit_s=given.time_limit,
            start_from_first=given.start_from_first,
            solver=given.solver,
            jobs=given.jobs or cores(),
            dask=given.dask,
            ray=given.ray,
            folder=given.out,
            samples=given.samples,
            seed=given.seed,
            sampled=sampling.kinds(given.sampled),
            stop=interrupted,
            done=progress.done,
            told=lambda message: say([message]),
        )
