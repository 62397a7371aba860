"""What the first bytes of a trace say about its format."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from heteroplan.errors import InputError
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.reading.csv_rows import header_of

PARQUET_MAGIC = b"PAR1"


class Kind(StrEnum):
    """How a file is written."""

    CSV = "a CSV table"
    JSON_LINES = "JSON lines"
    JSON_DOCUMENT = "a JSON document"
    """One that does not end on its first line. A short one on a single line counts as lines."""
    PARQUET = "a Parquet table"


@dataclass(frozen=True, slots=True)
class Head:
    """What is seen at the beginning of a file."""

    kind: Kind
    names: tuple[str, ...]
    """Columns, or keys of the first JSON object, as far as they are seen."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """The first row or JSON object by name, as far as it is seen; empty for Parquet."""
    text: str = ""
    """The beginning of a text file."""

    @property
    def is_json(self) -> bool:
        """Whether it starts as JSON does."""
        return self.kind in (Kind.JSON_LINES, Kind.JSON_DOCUMENT)

    def is_table_of(self, *columns: str) -> bool:
        """Whether it is a CSV or Parquet table with each of `columns` once."""
        return not self.is_json and all(self.names.count(column) == 1 for column in columns)


def head_of(source: TraceSource) -> Head:
    """What the first bytes of `source` say.

    Raises UnicodeDecodeError, which `open_trace` turns into InputError.
    """
    if source.head.startswith(PARQUET_MAGIC):
        return Head(Kind.PARQUET, _parquet_names(source))
    text = _decoded(source.head)
    start = text.lstrip()
    if start.startswith(("{", "[")):
        return _json_head(start)
    return _csv_head(text)


def _parquet_names(source: TraceSource) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.ParquetFile(source.seekable()).schema_arrow.names)
    except (pa.ArrowException, ValueError, OSError) as error:
        problem = source.problem(0, "", "", f"is no Parquet file: {error}")
        raise InputError([problem]) from None


def _decoded(head: bytes) -> str:
    """`head` as text; a character that its end cuts is left out."""
    try:
        return head.decode()
    except UnicodeDecodeError as error:
        if len(head) - error.start < 4 and error.reason == "unexpected end of data":
            return head[: error.start].decode()
        raise


def _csv_head(text: str) -> Head:
    header, _, rest = text.partition("\n")
    names = header_of(header)
    row = header_of(next((line for line in rest.splitlines() if line.strip()), ""))
    return Head(Kind.CSV, names, dict(zip(names, row, strict=False)), text)


def _json_head(text: str) -> Head:
    line = text.partition("\n")[0]
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = dict(_members(text))
        return Head(Kind.JSON_DOCUMENT, tuple(record), record, text)
    if not isinstance(record, dict):
        return Head(Kind.JSON_DOCUMENT, (), {}, text)
    return Head(Kind.JSON_LINES, tuple(record), record, text)


def _members(text: str) -> Iterator[tuple[str, Any]]:
    """Keys and values of the object that `text` begins; None for the value its end cuts."""
    decoder = json.JSONDecoder()
    at = 1
    try:
        while (at := _after_space(text, at)) < len(text) and text[at] == '"':
            key, at = decoder.raw_decode(text, at)
            try:
                value, at = decoder.raw_decode(text, _after_space(text, at, ":"))
            except (ValueError, RecursionError):
                yield key, None
                return
            yield key, value
            at = _after_space(text, at, ",")
    except (ValueError, RecursionError):
        return


def _after_space(text: str, at: int, mark: str = "") -> int:
    while at < len(text) and (text[at].isspace() or text[at] == mark):
        at += 1
    return at
