"""`compare`: parse, one pipeline call, one render. Heavy imports happen inside."""

from dataclasses import dataclass
from typing import Annotated

import typer

from heteroplan.cli import options
from heteroplan.cli.arguments import taking, written
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import emit, show
from heteroplan.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareArguments:
    """What `compare` takes."""

    before: Annotated[
        str,
        typer.Argument(
            metavar="BEFORE",
            help="A plan.json, a folder that holds one, - for standard input, or a scenario, which "
            "is planned first.",
        ),
    ]
    after: Annotated[str, typer.Argument(metavar="AFTER", help="As BEFORE.")]
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a comment on a change.")
    ] = False
    overrides: options.Overrides = None
    gap: Annotated[
        float,
        typer.Option(
            parser=options.relative_gap,
            metavar="SHARE",
            help="Gap at which the search ends where scenarios are planned; 1 % is 0.01.",
        ),
    ] = written("0.01")
    time_limit: options.TimeLimit = written("60")
    jobs: options.Jobs = None


@taking(CompareArguments)
def compare(given: CompareArguments) -> None:
    """What changed from one plan, or scenario, to another: in money, per workload and pool.

    Figures are averages a day. Exit code 3: a scenario has no plan in the time allowed.
    """
    from heteroplan.numerics.processors import cores
    from heteroplan.outputs.shared.terminal import SolveProgress, make_console
    from heteroplan.pipelines import compare as pipeline

    if given.json and given.markdown:
        raise UsageError("--json and --markdown both print; leave one of them out")
    with (
        Interrupt("ending without a result") as interrupted,
        SolveProgress(make_console(stderr=True)) as progress,
    ):
        result = pipeline.compare(
            given.before,
            given.after,
            overrides=given.overrides or (),
            gap=given.gap,
            time_limit_s=options.seconds_left(given.time_limit),
            jobs=given.jobs or cores(),
            stop=interrupted,
            progress=progress.update,
        )
    if given.json:
        emit(result.json_text())
    elif given.markdown:
        emit(result.markdown())
    else:
        from heteroplan.outputs.compare.text import render_comparison

        show(lambda console: render_comparison(result.document, console))
