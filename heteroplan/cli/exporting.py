"""`export` and `schema`: what other programs read. Heavy imports happen inside."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from heteroplan.cli import options
from heteroplan.cli.arguments import passed, taking, written
from heteroplan.cli.streams import STDOUT, delivering, emit, say
from heteroplan.schedules.formats import PLAN_FORMATS, SCHEDULE_FORMATS

if TYPE_CHECKING:
    from heteroplan.schedules.formats import ExportOptions

MOST_PORT = 65_535
MOST_REPLICAS = 1_000_000
MOST_MINUTES = 1_000_000_000_000


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
            help=f"Sizes of the objects that stand for pools: {', '.join(SCHEDULE_FORMATS)}. "
            f"The plan, or weights for routers: {', '.join(PLAN_FORMATS)}.",
            show_default=False,
        ),
    ]
    out: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="Default: standard output. A folder, with a / at the end, for the files of "
            "systemd.",
        ),
    ] = None
    targets: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="YAML file of the objects that stand for pools; default: targets of the scenario, "
            "or else the next three options.",
        ),
    ] = None
    previous: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="PLAN",
            help="The plan.json that is in force before: the schedule goes on from it.",
        ),
    ] = None
    current: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="CSV of the replicas that run now and stay until the plan begins, instead of "
            "--previous.",
        ),
    ] = None
    least_given_up: Annotated[
        int,
        typer.Option(
            parser=options.wholes(0, MOST_REPLICAS),
            metavar="N",
            help="Replicas that objects keep which only --previous or --current has.",
        ),
    ] = written("0")
    hpa_tolerance: Annotated[
        float,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="Change of size that the cluster's autoscalers ignore (keda, kserve, hpa); with 0 "
            "the objects say so themselves, which Kubernetes must know.",
        ),
    ] = written("0.1")
    max_short_minutes: Annotated[
        int,
        typer.Option(
            parser=options.wholes(0, MOST_MINUTES),
            metavar="N",
            help="Minutes of all pools together that may have fewer replicas than planned when "
            "the schedule is carried out; with more nothing is written (exit code 1).",
        ),
    ] = written("0")
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
    kubectl_image: Annotated[
        str,
        typer.Option(
            metavar="IMAGE",
            help="Image whose entry point is kubectl (hpa, kubernetes-cronjob).",
        ),
    ] = "rancher/kubectl:v1.34.1"
    context: Annotated[str, typer.Option(metavar="NAME", help="Context for kubectl (crontab).")] = (
        ""
    )
    only_context: Annotated[
        str,
        typer.Option(metavar="NAME", help="Write the objects of this kubectl context alone."),
    ] = ""
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Weights or sizes that hold then, or now (httproute, envoy, prometheus-text).",
        ),
    ] = "now"
    group_template: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Name of a deployment group in a router; default {workload}-{domain}.",
        ),
    ] = None
    served_name: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Model name in requests for a workload (httproute, envoy); default {workload}.",
        ),
    ] = None
    gateway: Annotated[
        str, typer.Option(metavar="NAME", help="Gateway of the routes (httproute).")
    ] = "inference-gateway"
    backend_kind: Annotated[
        str, typer.Option(metavar="KIND", help="InferencePool or Service (httproute).")
    ] = "InferencePool"
    port: Annotated[
        int,
        typer.Option(
            parser=options.wholes(1, MOST_PORT), metavar="PORT", help="Of a Service (httproute)."
        ),
    ] = written("8000")


@taking(ExportArguments)
def export(given: ExportArguments) -> None:
    """Write the schedule of a plan for another system.

    Then do with it as that system does, and say where pools would have fewer replicas than planned
    or more. Exit code 1: they would have fewer for longer than --max-short-minutes.
    """
    from heteroplan.pipelines import export as pipeline

    made = pipeline.made(
        given.plan,
        format=given.format,
        options=_options(given),
        targets=given.targets,
        before=pipeline.Before(given.previous, given.current, given.least_given_up),
        max_short_minutes=given.max_short_minutes,
    )
    if made.summary is not None:
        from heteroplan.outputs.plan.export_summary import render_export
        from heteroplan.outputs.shared.terminal import make_console

        render_export(made.summary, make_console(stderr=True))
    made.check()
    say(made.notes)
    contents = {STDOUT if given.out is None else given.out: made.text}
    if given.out is not None and given.out.endswith("/"):
        contents = pipeline.files(made.text, format=given.format, folder=given.out)
    with delivering(contents, told=False):
        pass
    if STDOUT not in contents:
        lines = len(made.text.splitlines())
        much = f"{len(contents):,} files" if given.out not in contents else f"{lines:,} lines"
        say([f"Wrote {given.out}: {given.format}, {much}."])


def _options(given: ExportArguments) -> "ExportOptions":
    from heteroplan.schedules.formats import ExportOptions

    default = ExportOptions()
    return ExportOptions(
        name_template=given.name_template or default.name_template,
        group_template=given.group_template or default.group_template,
        served_template=given.served_name or default.served_template,
        **passed(
            *(given, "plan", "format", "out", "targets", "previous", "current", "least_given_up"),
            *("max_short_minutes", "name_template", "group_template", "served_name"),
        ),
    )


def schema(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="scenario, fleet, profile, targets, plan, replay, study, stress, curation or "
            "calibration.",
        ),
    ],
) -> None:
    """Print the JSON Schema of a kind of file, for editors."""
    from heteroplan.pipelines import schema as pipeline

    emit(pipeline.schema(kind))
