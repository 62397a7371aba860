"""`explain`: what limits a plan. Heavy imports happen inside."""

from typing import Annotated

import typer

from heteroplan.cli import options
from heteroplan.cli.arguments import written
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import emit, show


def explain(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="A plan.json, or - for standard input.")
    ],
    workload: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Show only the limits and the groups of this workload."),
    ] = None,
    time_limit: Annotated[
        float,
        typer.Option(
            parser=options.seconds,
            metavar="SECONDS",
            help="Limit for what one more node is worth [s]; 0: leave that out.",
        ),
    ] = written("20"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """What limits a plan: GPUs that run out, unserved demand, the worth of one more node.

    GPUs that run out are listed by duration, the longest first. What a node is worth are prices of
    an LP; the three that are worth most are solved again with the node.
    """
    from heteroplan.outputs.plan.explanation import explanation_json, render_explanation
    from heteroplan.outputs.shared.terminal import LiveLine, make_console
    from heteroplan.pipelines import explain as pipeline

    line = LiveLine("What one more node is worth", make_console(stderr=True))
    with Interrupt() as interrupted, line:
        explanation = pipeline.explain(
            plan, workload=workload, time_limit_s=options.seconds_left(time_limit), stop=interrupted
        )
    if json:
        emit(explanation_json(explanation))
    else:
        show(lambda console: render_explanation(explanation, console))
