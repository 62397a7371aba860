"""A file opened as what its first bytes say it is; gzip is unpacked."""

import gzip
import hashlib
import io
import zlib
from pathlib import Path

from heteroplan.profiles.readers.arrays import Arrays, arrays_of
from heteroplan.profiles.readers.document import Document, document_of, yaml_document_of
from heteroplan.profiles.readers.opened import refused
from heteroplan.profiles.readers.table import Table, table_of

GZIP_MAGIC, ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
MOST_BYTES = 1 << 30
"""Of a file, unpacked."""
JSON_BEGINS = ("{", "[")
YAML_SUFFIXES = (".yaml", ".yml")


def opened(path: Path) -> Table | Document | Arrays:
    """Raises InputError where the file cannot be read."""
    try:
        stored = content = path.read_bytes()
        if stored.startswith(GZIP_MAGIC):
            with gzip.open(io.BytesIO(stored)) as packed:
                content = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refused(str(path), f"cannot be read: {reason}") from None
    if len(content) > MOST_BYTES:
        raise refused(str(path), f"holds more than {MOST_BYTES:,} bytes")
    found = _unpacked(str(path), content)
    found.sha256 = hashlib.sha256(stored).hexdigest()
    return found


def _unpacked(file: str, content: bytes) -> Table | Document | Arrays:
    if content.startswith(ZIP_MAGIC):
        return arrays_of(file, content, MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(file, f"is no UTF-8 text: {error}") from None
    if file.removesuffix(".gz").endswith(YAML_SUFFIXES):
        return yaml_document_of(file, text)
    if text.lstrip().startswith(JSON_BEGINS):
        return document_of(file, text)
    return table_of(file, text)
