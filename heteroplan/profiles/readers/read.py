"""Measurements of one file, whatever its format."""

from dataclasses import replace
from pathlib import Path

from heteroplan.profiles.readers.file_measurements import (
    FileMeasurements,
    Given,
    SeveralModelsError,
)
from heteroplan.profiles.readers.files import open_measurements
from heteroplan.profiles.readers.formats import FORMATS
from heteroplan.profiles.readers.measurement_file import MeasurementFile, refused
from heteroplan.profiles.readers.measurement_format import KINDS, MeasurementFormat
from heteroplan.reading.formats import check_unique
from heteroplan.reading.input_size import MOST_MEASURED_BYTES

ENOUGH = 3
"""Names that a file shares with the format that it is of."""
MOST_MODELS = 50
"""That are read one by one."""
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
    SeveralModelsError, an InputError, where `given` names none of them.
    """
    known, found, sha256 = _opened(path, format, most_bytes)
    return replace(known.parse(found, given), sha256=sha256)


def read_models(
    path: Path,
    format: str | None = None,  # noqa: A002
    given: Given = NOTHING_GIVEN,
    most_bytes: int = MOST_MEASURED_BYTES,
) -> list[FileMeasurements]:
    """As `read_measurements` those of each model, where a file holds several and none is given."""
    known, found, sha256 = _opened(path, format, most_bytes)
    try:
        readings = [known.parse(found, given)]
    except SeveralModelsError as several:
        if len(several.models) > MOST_MODELS:
            raise
        readings = [known.parse(found, replace(given, model=model)) for model in several.models]
    return [replace(each, sha256=sha256) for each in readings]


def _opened(
    path: Path,
    format: str | None,  # noqa: A002
    most_bytes: int,
) -> tuple[MeasurementFormat, MeasurementFile, str]:
    """The file with its format and its hash."""
    FORMATS.check(format)
    found, sha256 = open_measurements(path, most_bytes)
    known = FORMATS[format or _detected(found)]
    if type(found) not in known.kinds:
        wanted = " or ".join(KINDS[kind] for kind in known.kinds)
        raise refused(found.file, f"is {KINDS[type(found)]}, and {format} files are {wanted}")
    return known, found, sha256


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
