"""What all input schemas share: strictness and the field types."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import core_schema

from heteroplan.reading.durations import parse_duration_s
from heteroplan.reading.input_size import parse_size
from heteroplan.reading.local_time import check_year, parse_stamp
from heteroplan.reading.numbers import (
    PERCENT,
    SIGNED_PERCENT,
    more_or_less,
    parse_percent,
    plain_share,
)
from heteroplan.text import LINE, MOST_CHARACTERS, NAME

LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""RFC 1123 label."""
MAX_LABEL = 63
"""Characters of one."""
MAX_COUNT = 1_000_000
MAX_NUMBER = 1e12
_MIN_NUMBER = 1e-12


def text_checked(check: Callable[[str], object]) -> AfterValidator:
    """Runs a parser for its ValueError and keeps the text."""

    def checked(text: str) -> str:
        check(text)
        return text

    return AfterValidator(checked)


def check_stamp(text: str) -> None:
    """Raise ValueError for what is no ISO 8601 date or time of a whole second."""
    stamp = parse_stamp(text)
    check_year(stamp)
    if stamp.microsecond:
        raise ValueError("not a whole second")


def _with_unit(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"has no unit; write {value}min (or s, h, d)")
    return value


def _sized(value: int | str) -> int | str:
    parse_size(value)
    return value


def _zone(text: str) -> None:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        message = "unknown time zone; write an IANA name such as Asia/Singapore or UTC"
        raise ValueError(message) from None


def _not_tiny(number: float) -> float:
    if number < _MIN_NUMBER:
        raise ValueError(f"closer to 0 than {_MIN_NUMBER:g}; check its unit")
    return number


def _ordered(pair: list[float]) -> list[float]:
    if pair[0] > pair[1]:
        raise ValueError("the low end is above the high end; swap them")
    return pair


def no_percent(value: Any) -> Any:
    more = parse_percent(value) if isinstance(value, str) else None
    if more is not None:
        raise ValueError(f"not a factor; write {more_or_less(value, more)}")
    return value


@dataclass(frozen=True, slots=True)
class OrPercent:
    """Lets a number from 0 to 1 or so be written `10%` as well."""

    plain_below: float = math.inf
    """From here on a number is refused: 10 may mean 10 %."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._number, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        number = handler(schema)
        if self.plain_below < math.inf:
            number.pop("maximum")
            number["exclusiveMaximum"] = self.plain_below
        ends = ("minimum", "exclusiveMinimum")
        below_0 = any(number[end] < 0 for end in ends if end in number)
        pattern = SIGNED_PERCENT if below_0 else PERCENT
        return {"anyOf": [number, {"type": "string", "pattern": pattern}]}

    def _number(self, value: Any) -> Any:
        if isinstance(value, str):
            given = parse_percent(value)
            return value if given is None else given
        if isinstance(value, int | float) and math.isfinite(value):
            plain_share(value, self.plain_below)
        return value


Label = Annotated[str, StringConstraints(pattern=LABEL)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS, pattern=LINE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS, pattern=NAME)]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Duration = Annotated[str, BeforeValidator(_with_unit), text_checked(parse_duration_s)]
Size = Annotated[int | str, AfterValidator(_sized)]
Stamp = Annotated[str, text_checked(check_stamp)]
Zone = Annotated[str, text_checked(_zone)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Positive = Annotated[float, Field(gt=0, le=MAX_NUMBER), AfterValidator(_not_tiny)]
NotNegative = Annotated[float, Field(ge=0, le=MAX_NUMBER)]
Share = Annotated[float, Field(gt=0, le=1), AfterValidator(_not_tiny), OrPercent()]
Factor = Annotated[
    float, Field(gt=0, le=1000), AfterValidator(_not_tiny), BeforeValidator(no_percent)
]
Tokens = Annotated[float, Field(ge=1, le=1e9)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Range = Annotated[list[NotNegative], Field(min_length=2, max_length=2), AfterValidator(_ordered)]


class Strict(BaseModel):
    """Base of all input schemas. A known key without a value counts as absent."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {k: v for k, v in data.items() if v is not None or k not in cls.model_fields}


class RatioSpec(Strict):
    """Limits of a ratio of numbers of replicas: `pd_ratio` or `part_ratio`."""

    min: NotNegative
    """Smallest ratio."""
    max: Positive
    """Largest ratio."""

    @field_validator("max")
    @classmethod
    def _not_below_min(cls, high: float, info: ValidationInfo) -> float:
        if high < info.data.get("min", high):
            raise ValueError("below min; swap them")
        return high
