"""Trace files -> requests. A new format is one module and one line in READERS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from heteroplan.demand.readers import azure, vidur
from heteroplan.demand.readers.chunk import Chunk
from heteroplan.demand.readers.source import Source
from heteroplan.errors import InputError, UsageError


@dataclass(frozen=True, slots=True)
class Reader:
    """One trace format."""

    columns: tuple[str, ...]
    """Its header is recognised by these."""
    chunks: Callable[[Source, ZoneInfo], Iterator[Chunk]]
    dated: bool
    """Whether arrivals say on which day they were."""


READERS = {
    "azure": Reader(azure.COLUMNS, azure.chunks, dated=True),
    "vidur": Reader(vidur.COLUMNS, vidur.chunks, dated=False),
}


def reader_of(source: Source, name: str | None = None) -> Reader:
    """The reader called `name`, or the one whose columns the header has.

    Raises UsageError for an unknown name, InputError where columns are missing or unknown.
    """
    if name is not None and name not in READERS:
        raise UsageError(f"unknown trace format {name!r}; known are {', '.join(READERS)}")
    fitting = [READERS[name]] if name is not None else READERS.values()
    for reader in fitting:
        if all(source.header.count(column) == 1 for column in reader.columns):
            return reader
    wanted = "; ".join(",".join(reader.columns) for reader in fitting)
    shown = ",".join(source.header)[:40]
    raise InputError([source.problem(1, "", shown, f"the header must hold {wanted}, each once")])
