"""Any table or JSON lines of requests whose columns the user names (`--map`).

`timestamp` is a date and time of day, or a number since 1970 whose unit its size tells;
`timestamp_s`, `_ms`, `_us` and `_ns` are numbers of that unit since 1970 or since the start of the
trace. `isl` are the input tokens; `osl`, output tokens, and `cached`, those of the input that a
prefix cache held, may lack. Dots lead into nested columns.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.traces.head import Head, Kind, head_of
from heteroplan.forecasting.traces.requests import Requests
from heteroplan.forecasting.traces.rows import Layout
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.forecasting.traces.trace_format import (
    AskedOfTrace,
    TraceFormat,
    path_of,
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
    _check(source, head, asked.columns)
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


def _check(source: TraceSource, head: Head, columns: Mapping[str, str]) -> None:
    lacking = [name for name in columns.values() if not _has(source, head, name)]
    if lacking:
        line = 1 if head.kind is Kind.CSV else 0
        remedy = f"there is no such column; the file has {', '.join(head.names) or 'none'}"
        raise InputError([source.problem(line, name, "", remedy) for name in lacking])


def _has(source: TraceSource, head: Head, column: str) -> bool:
    path = path_of(column, head)
    if head.kind is Kind.CSV:
        return head.names.count(column) == 1
    if head.kind is Kind.PARQUET:
        return path[0] in head.names and (
            len(path) == 1 or _parquet_values(source, path) is not None
        )
    if head.kind is Kind.JSON_DOCUMENT:
        return True
    return any(_inside(record, path)[0] for record in _records(head))


def _clock(source: TraceSource, head: Head, column: str) -> StampUnit:
    """How the arrivals in `column` are written, by the first of them."""
    path = path_of(column, head)
    values: Iterable[Any]
    if head.kind is Kind.PARQUET:
        values = _parquet_values(source, path) or []
    elif head.kind is Kind.CSV:
        values = _csv_values(head, column)
    else:
        values = [_inside(record, path)[1] for record in _records(head)]
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


def _records(head: Head) -> Iterator[Mapping[str, Any]]:
    """The whole objects at the beginning of JSON lines."""
    yield head.record
    for line in head.text.split("\n")[1:]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _inside(record: Any, path: tuple[str, ...]) -> tuple[bool, Any]:
    """Whether `path` leads to something, and to what."""
    for key in path:
        if not isinstance(record, dict) or key not in record:
            return False, None
        record = record[key]
    return True, record


def _csv_values(head: Head, column: str) -> Iterator[str]:
    at = head.names.index(column)
    rows = csv.reader(io.StringIO(head.text, newline=""))
    try:
        next(rows, None)
        yield from (row[at] for row in rows if at < len(row))
    except csv.Error:
        return


def _parquet_values(source: TraceSource, path: tuple[str, ...]) -> list[Any] | None:
    """The first values of a column; None where there is no such column."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source.seekable())
    for batch in file.iter_batches(batch_size=1000, columns=[".".join(path)]):
        if not batch.num_columns:
            return None
        try:
            values = batch.column(0).to_pylist()
        except (OverflowError, ValueError):  # moments that no calendar holds
            values = [str(batch.column(0).type)]
        return [_inside(value, path[1:])[1] for value in values]
    return []


FORMAT = TraceFormat(fits, None, SHAPE, requests=requests, takes_columns=True)
