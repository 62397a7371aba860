"""What a trace format tells, and what it is asked; requests of any kind of file by its layout."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from heteroplan.errors import InputError
from heteroplan.forecasting.traces import csv_batches, json_batches, parquet_batches
from heteroplan.forecasting.traces.bad_rows import BadRows
from heteroplan.forecasting.traces.head import Head, Kind, head_of
from heteroplan.forecasting.traces.requests import Requests, Windows
from heteroplan.forecasting.traces.rows import Batch, Layout, requests_of
from heteroplan.forecasting.traces.source import TraceSource


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
    return requests_of(source, _batches(source, head, layout), layout, asked.zone, asked.bad_rows)


def path_of(column: str, head: Head) -> tuple[str, ...]:
    """Where a column is: dots lead into what is nested, unless names have them."""
    return (column,) if column in head.names else tuple(column.split("."))


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
