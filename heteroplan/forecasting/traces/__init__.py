"""Trace files -> requests or windows. A new format is one module and one line in READERS."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.forecasting.traces.formats import (
    azure,
    bailian,
    dynamo,
    mooncake,
    own,
    prometheus,
    ragpulse,
    servegen,
    table,
    vidur,
)
from heteroplan.forecasting.traces.head import Head, Kind, head_of
from heteroplan.forecasting.traces.reading import Asked
from heteroplan.forecasting.traces.requests import Requests, Windows
from heteroplan.forecasting.traces.source import Source, expanded, opened

__all__ = ["READERS", "Asked", "Reader", "Source", "expanded", "opened", "reader_of"]

SHOWN_NAMES = 12


@dataclass(frozen=True, slots=True)
class Reader:
    """One trace format: of requests, or of windows in which somebody counted them."""

    fits: Callable[[Head], bool]
    dated: bool | None
    """Whether arrivals say on which day they were; None where the first arrival tells: from 1973
    on it is a date, before that a time since the start of the trace."""
    shape: str
    """What it looks like, for messages."""
    requests: Callable[[Source, Asked], Iterator[Requests]] | None = None
    windows: Callable[[Sequence[Source], Asked], Windows] | None = None
    """Of all files at once, since some formats need several for one trace."""
    takes_columns: bool = False
    """Whether `Asked.columns` mean something to it."""


def _of_requests(module: Any) -> Reader:
    return Reader(
        module.fits,
        module.DATED,
        module.SHAPE,
        requests=module.requests,
        takes_columns=module is table,
    )


READERS = {
    "azure": _of_requests(azure),
    "vidur": _of_requests(vidur),
    "mooncake": _of_requests(mooncake),
    "bailian": _of_requests(bailian),
    "ragpulse": _of_requests(ragpulse),
    "dynamo": _of_requests(dynamo),
    "table": _of_requests(table),
    "servegen": Reader(
        servegen.fits, servegen.DATED, "day,window_start_s,req_per_s,...", windows=servegen.windows
    ),
    "prometheus": Reader(
        prometheus.fits,
        prometheus.DATED,
        "the answer to query_range",
        windows=prometheus.windows,
        takes_columns=True,
    ),
    "heteroplan": Reader(
        lambda head: head.is_table_of(*own.COLUMNS),
        own.DATED,
        "interval_start,rps,isl,osl",
        windows=own.windows,
    ),
}


def reader_of(source: Source, name: str | None, columns: Mapping[str, str]) -> Reader:
    """The reader called `name`, or the one that the beginning of `source` fits.

    Where `columns` are mapped, it is `table`, but for formats that take them themselves. Raises
    UsageError for an unknown name and for what fits several, InputError for what fits none.
    """
    if name is not None and name not in READERS:
        raise UsageError(f"unknown trace format {name!r}; known are {', '.join(READERS)}")
    if name is not None and (not columns or READERS[name].takes_columns):
        return READERS[name]
    head = head_of(source)
    fitting = [each for each, reader in READERS.items() if reader.fits(head)]
    if columns:
        return next(
            (READERS[each] for each in fitting if READERS[each].takes_columns and name is None),
            READERS["table"],
        )
    if len(fitting) > 1:
        raise UsageError(
            f"{source.file} may be {' or '.join(fitting)}: say which with --format {fitting[0]}"
        )
    if not fitting:
        raise InputError([_unknown(source, head)])
    return READERS[fitting[0]]


def _unknown(source: Source, head: Head) -> InputProblem:
    names = ",".join(head.names[:SHOWN_NAMES])
    seen = f"is {head.kind} with {names}" if names else f"is {head.kind} without names"
    known = "; ".join(
        f"{name} ({reader.shape})" for name, reader in READERS.items() if name != "table"
    )
    remedy = (
        f"{seen}: no known format. Known are {known}. For other tables of requests say which "
        f"columns are which: {table.suggestion(head)}"
    )
    return source.problem(1 if head.kind is Kind.CSV else 0, "", "", remedy)
