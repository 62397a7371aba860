"""CSV tables whose rows are windows of time: their numbers, their step, and several of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from heteroplan.errors import MOST_NOTED, InputError, InputProblem
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.reading.csv_rows import CsvTable
from heteroplan.reading.file_problems import SHOWN_CHARACTERS
from heteroplan.reading.input_size import CSV_MARKS

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.requests import Floats, Integers

US_PER_S = 1_000_000
MOST_RPS = 1e9


def refuse(problems: Sequence[InputProblem]) -> NoReturn:
    """Raise them in order of lines."""
    raise InputError(sorted(problems))


def column_numbers(
    table: CsvTable, column: str, least: float, most: float, *, may_be_empty: bool = False
) -> "Floats":
    """The column as numbers, NaN where it is empty; problems are noted."""
    import numpy as np

    return np.array(table.numbers(column, least, most, may_be_empty=may_be_empty), np.float64)


def read_table(source: TraceSource, lacking: Callable[[Sequence[str]], str]) -> CsvTable:
    """The table in `source`; `lacking` says what is wrong with its header, or nothing.

    Raises InputError where the header or the form of rows is wrong.
    """
    table = CsvTable.of(source.file, source.values(CSV_MARKS), lacking)
    table.done()
    return table


def common_step_us(starts_us: "Integers") -> int:
    """The most frequent distance of starts in ascending order, the smallest of equals; 0 if none.

    Starts that are equal or fall back do not count.
    """
    import numpy as np

    distances = np.diff(starts_us)
    steps, times = np.unique(distances[distances > 0], return_counts=True)
    return int(steps[times.argmax()]) if len(steps) else 0


def step_us(table: CsvTable, column: str, starts_us: "Integers") -> int:
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
            remedy = "appears twice; keep one row per step"
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
class TableWindows:
    """The windows that the rows of one table tell."""

    table: CsvTable
    column: str
    """Column that says when windows start."""
    rows: "Integers"
    """Row of the table that tells each window."""
    windows: Windows


def joined(parts: Sequence[TableWindows]) -> Windows:
    """The windows of all parts in order of time.

    Where only some windows have lengths, the others have none of their requests counted in
    `with_lengths`. Raises InputError where windows of two files overlap.
    """
    import numpy as np

    def column(name: str, parts: Sequence[TableWindows] = parts) -> "Floats":
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


def _overlap(parts: Sequence[TableWindows], before: int, after: int) -> InputProblem:
    """Windows are numbered through all parts."""
    earlier, later = _found(parts, before), _found(parts, after)
    part, row = later
    remedy = f"overlaps a window of {earlier[0].table.file}; give each time once"
    text = part.table.texts[part.column][row][:SHOWN_CHARACTERS]
    return InputProblem(part.table.file, part.table.lines[row], part.column, text, remedy)


def _found(parts: Sequence[TableWindows], number: int) -> tuple[TableWindows, int]:
    """The part and the row of its table that a window comes from."""
    for part in parts:
        if number < len(part.rows):
            return part, int(part.rows[number])
        number -= len(part.rows)
    raise IndexError(number)
