"""Measurement files -> measurements. A new format is one module and one line in READERS."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from heteroplan.errors import UsageError
from heteroplan.profiles.readers.arrays import Arrays
from heteroplan.profiles.readers.document import Document
from heteroplan.profiles.readers.files import opened
from heteroplan.profiles.readers.formats import (
    aibrix,
    aiconfigurator,
    aiperf,
    distserve,
    dynamo,
    helix,
    infera,
    inference_perf,
    llmd,
    own,
    silicon,
    splitwise,
    vllm,
)
from heteroplan.profiles.readers.opened import Opened, refused
from heteroplan.profiles.readers.reading import Given, Reading
from heteroplan.profiles.readers.table import Table
from heteroplan.reading.input_size import MOST_MEASURED_BYTES

ENOUGH = 3
"""Names that a file shares with the format that it is of."""
SHOWN = 60
"""Characters of the names inside an unknown file."""
NOTHING_GIVEN = Given()


@dataclass(frozen=True, slots=True)
class Reader:
    """One measurement format."""

    names: tuple[str, ...]
    """Columns, keys or arrays by which it is known."""
    kinds: tuple[type[Opened], ...]
    parse: Callable[[Any, Given], Reading]


READERS = {
    "heteroplan": Reader(own.COLUMNS, (Table,), own.parse),
    "splitwise": Reader(splitwise.COLUMNS, (Table,), splitwise.parse),
    "dynamo": Reader(dynamo.NAMES, (Arrays, Document, Table), dynamo.parse),
    "infera": Reader(infera.NAMES, (Document,), infera.parse),
    "distserve": Reader(distserve.NAMES, (Document,), distserve.parse),
    "aiconfigurator": Reader(aiconfigurator.COLUMNS, (Table,), aiconfigurator.parse),
    "helix": Reader(helix.COLUMNS, (Table,), helix.parse),
    "silicon": Reader(silicon.COLUMNS, (Table,), silicon.parse),
    "vllm": Reader(vllm.NAMES, (Document,), vllm.parse),
    "aiperf": Reader(aiperf.NAMES, (Document,), aiperf.parse),
    "inference-perf": Reader(inference_perf.NAMES, (Document,), inference_perf.parse),
    "llm-d": Reader(llmd.NAMES, (Document,), llmd.parse),
    "aibrix": Reader(aibrix.NAMES, (Document,), aibrix.parse),
}
KINDS = {Table: "a CSV table", Document: "a JSON or YAML document", Arrays: "an .npz file"}


def read(
    path: Path,
    format: str | None = None,  # noqa: A002
    given: Given = NOTHING_GIVEN,
    most_bytes: int = MOST_MEASURED_BYTES,
) -> Reading:
    """Measurements of the file at `path` (gzip and zstd are unpacked), notes on what was left out.

    At most `most_bytes` of it are held. Without `format`, that of which most names are in the file.
    Raises InputError with the problems of the file (the first 20), each with its place, and
    UsageError for an unknown format and for what the file does not say and `given` does not either.
    """
    if format is not None and format not in READERS:
        raise UsageError(f"unknown measurement format {format!r}; known are {', '.join(READERS)}")
    found, sha256 = opened(path, most_bytes)
    reader = READERS[format or _detected(found)]
    if type(found) not in reader.kinds:
        wanted = " or ".join(KINDS[kind] for kind in reader.kinds)
        raise refused(found.file, f"is {KINDS[type(found)]}, and {format} files are {wanted}")
    return replace(reader.parse(found, given), sha256=sha256)


def _detected(found: Table | Document | Arrays) -> str:
    shared = {
        name: len(found.names.intersection(reader.names))
        for name, reader in READERS.items()
        if type(found) in reader.kinds
    }
    most = max(shared.values())
    best = [name for name, count in shared.items() if count == most]
    if most < ENOUGH:
        names = f" ({', '.join(sorted(found.names))[:SHOWN]})" if found.names else ""
        known = ", ".join(READERS)
        raise refused(found.file, f"names inside are of no known format{names}; known are {known}")
    if len(best) > 1:
        raise refused(found.file, f"may be {' or '.join(best)}: say which with --format")
    return best[0]
