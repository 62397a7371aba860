"""Documents in the form of a schema: what does not fit is told, each with its place."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from heteroplan.errors import MOST_NOTED, InputError, InputProblem
from heteroplan.inventory.node import SourceFile
from heteroplan.reading.yaml_source import dotted, parse_value, shortened

type Name = Annotated[str, Field(min_length=1)]
"""Of a node, a switch or a block."""
_HEAD_CHARACTERS = 1 << 16

_REMEDIES = {
    "missing": "is missing",
    "string_type": "is no text; write it in quotes",
    "string_too_short": "is empty; write a name",
    "list_type": "is no list",
    "dict_type": "is no mapping of keys",
    "model_type": "is no mapping of keys",
    "model_attributes_type": "is no mapping of keys",
}
"""What to say of the errors of pydantic that users see most."""


def head_of(file: SourceFile) -> str:
    """The beginning of a text, by which it is known; empty for JSON."""
    return "" if file.document is not None else file.text[:_HEAD_CHARACTERS]


class Entry(BaseModel):
    """An object of a file that another system wrote: fields that are not named here are passed."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


def content_of(file: SourceFile) -> object:
    """What the file holds, JSON or one YAML document. Raises InputError where it is neither."""
    if file.document is not None:
        return file.document
    return parse_value(file.text, file.name, any_keys=True)


def fitting[T](shape: TypeAdapter[T], content: object, file: SourceFile) -> T:
    """`content` in the form of `shape`. Raises InputError with all that does not fit."""
    try:
        return shape.validate_python(content)
    except ValidationError as error:
        raise InputError(_problems(error, file.name)) from None


def _problems(error: ValidationError, file: str) -> list[InputProblem]:
    if error.error_count() > MOST_NOTED:
        remedy = f"{error.error_count():,} values do not fit; is it --format?"
        return [InputProblem(file, 0, "", "", remedy)]
    return [
        InputProblem(
            file,
            0,
            dotted(each["loc"]),
            "" if each["type"] == "missing" else shortened(each["input"]),
            _REMEDIES.get(each["type"], each["msg"].removeprefix("Value error, "))
            + ("" if each["loc"] else "; is it --format?"),
        )
        for each in error.errors(include_url=False)
    ]
