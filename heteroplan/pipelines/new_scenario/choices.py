"""How `init` comes by a value: an option gives it, somebody is asked, or it is an example."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from heteroplan.errors import UsageError
from heteroplan.reading.numbers import parse_number_within, parse_whole

ALL = ""
"""Stands for every workload, or every GPU type, where a value is given by name."""


class Asks(Protocol):
    """Puts questions to somebody."""

    def ask[T](self, question: str, read: Callable[[str], T], default: str) -> T:
        """The answer as `read` takes it; asked again where that raises ValueError."""

    def tell(self, line: str) -> None:
        """Show a line before the next question."""


@dataclass(frozen=True, slots=True)
class Chosen[T]:
    """A value, and whether it is an example, which nobody gave."""

    value: T
    is_example: bool = False


def chosen[T](
    given: T | None, asks: Asks | None, question: str, read: Callable[[str], T], example: str
) -> Chosen[T]:
    """What is given, or the answer to the question, or the example where nobody can be asked."""
    if given is not None:
        return Chosen(given)
    if asks is not None:
        return Chosen(asks.ask(question, read, example))
    return Chosen(read(example), is_example=True)


def by_name[T](given: Mapping[str, T], name: str) -> T | None:
    """What is given for `name`, or for all."""
    return given.get(name, given.get(ALL))


def check_names(option: str, given: Mapping[str, object], known: Sequence[str], what: str) -> None:
    """Raise UsageError for names that are none of the known ones."""
    unknown = [name for name in given if name not in (ALL, *known)]
    if unknown:
        raise UsageError(
            f"{option} {unknown[0]}=...: there is no such {what}; there are {', '.join(known)}"
        )


def wholes(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number from `least` to `most`; raises ValueError."""
    return lambda text: parse_whole(text, least, most)


def numbers(least: float, most: float) -> Callable[[str], float]:
    """Reads a number from `least` to `most`; raises ValueError."""
    return lambda text: parse_number_within(text, least, most)
