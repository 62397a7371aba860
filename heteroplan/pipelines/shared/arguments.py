"""How callers give what a command takes: options as keywords, and one name or several."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Concatenate

from heteroplan.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

type Name = str | os.PathLike[str]
"""A path, or `-` for standard input where a command reads it."""


def keywords[**P, Subject, Options, Result](
    options: Callable[P, Options],
) -> Callable[[Callable[[Subject, Options], Result]], Callable[Concatenate[Subject, P], Result]]:
    """Make a function of a subject and an options object one of the subject and keywords.

    `options` is a dataclass: each option has its name, type, default and meaning there and nowhere
    else, and type checkers and `help` show all of them. `plan(scenario, gap=0.05)` calls the
    function with `(scenario, PlanOptions(gap=0.05))`. Raises TypeError for an unknown keyword.
    """

    def decorated(
        function: Callable[[Subject, Options], Result],
    ) -> Callable[Concatenate[Subject, P], Result]:
        @wraps(function)
        def call(subject: Subject, /, *args: P.args, **kwargs: P.kwargs) -> Result:
            return function(subject, options(*args, **kwargs))

        _show(call, function, options)
        return call

    return decorated


def keywords_of_two[**P, One, Other, Options, Result](
    options: Callable[P, Options],
) -> Callable[
    [Callable[[One, Other, Options], Result]], Callable[Concatenate[One, Other, P], Result]
]:
    """`keywords` for a function of two subjects."""

    def decorated(
        function: Callable[[One, Other, Options], Result],
    ) -> Callable[Concatenate[One, Other, P], Result]:
        @wraps(function)
        def call(one: One, other: Other, /, *args: P.args, **kwargs: P.kwargs) -> Result:
            return function(one, other, options(*args, **kwargs))

        _show(call, function, options)
        return call

    return decorated


def _show(call: Any, function: Callable[..., Any], options: Callable[..., Any]) -> None:
    """Give `call` the signature of `function` with options as keywords in place of the last."""
    own = signature(function)
    *subjects, _ = own.parameters.values()
    shown = [
        *(each.replace(kind=Parameter.POSITIONAL_ONLY) for each in subjects),
        *signature(options).parameters.values(),
    ]
    call.__dict__["__signature__"] = own.replace(parameters=shown)


def as_keywords(options: "DataclassInstance") -> dict[str, Any]:
    """The options of a dataclass as the keywords of a function that `keywords` made of it."""
    return {each.name: getattr(options, each.name) for each in fields(options)}


def names(given: Name | Iterable[Name]) -> list[str]:
    """One name or several, as texts."""
    if isinstance(given, str | os.PathLike):
        return [os.fspath(given)]
    return [os.fspath(each) for each in given]


def check_limits(options: object, limits: Mapping[str, tuple[Any, Any]]) -> None:
    """Options lie between their limits, both included, or are None. Raises UsageError."""
    for name, (least, most) in limits.items():
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            raise UsageError(f"{name} {value}: must be between {least} and {most}")
