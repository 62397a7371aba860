"""Parameters of policies: frozen dataclasses whose fields say what they may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from heteroplan.errors import UsageError


@dataclass(frozen=True, slots=True)
class Searched:
    """Where curation looks for an option's value."""

    low: float
    high: float
    log: bool = False
    """By factors, not by differences."""


MOST = 1e7
"""Of numbers without a bound of their own: four months in seconds."""


def number(default: float, low: float, high: float = MOST) -> Any:
    """A field for a number from `low` to `high`."""
    return field(default=default, metadata={"low": low, "high": high})


def choice(default: str, among: Sequence[str]) -> Any:
    """A field for one of `among`."""
    return field(default=default, metadata={"among": tuple(among)})


@dataclass(frozen=True, slots=True)
class Options:
    """Base of every policy's parameters. Raises UsageError for a value out of its range."""

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            among = option.metadata.get("among")
            if among is not None and value not in among:
                raise UsageError(f"option {option.name}={value}: one of {', '.join(among)}")
            low, high = option.metadata.get("low"), option.metadata.get("high")
            if low is not None and high is not None and not low <= value <= high:
                wanted = f"at least {low:g}" if high == MOST else f"from {low:g} to {high:g}"
                raise UsageError(f"option {option.name}={value:g}: write a number, {wanted}")


def read[O: Options](kind: type[O], policy: str, given: Mapping[str, str | float]) -> O:
    """Options of `kind` with the values of `given`, as text or as numbers.

    Raises UsageError for an option that `kind` has not, or a value that it cannot have.
    """
    known = {option.name: option.default for option in fields(kind)}
    if unknown := [name for name in given if name not in known]:
        has = f"options are {', '.join(known)}" if known else "it has no options"
        raise UsageError(f"policy {policy} has no option {unknown[0]!r}: {has}")
    try:
        return kind(**{name: _like(known[name], name, value) for name, value in given.items()})
    except UsageError as error:
        raise UsageError(f"policy {policy}: {error}") from error


def _like(default: object, name: str, value: str | float) -> str | float:
    """`value` as text or as number, whichever the default is."""
    if isinstance(default, str):
        return str(value)
    try:
        return float(value)
    except ValueError as error:
        raise UsageError(f"option {name}={value}: write a number") from error
