"""Files as streams of bytes, unpacked where they are packed; errors of reading as InputError."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from heteroplan.errors import InputError, InputProblem
from heteroplan.reading.input_size import MOST_PACKING, too_large

_CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of a file, and what unpacks it."""
_LONGEST_MAGIC = max(map(len, _CODECS))


@contextmanager
def input_errors(file: str, other: type[Exception] = OSError) -> Iterator[None]:
    """Turns what fails while `file` is read, an `other` error among it, into InputError."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError([InputProblem(file, 0, "", "", f"is no UTF-8 text: {error}")]) from None
    except (OSError, EOFError, other) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError([InputProblem(file, 0, "", "", f"cannot be read: {reason}")]) from None
    except ValueError as error:
        if "null byte" not in str(error):
            raise
        raise InputError([InputProblem(file, 0, "", "", f"cannot be read: {error}")]) from None


def unpacked(raw: IO[bytes], file: str, most_bytes: int) -> tuple[IO[bytes], bool]:
    """What `raw` holds, and whether it is packed: gzip and zstd are known by their first bytes.

    Reading raises InputError where it unpacks to more than `most_bytes` and than any real file,
    OSError where it is damaged.
    """
    magic, whole = begun(raw, _LONGEST_MAGIC)
    codec = next((codec for start, codec in _CODECS.items() if magic.startswith(start)), None)
    if codec is None:
        return whole, False
    return cast(IO[bytes], _Unpacked(whole, codec, file, most_bytes)), True


def begun(stream: IO[bytes], size: int, without: bytes = b"") -> tuple[bytes, IO[bytes]]:
    """The first `size` bytes, or all there are, and a stream that still holds them.

    Both leave out `without` where it stands first.
    """
    parts: list[bytes] = []
    while (missing := size - sum(map(len, parts))) > 0 and (part := stream.read(missing)):
        parts.append(part)
    begin = b"".join(parts).removeprefix(without)
    return begin, cast(IO[bytes], _Joined(begin, stream))


class _Joined(io.RawIOBase):
    """Bytes already read, and then the rest of where they came from."""

    def __init__(self, before: bytes, rest: IO[bytes]) -> None:
        self._before = before
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        before, self._before = self._before, b""
        if size is None or size < 0:
            return before + self._rest.read()
        if len(before) > size:
            before, self._before = before[:size], before[size:]
        return before + self._rest.read(size - len(before)) if len(before) < size else before


class _Counted(io.RawIOBase):
    """A stream of which it is known how many bytes were read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.taken = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        part = self._stream.read(-1 if size is None else size)
        self.taken += len(part)
        return part


class _Unpacked(io.RawIOBase):
    """What a packed stream holds, as long as that is in proportion to its size."""

    def __init__(self, packed: IO[bytes], codec: str, file: str, most_bytes: int) -> None:
        import pyarrow as pa

        self._file = file
        self._packed = _Counted(packed)
        self._stream = pa.CompressedInputStream(pa.PythonFile(self._packed, "r"), codec)
        self._most_bytes = most_bytes
        self._made = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return self.readall()
        part: bytes = self._stream.read(size)
        self._made += len(part)
        most_bytes = max(self._most_bytes, MOST_PACKING * self._packed.taken)
        if self._made > most_bytes:
            raise too_large(self._file, "unpacks to", most_bytes)
        return part
