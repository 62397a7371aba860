"""`nightly`: the schedule of every night, from a timer. Heavy imports happen inside."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heteroplan.cli import completion, options
from heteroplan.cli.arguments import passed, taking, written
from heteroplan.cli.exporting import MOST_MINUTES, MOST_REPLICAS
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import emit, emit_lines, say
from heteroplan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from heteroplan.pipelines.nightly import NightlyResult

MOST_KEPT = 100_000
_EXPORTED = (
    "name_template", "target_kind", "target_api_version", "namespace", "context", "hpa_tolerance",
    "kubectl_image",
)  # fmt: skip
"""Arguments that are options of `export`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyArguments:
    """What `nightly` takes."""

    scenario: Annotated[
        str | None,
        typer.Argument(
            metavar="SCENARIO",
            help="A scenario.yaml, or a folder that holds one; none for --rollback.",
            autocompletion=completion.scenarios,
            show_default=False,
        ),
    ] = None
    out: Annotated[
        Path,
        typer.Option(
            parser=options.named_folder,
            metavar="DIR",
            help="Folder of the job: DIR/2026-11-23 and so on, and DIR/current.",
            show_default=False,
        ),
    ]
    format: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FORMAT",
            help="As for export; default keda. Repeatable.",
            autocompletion=completion.schedule_formats,
        ),
    ] = None
    current: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="Replicas that run when the horizon starts; default: those of DIR/current. none: "
            "as if nothing were known.",
        ),
    ] = None
    interval: options.Interval = None
    gap: options.Gap = written("0.01")
    time_limit: Annotated[
        float,
        typer.Option(
            parser=options.seconds,
            metavar="SECONDS",
            help="Limit for the plan [s]; its files and their check come after it.",
        ),
    ] = written("600")
    overrides: options.Overrides = None
    solver: options.Solver = "HiGHS"
    targets: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file, metavar="FILE", help="Objects that stand for pools (export)."
        ),
    ] = None
    name_template: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Name of a pool's object (export).")
    ] = None
    target_kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Kind of the objects (export).")
    ] = None
    target_api_version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="API version of the objects (export).")
    ] = None
    namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Namespace of the objects (export).")
    ] = None
    context: Annotated[
        str | None, typer.Option(metavar="NAME", help="Context for kubectl (export).")
    ] = None
    kubectl_image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Image with kubectl (export).")
    ] = None
    hpa_tolerance: Annotated[
        float | None,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="Change of size that autoscalers ignore (export).",
        ),
    ] = None
    least_given_up: Annotated[
        int,
        typer.Option(
            parser=options.wholes(0, MOST_REPLICAS),
            metavar="N",
            help="Replicas that objects keep which are no longer planned (export).",
        ),
    ] = written("0")
    max_short_minutes: Annotated[
        int,
        typer.Option(
            parser=options.wholes(0, MOST_MINUTES),
            metavar="N",
            help="Minutes of all pools that may have too few replicas in a format (export).",
        ),
    ] = written("0")
    max_unserved: Annotated[
        float,
        typer.Option(
            parser=options.share,
            metavar="SHARE",
            help="Requests that a schedule in force may leave unserved, such as 0.5%.",
        ),
    ] = written("0")
    keep: Annotated[
        int,
        typer.Option(
            parser=options.wholes(1, MOST_KEPT),
            metavar="N",
            help="Old nights that are kept.",
        ),
    ] = written("30")
    metrics: Annotated[
        Path | None,
        typer.Option(
            parser=options.named_path,
            metavar="FILE",
            help="Write metrics of the run there (.prom), for node_exporter's textfile collector.",
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Plan, export and check, and keep nothing.")
    ] = False
    rollback: Annotated[
        bool,
        typer.Option("--rollback", help="Let the schedule be in force that was before this one."),
    ] = False


@taking(NightlyArguments)
def nightly(given: NightlyArguments) -> None:
    """Plan, export and check the schedule of a coming day; keep the last good one if that fails.

    Exit code 0: the new schedule is in force (DIR/current). Otherwise the last good one stays: 1
    demand is proven not to be covered, 2 wrong usage or input, 3 undecided or no plan, 75 another
    run is at work, 130 interrupted, 70 a bug.
    """
    if given.rollback:
        _rollback(given)
        return
    if given.scenario is None:
        raise UsageError("name a scenario, or give --rollback")
    with Interrupt("ending, and the last schedule stays in force") as interrupted:
        try:
            result = _result(given, given.scenario, interrupted)
        except KeyboardInterrupt:
            say(["The last schedule stays in force."])
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    emit_lines(result.summary)
    if result.removed:
        say([f"Removed of the old nights: {', '.join(result.removed)}."])
    if result.exit_code is not ExitCode.OK and result.folder is not None:
        say([f"Not in force. What was planned is in {result.folder}."])
    raise typer.Exit(result.exit_code)


def _result(given: NightlyArguments, scenario: str, interrupted: Interrupt) -> "NightlyResult":
    """The one pipeline call."""
    from heteroplan.outputs.replay.progress import PlanProgress
    from heteroplan.outputs.shared.terminal import make_console
    from heteroplan.pipelines import nightly as pipeline
    from heteroplan.schedules.formats import ExportOptions

    chosen = {name: value for name in _EXPORTED if (value := getattr(given, name)) is not None}
    with PlanProgress(make_console(stderr=True)) as progress:
        return pipeline.nightly(
            scenario,
            formats=given.format or ("keda",),
            overrides=given.overrides or (),
            time_limit_s=options.seconds_left(given.time_limit),
            export=ExportOptions(**chosen),
            stop=interrupted,
            progress=progress.update,
            **passed(
                *(given, "scenario", "format", "overrides", "time_limit", "rollback"), *_EXPORTED
            ),
        )


def _rollback(given: NightlyArguments) -> None:
    from heteroplan.pipelines import nightly as pipeline

    if given.scenario is not None or given.dry_run:
        raise UsageError("--rollback plans nothing: leave out the scenario and --dry-run")
    result = pipeline.rollback(given.out)
    emit(f"In force: {result.folder.name}, instead of {result.given_up}.\n")
    say(result.notes)
    sys.stdout.flush()
