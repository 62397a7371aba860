"""A JSON document whose problems are gathered with their paths."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from heteroplan.errors import InputError, InputProblem
from heteroplan.profiles.readers.opened import Opened

type Json = dict[str, Json] | list[Json] | str | float | bool | None

DEPTH = 3
"""Levels of keys by which a document is known."""


@dataclass(slots=True)
class Document(Opened):
    """What one JSON file holds."""

    content: Json

    @property
    def names(self) -> frozenset[str]:
        """Keys of the first levels."""
        return frozenset(_keys(self.content, DEPTH))

    def fitting[T](self, shape: TypeAdapter[T]) -> T:
        """The content in the form of `shape`. Raises InputError with all that does not fit."""
        try:
            return shape.validate_python(self.content)
        except ValidationError as error:
            for each in error.errors():
                path = ".".join(str(part) for part in each["loc"])
                self.problem(0, path, json.dumps(each["input"], default=str), each["msg"])
            self.done()
            raise

    def series(self, name: str) -> list[float]:
        """Numbers > 0 below a key of the first level, or a single one; problems are noted."""
        content = self.content if isinstance(self.content, dict) else {}
        found = content.get(name, [])
        return [self._positive(name, i, value) for i, value in enumerate(_listed(found))]

    def _positive(self, name: str, index: int, value: Json) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and math.isfinite(float(value)) and float(value) > 0:  # type: ignore[arg-type]
            return float(value)  # type: ignore[arg-type]
        self.problem(0, f"{name}[{index}]", json.dumps(value), "must be a finite number above 0")
        return math.nan


def document_of(file: str, text: str) -> Document:
    """Raises InputError where the text is no JSON."""
    try:
        return Document(file, json.loads(text))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise InputError([InputProblem(file, line, "", "", f"is no JSON: {error}")]) from None


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _keys(content: Json, depth: int) -> Iterator[str]:
    if depth and isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from _keys(value, depth - 1)
