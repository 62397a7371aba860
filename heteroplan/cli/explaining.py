"""`explain`: what limits a plan. Heavy imports happen inside."""

from typing import Annotated

import typer

from heteroplan.cli import completion
from heteroplan.cli.streams import emit, show


def explain(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="A plan.json, or - for standard input.")
    ],
    workload: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Show only the limits and the groups of this workload.",
            autocompletion=completion.workloads,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """What limits a plan: which GPUs run out, and which demand is unserved.

    GPUs that run out are listed by duration, the longest first.
    """
    from heteroplan.outputs.plan.explanation import explanation_json, render_explanation
    from heteroplan.pipelines import explain as pipeline

    explanation = pipeline.explain(plan, workload=workload)
    if json:
        emit(explanation_json(explanation))
    else:
        show(lambda console: render_explanation(explanation, console))
