"""NumPy arrays of one .npz file."""

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from heteroplan.profiles.readers.measurement_file import MeasurementFile, refused
from heteroplan.reading.input_size import VALUE_BYTES, too_large

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
class MeasurementArrays(MeasurementFile):
    """The arrays of numbers in one .npz file."""

    values: Mapping[str, Array]

    @property
    def names(self) -> frozenset[str]:
        """Names of the arrays."""
        return frozenset(self.values)

    def series(self, name: str) -> list[float]:
        """Numbers > 0 of one array; problems are noted."""
        found = self.values.get(name, np.zeros(0))
        return [
            self.measured(0, f"{name}[{i}]", float(value), str(value))
            for i, value in enumerate(found.ravel())
        ]


def arrays_of(file: str, content: bytearray, most_bytes: int) -> MeasurementArrays:
    """Raises InputError where the content is no .npz of plain numbers, or unpacks to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            held = sum(_held_bytes(members, member) for member in members.infolist())
        if held > most_bytes:
            raise too_large(file, "unpacks to", most_bytes)
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
            return MeasurementArrays(
                file,
                {
                    name: array.astype(np.float64)
                    for name, array in arrays.items()
                    if isinstance(array, np.ndarray) and array.dtype.kind in NUMBERS
                },
            )
    except UNREADABLE as error:
        raise refused(file, f"is no .npz file of plain numbers: {error}") from None


def _held_bytes(members: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """What an array would take, by what its header says of it."""
    with members.open(member) as file:
        if np.lib.format.read_magic(file) == (1, 0):
            shape, _, _ = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, _ = np.lib.format.read_array_header_2_0(file)
    return member.file_size + VALUE_BYTES * abs(prod(shape))
