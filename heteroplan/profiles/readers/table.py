"""A CSV table whose problems are gathered with their lines."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from heteroplan.profiles.readers.opened import Opened, refused
from heteroplan.reading.numbers import parse_number, parse_whole

MOST_WHOLE = 999_999_999

type Row = tuple[int, Mapping[str, str]]
"""Line number and fields."""


@dataclass(slots=True)
class Table(Opened):
    """The header and rows of one CSV file, and what is wrong with them."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    """Those that have as many fields as the header."""

    @property
    def names(self) -> frozenset[str]:
        """Columns."""
        return frozenset(self.header)

    def series(self, name: str) -> list[float]:
        """Numbers > 0 of one column; problems are noted."""
        if name not in self.header:
            return []
        return [self.positive(line, name, row[name]) for line, row in self.rows]

    def positive(self, line: int, column: str, text: str) -> float:
        """`text` as a number > 0; NaN after noting the problem where it is none."""
        try:
            return self.measured(line, column, parse_number(text), text)
        except ValueError as error:
            self.problem(line, column, text, str(error))
            return math.nan

    def whole(self, line: int, column: str, text: str) -> int:
        """`text` as an integer > 0; 0 after noting the problem where it is none."""
        try:
            return parse_whole(text, 1, MOST_WHOLE)
        except ValueError:
            self.problem(line, column, text, "must be a whole number above 0")
            return 0

    def one_of[T](self, line: int, column: str, text: str, known: Mapping[str, T], default: T) -> T:
        """What `text` stands for in `known`; `default` after noting the problem."""
        if text in known:
            return known[text]
        self.problem(line, column, text, f"must be one of {', '.join(filter(None, known))}")
        return default

    def require(self, columns: Sequence[str], *, only: bool) -> None:
        """Raise unless all `columns` are there and (if `only`) no other one."""
        known = len(self.problems)
        for column in columns:
            if column not in self.header:
                self.problem(1, column, "", "column is missing")
        for column in dict.fromkeys(self.header):
            if only and column not in columns:
                self.problem(1, column, "", f"unknown column; known are {', '.join(columns)}")
        if len(self.problems) > known:
            self.done()


def table_of(file: str, text: str) -> Table:
    """Raises InputError where the text is no CSV."""
    try:
        return _table(file, csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise refused(file, f"is no CSV text: {error}") from None


def _table(file: str, lines: Iterator[list[str]]) -> Table:
    header = tuple(name.strip() for name in next(lines, []))
    table = Table(file, header, ())
    if not header:
        table.problem(0, "", "", "is empty; a header line and rows are expected")
        table.done()
    for column, times in Counter(header).items():
        if times > 1:
            table.problem(1, column, "", "column stands there twice")
    rows = []
    for line, fields in enumerate(lines, start=2):
        if not fields:
            continue
        if len(fields) != len(header):
            table.problem(line, "", "", f"has {len(fields)} fields, the header {len(header)}")
            continue
        rows.append((line, dict(zip(header, (text.strip() for text in fields), strict=True))))
    if not rows:
        table.problem(0, "", "", "has no rows")
    table.rows = tuple(rows)
    return table
