"""A trace of any kind of file, by its layout, as requests; and what readers are asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from heteroplan.errors import InputError
from heteroplan.forecasting.traces import csv_rows, json_rows, parquet_rows
from heteroplan.forecasting.traces.head import Head, Kind, head_of
from heteroplan.forecasting.traces.requests import Requests
from heteroplan.forecasting.traces.rows import Batch, Layout, requests_of
from heteroplan.forecasting.traces.source import Source


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user says of a trace, and what readers say back."""

    zone: ZoneInfo
    """Of wall-clock times without an offset."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of a file of no known format: our name -> theirs."""
    notes: list[str] = field(default_factory=list)
    """Readers append one sentence for what they left out or took for granted."""

    def note(self, sentence: str) -> None:
        """Append `sentence` if it is not there."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def read(source: Source, layout: Layout, asked: Asked) -> Iterator[Requests]:
    """The requests of a file, streamed. Raises InputError, and what `opened` turns into one."""
    head = head_of(source)
    if not head.is_json:
        _check_columns(source, head, layout)
    return requests_of(source, _batches(source, head, layout), layout, asked.zone)


def path_of(column: str, head: Head) -> tuple[str, ...]:
    """Where a column is: dots lead into what is nested, unless names have them."""
    return (column,) if column in head.names else tuple(column.split("."))


def _check_columns(source: Source, head: Head, layout: Layout) -> None:
    wanted = list(layout.columns)
    tops = [path_of(column, head)[0] for column in wanted if column != layout.blocks]
    if all(head.names.count(top) == 1 for top in tops):
        return
    line = 1 if head.kind is Kind.CSV else 0
    remedy = f"the header must hold {','.join(wanted)}, each once"
    raise InputError([source.problem(line, "", ",".join(head.names), remedy)])


def _batches(source: Source, head: Head, layout: Layout) -> Iterator[Batch]:
    wanted = layout.columns
    if head.kind is Kind.CSV:
        return csv_rows.batches(source, wanted)
    paths = {column: path_of(column, head) for column in wanted}
    if head.kind is Kind.PARQUET:
        return parquet_rows.batches(source, wanted, paths)
    return json_rows.batches(source, wanted, paths)
