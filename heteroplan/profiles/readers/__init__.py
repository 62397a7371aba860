"""Measurement files -> measurements. A new format is one module and one line in READERS."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers import own, splitwise
from heteroplan.profiles.readers.reading import Reading
from heteroplan.profiles.readers.table import Table, read_table


@dataclass(frozen=True, slots=True)
class Reader:
    """One measurement format."""

    columns: tuple[str, ...]
    """Its header is recognised by these."""
    parse: Callable[[Table], Reading]


READERS = {
    "heteroplan": Reader(own.COLUMNS, own.parse),
    "splitwise": Reader(splitwise.COLUMNS, splitwise.parse),
}


def read_noted(path: Path, format: str | None = None) -> Reading:  # noqa: A002
    """Measurements of the CSV at `path` (`.gz` allowed) and notes on what was left out.

    Without `format`, the one that shares most columns with the header. Raises InputError with
    every problem of the file, each with its line, and UsageError for an unknown format.
    """
    if format is not None and format not in READERS:
        raise UsageError(f"unknown measurement format {format!r}; known are {', '.join(READERS)}")
    table = read_table(path)
    return READERS[format or _detected(table)].parse(table)


def read(path: Path, format: str | None = None) -> tuple[Measurement, ...]:  # noqa: A002
    """Measurements of the CSV at `path`, as `read_noted` without its notes."""
    return read_noted(path, format).points


def _detected(table: Table) -> str:
    shared = {
        name: len(set(table.header) & set(reader.columns)) for name, reader in READERS.items()
    }
    best = max(shared, key=lambda name: shared[name])
    if shared[best] < 3:
        known = "; ".join(f"{name}: {','.join(r.columns)}" for name, r in READERS.items())
        remedy = f"unknown header; columns of the known formats are {known}"
        raise InputError([InputProblem(table.file, 1, "", ",".join(table.header)[:40], remedy)])
    return best
