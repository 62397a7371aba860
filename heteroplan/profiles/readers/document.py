"""A JSON or YAML document whose problems are gathered with their paths."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from heteroplan.errors import MOST_NOTED
from heteroplan.profiles.readers.measurement_file import LEAST, MOST, MeasurementFile, refused
from heteroplan.reading.file_problems import SHOWN_CHARACTERS
from heteroplan.reading.numbers import number_of

type Json = dict[str, Json] | list[Json] | str | float | bool | None

type Positive = Annotated[float, Field(ge=LEAST, le=MOST, strict=True)]
type Finite = Annotated[float, Field(ge=-MOST, le=MOST, strict=True)]
type Amount = Annotated[float, Field(ge=0, le=MOST, strict=True)]
type Count = Annotated[int, Field(gt=0, strict=True)]
type Whole = Annotated[int, Field(ge=0, le=int(MOST), strict=True)]

DEPTH = 3
"""Levels of keys by which a document is known."""


@dataclass(slots=True)
class MeasurementDocument(MeasurementFile):
    """What one JSON or YAML file holds, or the list of what its JSON lines hold."""

    content: Json

    @property
    def names(self) -> frozenset[str]:
        """Keys of the first levels, of a list those of its first entry."""
        return frozenset(_keys(self.content, DEPTH))

    def fitting[T](self, shape: TypeAdapter[T]) -> T:
        """The content in the form of `shape`. Raises InputError with all that does not fit."""
        try:
            return shape.validate_python(self.content)
        except ValidationError as error:
            self._note(error, ())
            self.done()
            raise

    def fitting_each[T](self, shape: TypeAdapter[T]) -> list[T]:
        """Every entry of a list in the form of `shape`, a single entry as a list of one.

        Raises InputError with all that does not fit.
        """
        found = []
        for i, entry in enumerate(_listed(self.content)):
            try:
                found.append(shape.validate_python(entry))
            except ValidationError as error:
                self._note(error, (i,))
        self.done()
        return found

    def _note(self, error: ValidationError, place: tuple[int, ...]) -> None:
        """What does not fit; pydantic would take a kilobyte for each of a million values."""
        if error.error_count() > MOST_NOTED:
            self.problem(0, "", "", f"{error.error_count():,} values do not fit; is it --format?")
            return
        for each in error.errors(include_url=False):
            path = ".".join(str(part) for part in (*place, *each["loc"]))
            self.problem(0, path, _shown(each["input"]), each["msg"].partition(" or inst")[0])

    def series(self, name: str) -> list[float]:
        """Numbers > 0 below a key of the first level, or a single one; problems are noted."""
        content = self.content if isinstance(self.content, dict) else {}
        found = content.get(name, [])
        return [self._positive(name, i, value) for i, value in enumerate(_listed(found))]

    def _positive(self, name: str, index: int, value: Json) -> float:
        number = None if isinstance(value, str) else number_of(value)
        shown = json.dumps(value)
        return self.measured(0, f"{name}[{index}]", math.nan if number is None else number, shown)


def json_document_of(file: str, text: str) -> MeasurementDocument:
    """One JSON text, or JSON lines. Raises InputError where it is neither."""
    try:
        return MeasurementDocument(file, json.loads(text, object_pairs_hook=_once))
    except (ValueError, RecursionError) as error:
        lines = list(_lines(text))
        if len(lines) > 1 and all(line.startswith("{") for _, line in lines):
            return MeasurementDocument(file, [_line(file, line) for line in lines])
        raise refused(file, f"is no JSON: {error}", getattr(error, "lineno", 0)) from None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Those that are not blank, numbered."""
    number, end = 1, 0
    for match in re.finditer(r"[^\n]+", text):
        number += match.start() - end
        end = match.end()
        if match[0].strip():
            yield number, match[0]


def _line(file: str, numbered: tuple[int, str]) -> Json:
    number, text = numbered
    try:
        content: Json = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise refused(file, f"is no JSON: {error}", number) from None
    return content


def yaml_document_of(file: str, text: str) -> MeasurementDocument:
    """Raises InputError where the text is no YAML, or YAML with doubled keys."""
    from heteroplan.reading.yaml_source import parse_value

    return MeasurementDocument(file, parse_value(text, file, any_keys=True))


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object whose keys stand there once. Raises ValueError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, times in counts.items() if times > 1)
        raise ValueError(f"key {twice!r} appears twice")
    return found


def _shown(value: object) -> str:
    text = ""
    try:
        for part in json.JSONEncoder(default=str).iterencode(value):
            text += part
            if len(text) > SHOWN_CHARACTERS:
                break
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__
    return text


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _keys(content: Json, depth: int) -> Iterator[str]:
    while isinstance(content, list) and content:
        content = content[0]
    if depth and isinstance(content, dict):
        for key, value in content.items():
            yield str(key)
            yield from _keys(value, depth - 1)
