"""`init`: a new scenario from options and answers. Heavy imports happen inside."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heteroplan.cli import completion, options
from heteroplan.cli.arguments import taking, written
from heteroplan.cli.streams import say, show
from heteroplan.text import visible

if TYPE_CHECKING:
    from heteroplan.pipelines.init import InitOptions

MOST_DAYS = 366
MOST_FACTOR = 1000.0
MOST_TOKENS, MOST_MS, MOST_USD, MOST_GBIT_PER_S = 1e9, 1e9, 1e6, 1e6
MOST_NODES, MOST_GPUS = 1_000_000, 1024


def _text(text: str) -> tuple[str, str]:
    """`WORKLOAD=SOURCE`, or a source for all; a file of that name comes first."""
    name, equals, source = text.partition("=")
    if not equals or Path(text).exists() or "/" in name or ":" in name:
        return "", text
    return name, source


def _nodes(text: str) -> tuple[str, tuple[int, int]]:
    """`H100-SXM-80GB=4`, or `H100-SXM-80GB:4=10` for nodes of 4 GPUs."""
    kind, equals, nodes = text.rpartition("=")
    gpu, colon, gpus = kind.partition(":")
    if not equals or not gpu or (colon and not gpus):
        message = f"{text!r} is not GPU=N or GPU:GPUS=N, such as H100-SXM-80GB:8=4"
        raise typer.BadParameter(message)
    per_node = options.wholes(1, MOST_GPUS)(gpus) if colon else 8
    return gpu, (per_node, options.wholes(1, MOST_NODES)(nodes))


def _duration(text: str) -> str:
    """`15min`, as it is."""
    options.duration_s(text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class InitArguments:
    """What `init` takes."""

    folder: Annotated[
        str,
        typer.Argument(
            metavar="DIR",
            help="Folder of the new scenario; it may exist, and hold fleet.yaml.",
            show_default=False,
        ),
    ]
    fleet: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="A fleet.yaml, which stays where it is; or what heteroplan fleet import reads, "
            "which becomes DIR/fleet.yaml (then repeatable). Default: fleet.yaml in DIR.",
        ),
    ] = None
    nodes: Annotated[
        list[Any] | None,
        typer.Option(
            parser=_nodes,
            metavar="GPU[:GPUS]=N",
            help="Or N nodes of a GPU type, of 8 GPUs each or of so many. Repeatable.",
            autocompletion=completion.gpus,
        ),
    ] = None
    price: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.named(options.numbers(0.0, MOST_USD)),
            metavar="[NAME=]USD",
            help="Price of a GPU and hour, of a GPU type (or node type of an import); without a "
            "name of all others. Repeatable.",
            autocompletion=completion.gpus,
        ),
    ] = None
    prices: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="CSV of prices and bandwidths for an import, as for heteroplan fleet import.",
        ),
    ] = None
    nic_gbit_per_s: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.named(options.numbers(1e-3, MOST_GBIT_PER_S)),
            metavar="[NAME=]GBIT",
            help="Network bandwidth of a node [Gbit/s], by the same names. Repeatable.",
            autocompletion=completion.gpus,
        ),
    ] = None
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[WORKLOAD=]MODEL",
            help="A ready profile (heteroplan profiles) or a profile file. Repeatable.",
            autocompletion=completion.models,
        ),
    ] = None
    demand: Annotated[
        list[Any] | None,
        typer.Option(
            parser=_text,
            metavar="[WORKLOAD=]SOURCE",
            help="A trace, as for heteroplan demand; a demand CSV; or a shape of a day with its "
            "peak in requests/s, such as shape:day-night:40. Repeatable.",
            autocompletion=completion.demands,
        ),
    ] = None
    columns: Annotated[
        list[Any] | None,
        typer.Option(
            "--map",
            parser=options.columns,
            metavar="NAME=COLUMN,...",
            help="Columns of the traces, as for heteroplan demand.",
        ),
    ] = None
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Format of the traces; default: by what is in the file.",
            autocompletion=completion.trace_formats,
        ),
    ] = None
    trace_start: Annotated[
        datetime | None,
        typer.Option(
            parser=options.moment,
            metavar="STAMP",
            help="When the traces begin; default for one without a date: so that it ends the day "
            "before the plan.",
        ),
    ] = None
    growth: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.named(options.factor),
            metavar="[WORKLOAD=]FACTOR",
            help="Multiplies all rates of the traces. Repeatable.",
        ),
    ] = None
    isl: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.named(options.numbers(1.0, MOST_TOKENS)),
            metavar="[WORKLOAD=]TOKENS",
            help="Mean input tokens of a request, where the demand does not tell. Repeatable.",
        ),
    ] = None
    osl: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.named(options.numbers(1.0, MOST_TOKENS)),
            metavar="[WORKLOAD=]TOKENS",
            help="Mean output tokens of a request, where the demand does not tell. Repeatable.",
        ),
    ] = None
    ttft_ms: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.named(options.numbers(1e-3, MOST_MS)),
            metavar="[WORKLOAD=]MS",
            help="Target for the time to first token [ms]. Repeatable.",
        ),
    ] = None
    itl_ms: Annotated[
        list[Any] | None,
        typer.Option(
            parser=options.named(options.numbers(1e-3, MOST_MS)),
            metavar="[WORKLOAD=]MS",
            help="Target for the time between tokens [ms]. Repeatable.",
        ),
    ] = None
    allow_extrapolation: Annotated[
        bool,
        typer.Option(
            "--allow-extrapolation", help="Use profiles outside the range of their measurements."
        ),
    ] = False
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the scenario; default: that of the folder."),
    ] = None
    start: Annotated[
        date | None,
        typer.Option(
            parser=options.day,
            metavar="DATE",
            help="First day of the plan; default: the first one of a demand CSV, or tomorrow.",
        ),
    ] = None
    days: Annotated[
        int,
        typer.Option(parser=options.wholes(1, MOST_DAYS), metavar="N", help="Days of the plan."),
    ] = written("1")
    interval: Annotated[
        str, typer.Option(parser=_duration, metavar="DURATION", help="Length of an interval.")
    ] = "15min"
    timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="IANA time zone of the plan; default: UTC.",
            autocompletion=completion.timezones,
        ),
    ] = None
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing, also on a terminal.")
    ] = False


class _Terminal:
    """Asks on the terminal, on standard error."""

    def ask[T](self, question: str, read: Callable[[str], T], default: str) -> T:
        """The answer; an answer that `read` refuses is asked again."""

        def value(text: str) -> T:
            try:
                return read(text.strip())
            except ValueError as error:
                raise typer.BadParameter(visible(str(error))) from None

        answer: T = typer.prompt(
            visible(question), default, value_proc=value, err=True, show_default=bool(default)
        )
        return answer

    def tell(self, line: str) -> None:
        """On standard error."""
        print(visible(line), file=sys.stderr)


@taking(InitArguments)
def init(given: InitArguments) -> None:
    """Write a new scenario that plans at once, to be edited.

    Asks on a terminal for what no option gives. Elsewhere, and with --no-input, it takes examples
    and marks them in the files. Nothing is overwritten.
    """
    from heteroplan.outputs.init.text import render_init
    from heteroplan.outputs.shared.terminal import LiveLine, make_console
    from heteroplan.pipelines import init as pipeline

    is_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    asks = _Terminal() if is_terminal and not given.no_input else None
    drafted = pipeline.drafted(options.named_folder(given.folder), _options(given), asks)
    with LiveLine("Trying the scenario out", make_console(stderr=True)):
        made = pipeline.written(drafted)
    say(made.notes)
    show(
        lambda console: render_init(
            made.folder, made.files, made.examples, made.needed_gpus, made.gpus, console
        )
    )


def _options(given: InitArguments) -> "InitOptions":
    from heteroplan.pipelines.init import InitOptions
    from heteroplan.pipelines.new_scenario.demand import TraceOptions
    from heteroplan.pipelines.new_scenario.fleet import FleetOptions
    from heteroplan.pipelines.new_scenario.workloads import WorkloadOptions

    return InitOptions(
        name=given.name,
        fleet=FleetOptions(
            [options.named_file(each) for each in given.fleet or ()],
            options.by_name("--nodes", given.nodes),
            options.by_name("--price", given.price),
            options.by_name("--nic-gbit-per-s", given.nic_gbit_per_s),
            given.prices,
        ),
        workloads=WorkloadOptions(
            models=given.model or (),
            demand=options.by_name("--demand", given.demand),
            traces=TraceOptions(
                {ours: theirs for each in given.columns or () for ours, theirs in each.items()},
                given.format,
                given.trace_start,
            ),
            **{
                name: options.by_name(f"--{name.replace('_', '-')}", getattr(given, name))
                for name in ("growth", "isl", "osl", "ttft_ms", "itl_ms")
            },
            allow_extrapolation=given.allow_extrapolation,
            start=given.start,
            interval=given.interval,
        ),
        days=given.days,
        timezone=given.timezone,
    )
