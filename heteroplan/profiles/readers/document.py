"""A JSON or YAML document whose problems are gathered with their paths."""

import json
import math
from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from heteroplan.profiles.readers.opened import LEAST, MOST, Opened, refused

type Json = dict[str, Json] | list[Json] | str | float | bool | None

type Positive = Annotated[float, Field(ge=LEAST, le=MOST, strict=True)]
type Finite = Annotated[float, Field(ge=-MOST, le=MOST, strict=True)]
type Amount = Annotated[float, Field(ge=0, le=MOST, strict=True)]
type Count = Annotated[int, Field(gt=0, strict=True)]
type Whole = Annotated[int, Field(ge=0, le=int(MOST), strict=True)]

WRONG_TAG = (ArithmeticError, AttributeError, LookupError)
"""What the YAML library raises of a tag on a value that is nothing of the kind."""
DEPTH = 3
"""Levels of keys by which a document is known."""


@dataclass(slots=True)
class Document(Opened):
    """What one JSON or YAML file holds, or the list of what its JSON lines hold."""

    content: Json

    @property
    def names(self) -> frozenset[str]:
        """Keys of the first levels; of a list those of its first entry."""
        return frozenset(_keys(self.content, DEPTH))

    def fitting[T](self, shape: TypeAdapter[T]) -> T:
        """The content in the form of `shape`. Raises InputError with all that does not fit."""
        try:
            return shape.validate_python(self.content)
        except ValidationError as error:
            for each in error.errors():
                path = ".".join(str(part) for part in each["loc"])
                self.problem(0, path, _shown(each["input"]), each["msg"].partition(" or inst")[0])
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
    """One JSON text, or JSON lines. Raises InputError where it is neither."""
    try:
        return Document(file, json.loads(text, object_pairs_hook=_once))
    except (ValueError, RecursionError) as error:
        lines = [(i, line) for i, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if len(lines) > 1 and all(line.startswith("{") for _, line in lines):
            return Document(file, [_line(file, line) for line in lines])
        raise refused(file, f"is no JSON: {error}", getattr(error, "lineno", 0)) from None


def _line(file: str, numbered: tuple[int, str]) -> Json:
    number, text = numbered
    try:
        content: Json = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise refused(file, f"is no JSON: {error}", number) from None
    return content


def yaml_document_of(file: str, text: str) -> Document:
    """Raises InputError where the text is no YAML, or YAML with aliases or doubled keys."""
    import yaml

    class Plain(yaml.SafeLoader):
        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise yaml.MarkedYAMLError(problem="aliases are not read", problem_mark=mark)
            return super().compose_node(parent, index)

        def construct_mapping(
            self, node: yaml.MappingNode, deep: bool = False
        ) -> dict[Hashable, Any]:
            found = super().construct_mapping(node, deep)
            if len(found) < len(node.value):
                mark = node.start_mark
                raise yaml.MarkedYAMLError(problem="a key stands there twice", problem_mark=mark)
            return found

    try:
        return Document(file, yaml.load(text, Plain))
    except (yaml.YAMLError, *WRONG_TAG, ValueError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        parts = [getattr(error, name, None) for name in ("context", "problem")]
        reason = " ".join(part for part in parts if part) or error
        raise refused(file, f"is no YAML: {reason}", line) from None


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object whose keys stand there once. Raises ValueError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} stands there twice")
    return found


def _shown(value: object) -> str:
    try:
        return json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _keys(content: Json, depth: int) -> Iterator[str]:
    while isinstance(content, list) and content:
        content = content[0]
    if depth and isinstance(content, dict):
        for key, value in content.items():
            yield str(key)
            yield from _keys(value, depth - 1)
