"""A trace file opened, unpacked where it is packed, and its beginning seen."""

import glob
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from heteroplan.errors import InputError, InputProblem
from heteroplan.reading import input_size
from heteroplan.reading.input_size import MOST_BYTES, MOST_PACKING

SEEN_BYTES = 1 << 16
"""How much of the beginning is looked at."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of a file, and the codec that unpacks it."""
LONGEST_MAGIC = max(map(len, PACKED))
SHOWN_CHARACTERS = 40


@dataclass(slots=True)
class Source:
    """A trace of which nothing is read yet."""

    file: str
    """As the user wrote it, or `<stdin>`."""
    head: bytes
    """The first `SEEN_BYTES`, unpacked; they are in `stream` too."""
    stream: IO[bytes]
    """Unpacked, from the start, without a byte order mark."""
    path: Path | None
    """None for standard input."""
    packed: bool = False
    most_bytes: int = MOST_BYTES
    """Held of it at a time; see `input_size`."""
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


class _Joined(io.RawIOBase):
    """Bytes already read, and then the rest of where they came from."""

    def __init__(self, before: bytes, rest: IO[bytes]) -> None:
        self._before = before
        self._rest = rest
        self.taken = 0
        """Bytes read of it."""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        found = self._found(-1 if size is None else size)
        self.taken += len(found)
        return found

    def _found(self, size: int) -> bytes:
        before, self._before = self._before, b""
        if size < 0:
            return before + self._rest.read()
        if len(before) > size:
            before, self._before = before[:size], before[size:]
        return before + self._rest.read(size - len(before)) if len(before) < size else before


class _Unpacked(io.RawIOBase):
    """What a packed stream holds, as long as that is in proportion to its size."""

    def __init__(self, file: str, packed: _Joined, codec: str, most_bytes: int) -> None:
        import pyarrow as pa

        self._file = file
        self._packed = packed
        self._stream = pa.CompressedInputStream(pa.PythonFile(packed, "r"), codec)
        self._most_bytes = most_bytes
        self._made = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        part: bytes = self._stream.read(size)
        self._made += len(part)
        most_bytes = max(self._most_bytes, MOST_PACKING * self._packed.taken)
        if self._made > most_bytes:
            raise input_size.too_large(self._file, "unpacks to", most_bytes)
        return part


@contextmanager
def opened(path: str, most_bytes: int = MOST_BYTES) -> Iterator[Source]:
    """The trace at `path`, or standard input for `-`; gzip and zstd are known by their first bytes.

    At most `most_bytes` of it are held at a time. Whatever makes reading fail inside the context
    is raised as InputError.
    """
    import pyarrow as pa

    file = "<stdin>" if path == "-" else path
    try:
        with _binary(path) as raw:
            yield _source(file, None if path == "-" else Path(path), raw, most_bytes)
    except UnicodeDecodeError as error:
        raise InputError([InputProblem(file, 0, "", "", f"is no UTF-8 text: {error}")]) from None
    except (OSError, EOFError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError([InputProblem(file, 0, "", "", f"cannot be read: {reason}")]) from None
    except ValueError as error:
        if "null byte" not in str(error):
            raise
        raise InputError([InputProblem(file, 0, "", "", f"cannot be read: {error}")]) from None


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


def _source(file: str, path: Path | None, raw: IO[bytes], most_bytes: int) -> Source:
    magic = _at_least(raw, LONGEST_MAGIC)
    codec = next((codec for start, codec in PACKED.items() if magic.startswith(start)), None)
    joined = _Joined(magic, raw)
    unpacked = joined if codec is None else _Unpacked(file, joined, codec, most_bytes)
    stream = cast(IO[bytes], unpacked)
    head = _at_least(stream, SEEN_BYTES).removeprefix(BYTE_ORDER_MARK)
    whole = cast(IO[bytes], _Joined(head, stream))
    return Source(file, head, whole, path, codec is not None, most_bytes)


def _at_least(stream: IO[bytes], size: int) -> bytes:
    """`size` bytes, or all there are."""
    parts: list[bytes] = []
    while (missing := size - sum(map(len, parts))) > 0 and (part := stream.read(missing)):
        parts.append(part)
    return b"".join(parts)
