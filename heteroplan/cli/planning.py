"""`plan` and `validate`: parse, one pipeline call, one render. Heavy imports happen inside."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heteroplan.cli import options
from heteroplan.cli.arguments import taking, written
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import emit, show, wrote
from heteroplan.entities.plan import Coverage
from heteroplan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from heteroplan.outputs.plan.solve_trace import SolveTrace
    from heteroplan.pipelines.plan import PlanResult

_EXIT_CODES = {
    Coverage.COVERED: ExitCode.OK,
    Coverage.SHORT: ExitCode.NOT_COVERED,
    Coverage.UNDECIDED: ExitCode.UNDECIDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanArguments:
    """What `plan` takes."""

    scenario: options.ScenarioPath
    out: Annotated[
        Path | None,
        typer.Option(
            parser=options.named_folder,
            metavar="DIR",
            help="Write plan.json, schedule.csv and report.html there.",
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print plan.json and nothing else.")] = False
    placement: Annotated[
        bool,
        typer.Option("--placement", help="Also write placement.csv there: each replica's nodes."),
    ] = False
    current: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Replicas that run when the horizon starts (placement.csv); - for standard input.",
        ),
    ] = None
    interval: options.Interval = None
    gap: options.Gap = written("0.01")
    time_limit: options.TimeLimit = written("60")
    overrides: options.Overrides = None
    replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            help="Then replay the plan and autoscaling policies on requests drawn from the demand.",
        ),
    ] = False
    replay_duration: Annotated[
        int | None,
        typer.Option(
            parser=options.duration_s,
            metavar="DURATION",
            help="Of --replay, such as 6h, the busiest part of the horizon; default: as long as "
            "has 300,000 requests.",
        ),
    ] = None
    fewest_changes: Annotated[
        bool,
        typer.Option(
            "--fewest-changes",
            help="Also show what plans with fewer changes of pool sizes cost.",
        ),
    ] = False
    trace_solve: options.TraceSolve = None
    solver: options.Solver = "HiGHS"
    method: Annotated[str, typer.Option("--method", hidden=True)] = "auto"


@taking(PlanArguments)
def plan(given: PlanArguments) -> None:
    """Plan a scenario: the schedule, its savings, and the proven bound on cost.

    Exit code 1: it is proven that demand cannot be covered; 3: time ran out before that was known.
    Ctrl-C ends the search with the best plan so far (130).
    """
    from heteroplan.outputs.plan.solve_trace import SolveTrace

    if given.placement and given.out is None:
        raise UsageError("--placement: say where with --out DIR")
    trace = None if given.trace_solve is None else SolveTrace(given.trace_solve)
    with Interrupt() as interrupted:
        try:
            result = _result(given, trace, interrupted)
        except KeyboardInterrupt:
            print("There is no plan yet.", file=sys.stderr)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        try:
            if given.out is not None:
                result.write(given.out, placement=given.placement)
        finally:
            _show(result, given)
    if given.out is not None:
        wrote(str(given.out / name) for name in result.file_names(placement=given.placement))
    if trace is not None:
        trace.check()
    if interrupted():
        raise typer.Exit(ExitCode.INTERRUPTED)
    raise typer.Exit(_EXIT_CODES[result.coverage])


def _result(
    given: PlanArguments, trace: "SolveTrace | None", interrupted: Interrupt
) -> "PlanResult":
    """The one pipeline call."""
    from heteroplan.outputs.replay.progress import PlanProgress
    from heteroplan.outputs.shared.terminal import make_console
    from heteroplan.pipelines import plan as pipeline

    with PlanProgress(make_console(stderr=True)) as progress:
        return pipeline.plan(
            given.scenario,
            overrides=given.overrides or (),
            interval=given.interval,
            current=given.current,
            gap=given.gap,
            time_limit_s=options.seconds_left(given.time_limit),
            folder=given.out,
            method=given.method,
            fewest_changes=given.fewest_changes,
            solver=given.solver,
            trace=trace,
            stop=interrupted,
            progress=progress.update,
            replay=given.replay,
            replay_duration_s=given.replay_duration,
            replay_progress=progress.replaying,
        )


def _show(result: "PlanResult", given: PlanArguments) -> None:
    """The one render."""
    if given.json:
        from heteroplan.outputs.plan.document.plan_json import plan_text

        emit(plan_text(result.document))
        return
    from heteroplan.outputs.plan.console import render_plan
    from heteroplan.outputs.plan.current_changes import next_step
    from heteroplan.outputs.shared.terminal import Text

    folder = None if given.out is None else str(given.out)

    def render(console: "Console") -> None:
        render_plan(result.document, console)
        # Nothing was written that a script could go on with.
        if folder is not None or console.is_terminal:
            step = next_step(result.document, folder, given.current)
            console.print(Text(step, style="bold"), soft_wrap=True)

    show(render)


def validate(
    scenario: options.ScenarioPath,
    offers: options.Offers = None,
    overrides: options.Overrides = None,
) -> None:
    """List every problem of a scenario's files, or summarise them."""
    from heteroplan.pipelines.shared.offers import check_one_stdin, terms_of
    from heteroplan.pipelines.shared.solving import load

    check_one_stdin(scenario, offers)
    loaded = load(scenario, overrides=overrides or ())
    terms = None if offers is None and loaded.offers is None else terms_of(loaded, offers)
    from heteroplan.cli.summary import render_scenario

    show(lambda console: render_scenario(loaded, console, terms))
