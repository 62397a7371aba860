"""What a trace format tells, and what it is asked; requests of any kind of file by its layout."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from heteroplan.errors import InputError
from heteroplan.forecasting.traces import csv_batches, json_batches, parquet_batches
from heteroplan.forecasting.traces.bad_rows import BadRows
from heteroplan.forecasting.traces.columns import (
    check_columns,
    first_values,
    parquet_zone,
    path_of,
)
from heteroplan.forecasting.traces.head import Head, Kind, head_of
from heteroplan.forecasting.traces.requests import Requests, Windows
from heteroplan.forecasting.traces.row_filter import RowFilter
from heteroplan.forecasting.traces.rows import Batch, Layout, Type, requests_of
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.forecasting.traces.values import StampUnit

_OFFSET = re.compile(r"[T ]\d{1,2}.*?([+-])(\d{2}):?(\d{2})?$")
_IS_UTC = re.compile(r"(?i)utc|z|gmt|etc/utc|[+-]00:?00")


@dataclass(frozen=True, slots=True)
class AskedOfTrace:
    """What the user says of a trace, and what readers say back."""

    zone: ZoneInfo
    """Zone of wall-clock times without an offset."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns of a file of no known format: our name -> theirs."""
    notes: list[str] = field(default_factory=list)
    """Readers append one sentence for what they left out or took for granted."""
    bad_rows: BadRows = field(default_factory=BadRows)
    """Of the requests in all files of the trace."""
    where: RowFilter = field(default_factory=RowFilter)
    """Which requests, or which series of counters, are wanted."""
    offsets: dict[str, None] = field(default_factory=dict)
    """Offsets from UTC, or zones, that stamps carry; readers add them, in their order."""

    def note(self, sentence: str) -> None:
        """Append `sentence` if it is not there."""
        if sentence not in self.notes:
            self.notes.append(sentence)


@dataclass(frozen=True, slots=True)
class TraceFormat:
    """One trace format: of requests, or of windows in which somebody counted them."""

    fits: Callable[[Head], bool]
    """Whether a file begins like this."""
    dated: bool | None
    """Whether arrivals say on which day they were; None where the first arrival tells: from 1973
    on it is a date, before that a time since the start of the trace."""
    shape: str
    """What it looks like, for messages."""
    requests: Callable[[TraceSource, AskedOfTrace], Iterator[Requests]] | None = None
    """Streams those of one file."""
    windows: Callable[[Sequence[TraceSource], AskedOfTrace], Windows] | None = None
    """Reads those of all files at once, since some formats need several for one trace."""
    takes_columns: bool = False
    """Whether `columns` of what is asked mean something to it."""
    has_labels: bool = False
    """Whether windows are of series whose labels `where` can name."""


def format_of_layout(
    layout: Layout, shape: str, *, dated: bool, fits: Callable[[Head], bool] | None = None
) -> TraceFormat:
    """A format whose rows are requests; without `fits`, a table with the columns of the layout."""
    return TraceFormat(
        fits or (lambda head: head.is_table_of(*layout.columns)),
        dated,
        shape,
        requests=lambda source, asked: read_requests(source, layout, asked),
    )


def read_requests(source: TraceSource, layout: Layout, asked: AskedOfTrace) -> Iterator[Requests]:
    """The requests of a file, streamed. Raises InputError, and what `open_trace` turns into one."""
    head = head_of(source)
    if not head.is_json:
        _check_columns(source, head, layout)
    if layout.clock is StampUnit.WALL:
        asked.offsets.update(dict.fromkeys(_offsets(source, head, layout.stamp)))
    if asked.where.wanted:
        check_columns(source, head, asked.where.wanted)
        others = {name: Type.TEXT for name in asked.where.wanted if name not in layout.columns}
        layout = replace(layout, others={**layout.others, **others})
    batches = _batches(source, head, layout)
    return requests_of(source, batches, layout, asked.zone, asked.bad_rows, asked.where)


def offset_of(stamp: object) -> str | None:
    """The offset that a stamp carries, such as `+02:00`; None without one, and for UTC."""
    found = _OFFSET.search(stamp.strip()) if isinstance(stamp, str) else None
    if found is None or int(found[2]) == int(found[3] or 0) == 0:
        return None
    return f"{found[1]}{found[2]}:{found[3] or '00'}"


def _offsets(source: TraceSource, head: Head, column: str) -> Iterator[str]:
    """What the stamps at the beginning of a file carry."""
    zone = parquet_zone(source, head, column)
    if zone is not None and (offset_of(f"T00 {zone}") or not _IS_UTC.fullmatch(zone)):
        yield zone
    elif head.kind is not Kind.PARQUET:
        yield from filter(None, map(offset_of, first_values(source, head, column)))


def _check_columns(source: TraceSource, head: Head, layout: Layout) -> None:
    wanted = list(layout.columns)
    tops = [path_of(column, head)[0] for column in wanted if column != layout.blocks]
    if all(head.names.count(top) == 1 for top in tops):
        return
    line = 1 if head.kind is Kind.CSV else 0
    remedy = f"the header must hold {','.join(wanted)}, each once"
    raise InputError([source.problem(line, "", ",".join(head.names), remedy)])


def _batches(source: TraceSource, head: Head, layout: Layout) -> Iterator[Batch]:
    wanted = layout.columns
    if head.kind is Kind.CSV:
        return csv_batches.batches(source, wanted)
    paths = {column: path_of(column, head) for column in wanted}
    if head.kind is Kind.PARQUET:
        return parquet_batches.batches(source, wanted, paths)
    return json_batches.batches(source, wanted, paths)
