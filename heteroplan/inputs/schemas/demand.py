"""What a scenario may say of its demand: a trace of requests and what to make of it."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)

from heteroplan.forecasting.traces.bad_rows import parse_limit
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
from heteroplan.text import LINE, MOST_CHARACTERS

WhereValue = Annotated[str, StringConstraints(max_length=MOST_CHARACTERS, pattern=LINE)]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _bad_rows(value: int | str) -> int | str:
    parse_limit(value)
    return value


class EventSpec(Strict):
    """A period in which demand is a multiple of the usual demand."""

    name: Name
    """Name of the event."""
    start: Stamp
    """Start, in the time zone of the forecast: 2026-11-27 or 2026-11-27T18:00."""
    end: Stamp
    """End, not included."""
    multiplier: Factor
    """Factor on the usual demand; past demand is divided by it."""


class EventsFile(Strict):
    """A file of events."""

    events: list[EventSpec] = Field(max_length=1000)
    """Periods in which demand is a multiple of the usual demand."""


class TraceSpec(Strict):
    """Demand forecast from traces when the scenario is loaded, as by `heteroplan demand`."""

    trace: Annotated[
        list[FilePath],
        Field(min_length=1, max_length=10_000),
        BeforeValidator(_listed, json_schema_input_type=FilePath | list[FilePath]),
    ]
    """Trace files or globs, relative to the scenario's folder."""
    format: Text | None = None
    """Trace format; by default recognised from the first file."""
    map: dict[Text, Text] = Field({}, max_length=20)
    """Columns of the trace by our names: {timestamp: ts, isl: prompt_tokens}."""
    where: dict[
        Text,
        Annotated[
            list[WhereValue],
            Field(min_length=1, max_length=1000),
            BeforeValidator(_listed, json_schema_input_type=WhereValue | list[WhereValue]),
        ],
    ] = Field({}, max_length=20)
    """Only requests with these values, by column or label: {model: chat-70b}, or a list each."""
    start: Stamp | None = None
    """When the trace begins; needed if the trace has no date."""
    trace_timezone: Zone | None = None
    """IANA time zone of timestamps without a zone; the horizon's by default."""
    quantile: Annotated[float, Field(ge=0, le=1), OrPercent()] = 0.95
    """Quantile of past rates at the same time on like days: 0.95 covers 95 % of them."""
    growth: Factor = 1.0
    """Multiplies all rates."""
    weekdays: Literal["auto", "alike", "weekend", "each"] = "auto"
    """Like days: auto (what forecasts best), all, workdays and weekends apart, each weekday."""
    trend: Annotated[float, Field(ge=0.1, le=10), BeforeValidator(no_percent)] | None = None
    """Growth per week: 1.05 is 5 %, 1 is none; by default the trace's trend if significant."""
    peak: Duration = "5min"
    """The rate of an interval is that of its busiest period of this length."""
    events: list[EventSpec] = Field([], max_length=1000)
    """Periods in which demand is a multiple of the usual demand."""
    prefix_cache: Annotated[int, Field(ge=0, le=10**15)] | None = None
    """Size of a simulated prefix cache [tokens]; the trace must list block hashes."""
    max_class_error: Share = 0.03
    """Largest error of capacity from dividing requests into classes; 1 for one class."""
    max_trace_age: Duration | None = None
    """Longest time from the last request of the trace to the start of the horizon, such as 3d."""
    max_bad_rows: Annotated[int | str, AfterValidator(_bad_rows)] = 0
    """Bad rows of a trace of requests that are left out: a number, or a share such as 0.1%."""
    max_bytes: Size | None = None
    """Memory limit for one trace file, such as 2GiB; see `heteroplan demand --max-bytes`."""


def _kind(value: Any) -> str:
    return "<trace>" if isinstance(value, dict | TraceSpec) else "<file>"


DemandSpec = Annotated[
    Annotated[FilePath, Tag("<file>")] | Annotated[TraceSpec, Tag("<trace>")],
    Discriminator(_kind),
]
"""A demand CSV, or a trace."""
