"""A CSV table whose problems are gathered with their lines."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heteroplan.profiles.readers.measurement_file import MeasurementFile
from heteroplan.reading.csv_rows import CsvTable
from heteroplan.reading.numbers import parse_number, parse_whole

MOST_WHOLE = 999_999_999


@dataclass(slots=True)
class MeasurementTable(CsvTable, MeasurementFile):
    """One CSV file of measurements, and what is wrong with it."""

    @property
    def names(self) -> frozenset[str]:
        """Names of the columns."""
        return frozenset(self.header)

    def series(self, name: str) -> list[float]:
        """Numbers > 0 of one column; problems are noted."""
        if name not in self.header:
            return []
        texts = zip(self.lines, self.texts[name], strict=True)
        return [self.positive(line, name, text) for line, text in texts]

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


def table_of(file: str, content: bytearray) -> MeasurementTable:
    """Raises InputError where it is no CSV or its header is wrong; wrong rows are noted."""
    table = MeasurementTable.of(file, content, _wrong)
    if not table.lines:
        table.problem(0, "", "", "has no rows")
    return table


def _wrong(header: Sequence[str]) -> str:
    return "" if header else "is empty; a header line and rows are expected"
