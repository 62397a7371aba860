"""Measurements of one file, whatever its format."""

from dataclasses import replace
from pathlib import Path

from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.files import open_measurements
from heteroplan.profiles.readers.formats import FORMATS
from heteroplan.profiles.readers.measurement_file import MeasurementFile, refused
from heteroplan.profiles.readers.measurement_format import KINDS
from heteroplan.reading.formats import check_unique
from heteroplan.reading.input_size import MOST_MEASURED_BYTES

ENOUGH = 3
"""Names that a file shares with the format that it is of."""
SHOWN = 60
"""Characters of the names inside an unknown file."""
NOTHING_GIVEN = Given()


def read_measurements(
    path: Path,
    format: str | None = None,  # noqa: A002
    given: Given = NOTHING_GIVEN,
    most_bytes: int = MOST_MEASURED_BYTES,
) -> FileMeasurements:
    """Measurements of the file at `path` (gzip and zstd are unpacked), notes on what was left out.

    At most `most_bytes` of it are held. Without `format`, that of which most names are in the file.
    Raises InputError with the problems of the file (the first 20), each with its place, and
    UsageError for an unknown format and for what the file does not say and `given` does not either.
    """
    FORMATS.check(format)
    found, sha256 = open_measurements(path, most_bytes)
    known = FORMATS[format or _detected(found)]
    if type(found) not in known.kinds:
        wanted = " or ".join(KINDS[kind] for kind in known.kinds)
        raise refused(found.file, f"is {KINDS[type(found)]}, and {format} files are {wanted}")
    return replace(known.parse(found, given), sha256=sha256)


def _detected(found: MeasurementFile) -> str:
    shared = {
        name: len(found.names.intersection(known.names))
        for name, known in FORMATS.items()
        if type(found) in known.kinds
    }
    most = max(shared.values())
    best = [name for name, count in shared.items() if count == most]
    if most < ENOUGH:
        names = f" ({', '.join(sorted(found.names))[:SHOWN]})" if found.names else ""
        remedy = f"names inside are of no known format{names}; known are {', '.join(FORMATS)}"
        raise refused(found.file, remedy)
    check_unique(found.file, best)
    return best[0]
