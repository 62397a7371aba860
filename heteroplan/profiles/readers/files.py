"""A file opened as what its first bytes say it is; gzip is unpacked."""

import gzip
import hashlib
import io
import zlib
from pathlib import Path
from typing import IO, cast

from heteroplan.profiles.readers.arrays import Arrays, arrays_of
from heteroplan.profiles.readers.document import Document, document_of, yaml_document_of
from heteroplan.profiles.readers.opened import refused
from heteroplan.profiles.readers.table import Table, table_of
from heteroplan.reading.input_size import CSV_MARKS, JSON_MARKS, check_values, whole

GZIP_MAGIC, ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
JSON_BEGINS = (b"{", b"[")
YAML_SUFFIXES = (".yaml", ".yml")


def opened(path: Path, most_bytes: int) -> Table | Document | Arrays:
    """Raises InputError where the file cannot be read, or more than `most_bytes` would be held."""
    try:
        with path.open("rb") as file:
            stored = content = whole(file, str(path), most_bytes)
        if stored.startswith(GZIP_MAGIC):
            with gzip.open(io.BytesIO(stored)) as packed:
                content = whole(cast(IO[bytes], packed), str(path), most_bytes)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refused(str(path), f"cannot be read: {reason}") from None
    found = _unpacked(str(path), content, most_bytes)
    found.sha256 = hashlib.sha256(stored).hexdigest()
    return found


def _unpacked(file: str, content: bytearray, most_bytes: int) -> Table | Document | Arrays:
    if content.startswith(ZIP_MAGIC):
        return arrays_of(file, content, most_bytes)
    is_yaml = file.removesuffix(".gz").endswith(YAML_SUFFIXES)
    is_json = content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(JSON_BEGINS)
    check_values(content, JSON_MARKS if is_json else CSV_MARKS, file, most_bytes)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(file, f"is no UTF-8 text: {error}") from None
    if is_yaml:
        return yaml_document_of(file, text)
    return document_of(file, text) if is_json else table_of(file, text)
