"""The Typer application: its commands and what stands before them."""

import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from heteroplan import __version__
from heteroplan.cli import (
    checking,
    comparing,
    explaining,
    exporting,
    fitting,
    fleet,
    initialising,
    listing,
    measuring,
    nightly,
    planning,
    replaying,
    sizing,
    sweeping,
)
from heteroplan.cli.streams import emit, writing_stdout

NO_COLOR = "--no-color"


class _Commands(TyperGroup):
    """Takes `--no-color` after a command as well as before it; help that nobody reads is none."""

    def __init__(self, *args: Any, commands: Any = None, **options: Any) -> None:
        # Typer puts commands that have commands first.
        ordered = sorted((commands or {}).items(), key=lambda each: hasattr(each[1], "commands"))
        super().__init__(*args, commands=dict(ordered), **options)

    def make_context(self, *args: Any, **options: Any) -> Any:
        with writing_stdout():
            return super().make_context(*args, **options)
        raise typer.Exit

    def invoke(self, ctx: Any) -> Any:
        with writing_stdout():
            return super().invoke(ctx)
        raise typer.Exit

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if NO_COLOR in args:
            os.environ["NO_COLOR"] = "1"
        return super().parse_args(ctx, [arg for arg in args if arg != NO_COLOR])


app = typer.Typer(
    name="heteroplan",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        emit(f"heteroplan {__version__}\n")
        raise typer.Exit


@app.callback()
def _global(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    no_color: Annotated[
        bool, typer.Option(NO_COLOR, help="No colours (also: NO_COLOR in the environment).")
    ] = False,
) -> None:
    """Offline capacity planner for LLM inference split into prefill and decode on mixed GPUs.

    Exit codes: 0 done, and demand is covered; 1 demand is proven not to be covered; 2 wrong usage
    or input; 3 undecided in the time allowed, or no plan; 75 another nightly run is at work; 130
    interrupted; 70 a bug.
    """


for command in (
    initialising.init,
    planning.plan,
    checking.check,
    replaying.replay,
    sweeping.sweep,
    comparing.compare,
    sizing.size,
    planning.validate,
    explaining.explain,
    exporting.export,
    nightly.nightly,
    measuring.demand,
    fitting.fit,
    listing.profiles,
    exporting.schema,
):
    app.command()(command)
app.add_typer(fleet.fleet)
