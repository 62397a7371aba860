"""`export` and `schema`: what other programs read. Heavy imports happen inside."""

from dataclasses import dataclass
from typing import Annotated

import typer

from heteroplan.cli import options
from heteroplan.cli.arguments import passed, taking
from heteroplan.cli.streams import deliver, emit


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportArguments:
    """What `export` takes."""

    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="A plan.json, or - for standard input.")
    ]
    format: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            help="crontab, csv (replicas that serve), json or keda.",
            show_default=False,
        ),
    ]
    out: Annotated[
        str | None,
        typer.Option(parser=options.named_file, metavar="FILE", help="Default: standard output."),
    ] = None
    name_template: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Name of a pool's scale target; default {workload}-{role}-{engine}-{domain}.",
        ),
    ] = None
    target_kind: Annotated[
        str, typer.Option(metavar="KIND", help="Kubernetes kind of the scale target.")
    ] = "Deployment"
    target_api_version: Annotated[
        str, typer.Option(metavar="VERSION", help="API version of the scale target.")
    ] = "apps/v1"
    namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Default: the current namespace.")
    ] = ""
    context: Annotated[str, typer.Option(metavar="NAME", help="Context for kubectl (crontab).")] = (
        ""
    )


@taking(ExportArguments)
def export(given: ExportArguments) -> None:
    """Write the schedule of a plan for another system."""
    from heteroplan.outputs.exporters import ExportOptions
    from heteroplan.pipelines import export as pipeline

    named = {} if given.name_template is None else {"name_template": given.name_template}
    chosen = ExportOptions(**passed(given, "plan", "format", "out", "name_template"), **named)
    deliver(pipeline.export(given.plan, format=given.format, options=chosen), given.out)


def schema(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="scenario, fleet, profile, plan, replay, study, stress, curation or calibration.",
        ),
    ],
) -> None:
    """Print the JSON Schema of a kind of file, for editors."""
    from heteroplan.pipelines import schema as pipeline

    emit(pipeline.schema(kind))
