"""`check`, the CI gate: parse, one pipeline call, one render. Heavy imports happen inside."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from heteroplan.cli import completion, options
from heteroplan.cli.arguments import taking, written
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import deliver, emit, show
from heteroplan.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckArguments:
    """What `check` takes."""

    scenarios: Annotated[
        list[str],
        typer.Argument(
            metavar="SCENARIO",
            help="Scenarios: scenario.yaml files or folders that hold one.",
            autocompletion=completion.scenarios,
        ),
    ]
    min_headroom: Annotated[
        float,
        typer.Option(
            parser=options.headroom,
            metavar="SHARE",
            help="Fail unless all demand can grow by this share; 10 % is 0.1.",
        ),
    ] = written("0")
    format: Annotated[
        str, typer.Option(metavar="text|json|github", help="Form of the results.")
    ] = "text"
    junit: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file, metavar="FILE", help="Write JUnit XML there as well."
        ),
    ] = None
    time_limit: options.TimeLimit = written("60")
    overrides: options.Overrides = None


@taking(CheckArguments)
def check(given: CheckArguments) -> None:
    """CI gate: does each fleet cover its forecast?

    Exit code 2: the input of one is wrong; else 1: one is proven not to be covered; else 3: time
    ran out before the answer was known.
    """
    from heteroplan.outputs.plan.check_report import check_github, check_json, check_junit
    from heteroplan.outputs.shared.files import try_file
    from heteroplan.outputs.shared.terminal import SolveProgress, make_console
    from heteroplan.pipelines import check as pipeline

    texts = {"json": check_json, "github": check_github}
    if given.format not in (*texts, "text"):
        raise UsageError(
            f"unknown check format {given.format!r}; known are text, {', '.join(texts)}"
        )
    if given.junit is not None:
        try_file(Path(given.junit))
    with Interrupt() as interrupted, SolveProgress(make_console(stderr=True)) as progress:
        result = pipeline.check(
            given.scenarios,
            overrides=given.overrides or (),
            min_headroom=given.min_headroom,
            time_limit_s=options.seconds_left(given.time_limit),
            stop=interrupted,
            progress=progress.update,
        )
    try:
        if given.junit is not None:
            deliver(check_junit(result.rows), given.junit)
    finally:
        if given.format in texts:
            emit(texts[given.format](result.rows))
        else:
            from heteroplan.cli.summary import render_errors
            from heteroplan.outputs.plan.console import render_check

            show(lambda console: render_check(result.rows, console))
            show(lambda console: render_errors(result.rows, console))
    raise typer.Exit(result.exit_code)
