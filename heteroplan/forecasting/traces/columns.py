"""Which columns a trace has, and what stands in them at its beginning."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from heteroplan.errors import InputError
from heteroplan.forecasting.traces.head import Head, Kind
from heteroplan.forecasting.traces.source import TraceSource


def path_of(column: str, head: Head) -> tuple[str, ...]:
    """Where a column is: dots lead into what is nested, unless names have them."""
    return (column,) if column in head.names else tuple(column.split("."))


def check_columns(source: TraceSource, head: Head, columns: Iterable[str]) -> None:
    """Raise InputError for each of `columns` that the file does not have."""
    lacking = [name for name in columns if not _has(source, head, name)]
    if lacking:
        line = 1 if head.kind is Kind.CSV else 0
        remedy = f"there is no such column; the file has {', '.join(head.names) or 'none'}"
        raise InputError([source.problem(line, name, "", remedy) for name in lacking])


def first_values(source: TraceSource, head: Head, column: str) -> Iterable[Any]:
    """What stands in a column, as far as the beginning of the file shows it."""
    path = path_of(column, head)
    if head.kind is Kind.PARQUET:
        return _parquet_values(source, path) or []
    if head.kind is Kind.CSV:
        return _csv_values(head, column)
    return [_inside(record, path)[1] for record in _records(head)]


def parquet_zone(source: TraceSource, head: Head, column: str) -> str | None:
    """The time zone that the type of a Parquet column names; None where it names none."""
    import pyarrow.parquet as pq
    import pyarrow.types as pt

    if head.kind is not Kind.PARQUET or column not in head.names:
        return None
    kind = pq.ParquetFile(source.seekable()).schema_arrow.field(column).type
    return kind.tz if pt.is_timestamp(kind) else None


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
