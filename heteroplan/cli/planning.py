"""Commands on scenarios and plans: parse, one pipeline call, one render.

Heavy imports happen inside.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.options import (
    Interval,
    Overrides,
    ScenarioPath,
    Solver,
    TimeLimit,
    TraceSolve,
    headroom,
    named_file,
    named_folder,
    relative_gap,
    seconds_left,
)
from heteroplan.cli.streams import deliver, emit, show
from heteroplan.entities.plan import Coverage
from heteroplan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from heteroplan.outputs.plan.document.plan_document import PlanDocument

_EXIT_CODES = {
    Coverage.COVERED: ExitCode.OK,
    Coverage.SHORT: ExitCode.NOT_COVERED,
    Coverage.UNDECIDED: ExitCode.UNDECIDED,
}


def plan(
    scenario: ScenarioPath,
    out: Annotated[
        Any,
        typer.Option(
            parser=named_folder,
            metavar="DIR",
            help="Write plan.json, schedule.csv and report.html there.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print plan.json and nothing else.")] = False,
    placement: Annotated[
        bool,
        typer.Option("--placement", help="Also write placement.csv there: each replica's nodes."),
    ] = False,
    current: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="What runs when the horizon starts, as placement.csv; - for standard input.",
        ),
    ] = None,
    interval: Interval = None,
    gap: Annotated[
        Any,
        typer.Option(
            parser=relative_gap, metavar="SHARE", help="Relative gap to prove; 1 % is 0.01."
        ),
    ] = "0.01",
    time_limit: TimeLimit = "60",
    overrides: Overrides = None,
    trace_solve: TraceSolve = None,
    solver: Solver = "HiGHS",
    method: Annotated[str, typer.Option("--method", hidden=True)] = "auto",
) -> None:
    """Plan a scenario: the schedule, what it saves, and the proof.

    Ends with 1 when it is proven that demand cannot be covered, with 3 when the time ended before
    that was known. Ctrl-C ends the solve with the best plan so far (130).
    """
    from heteroplan.outputs.plan.document.from_plan import document_of
    from heteroplan.outputs.plan.solve_trace import SolveTrace
    from heteroplan.outputs.shared.terminal import SolveProgress, make_console
    from heteroplan.pipelines import plans as pipeline

    if placement and out is None:
        raise UsageError("--placement: say where with --out DIR")
    trace = None if trace_solve is None else SolveTrace(trace_solve)
    with Interrupt() as interrupted:
        try:
            with SolveProgress(make_console(stderr=True)) as progress:
                planned = pipeline.plan(
                    scenario,
                    overrides=overrides or (),
                    interval=interval,
                    current=current,
                    gap=gap,
                    time_limit_s=seconds_left(time_limit),
                    out=out,
                    method=method,
                    solver=solver,
                    trace=trace,
                    stop=interrupted,
                    progress=progress.update,
                )
        except KeyboardInterrupt:
            print("There is no plan yet.", file=sys.stderr)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        document = document_of(planned)
        try:
            if out is not None:
                pipeline.write_plan(planned, out, placement=placement, document=document)
        finally:
            _show_plan(document, json)
    if trace is not None:
        trace.check()
    if interrupted():
        raise typer.Exit(ExitCode.INTERRUPTED)
    raise typer.Exit(_EXIT_CODES[planned.coverage])


def _show_plan(document: "PlanDocument", json: bool) -> None:
    if json:
        from heteroplan.outputs.plan.document.plan_json import plan_text

        emit(plan_text(document))
    else:
        from heteroplan.outputs.plan.console import render_plan

        show(lambda console: render_plan(document, console))


def check(
    scenarios: Annotated[
        list[str],
        typer.Argument(metavar="SCENARIO", help="Scenarios, as `plan` takes them."),
    ],
    min_headroom: Annotated[
        Any,
        typer.Option(
            parser=headroom,
            metavar="SHARE",
            help="Fail unless this much more of all demand fits; 10 % is 0.1.",
        ),
    ] = "0",
    format: Annotated[str, typer.Option(metavar="text|json|github")] = "text",  # noqa: A002
    junit: Annotated[
        Any,
        typer.Option(parser=named_file, metavar="FILE", help="Write JUnit XML there as well."),
    ] = None,
    time_limit: TimeLimit = "60",
    overrides: Overrides = None,
) -> None:
    """CI gate: does each fleet cover its forecast?

    Ends with 2 when the input of one is wrong, else with 1 when one is proven not to, else with 3
    when the time ended before the answer was known.
    """
    from heteroplan.outputs.plan.check_report import check_github, check_json, check_junit
    from heteroplan.outputs.shared.terminal import SolveProgress, make_console
    from heteroplan.pipelines import plans as pipeline

    texts = {"json": check_json, "github": check_github}
    if format not in (*texts, "text"):
        raise UsageError(f"unknown check format {format!r}; known are text, {', '.join(texts)}")
    if junit is not None:
        pipeline.try_file(Path(junit))
    with Interrupt() as interrupted, SolveProgress(make_console(stderr=True)) as progress:
        result = pipeline.check(
            scenarios,
            overrides=overrides or (),
            min_headroom=min_headroom,
            time_limit_s=seconds_left(time_limit),
            stop=interrupted,
            progress=progress.update,
        )
    try:
        if junit is not None:
            deliver(check_junit(result.rows), junit)
    finally:
        if format in texts:
            emit(texts[format](result.rows))
        else:
            from heteroplan.cli.summary import render_errors
            from heteroplan.outputs.plan.console import render_check

            show(lambda console: render_check(result.rows, console))
            show(lambda console: render_errors(result.rows, console))
    raise typer.Exit(result.exit_code)


def validate(scenario: ScenarioPath, overrides: Overrides = None) -> None:
    """Every problem of a scenario's files at once, or what it holds."""
    from heteroplan.pipelines import plans as pipeline

    loaded = pipeline.load(scenario, overrides=overrides or ())
    from heteroplan.cli.summary import render_scenario

    show(lambda console: render_scenario(loaded, console))


def export(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="A plan.json, or - for standard input.")
    ],
    format: Annotated[  # noqa: A002
        str,
        typer.Option(
            metavar="FORMAT",
            help="crontab, csv (replicas that serve), json or keda.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Any,
        typer.Option(parser=named_file, metavar="FILE", help="Default: standard output."),
    ] = None,
    name_template: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Name of a pool's scale target; default {workload}-{role}-{engine}-{domain}.",
        ),
    ] = None,
    target_kind: Annotated[
        str, typer.Option(metavar="KIND", help="Kind of the scale target.")
    ] = "Deployment",
    target_api_version: Annotated[
        str, typer.Option(metavar="VERSION", help="Its API version.")
    ] = "apps/v1",
    namespace: Annotated[str, typer.Option(metavar="NAME", help="Default: the current one.")] = "",
    context: Annotated[str, typer.Option(metavar="NAME", help="kubectl context.")] = "",
) -> None:
    """The schedule of a plan for another system."""
    from heteroplan.outputs.exporters import ExportOptions
    from heteroplan.pipelines import plans as pipeline

    named = {} if name_template is None else {"name_template": name_template}
    chosen = ExportOptions(
        target_kind=target_kind,
        target_api_version=target_api_version,
        namespace=namespace,
        context=context,
        **named,
    )
    deliver(pipeline.export(plan, format=format, options=chosen), out)


def schema(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="scenario, fleet, profile or plan.")],
) -> None:
    """JSON Schema of a file, for editors."""
    from heteroplan.pipelines import plans as pipeline

    emit(pipeline.schema(kind))
