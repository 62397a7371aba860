"""A trace file opened and unpacked, and its beginning seen."""

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from heteroplan.errors import InputError, InputProblem
from heteroplan.reading import input_size
from heteroplan.reading.byte_streams import begun, input_errors, unpacked
from heteroplan.reading.file_problems import SHOWN_CHARACTERS
from heteroplan.reading.input_size import MOST_BYTES

SEEN_BYTES = 1 << 16
"""How much of the beginning is looked at."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(slots=True)
class TraceSource:
    """A trace of which nothing is read yet."""

    file: str
    """Its name as the user wrote it, or `<stdin>`."""
    head: bytes
    """The first `SEEN_BYTES`, unpacked; they are in `stream` too."""
    stream: IO[bytes]
    """Unpacked, from the start, without a byte order mark."""
    path: Path | None
    """Where it is stored; None for standard input."""
    packed: bool = False
    most_bytes: int = MOST_BYTES
    """Most that is held of it at a time; see `input_size`."""
    _whole: Any = None

    def problem(self, line: int, column: str, value: str, remedy: str) -> InputProblem:
        """One thing that is wrong in this file."""
        return InputProblem(self.file, line, column, value[:SHOWN_CHARACTERS], remedy)

    def seekable(self) -> Any:
        """What pyarrow can read at any place: the path, or all that `stream` holds."""
        import pyarrow as pa

        if self.path is not None and not self.packed:
            return str(self.path)
        if self._whole is None:
            whole = input_size.whole(self.stream, self.file, self.most_bytes, copies=2)
            self._whole = pa.py_buffer(whole)
        return pa.BufferReader(self._whole)

    def values(self, marks: bytes) -> bytearray:
        """All that `stream` holds, a text of values. Raises InputError where it is too large."""
        return input_size.whole_values(self.stream, marks, self.file, self.most_bytes)


@contextmanager
def open_trace(path: str, most_bytes: int = MOST_BYTES) -> Iterator[TraceSource]:
    """The trace at `path`, or standard input for `-`; gzip and zstd are known by their first bytes.

    At most `most_bytes` of it are held at a time. Whatever makes reading fail inside the context
    is raised as InputError.
    """
    import pyarrow as pa

    file = "<stdin>" if path == "-" else path
    with input_errors(file, pa.ArrowException), _binary(path) as raw:
        stream, is_packed = unpacked(raw, file, most_bytes)
        head, whole = begun(stream, SEEN_BYTES, without=BYTE_ORDER_MARK)
        yield TraceSource(
            file, head, whole, None if path == "-" else Path(path), is_packed, most_bytes
        )


def expanded(paths: Sequence[str]) -> list[str]:
    """`paths` with the patterns that no shell has expanded (`traces/*.csv.gz`) as sorted names.

    What exists by its name is taken by it. Raises InputError for patterns that nothing matches.
    """
    found: list[str] = []
    problems = []
    for path in paths:
        is_pattern = path != "-" and glob.has_magic(path) and not Path(path).exists()
        matches = sorted(glob.glob(path, recursive=True)) if is_pattern else [path]  # noqa: PTH207
        found.extend(matches)
        if not matches:
            problems.append(InputProblem(path, 0, "", "", "matches no file"))
    seen: set[str] = set()
    for name in found:
        real = os.path.realpath(name)
        if real in seen and name != "-":
            problems.append(InputProblem(name, 0, "", "", "given twice; name it once"))
        seen.add(real)
    if problems:
        raise InputError(problems)
    return found


@contextmanager
def _binary(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    with Path(path).open("rb") as raw:
        yield raw
