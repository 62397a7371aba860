"""What a scenario may say of its demand: a trace of requests and what to make of it."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from heteroplan.inputs.schemas.base import (
    Duration,
    Factor,
    FilePath,
    Name,
    OrPercent,
    Share,
    Size,
    Stamp,
    Strict,
    Text,
    Zone,
    no_percent,
)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class EventSpec(Strict):
    """A window in which demand is a multiple of what like times bring."""

    name: Name
    """What it is."""
    start: Stamp
    """First moment, in the zone of the days: 2026-11-27 or 2026-11-27T18:00."""
    end: Stamp
    """The moment at which it is over."""
    multiplier: Factor
    """Times the demand of like times; in the past what to divide by."""


class EventsFile(Strict):
    """A file of calendar overrides."""

    events: list[EventSpec] = Field(max_length=1000)
    """Windows in which demand is a multiple of what like times bring."""


class TraceSpec(Strict):
    """Demand made of traces when the scenario is loaded, as `heteroplan demand` does."""

    trace: Annotated[
        list[FilePath],
        Field(min_length=1, max_length=10_000),
        BeforeValidator(_listed, json_schema_input_type=FilePath | list[FilePath]),
    ]
    """Trace files or globs, relative to the scenario's folder."""
    format: Text | None = None
    """Format; by what is in the first file where not given."""
    map: dict[Text, Text] = Field({}, max_length=20)
    """Our names of columns -> theirs: {timestamp: ts, isl: prompt_tokens}."""
    start: Stamp | None = None
    """When the trace begins; needed where it knows no date."""
    trace_timezone: Zone | None = None
    """IANA zone of stamps that name none; the horizon's by default."""
    quantile: Annotated[float, Field(ge=0, le=1), OrPercent()] = 0.95
    """Of like intervals of the past: 0.95 covers 95 % of them."""
    growth: Factor = 1.0
    """Multiplies all rates."""
    weekdays: Literal["auto", "alike", "weekend", "each"] = "auto"
    """Which days are like one another: all, workdays and weekends apart, each weekday apart."""
    trend: Annotated[float, Field(ge=0.1, le=10), BeforeValidator(no_percent)] | None = None
    """Change of the level a week, 1.05 for 5 % more; by the past where not given, 1 for none."""
    peak: Duration = "5min"
    """An interval is planned for its busiest piece of this length."""
    events: list[EventSpec] = Field([], max_length=1000)
    """Windows in which demand is a multiple of what like times bring."""
    prefix_cache: Annotated[int, Field(ge=0, le=10**15)] | None = None
    """Prefix cache [tokens of KV], where the trace tells blocks."""
    max_class_error: Share = 0.03
    """Requests are told apart in classes until capacity is this well known; 1 for one class."""
    max_bytes: Size | None = None
    """Held of a trace at a time, such as 2GiB; see `heteroplan demand --max-bytes`."""


def _kind(value: Any) -> str:
    return "<trace>" if isinstance(value, dict | TraceSpec) else "<file>"


DemandSpec = Annotated[
    Annotated[FilePath, Tag("<file>")] | Annotated[TraceSpec, Tag("<trace>")],
    Discriminator(_kind),
]
"""A demand CSV, or a trace."""
