"""Rows of CSV files with a header, and what is wrong with their form.

`records` is the text cut into cells; `rows` is for files whose columns are known and are read once,
`CsvTable` for files that are looked at column by column.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import batched
from typing import Self

from heteroplan.reading.file_problems import FileProblems
from heteroplan.reading.numbers import parse_number_within

type Row = tuple[int, dict[str, str]]
"""The line on which it begins, and its cells by column, without blanks around them."""

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
MAX_ROWS = 1_200_000
"""Most rows that `rows` reads: a placement.csv of a day of 20,000 GPUs has a million."""
_ROWS_AT_A_TIME = 256
"""Rows that are turned into columns at a time; thousands would keep the garbage collector busy."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|[\r\n])|[^\r\n]+")


def records(
    lines: Iterable[str], found: FileProblems, first_line: int = 1
) -> Iterator[tuple[int, list[str]]]:
    """Line on which each row begins, blank ones too, and its cells.

    Raises InputError for what is no CSV.
    """
    reader = csv.reader(lines, strict=True)
    line = first_line
    try:
        for cells in reader:
            yield line, cells
            line = first_line + reader.line_num
    except csv.Error as error:
        found.problem(line, "", "", f"is no CSV text: {error}")
        found.done()


def header_of(line: str) -> tuple[str, ...]:
    """Names in the first line of a CSV file; none where it is no CSV."""
    try:
        return tuple(name.strip() for name in next(csv.reader([line]), []))
    except csv.Error:
        return ()


def rows(
    text: str,
    found: FileProblems,
    known: Sequence[str],
    needed: Callable[[Sequence[str]], Sequence[str]],
) -> Iterator[Row]:
    """Each row that is not blank.

    Columns are `known` ones; `needed` gives those that a header lacks at its peril. Raises
    InputError for a wrong header and where there are enough problems, the caller's among them.
    """
    lines = (match.group() for match in _LINE.finditer(text))
    header, formed = _parsed(lines, found)
    _check_header(header, found, known, needed(header))
    for number, (line, cells) in enumerate(formed):
        if number >= MAX_ROWS:
            found.problem(line, "", "", f"more than {MAX_ROWS:,} rows; split or shorten it")
            return
        yield line, dict(zip(header, cells, strict=True))


@dataclass(slots=True)
class CsvTable(FileProblems):
    """The columns of one CSV file as texts, and what is wrong with them."""

    header: tuple[str, ...] = ()
    lines: list[int] = field(default_factory=list)
    """Lines on which rows begin, 1-based, without rows that are blank or of another width."""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """Cells by column, one a row, without blanks around them."""

    @classmethod
    def of(
        cls, file: str, content: bytes | bytearray, wrong: Callable[[Sequence[str]], str]
    ) -> Self:
        """The table in `content`; `wrong` says what is wrong with its header, or nothing.

        Doubled columns and misformed rows are noted. Raises InputError for a wrong header,
        UnicodeDecodeError for what is no text.
        """
        table = cls(file)
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
        table.header, formed = _parsed(text, table)
        _check_once(table.header, table)
        if remedy := wrong(table.header):
            table.problem(1, "", ",".join(table.header), remedy)
            table.done()
        columns: list[list[str]] = [[] for _ in table.header]
        for some in batched(formed, _ROWS_AT_A_TIME):
            lines, rows = zip(*some, strict=True)
            table.lines.extend(lines)
            for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(cells)
        table.texts.update(zip(table.header, columns, strict=True))
        return table

    def rows(self) -> Iterator[Row]:
        """Line and cells of each row."""
        cells = zip(*self.texts.values(), strict=True)
        for line, each in zip(self.lines, cells, strict=True):
            yield line, dict(zip(self.texts, each, strict=True))

    def numbers(
        self, column: str, least: float, most: float, *, may_be_empty: bool = False
    ) -> list[float]:
        """The column as numbers, NaN where it is empty; problems are noted."""
        found = []
        for line, text in zip(self.lines, self.texts[column], strict=True):
            number = math.nan
            try:
                if text or not may_be_empty:
                    number = parse_number_within(text, least, most)
            except ValueError as error:
                self.problem(line, column, text, str(error))
            found.append(number)
        return found


def _parsed(
    lines: Iterable[str], found: FileProblems
) -> tuple[tuple[str, ...], Iterator[tuple[int, list[str]]]]:
    """The header of a file, and its rows that are neither blank nor of another width."""
    numbered = records(lines, found)
    _, first = next(numbered, (1, []))
    header = tuple(name.strip() for name in first)
    return header, _formed(numbered, len(header), found)


def _formed(
    numbered: Iterator[tuple[int, list[str]]], width: int, found: FileProblems
) -> Iterator[tuple[int, list[str]]]:
    for line, cells in numbered:
        stripped = [cell.strip() for cell in cells]
        if not any(stripped):
            continue
        if len(cells) == width:
            yield line, stripped
        else:
            remedy = f"{len(cells)} cells; the header has {width} columns"
            found.problem(line, "", ",".join(cells), remedy)


def _check_header(
    header: Sequence[str], found: FileProblems, known: Sequence[str], needed: Sequence[str]
) -> None:
    if not any(header):
        found.problem(1, "", "", f"empty; the first line is {','.join(needed)}")
        found.done()
    if len(header) == 1 and (mark := next((m for m in _SEPARATORS if m in header[0]), "")):
        remedy = f"columns are separated by {_SEPARATORS[mark]}; separate them by commas"
        found.problem(1, "", header[0], remedy)
        found.done()
    for name in dict.fromkeys(header):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
            found.problem(1, name, "", f"unknown column; {hint}")
    _check_once([name for name in header if name in known], found)
    for name in needed:
        if name not in header:
            found.problem(1, name, "", "column is missing; columns are set by commas")
    found.done()


def _check_once(header: Sequence[str], found: FileProblems) -> None:
    for name, times in Counter(header).items():
        if name and times > 1:
            found.problem(1, name, "", "column appears twice; keep one of them")
