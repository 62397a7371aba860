"""`profiles`: what comes along. Heavy imports happen inside."""

from typing import Annotated

import typer

from heteroplan.cli import completion
from heteroplan.cli.streams import emit, show


def profiles(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only this ready profile.", autocompletion=completion.models
        ),
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(
            metavar="GPU", help="Only engines for this GPU type.", autocompletion=completion.gpus
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with all figures, and nothing else.")
    ] = False,
) -> None:
    """List the ready profiles: engines, ranges and errors.

    A scenario names one as `profile: ready:NAME`.
    """
    from heteroplan.outputs.fit.ready_engines import profiles_json, render_profiles
    from heteroplan.pipelines import profiles as pipeline

    found = pipeline.ready_profiles(model, gpu)
    if json:
        emit(profiles_json(found))
    else:
        show(lambda console: render_profiles(found, console))
