"""`export` and `schema`: what other programs read. Heavy imports happen inside."""

from dataclasses import dataclass
from typing import Annotated

import typer

from heteroplan.cli import options
from heteroplan.cli.arguments import passed, taking, written
from heteroplan.cli.streams import deliver, delivering, emit

MOST_PORT = 65_535


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
            help="Sizes of pools: aibrix, cronhpa, crontab, csv (replicas that serve), gpustack, "
            "hpa, json, keda, kserve, kubernetes-cronjob or systemd; for a dashboard prometheus "
            "(rules) or prometheus-text. Weights for routers: router (JSON, the whole time), "
            "httproute or envoy (of one moment).",
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
    hpa_tolerance: Annotated[
        float,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="Change that an HPA ignores (keda, kserve). With 0 it is written into objects: "
            "only where the cluster has configurable tolerance.",
        ),
    ] = written("0.1")
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
    """Write the schedule of a plan for another system."""
    from heteroplan.pipelines import export as pipeline
    from heteroplan.schedules.formats import ExportOptions

    default = ExportOptions()
    chosen = ExportOptions(
        name_template=given.name_template or default.name_template,
        group_template=given.group_template or default.group_template,
        served_template=given.served_name or default.served_template,
        **passed(
            *(given, "plan", "format", "out"),
            *("name_template", "group_template", "served_name"),
        ),
    )
    text = pipeline.export(given.plan, format=given.format, options=chosen)
    if given.out is not None and given.out.endswith("/"):
        with delivering(pipeline.files(text, format=given.format, folder=given.out)):
            return
    deliver(text, given.out)


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
