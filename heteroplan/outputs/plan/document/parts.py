"""What documents share: field types, numbers of nine digits, their text, the planned time."""

import json
import math
from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from heteroplan.entities.scenario import Horizon
from heteroplan.inputs.schemas.base import Zone
from heteroplan.reading.local_time import check_year

_DIGITS = 9
"""Significant digits: far below any error of the inputs, above the solver's noise."""
_NOISE = 1e-9
"""A solver's 0 may be as much less."""


def nine_digits(value: Any) -> Any:
    """A number rounded to 9 digits, a hair below 0 as 0; what lists and mappings hold alike.

    Anything else, and what is not finite, stays as it is.
    """
    if isinstance(value, dict):
        return {key: nine_digits(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(nine_digits, value))
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    return 0.0 if -_NOISE < value <= 0.0 else float(f"{value:.{_DIGITS}g}")


def _row(value: Any) -> Any:
    """Strict tuples are none of lists, which is what validators in Python are given of JSON."""
    return tuple(nine_digits(value)) if isinstance(value, list | tuple) else value


_NINE_DIGITS = BeforeValidator(nine_digits)
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]

MOST = 10**12
"""Of anything counted in a plan: more is a slip of the hand, and no number of 64 bits."""
Count = Annotated[int, Field(ge=0, le=MOST)]
Amount = Annotated[_NotNegative, _NINE_DIGITS]
Number = Annotated[_Finite, _NINE_DIGITS]
AmountOrNone = Annotated[_NotNegative | None, _NINE_DIGITS]
NumberOrNone = Annotated[_Finite | None, _NINE_DIGITS]
Amounts = Annotated[tuple[_NotNegative, ...], BeforeValidator(_row)]
"""One an interval."""
AmountsOrNone = Annotated[tuple[_NotNegative | None, ...], BeforeValidator(_row)]
"""One an interval."""
Counts = tuple[Count, ...]
"""One an interval."""


class DocumentPart(BaseModel):
    """Unknown fields are passed over: a later heteroplan may add some under one version.

    `model_validate` takes an entity with attributes of the fields' names as well.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        from_attributes=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def from_entity(cls, entity: object, **more: Any) -> Self:
        """The entity's attributes of the fields' names, with `more` beside or in place of them."""
        own = {name for name in cls.model_fields if name not in more and hasattr(entity, name)}
        return cls.model_validate({name: getattr(entity, name) for name in own} | more)


def _with_offset(start: datetime) -> datetime:
    if start.utcoffset() is None:
        raise ValueError("has no offset; write for example 2026-11-23T00:00:00+08:00")
    check_year(start)
    return start


Moment = Annotated[
    datetime, AfterValidator(_with_offset), PlainSerializer(datetime.isoformat, when_used="json")
]
"""Zone-aware, written with its offset."""


def document_text(document: DocumentPart) -> str:
    """JSON: one line a field, and one an entry of fields that are lists or hold objects."""
    written = document.model_dump(mode="json", by_alias=True)
    fields = [f"  {json.dumps(key)}: {_field_text(value)}" for key, value in written.items()]
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _field_text(value: Any) -> str:
    """A list of entries, or an object of objects, with one entry a line."""
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in value) + "\n  ]"
    if isinstance(value, dict) and any(isinstance(item, dict) for item in value.values()):
        lines = (f"    {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items())
        return "{\n" + ",\n".join(lines) + "\n  }"
    return json.dumps(value)


class AttainmentPart(DocumentPart):
    """Share of requests within the targets; null where there are none."""

    ttft: AmountOrNone
    """Of finished requests."""
    itl: AmountOrNone
    """Of finished requests."""
    both: AmountOrNone
    """Of all requests; rejected and unfinished ones missed it."""


class HorizonPart(DocumentPart):
    """The planned time."""

    start: Moment
    """Start of the first interval, with UTC offset."""
    timezone: Zone
    interval_s: Annotated[int, Field(ge=1)]
    intervals: Annotated[int, Field(ge=1, le=1_000_000)]
    cyclic: bool

    def horizon(self) -> Horizon:
        """The time as the planner has it."""
        start = self.start.astimezone(ZoneInfo(self.timezone))
        return Horizon(start, self.intervals, self.interval_s, self.timezone, self.cyclic)

    def boundaries(self) -> tuple[datetime, ...]:
        """The intervals + 1 moments between intervals, in `timezone`."""
        return self.horizon().boundaries()

    @model_validator(mode="after")
    def _ends(self) -> Self:
        try:
            _ = self.start + timedelta(seconds=self.interval_s) * (self.intervals + 1)
        except OverflowError:
            raise ValueError("ends after the year 9999; make it shorter") from None
        return self
