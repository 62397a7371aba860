"""NumPy arrays of one .npz file."""

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heteroplan.profiles.readers.opened import Opened, refused

type Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise on damaged files, and on those with pickled objects inside."""

NUMBERS = "iuf"
"""Kinds of NumPy's that are plain numbers."""


@dataclass(slots=True)
class Arrays(Opened):
    """Numbers by name."""

    values: Mapping[str, Array]

    @property
    def names(self) -> frozenset[str]:
        """Of the arrays."""
        return frozenset(self.values)

    def series(self, name: str) -> list[float]:
        """Numbers > 0 of one array; problems are noted."""
        found = self.values.get(name, np.zeros(0))
        return [
            self.measured(0, f"{name}[{i}]", float(value), str(value))
            for i, value in enumerate(found.ravel())
        ]


def arrays_of(file: str, content: bytes, most_bytes: int) -> Arrays:
    """Raises InputError where the content is no .npz of plain numbers, or unpacks to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            if sum(member.file_size for member in members.infolist()) > most_bytes:
                raise ValueError(f"it unpacks to more than {most_bytes:,} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
            return Arrays(
                file,
                {
                    name: array.astype(np.float64)
                    for name, array in arrays.items()
                    if isinstance(array, np.ndarray) and array.dtype.kind in NUMBERS
                },
            )
    except UNREADABLE as error:
        raise refused(file, f"is no .npz file of plain numbers: {error}") from None
