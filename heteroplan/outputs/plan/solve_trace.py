"""The course of a solve as JSON lines: `{"seconds": 1.2, "incumbent": 83.0, "bound": 80.5}`."""

import json
from pathlib import Path
from typing import Self, TextIO

from heteroplan.errors import UsageError


class SolveTrace:
    """Writes a line for each change of the best plan or its bound. A context manager.

    Each line is written whole when it comes, so that a run that is killed leaves whole lines. A
    file that takes no more ends the trace and not the solve: `check` tells.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._last: tuple[float | None, float] | None = None
        self._error: OSError | None = None

    def update(self, incumbent: float | None, bound: float, seconds: float) -> None:
        """Best objective, None while demand is unserved; its bound (same unit); time spent [s]."""
        if self._file is None or self._error is not None or self._last == (incumbent, bound):
            return
        self._last = (incumbent, bound)
        line = {"seconds": round(seconds, 3), "incumbent": incumbent, "bound": bound}
        try:
            self._file.write(json.dumps(line) + "\n")
        except OSError as error:
            self._error = error

    def check(self) -> None:
        """Raises UsageError where a line was not written."""
        if self._error is not None:
            raise _unwritable(self._path, self._error)

    def __enter__(self) -> Self:
        """Raises UsageError for a file that cannot be written."""
        try:
            self._file = self._path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        return self

    def __exit__(self, *raised: object) -> None:
        assert self._file is not None
        try:
            self._file.close()
        except OSError as unwritten:
            self._error = self._error or unwritten


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: cannot be written: {error.strerror or error}")
