"""`fleet import`, `fleet show`, `fleet diff`: parse, one pipeline call, one render.

Heavy imports happen inside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from heteroplan.cli import options
from heteroplan.cli.arguments import taking, written
from heteroplan.cli.streams import STDOUT, delivering, emit, say, show
from heteroplan.errors import UsageError
from heteroplan.inventory.formats import FORMATS
from heteroplan.reading.input_size import MOST_SOURCE_BYTES, size

EVERY = "*"
"""Stands for the node types of which nobody else says a figure."""

fleet = typer.Typer(
    name="fleet",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="A fleet from the inventories of other systems; what it holds, and what changed.",
)

FleetPath = Annotated[
    str,
    typer.Argument(
        metavar="FLEET",
        help="A fleet.yaml, a scenario.yaml, a folder that holds one, or - for standard input.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class NamedGpu:
    """`G2=H100-SXM-80GB`, or with the memory [GiB] of a new type, `P100=P100:16`."""

    written: str
    gpu: str


@dataclass(frozen=True, slots=True)
class Columns:
    """`node=host,gpu=model`: our names -> those of columns or labels."""

    columns: Mapping[str, str]


def named_gpu(text: str) -> NamedGpu:
    """A `NamedGpu`."""
    written_name, equals, gpu = text.rpartition("=")
    if not (equals and written_name and gpu):
        message = f"{text!r} is not WRITTEN=GPU-TYPE, such as G2=H100-SXM-80GB"
        raise typer.BadParameter(message)
    return NamedGpu(written_name, gpu)


def mapped_columns(text: str) -> Columns:
    """`Columns`."""
    return Columns(options.columns(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportArguments:
    """What `fleet import` takes."""

    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Files of kubectl, Slurm, topograph, AWS, ibnetdiscover or tables (.gz, .zst "
            "too); - is standard input.",
        ),
    ]
    out: Annotated[
        str,
        typer.Option(
            parser=options.named_file, metavar="FILE", help="fleet.yaml; - for standard output."
        ),
    ] = written(STDOUT)
    format: Annotated[str | None, typer.Option(metavar="FORMAT", help=FORMATS.help)] = None
    map: Annotated[
        list[Columns] | None,
        typer.Option(
            "--map",
            parser=mapped_columns,
            metavar="NAME=COLUMN,...",
            help="Columns of a table (CSV): node, gpu, gpus, leaf, spine, cluster, ... Repeatable.",
        ),
    ] = None
    prices: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="CSV of prices: node_type, instance_type or gpu, and usd_per_gpu_hour or "
            "usd_per_hour (a node); nic_gbit_per_s too.",
        ),
    ] = None
    price: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.named(options.number),
            metavar="[NAME=]USD",
            help="Price of a GPU and hour, of a node type, instance type or GPU type; without a "
            "name of all others. Repeatable.",
        ),
    ] = None
    nic_gbit_per_s: Annotated[
        list[Any] | None,
        typer.Option(
            "--nic-gbit-per-s",
            parser=options.named(options.number),
            metavar="[NAME=]GBIT",
            help="Network bandwidth of a node [Gbit/s], by the same names. Repeatable.",
        ),
    ] = None
    gpu: Annotated[
        list[NamedGpu] | None,
        typer.Option(
            parser=named_gpu,
            metavar="WRITTEN=GPU",
            help="GPU type that a source calls otherwise, such as G2=H100-SXM-80GB, or with GiB "
            "of memory where it is not built in, P100=P100:16. Repeatable.",
        ),
    ] = None
    assume_gpus: Annotated[
        str | None,
        typer.Option(
            metavar="GPU:GPUS",
            help="GPU type and GPUs of nodes of which no source says them, such as GB200-186GB:4.",
        ),
    ] = None
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the fleet.")] = "fleet"
    queue: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The ClusterQueue whose quota limits the fleet; all add up by default.",
        ),
    ] = None
    reservation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A reservation whose nodes may be used all the same. Repeatable."
        ),
    ] = None
    across_leaves: Annotated[
        float | None,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="Share of the NIC bandwidth between leaves of a spine.",
        ),
    ] = None
    across_spines: Annotated[
        float | None,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="Share of the NIC bandwidth between spines of a cluster.",
        ),
    ] = None
    tolerate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY[=VALUE]",
            help="A taint that the planned pods tolerate; other taints put nodes out. Repeatable.",
        ),
    ] = None
    timezone: Annotated[
        str,
        typer.Option(
            metavar="ZONE", help="Time zone of times without an offset, as Slurm writes them."
        ),
    ] = "UTC"
    places: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="Write there which node of the sources is which node of the fleet (CSV).",
        ),
    ] = None
    current: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="Write there which replicas the pods of the sources are, for plan --current.",
        ),
    ] = None
    engine_label: Annotated[
        list[Columns] | None,
        typer.Option(
            parser=mapped_columns,
            metavar="workload|engine|replica_id=LABEL",
            help="With --current: label of pods that names workload, engine or replica. "
            "Repeatable.",
        ),
    ] = None
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="PLAN",
            help="With --current: a plan.json, whose targets name the objects that own the pods.",
        ),
    ] = None
    targets: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="With --plan: targets, in place of those of the plan's scenario."
        ),
    ] = None
    max_bytes: options.MaxBytes = written(size(MOST_SOURCE_BYTES))


def _by_type(option: str, given: list[Any] | None) -> dict[str, float]:
    return {name or EVERY: each for name, each in options.by_name(option, given).items()}


def _joined(given: list[Columns] | None) -> dict[str, str]:
    return {name: column for each in given or () for name, column in each.columns.items()}


@taking(ImportArguments)
def import_(given: ImportArguments) -> None:
    """Make a fleet.yaml of what other systems say of nodes.

    Sources are joined by names of nodes. What is left out or assumed is said; prices and network
    bandwidths that no source has are asked for by name, and nothing is guessed.
    """
    from heteroplan.outputs.fleet.imported import render_imported
    from heteroplan.pipelines import fleet as pipeline

    result = pipeline.import_fleet(
        given.sources,
        format=given.format,
        columns=_joined(given.map),
        prices=given.prices,
        usd_per_gpu_hour=_by_type("--price", given.price),
        nic_gbit_per_s=_by_type("--nic-gbit-per-s", given.nic_gbit_per_s),
        gpus={each.written: each.gpu for each in given.gpu or ()},
        assume_gpus=given.assume_gpus,
        name=given.name,
        queue=given.queue,
        reservations=given.reservation or (),
        across_leaves=given.across_leaves,
        across_spines=given.across_spines,
        tolerate=given.tolerate or (),
        timezone=given.timezone,
        max_bytes=given.max_bytes,
        tell=lambda note: say([note]),
    )
    texts = {given.out: result.text}
    if given.places is not None:
        texts[given.places] = result.places_csv
    if given.current is not None:
        running = result.running(
            engine_labels=_joined(given.engine_label), plan=given.plan, targets=given.targets
        )
        say(running.notes)
        texts[given.current] = running.text
    elif given.engine_label or given.plan is not None:
        raise UsageError("--engine-label and --plan say what pods run; add --current FILE")
    with delivering(texts, told=len(texts) > 1):
        if given.out != STDOUT:
            show(lambda console: render_imported(result.fleet, given.out, console))


def show_(
    name: FleetPath,
    leaves: Annotated[
        bool | None,
        typer.Option(
            "--leaves/--no-leaves", help="Show every leaf; by default where there are at most 100."
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print every leaf as JSON and nothing else.")
    ] = False,
) -> None:
    """Show a fleet as a tree: nodes and GPUs, how scarce a leaf is, and what is out.

    The priority of a leaf is high where it mixes GPU types, medium where only its spine does.
    """
    from heteroplan.outputs.fleet.tree import fleet_json, render_fleet
    from heteroplan.pipelines import fleet as pipeline

    found = pipeline.read_fleet(name)
    if json:
        emit(fleet_json(found))
    else:
        show(lambda console: render_fleet(found, console, leaves))


def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A fleet.yaml, or a scenario.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="Another one.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """What differs between two fleets: GPUs, their price, node types, leaves, and what is out."""
    from heteroplan.outputs.fleet.difference import difference_json
    from heteroplan.outputs.fleet.difference_text import render_difference
    from heteroplan.pipelines import fleet as pipeline

    found = pipeline.diff_fleets(before, after)
    if json:
        emit(difference_json(found))
    else:
        show(lambda console: render_difference(found, console))


fleet.command("import")(import_)
fleet.command("show")(show_)
fleet.command("diff")(diff)
