"""Rows of CSV traces."""

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from heteroplan.errors import InputError, InputProblem
from heteroplan.forecasting.traces.bad_rows import MOST_PROBLEMS
from heteroplan.forecasting.traces.lines import QUOTE, Attempts, TextBlock, blocks, longest_line
from heteroplan.forecasting.traces.rows import SLOW_ROWS, Batch, Rows, Type
from heteroplan.forecasting.traces.source import SEEN_BYTES, TraceSource
from heteroplan.reading.csv_rows import header_of, records
from heteroplan.reading.file_problems import FileProblems

TOO_WIDE = "has more fields than the header"
MOST_EMPTY_ROWS = 2_000_000
"""Most rows of commas alone in one file; spreadsheets write a million of them."""
CHUNK_BYTES = 1 << 20
"""Text that one thread parses at a time [bytes]."""


def batches(source: TraceSource, wanted: Mapping[str, Type]) -> Iterator[Batch]:
    """The rows of a CSV file whose header names all columns `wanted`.

    Raises InputError for what is no CSV, UnicodeDecodeError for what is no text.
    """
    table = _Table(source, wanted)
    for block in blocks(source, quoted=True):
        rest = block if table.header else table.without_header(block)
        if rest.data:
            yield table.batch(rest)


class _Table:
    def __init__(self, source: TraceSource, wanted: Mapping[str, Type]) -> None:
        import pyarrow as pa

        self.header: tuple[str, ...] = ()
        self._empty_rows = 0
        self._source = source
        self._wanted = wanted
        moments = [pa.timestamp("ns"), pa.timestamp("ns", "UTC")]
        numbers = [pa.int64(), pa.float64()]
        self._attempts = Attempts(
            wanted,
            {
                Type.WALL: moments,
                Type.NUMBER: numbers,
                Type.COUNT: numbers,
                Type.TEXT: [pa.string()],
                Type.IDS: [pa.string()],
            },
        )

    def without_header(self, block: TextBlock) -> TextBlock:
        """What follows the first line, which is read."""
        first, _, rest = block.data.partition(b"\n")
        if len(first) > SEEN_BYTES:
            remedy = f"has a header longer than {SEEN_BYTES >> 10} KiB: no table of requests"
            raise InputError([self._source.problem(1, "", "", remedy)])
        self.header = header_of(first.decode())
        return TextBlock(rest, block.line + 1)

    def batch(self, block: TextBlock) -> Batch:
        """The rows in `block`."""
        return self._attempts.batch(block, self._read, lambda: self._read_slowly(block))

    def _read(self, block: TextBlock, types: dict[str, Any]) -> Rows | None:
        import pyarrow as pa
        import pyarrow.csv as pc

        columns = {str(self.header.index(name)): kind for name, kind in types.items()}
        is_quoted = QUOTE in block.data
        try:
            table = pc.read_csv(
                pa.py_buffer(block.data),
                read_options=pc.ReadOptions(
                    column_names=[str(at) for at in range(len(self.header))],
                    block_size=CHUNK_BYTES,
                ),
                parse_options=pc.ParseOptions(
                    ignore_empty_lines=True, newlines_in_values=is_quoted
                ),
                convert_options=pc.ConvertOptions(
                    column_types=columns, include_columns=list(columns), null_values=[""]
                ),
            )
        except pa.ArrowInvalid:
            return None
        arrays = (column.combine_chunks() for column in table.columns)
        lines = range(block.line, block.line + table.num_rows)
        return Rows(dict(zip(types, arrays, strict=True)), lines)

    def _read_slowly(self, block: TextBlock) -> Iterator[Rows]:
        numbered = self._records(block)
        while some := list(islice(numbered, SLOW_ROWS)):
            yield self._rows(some)

    def _rows(self, numbered: list[tuple[int, list[str]]]) -> Rows:
        import pyarrow as pa

        width = len(self.header)
        places = {name: self.header.index(name) for name in self._wanted}
        texts: dict[str, list[str]] = {name: [] for name in places}
        lines: list[int] = []
        problems: list[InputProblem] = []
        left_out = 0
        for line, row in numbered:
            if any(row[width:]):
                left_out += 1
                if len(problems) < MOST_PROBLEMS:
                    problems.append(self._source.problem(line, "", "", TOO_WIDE))
            elif any(row):
                lines.append(line)
                for name, place in places.items():
                    texts[name].append(row[place] if place < len(row) else "")
            else:
                self._empty_rows += 1
        if self._empty_rows > MOST_EMPTY_ROWS:
            remedy = f"holds more than {MOST_EMPTY_ROWS:,} empty rows; remove them"
            raise InputError([self._source.problem(numbered[-1][0], "", "", remedy)])
        columns = {name: _texts(values, pa) for name, values in texts.items()}
        return Rows(columns, lines, problems=tuple(problems), left_out=left_out)

    def _records(self, block: TextBlock) -> Iterator[tuple[int, list[str]]]:
        """The line on which each row begins, and its fields."""
        limit = csv.field_size_limit(longest_line(self._source))
        text = io.TextIOWrapper(io.BytesIO(block.data), encoding="utf-8", newline="")
        try:
            yield from records(text, FileProblems(self._source.file), block.line)
        finally:
            csv.field_size_limit(limit)


def _texts(values: list[str], pa: Any) -> Any:
    return pa.array([value or None for value in values], pa.string())
