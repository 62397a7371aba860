"""A CSV table whose problems are gathered with their lines."""

import csv
import gzip
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from heteroplan.errors import InputError, InputProblem

GZIP_MAGIC = b"\x1f\x8b"
SHOWN_CHARACTERS = 40


@dataclass(slots=True)
class Table:
    """The header and rows of one CSV file, and what is wrong with them."""

    file: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    """Line number and fields of each row that has as many fields as the header."""
    problems: list[InputProblem] = field(default_factory=list)

    def problem(self, line: int, column: str, value: str, remedy: str) -> None:
        """Note one thing that is wrong."""
        self.problems.append(
            InputProblem(self.file, line, column, value[:SHOWN_CHARACTERS], remedy)
        )

    def positive(self, line: int, column: str, text: str) -> float:
        """`text` as a number > 0; NaN after noting the problem where it is none."""
        try:
            number = float(text)
        except ValueError:
            self.problem(line, column, text, "not a number")
            return math.nan
        if not (math.isfinite(number) and number > 0):
            self.problem(line, column, text, "must be a finite number above 0")
            return math.nan
        return number

    def whole(self, line: int, column: str, text: str) -> int:
        """`text` as an integer > 0; 0 after noting the problem where it is none."""
        if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) > 0:
            return int(text)
        self.problem(line, column, text, "must be a whole number above 0")
        return 0

    def one_of[T](self, line: int, column: str, text: str, known: Mapping[str, T], default: T) -> T:
        """What `text` stands for in `known`; `default` after noting the problem."""
        if text in known:
            return known[text]
        self.problem(line, column, text, f"must be one of {', '.join(filter(None, known))}")
        return default

    def require(self, columns: Sequence[str], *, only: bool) -> None:
        """Raise unless all `columns` are there, once each, and (if `only`) no other one."""
        known = len(self.problems)
        for column in columns:
            if column not in self.header:
                self.problem(1, column, "", "column is missing")
        for column in dict.fromkeys(self.header):
            if self.header.count(column) > 1:
                self.problem(1, column, "", "column stands there twice")
            if only and column not in columns:
                self.problem(1, column, "", f"unknown column; known are {', '.join(columns)}")
        if len(self.problems) > known:
            self.done()

    def done(self) -> None:
        """Raise InputError with every problem noted so far, in order of lines, if there is one."""
        if self.problems:
            raise InputError(sorted(self.problems))


def read_table(path: Path) -> Table:
    """The CSV at `path`, gzip or plain. Raises InputError where it is no CSV text."""
    try:
        with path.open("rb") as raw:
            packed = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
            binary = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
            text = io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")
            return _table(str(path), csv.reader(text, strict=True))
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            [InputProblem(str(path), 0, "", "", f"cannot be read: {reason}")]
        ) from None
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise InputError([InputProblem(str(path), 0, "", "", f"is no CSV text: {error}")]) from None


def _table(file: str, lines: Iterator[list[str]]) -> Table:
    header = tuple(name.strip() for name in next(lines, []))
    table = Table(file, header, ())
    if not header:
        table.problem(0, "", "", "is empty; a header line and rows are expected")
        table.done()
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
