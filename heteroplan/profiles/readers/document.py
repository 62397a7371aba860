"""A JSON document whose problems are gathered with their paths."""

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from heteroplan.profiles.readers.opened import LEAST, MOST, Opened, refused

type Json = dict[str, Json] | list[Json] | str | float | bool | None

type Positive = Annotated[float, Field(ge=LEAST, le=MOST, strict=True)]
type Finite = Annotated[float, Field(ge=-MOST, le=MOST, strict=True)]
type Count = Annotated[int, Field(gt=0, strict=True)]

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
        number = math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):
                number = float(value)
        return self.measured(0, f"{name}[{index}]", number, json.dumps(value))


def document_of(file: str, text: str) -> Document:
    """Raises InputError where the text is no JSON."""
    try:
        return Document(file, json.loads(text, object_pairs_hook=_once))
    except (ValueError, RecursionError) as error:
        raise refused(file, f"is no JSON: {error}", getattr(error, "lineno", 0)) from None


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object whose keys stand there once. Raises ValueError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} stands there twice")
    return found


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _keys(content: Json, depth: int) -> Iterator[str]:
    if depth and isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from _keys(value, depth - 1)
