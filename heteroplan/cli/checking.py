"""`check`, the CI gate: parse, one pipeline call, one render. Heavy imports happen inside."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heteroplan.cli import completion, options
from heteroplan.cli.arguments import taking, written
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import deliver, emit, say, show
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared import limits

if TYPE_CHECKING:
    from heteroplan.pipelines.check import CheckResult

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file that GitHub shows as the summary of a step."""


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
    max_cost: Annotated[
        float | None,
        typer.Option(
            parser=options.numbers(*limits.CHECK["max_cost_usd"]),
            metavar="USD",
            help="Fail where the plan costs more a day [USD].",
        ),
    ] = None
    baseline: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.named_file,
            metavar="PLAN",
            help="Fail where the plan takes more than this plan.json, or that of the scenario's "
            "name in a folder of them. Repeatable.",
        ),
    ] = None
    tolerance: Annotated[
        float,
        typer.Option(
            parser=options.headroom,
            metavar="SHARE",
            help="How much more than --baseline a plan may take; 5 % is 0.05.",
        ),
    ] = written("5%")
    format: Annotated[
        str, typer.Option(metavar="text|json|github|markdown", help="Form of the results.")
    ] = "text"
    junit: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file, metavar="FILE", help="Write JUnit XML there as well."
        ),
    ] = None
    time_limit: options.TimeLimit = written("60")
    jobs: options.Jobs = None
    overrides: options.Overrides = None


@taking(CheckArguments)
def check(given: CheckArguments) -> None:
    """CI gate: does each fleet cover its forecast, and for how much?

    Exit code 2: the input of one is wrong; else 1: one is proven not to be covered, or to break a
    limit; else 3: time ran out before the answer was known. Where GITHUB_STEP_SUMMARY names a
    file, the results are added to it in Markdown.
    """
    from heteroplan.outputs.plan.check_report import (
        check_github,
        check_json,
        check_junit,
        check_markdown,
    )
    from heteroplan.outputs.shared.files import try_file

    texts = {"json": check_json, "github": check_github, "markdown": check_markdown}
    if given.format not in (*texts, "text"):
        raise UsageError(
            f"unknown check format {given.format!r}; known are text, {', '.join(texts)}"
        )
    if given.junit is not None:
        try_file(Path(given.junit))
    result = _result(given)
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
    _summarise(check_markdown(result.rows))
    raise typer.Exit(result.exit_code)


def _result(given: CheckArguments) -> "CheckResult":
    """The one pipeline call."""
    from heteroplan.numerics.processors import cores
    from heteroplan.outputs.shared.terminal import CheckProgress, make_console
    from heteroplan.pipelines import check as pipeline

    with (
        Interrupt("ending without a result") as interrupted,
        CheckProgress(make_console(stderr=True)) as progress,
    ):
        if len(given.scenarios) > 1:
            progress.done(0, len(given.scenarios))
        return pipeline.check(
            given.scenarios,
            overrides=given.overrides or (),
            min_headroom=given.min_headroom,
            max_cost_usd=given.max_cost,
            baseline=given.baseline or (),
            tolerance=given.tolerance,
            jobs=given.jobs or cores(),
            time_limit_s=options.seconds_left(given.time_limit),
            stop=interrupted,
            progress=progress.update,
            done=progress.done,
        )


def _summarise(text: str) -> None:
    """Add `text` to the summary of a step on GitHub; a verdict does not depend on that."""
    name = os.environ.get(SUMMARY)
    if name:
        try:
            with Path(name).open("ab") as file:
                file.write(f"{text}\n".encode(errors="backslashreplace"))
        except OSError as error:
            say([f"{SUMMARY}: {name}: cannot be written: {error.strerror}"])
