"""What a study file may hold: which inputs `heteroplan sweep --study` varies."""

from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from heteroplan.inputs.schemas.base import Duration, Name, OrPercent, Strict, Text

MOST_PATHS, MOST_NAMED = 50, 10_000
"""Varied inputs, and named cases."""

InputPath = Text
"""A path as of `--set`, such as `slo.ttft_ms` or `fleet.LEAF.NODE_TYPE`."""
Settings = Annotated[dict[InputPath, Any], Field(max_length=1000)]
"""Paths and what they are set to."""


def _values_kind(value: Any) -> str:
    return "<one>" if isinstance(value, str) else "<list>"


ValuesSpec = Annotated[
    Annotated[list[Any], Tag("<list>")] | Annotated[Text, Tag("<one>")],
    Discriminator(_values_kind),
]
"""A list of values, or a range."""


class StudyFile(Strict):
    """A study: a scenario with some of its inputs varied."""

    name: Name | None = None
    """Name of the study."""
    set: Settings = Field({})
    """Fields to set in every case, by path: {horizon.interval: 30min}."""
    vary: dict[InputPath, ValuesSpec] = Field({}, max_length=MOST_PATHS)
    """Values of each varied input, by path: a list, or a range such as 6..12 or 1..2/0.1.

    Every combination is a case; the last input changes fastest.
    """
    cases: dict[Name, Settings] = Field({}, max_length=MOST_NAMED)
    """Named cases: what each sets, by path. Each is combined with all that `vary` says."""
    interval: Duration | None = None
    """Length of an interval, such as 30min; the scenario's by default."""
    gap: Annotated[float, Field(ge=0, le=1), OrPercent()] | None = None
    """Gap at which the search of a case ends; 1 % is 0.01."""
    steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Steps after which the search of a case ends."""

    @model_validator(mode="after")
    def _varies(self) -> Self:
        if not self.vary and not self.cases:
            raise ValueError("nothing is varied; give vary or cases")
        return self
