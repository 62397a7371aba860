"""`size`: parse, one pipeline call, one render. Heavy imports happen inside."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heteroplan.cli import options
from heteroplan.cli.arguments import taking, written
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import emit, show, wrote
from heteroplan.errors import ExitCode
from heteroplan.pipelines.shared import limits

if TYPE_CHECKING:
    from rich.console import Console

    from heteroplan.pipelines.size import SizeResult


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeArguments:
    """What `size` takes."""

    scenario: options.ScenarioPath
    offers: options.Offers = None
    budget_usd: Annotated[
        float | None,
        typer.Option(
            "--budget-usd",
            parser=options.numbers(*limits.SIZE["budget_usd_per_month"]),
            metavar="USD",
            help="Most that all nodes may cost a month of 30.4 days.",
        ),
    ] = None
    from_nothing: Annotated[
        bool, typer.Option("--from-nothing", help="Leave out the nodes that the fleet has.")
    ] = False
    no_compare: Annotated[
        bool,
        typer.Option("--no-compare", help="Size no other fleets to compare with."),
    ] = False
    out: Annotated[
        Path | None,
        typer.Option(
            parser=options.named_folder,
            metavar="DIR",
            help="Write size.json, fleet.yaml and report.html there.",
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print size.json and nothing else.")] = False
    interval: options.Interval = None
    gap: options.Gap = written("0.01")
    time_limit: Annotated[
        float,
        typer.Option(
            parser=options.seconds,
            metavar="SECONDS",
            help="Limit for the whole command [s]; beyond it only until a fleet covers the demand.",
        ),
    ] = written("120")
    overrides: options.Overrides = None
    solver: options.Solver = "HiGHS"


@taking(SizeArguments)
def size(given: SizeArguments) -> None:
    """What to buy or rent: the cheapest fleet that serves a scenario, with a proven bound.

    Exit code 1: the fleet costs more than the budget; 3: no fleet that covers all demand was found.
    """
    with Interrupt() as interrupted:
        try:
            result = _result(given, interrupted)
        except KeyboardInterrupt:
            print("There is no fleet yet.", file=sys.stderr)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        try:
            if given.out is not None:
                result.write(given.out)
        finally:
            _show(result, given)
    if given.out is not None:
        wrote(str(given.out / name) for name in result.file_names())
    if interrupted():
        raise typer.Exit(ExitCode.INTERRUPTED)
    if result.over_budget:
        raise typer.Exit(ExitCode.NOT_COVERED)
    raise typer.Exit(ExitCode.OK if result.covered else ExitCode.UNDECIDED)


def _result(given: SizeArguments, interrupted: Interrupt) -> "SizeResult":
    """The one pipeline call."""
    from heteroplan.outputs.shared.terminal import SolveProgress, make_console
    from heteroplan.pipelines import size as pipeline

    with SolveProgress(make_console(stderr=True)) as progress:
        return pipeline.size(
            given.scenario,
            offers=given.offers,
            budget_usd_per_month=given.budget_usd,
            from_nothing=given.from_nothing,
            compare=not given.no_compare,
            overrides=given.overrides or (),
            interval=given.interval,
            gap=given.gap,
            time_limit_s=options.seconds_left(given.time_limit),
            folder=given.out,
            solver=given.solver,
            stop=interrupted,
            progress=progress.update,
        )


def _show(result: "SizeResult", given: SizeArguments) -> None:
    """The one render."""
    if given.json:
        emit(result.json_text())
        return
    from heteroplan.outputs.shared.terminal import Text
    from heteroplan.outputs.size.text import render_size

    def render(console: "Console") -> None:
        render_size(result.document, console)
        if given.out is not None:
            fleet = (given.out / "fleet.yaml").resolve()
            step = f"Plan on it: heteroplan plan {given.scenario} --set fleet={fleet}"
            console.print(Text(step, style="bold"), soft_wrap=True)

    show(render)
