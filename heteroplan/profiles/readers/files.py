"""A file opened as what its first bytes say it is; gzip and zstd are unpacked."""

import hashlib
import io
from pathlib import Path

from heteroplan.profiles.readers.arrays import MeasurementArrays, arrays_of
from heteroplan.profiles.readers.document import (
    MeasurementDocument,
    json_document_of,
    yaml_document_of,
)
from heteroplan.profiles.readers.table import MeasurementTable, table_of
from heteroplan.reading.byte_streams import input_errors, unpacked
from heteroplan.reading.input_size import CSV_MARKS, JSON_MARKS, check_values, whole

ZIP_MAGIC = b"PK\x03\x04"
JSON_BEGINS = (b"{", b"[")
YAML_SUFFIXES = (".yaml", ".yml")


def open_measurements(
    path: Path, most_bytes: int
) -> tuple[MeasurementTable | MeasurementDocument | MeasurementArrays, str]:
    """The file and the SHA-256 of its bytes, in hexadecimal.

    Raises InputError where it cannot be read, or more than `most_bytes` would be held.
    """
    file = str(path)
    with input_errors(file):
        with path.open("rb") as raw:
            stored = content = whole(raw, file, most_bytes)
        stream, is_packed = unpacked(io.BytesIO(stored), file, most_bytes)
        if is_packed:
            content = whole(stream, file, most_bytes)
        return _parsed(file, content, most_bytes), hashlib.sha256(stored).hexdigest()


def _parsed(
    file: str, content: bytearray, most_bytes: int
) -> MeasurementTable | MeasurementDocument | MeasurementArrays:
    if content.startswith(ZIP_MAGIC):
        return arrays_of(file, content, most_bytes)
    is_yaml = file.removesuffix(".gz").removesuffix(".zst").endswith(YAML_SUFFIXES)
    is_json = content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(JSON_BEGINS)
    check_values(content, JSON_MARKS if is_json else CSV_MARKS, file, most_bytes)
    if not is_yaml and not is_json:
        return table_of(file, content)
    text = content.decode("utf-8-sig")
    return yaml_document_of(file, text) if is_yaml else json_document_of(file, text)
