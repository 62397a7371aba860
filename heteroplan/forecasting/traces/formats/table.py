"""Any table or JSON lines of requests whose columns the user names (`--map`).

`timestamp` is a date and time of day, or a number since 1970 whose unit its size tells;
`timestamp_s`, `_ms`, `_us` and `_ns` are numbers of that unit since 1970 or since the start of the
trace. `isl` are the input tokens; `osl`, output tokens, and `cached`, those of the input that a
prefix cache held, may lack. Dots lead into nested columns.
"""

import re
from collections.abc import Iterator, Mapping

from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.traces.columns import check_columns, first_values
from heteroplan.forecasting.traces.head import Head, head_of
from heteroplan.forecasting.traces.requests import Requests
from heteroplan.forecasting.traces.rows import Layout
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.forecasting.traces.trace_format import (
    AskedOfTrace,
    TraceFormat,
    read_requests,
)
from heteroplan.forecasting.traces.values import StampUnit
from heteroplan.reading.numbers import number_of

SHAPE = "columns named with --map"
CLOCKS = {
    "timestamp": StampUnit.WALL,
    "timestamp_s": StampUnit.S,
    "timestamp_ms": StampUnit.MS,
    "timestamp_us": StampUnit.US,
    "timestamp_ns": StampUnit.NS,
}
COUNTS = ("isl", "osl", "cached")
EPOCHS = {StampUnit.S: 1e8, StampUnit.MS: 1e11, StampUnit.US: 1e14, StampUnit.NS: 1e17}
"""Numbers from here to a hundred times that are counts since 1970 (1973 to 2286)."""
EXAMPLE = "--map timestamp=ts,isl=prompt_tokens,osl=completion_tokens"
USUAL = {
    "timestamp": r"timestamp|ts|time|datetime|date|(arrived|arrival|created|received|start)(_.*)?",
    "isl": r"isl|(num_)?(input|prompt|prefill|context|request)_?(tokens|length|len)",
    "osl": r"osl|(num_)?(output|completion|decode|generated|response)_?(tokens|length|len)",
    "cached": r"cached_tokens|(prompt_)?cached(_input)?_tokens",
}
"""What columns are usually called, in small letters with `_` for what is no letter."""


def fits(head: Head) -> bool:
    """Never: only the user can say that a file is meant so."""
    return False


def requests(source: TraceSource, asked: AskedOfTrace) -> Iterator[Requests]:
    """Stream the requests, arrivals since 1970 UTC or since the start of the trace.

    Raises UsageError for columns that are mapped wrongly, InputError where the file lacks one.
    """
    stamp = _stamp_name(asked.columns)
    head = head_of(source)
    check_columns(source, head, asked.columns.values())
    column = asked.columns[stamp]
    clock = _clock(source, head, column) if stamp == "timestamp" else CLOCKS[stamp]
    isl, osl, cached = (asked.columns.get(name) for name in COUNTS)
    assert isl is not None
    return read_requests(source, Layout(column, clock, isl, osl, cached, may_lack=True), asked)


def suggestion(head: Head) -> str:
    """The `--map` that the names in a file look like."""
    found = {}
    for ours, pattern in USUAL.items():
        for theirs in head.names:
            small = re.sub(r"[^a-z0-9]+", "_", theirs.lower()).strip("_")
            if ours not in found and re.fullmatch(pattern, small):
                found[ours] = theirs
    if not {"timestamp", "isl"} <= set(found):
        return EXAMPLE
    value = head.record.get(found["timestamp"])
    is_small = (number := number_of(value)) is not None and number < EPOCHS[StampUnit.S]
    pairs = {
        ("timestamp_s" if is_small and ours == "timestamp" else ours): found[ours] for ours in found
    }
    named = ",".join(f"{ours}={theirs}" for ours, theirs in pairs.items())
    return f"--map '{named}'" if " " in named else f"--map {named}"


def _stamp_name(columns: Mapping[str, str]) -> str:
    """Which of `CLOCKS` is mapped."""
    stamps = [name for name in CLOCKS if name in columns]
    unknown = [name for name in columns if name not in CLOCKS and name not in COUNTS]
    if unknown:
        known = ", ".join((*CLOCKS, *COUNTS))
        raise UsageError(f"--map: unknown name {', '.join(unknown)}; known are {known}")
    if len(stamps) != 1 or "isl" not in columns:
        raise UsageError(
            f"--map must name isl and one of {', '.join(CLOCKS)}, for example {EXAMPLE}"
        )
    return stamps[0]


def _clock(source: TraceSource, head: Head, column: str) -> StampUnit:
    """How the arrivals in `column` are written, by the first of them."""
    values = first_values(source, head, column)
    first = next((value for value in values if value not in (None, "")), None)
    number = number_of(first)
    if number is None:
        return StampUnit.WALL
    for clock, least in EPOCHS.items():
        if least <= number < 100 * least:
            return clock
    remedy = (
        "is no time since 1970 of any unit; for times since the start of the trace, or to say the "
        "unit, map timestamp_s, timestamp_ms, timestamp_us or timestamp_ns"
    )
    raise InputError([source.problem(0, column, str(first), remedy)])


FORMAT = TraceFormat(fits, None, SHAPE, requests=requests, takes_columns=True)
