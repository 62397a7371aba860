"""Rows of a trace by column, and how they become requests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from heteroplan.errors import InputProblem
from heteroplan.forecasting.traces.bad_rows import MOST_PROBLEMS, BadRows
from heteroplan.forecasting.traces.requests import UNKNOWN, Blocks, Requests
from heteroplan.forecasting.traces.row_filter import RowFilter
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.forecasting.traces.values import StampUnit, arrivals, id_lists, tokens

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.requests import Integers
    from heteroplan.forecasting.traces.wall_clock import Mask

SLOW_ROWS = 20_000
"""Rows of a block that are read slowly at a time; those after the first bad ones are left."""
NO_TIME = "not a time that exists"
NO_COUNT = "not a count of tokens"
NO_BLOCKS = "not a list of whole numbers"
TOO_MUCH_CACHED = "more than the input tokens"


class Type(StrEnum):
    """What a column is wanted for, so as what it is tried to be read."""

    WALL = "date and time of day"
    NUMBER = "number that is a time"
    COUNT = "tokens"
    IDS = "list of ids"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a format say what; nested ones by their path, with dots."""

    stamp: str
    clock: StampUnit
    input_tokens: str
    output_tokens: str | None = None
    cached_tokens: str | None = None
    blocks: str | None = None
    block_tokens: int = 0
    may_lack: bool = False
    """Whether rows may leave tokens and blocks out."""
    others: Mapping[str, Type] = field(default_factory=dict)
    """What `prepared` needs besides."""
    prepared: "Callable[[TraceSource, Rows], tuple[Rows, Layout]] | None" = None
    """Makes rows of the columns above out of those that are read."""

    @property
    def columns(self) -> dict[str, Type]:
        """All columns that are read, and what for."""
        counts = (self.input_tokens, self.output_tokens, self.cached_tokens)
        return {
            self.stamp: Type.WALL if self.clock is StampUnit.WALL else Type.NUMBER,
            **{name: Type.COUNT for name in counts if name is not None},
            **({} if self.blocks is None else {self.blocks: Type.IDS}),
            **self.others,
        }


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows, in the order of the file."""

    columns: Mapping[str, Any]
    """Arrow arrays, one of nulls where the file lacks the column."""
    lines: Sequence[int]
    """Line or number of each row."""
    counted: str = "line"
    """What `lines` count: lines of a text, or rows where there are none."""
    problems: tuple[InputProblem, ...] = ()
    """What is wrong with rows that are left out, of the first ones."""
    left_out: int = 0
    """Rows that are left out for what is wrong with them."""

    def problem(self, source: TraceSource, row: int, column: str, remedy: str) -> InputProblem:
        """The problem of one value that is wrong."""
        shown = _text(self.columns[column][row])
        if self.counted == "line":
            return source.problem(self.lines[row], column, shown, remedy)
        return source.problem(0, f"{column} of row {self.lines[row]}", shown, remedy)


def _text(scalar: Any) -> str:
    """An Arrow value as it is shown; a moment that no calendar holds as its number."""
    try:
        value = scalar.as_py()
    except (OverflowError, ValueError):
        value = scalar.value
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows read the fast way, None where that failed, and a slow way that tells more."""

    rows: Rows | None
    again: Callable[[], Iterator[Rows]]
    """Gives the rows as texts, `SLOW_ROWS` at a time, with what is wrong about single ones."""


def requests_of(
    source: TraceSource,
    batches: Iterator[Batch],
    layout: Layout,
    zone: ZoneInfo,
    bad_rows: BadRows | None = None,
    where: RowFilter | None = None,
) -> Iterator[Requests]:
    """What `batches` hold and `where` wants, empty ones left out.

    Raises InputError for more bad rows than `bad_rows` allows (none where it is not given), with
    the first `MOST_PROBLEMS` of the first batch that has any.
    """
    counted, wanted = bad_rows or BadRows(), where or RowFilter()
    for batch in batches:
        if batch.rows is not None:
            before = wanted.rows, wanted.kept, wanted.left_out.copy()
            found = _converted(source, wanted.of(batch.rows), layout, zone)
            if not found.problems:
                counted.add(source, 0, len(found.bad), ())
                if len(found.bad):
                    yield found.requests
                continue
            wanted.rows, wanted.kept, wanted.left_out = before
        for some in batch.again():
            rows = wanted.of(some)
            found = _converted(source, rows, layout, zone)
            bad = int(found.bad.sum()) + rows.left_out
            counted.add(source, bad, len(found.bad) + rows.left_out, found.problems)
            requests = found.requests.where(~found.bad) if bad else found.requests
            if len(requests.arrival_us):
                yield requests


@dataclass(frozen=True, slots=True)
class _Converted:
    """Rows as requests, and which of them are none."""

    requests: Requests
    bad: "Mask"
    problems: list[InputProblem]


def _converted(source: TraceSource, rows: Rows, layout: Layout, zone: ZoneInfo) -> _Converted:
    import numpy as np

    if layout.prepared is not None:
        rows, layout = layout.prepared(source, rows)
    problems = list(rows.problems)
    checked = _Checks(source, rows, problems, np.zeros(len(rows.lines), bool))
    arrival_us = checked.of(layout.stamp, NO_TIME, *_arrivals(rows, layout, zone))
    isl, osl, cached = (
        _count(checked, name, layout.may_lack)
        for name in (layout.input_tokens, layout.output_tokens, layout.cached_tokens)
    )
    isl, osl = (_unknown(arrival_us) if counts is None else counts for counts in (isl, osl))
    if cached is not None and layout.cached_tokens is not None:
        checked.of(layout.cached_tokens, TOO_MUCH_CACHED, cached, (isl >= 0) & (cached > isl))
        cached = cached if (cached >= 0).any() else None
    requests = Requests(arrival_us, isl, osl, cached, _blocks(checked, layout))
    return _Converted(requests, checked.bad, problems)


def _arrivals(rows: Rows, layout: Layout, zone: ZoneInfo) -> "tuple[Integers, Mask]":
    return arrivals(rows.columns[layout.stamp], layout.clock, zone)


def _count(checked: "_Checks", name: str | None, may_lack: bool) -> "Integers | None":
    if name is None:
        return None
    return checked.of(name, NO_COUNT, *tokens(checked.rows.columns[name], may_lack))


def _unknown(like: "Integers") -> "Integers":
    import numpy as np

    return np.full(len(like), UNKNOWN, np.int64)


def _blocks(checked: "_Checks", layout: Layout) -> Blocks | None:
    if layout.blocks is None or not layout.block_tokens:
        return None
    column = checked.rows.columns[layout.blocks]
    if column.null_count == len(column):
        return None
    offsets, ids, bad = id_lists(column)
    checked.of(layout.blocks, NO_BLOCKS, offsets, bad)
    return Blocks(offsets, ids, layout.block_tokens)


@dataclass(frozen=True, slots=True)
class _Checks:
    """Gathers the bad values of some rows."""

    source: TraceSource
    rows: Rows
    problems: list[InputProblem]
    bad: "Mask"
    """Rows with a bad value."""

    def of(self, column: str, remedy: str, numbers: "Integers", bad: "Mask") -> "Integers":
        """`numbers`, after noting the first of the bad ones."""
        if bad.any():
            self.bad[bad] = True
            self.problems.extend(
                self.rows.problem(self.source, int(row), column, remedy)
                for row in bad.nonzero()[0][:MOST_PROBLEMS]
            )
        return numbers
