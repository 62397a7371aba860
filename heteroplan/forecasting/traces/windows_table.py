"""CSV tables whose rows are windows of time: their numbers, their step, and several of them."""

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from heteroplan.errors import MOST_NOTED, InputError, InputProblem
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.forecasting.traces.source import SHOWN_CHARACTERS, Source
from heteroplan.reading.input_size import CSV_MARKS
from heteroplan.reading.numbers import parse_number_within

if TYPE_CHECKING:
    from _csv import Reader

    from heteroplan.forecasting.traces.requests import Floats, Integers

US_PER_S = 1_000_000
MOST_RPS = 1e9


def refuse(problems: Sequence[InputProblem]) -> NoReturn:
    """Raise them in order of lines."""
    raise InputError(sorted(problems))


@dataclass(slots=True)
class Table:
    """The columns of one CSV file as texts, and what is wrong with them."""

    file: str
    header: tuple[str, ...]
    lines: list[int] = field(default_factory=list)
    """Of the rows, 1-based."""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """By column, one a row."""
    problems: list[InputProblem] = field(default_factory=list)

    def problem(self, line: int, column: str, value: str, remedy: str) -> None:
        """Note one thing that is wrong. Raises InputError when that is enough."""
        shown = value[:SHOWN_CHARACTERS]
        self.problems.append(InputProblem(self.file, line, column, shown, remedy))
        if len(self.problems) >= MOST_NOTED:
            refuse(self.problems)

    def done(self) -> None:
        """Raise InputError if anything is wrong."""
        if self.problems:
            refuse(self.problems)

    def numbers(
        self, column: str, least: float, most: float, *, may_be_empty: bool = False
    ) -> "Floats":
        """The column as numbers, NaN where it is empty; problems are noted."""
        import numpy as np

        found = []
        for line, text in zip(self.lines, self.texts[column], strict=True):
            number = math.nan
            try:
                if text or not may_be_empty:
                    number = parse_number_within(text, least, most)
            except ValueError as error:
                self.problem(line, column, text, str(error))
            found.append(number)
        return np.array(found, dtype=np.float64)


def read_table(source: Source, lacking: Callable[[Sequence[str]], str]) -> Table:
    """The table in `source`; `lacking` says what is wrong with its header, or nothing.

    Raises InputError where the header or the form of rows is wrong.
    """
    content = source.values(CSV_MARKS)
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    reader = csv.reader(text)
    table = Table(source.file, ())
    try:
        table.header = tuple(name.strip() for name in next(reader, []))
        _check_header(table, lacking(table.header))
        _read_rows(table, reader)
    except csv.Error as error:
        table.problem(reader.line_num, "", "", f"is no CSV text: {error}")
    except UnicodeDecodeError as error:
        table.problem(0, "", "", f"is no UTF-8 text: {error}")
    table.done()
    return table


def _check_header(table: Table, remedy: str) -> None:
    if remedy:
        table.problem(1, "", ",".join(table.header), remedy)
    for name, times in Counter(table.header).items():
        if name and times > 1:
            table.problem(1, name, "", "column stands twice; keep one of them")
    table.done()


def _read_rows(table: Table, reader: "Reader") -> None:
    width = len(table.header)
    columns: list[list[str]] = [[] for _ in table.header]
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != width:
            remedy = f"{len(cells)} cells; the header has {width} columns"
            table.problem(reader.line_num, "", ",".join(cells[:SHOWN_CHARACTERS]), remedy)
            continue
        table.lines.append(reader.line_num)
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell.strip())
    table.texts.update(zip(table.header, columns, strict=True))


def common_step_us(starts_us: "Integers") -> int:
    """The most frequent distance of starts in ascending order, the smallest of equals; 0 if none.

    Starts that are equal or fall back do not count.
    """
    import numpy as np

    distances = np.diff(starts_us)
    steps, times = np.unique(distances[distances > 0], return_counts=True)
    return int(steps[times.argmax()]) if len(steps) else 0


def step_us(table: Table, column: str, starts_us: "Integers") -> int:
    """Length of the windows that start in the table's rows [microseconds].

    Raises InputError where a row is none or several steps after the one before, or before it.
    """
    import numpy as np

    if len(starts_us) < 2:
        found = "one row" if len(starts_us) else "no rows"
        remedy = f"{found}; write at least two, because one does not say how long a step is"
        table.problem(0, "", "", remedy)
        table.done()
    step = common_step_us(starts_us)
    distances = np.diff(starts_us)
    wrong = distances <= 0 if step == 0 else (distances <= 0) | (distances % step != 0)
    for row in np.flatnonzero(wrong):
        if distances[row] == 0:
            remedy = "stands twice; keep one row a step"
        elif distances[row] < 0:
            remedy = "earlier than the row before; sort the rows"
        else:
            remedy = (
                f"{distances[row] / US_PER_S:g} s after the row before, which is no multiple of "
                f"the file's step of {step / US_PER_S:g} s"
            )
        table.problem(table.lines[row + 1], column, table.texts[column][row + 1], remedy)
    table.done()
    return step


@dataclass(frozen=True, slots=True)
class Part:
    """The windows of one table."""

    table: Table
    column: str
    """That says when windows start."""
    rows: "Integers"
    """Of the table, one a window."""
    windows: Windows


def joined(parts: Sequence[Part]) -> Windows:
    """The windows of all parts in order of time.

    Where only some windows have lengths, the others have none of their requests counted in
    `with_lengths`. Raises InputError where windows of two files overlap.
    """
    import numpy as np

    def column(name: str, parts: Sequence[Part] = parts) -> "Floats":
        return np.concatenate([getattr(part.windows, name) for part in parts])

    start_us = np.concatenate([part.windows.start_us for part in parts])
    end_us = np.concatenate([part.windows.end_us for part in parts])
    order = np.argsort(start_us, kind="stable")
    overlaps = np.flatnonzero(end_us[order[:-1]] > start_us[order[1:]])
    if len(overlaps):
        pairs = [(int(order[each]), int(order[each + 1])) for each in overlaps[:MOST_NOTED]]
        refuse([_overlap(parts, before, after) for before, after in pairs])
    counts = [column(name) for name in ("with_lengths", "input_tokens", "output_tokens")]
    unknown = np.isnan(counts[1]) | np.isnan(counts[2])
    if not unknown.all():
        counts = [np.where(unknown, 0.0, count) for count in counts]
    cached = None
    if any(part.windows.cached_tokens is not None for part in parts):
        cached = np.concatenate([_cached_tokens(part.windows) for part in parts])[order]
    with_lengths, input_tokens, output_tokens = (count[order] for count in counts)
    requests = column("requests")[order]
    return Windows(
        start_us[order], end_us[order], requests, with_lengths, input_tokens, output_tokens, cached
    )


def _cached_tokens(windows: Windows) -> "Floats":
    import numpy as np

    if windows.cached_tokens is None:
        return np.full(len(windows.start_us), np.nan)
    return windows.cached_tokens


def _overlap(parts: Sequence[Part], before: int, after: int) -> InputProblem:
    """Windows are numbered through all parts."""
    earlier, later = _found(parts, before), _found(parts, after)
    part, row = later
    remedy = f"overlaps a window of {earlier[0].table.file}; give each time once"
    text = part.table.texts[part.column][row][:SHOWN_CHARACTERS]
    return InputProblem(part.table.file, part.table.lines[row], part.column, text, remedy)


def _found(parts: Sequence[Part], number: int) -> tuple[Part, int]:
    """The part and the row of its table that a window comes from."""
    for part in parts:
        if number < len(part.rows):
            return part, int(part.rows[number])
        number -= len(part.rows)
    raise IndexError(number)
