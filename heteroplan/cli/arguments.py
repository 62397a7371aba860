"""A command's arguments as the fields of a dataclass, where Typer wants parameters."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from inspect import signature
from typing import Any, get_type_hints


def taking[Arguments](kind: type[Arguments]) -> Callable[[Callable[[Arguments], None]], Any]:
    """Make a function of one `kind`, a dataclass, a command with a parameter for each field.

    Fields are annotated as Typer wants parameters, `Annotated[int, typer.Option(...)]`; `--help`
    shows them in the order of the class.
    """

    def command(function: Callable[[Arguments], None]) -> Callable[..., None]:
        @wraps(function)
        def call(**given: Any) -> None:
            function(kind(**given))

        call.__annotations__ = get_type_hints(kind, include_extras=True)
        call.__dict__["__signature__"] = signature(kind)
        return call

    return command


def passed(given: Any, *but: str) -> dict[str, Any]:
    """The fields of `given`, all but those named, as keywords."""
    return {each.name: getattr(given, each.name) for each in fields(given) if each.name not in but}


def written(default: str) -> Any:
    """A default as users write it, which the parser of its option reads like any value."""
    return default
