"""NumPy arrays of one .npz file."""

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heteroplan.errors import InputError, InputProblem
from heteroplan.profiles.readers.opened import Opened

type Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    SyntaxError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise on damaged files, and on those with pickled objects inside."""


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
        return [self._positive(name, i, value) for i, value in enumerate(self._flat(name))]

    def _flat(self, name: str) -> list[float]:
        found = self.values.get(name)
        return [] if found is None else [float(value) for value in found.ravel()]

    def _positive(self, name: str, index: int, value: float) -> float:
        if math.isfinite(value) and value > 0:
            return value
        self.problem(0, f"{name}[{index}]", str(value), "must be a finite number above 0")
        return math.nan


def arrays_of(file: str, content: bytes) -> Arrays:
    """Raises InputError where the content is no .npz of plain numbers."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            return Arrays(file, {name: found[name].astype(np.float64) for name in found.files})
    except UNREADABLE as error:
        remedy = f"is no .npz file of plain numbers: {error}"
        raise InputError([InputProblem(file, 0, "", "", remedy)]) from None
