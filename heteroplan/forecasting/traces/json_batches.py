"""Rows of JSON-lines traces."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from heteroplan.errors import InputProblem
from heteroplan.forecasting.traces.bad_rows import MOST_PROBLEMS
from heteroplan.forecasting.traces.lines import Attempts, TextBlock, blocks
from heteroplan.forecasting.traces.rows import (
    NO_BLOCKS,
    SLOW_ROWS,
    Batch,
    Rows,
    Type,
)
from heteroplan.forecasting.traces.source import TraceSource

CHUNK_BYTES = 1 << 20
"""Text that one thread parses at a time [bytes]."""
NO_OBJECT = "is no JSON object"
LEAST_ID, MOST_ID = -(2**63), 2**64

type Path = tuple[str, ...]


def batches(
    source: TraceSource, wanted: Mapping[str, Type], paths: Mapping[str, Path]
) -> Iterator[Batch]:
    """The rows of a file with one JSON object a line; `paths` lead to the columns `wanted`.

    Raises UnicodeDecodeError for what is no text.
    """
    import pyarrow as pa

    attempts = Attempts(
        wanted,
        {
            Type.WALL: [pa.string()],
            Type.NUMBER: [pa.int64(), pa.float64(), pa.string()],
            Type.COUNT: [pa.float64()],
            Type.TEXT: [pa.string()],
            Type.IDS: [pa.list_(pa.int64()), pa.list_(pa.uint64())],
        },
    )
    lines = _Lines(source, wanted, paths)
    for block in blocks(source, quoted=False):
        yield attempts.batch(block, lines.read, lines.slowly(block))


class _Lines:
    def __init__(
        self, source: TraceSource, wanted: Mapping[str, Type], paths: Mapping[str, Path]
    ) -> None:
        self._source = source
        self._wanted = wanted
        self._paths = paths

    def read(self, block: TextBlock, types: dict[str, Any]) -> Rows | None:
        """The rows of a block; None where they are not of `types`."""
        import pyarrow as pa
        import pyarrow.json as pj

        fields = _nested({self._paths[name]: kind for name, kind in types.items()})
        try:
            table = pj.read_json(
                pa.BufferReader(block.data),
                read_options=pj.ReadOptions(block_size=CHUNK_BYTES),
                parse_options=pj.ParseOptions(
                    explicit_schema=pa.schema(fields), unexpected_field_behavior="ignore"
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None
        columns = {name: _column(table, self._paths[name]) for name in types}
        return Rows(columns, range(block.line, block.line + table.num_rows))

    def slowly(self, block: TextBlock) -> Callable[[], Iterator[Rows]]:
        """How a block is read one line after the other."""
        return lambda: self._read_slowly(block)

    def _read_slowly(self, block: TextBlock) -> Iterator[Rows]:
        numbered = enumerate(block.data.decode().split("\n"), block.line)
        while some := list(islice(numbered, SLOW_ROWS)):
            yield self._rows(some)

    def _rows(self, numbered: list[tuple[int, str]]) -> Rows:
        records: list[Mapping[str, Any]] = []
        lines: list[int] = []
        problems: list[InputProblem] = []
        left_out = 0
        for line, text in numbered:
            if not text.strip():
                continue
            record = _record(text)
            bad = self._bad(record, line, text)
            if record is None or bad:
                left_out += 1
                problems += bad if len(problems) < MOST_PROBLEMS else ()
            else:
                lines.append(line)
                records.append(record)
        columns = {name: self._values(name, kind, records) for name, kind in self._wanted.items()}
        return Rows(columns, lines, problems=tuple(problems), left_out=left_out)

    def _bad(self, record: Mapping[str, Any] | None, line: int, text: str) -> list[InputProblem]:
        """What makes a line no row."""
        if record is None:
            return [self._source.problem(line, "", text.strip(), NO_OBJECT)]
        lists = (name for name, kind in self._wanted.items() if kind is Type.IDS)
        found = {name: _value(record, self._paths[name]) for name in lists}
        return [
            self._source.problem(line, name, str(value), NO_BLOCKS)
            for name, value in found.items()
            if not _is_ids(value)
        ]

    def _values(self, name: str, kind: Type, records: list[Mapping[str, Any]]) -> Any:
        import pyarrow as pa

        values = [_value(record, self._paths[name]) for record in records]
        if kind is not Type.IDS:
            return pa.array([_text(value) for value in values], pa.string())
        ids = [None if value is None else [_signed(each) for each in value] for value in values]
        return pa.array(ids, pa.list_(pa.int64()))


def _nested(types: Mapping[Path, Any]) -> list[tuple[str, Any]]:
    """Fields of a schema with `types` at the end of paths."""
    import pyarrow as pa

    inside: dict[str, dict[Path, Any]] = {}
    for path, kind in types.items():
        inside.setdefault(path[0], {})[path[1:]] = kind
    return [
        (name, below[()] if () in below else pa.struct(_nested(below)))
        for name, below in inside.items()
    ]


def _column(table: Any, path: Path) -> Any:
    import pyarrow.compute as pc

    column = table.column(path[0]).combine_chunks()
    return pc.struct_field(column, list(path[1:])) if len(path) > 1 else column


def _record(line: str) -> Mapping[str, Any] | None:
    """The object on a line, its numbers as they are written."""
    try:
        record = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _value(record: Any, path: Path) -> Any:
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _is_ids(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and all(
        isinstance(each, str)
        and each.removeprefix("-").isdecimal()
        and len(each) <= len(str(MOST_ID))
        and LEAST_ID <= int(each) < MOST_ID
        for each in value
    )


def _signed(number: str) -> int:
    """64 bits without sign as those with one."""
    value = int(number)
    return value - 2**64 if value >= 2**63 else value
