"""A trace file opened as text, its header read."""

import csv
import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from heteroplan.errors import InputError, InputProblem

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Source:
    """A trace of which the header line is read and the rest is not."""

    file: str
    """As the user wrote it, or `<stdin>`."""
    header: tuple[str, ...]
    rest: IO[str]

    def problem(self, line: int, column: str, value: str, remedy: str) -> InputProblem:
        """One thing that is wrong in this file."""
        return InputProblem(self.file, line, column, value, remedy)


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """The trace at `path`, or standard input for `-`; gzip is recognised by its first bytes.

    Whatever makes reading fail inside the context is raised as InputError.
    """
    file = "<stdin>" if path == "-" else path
    try:
        with _binary(path) as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            header = next(csv.reader([text.readline()]), [])
            yield Source(file, tuple(name.strip() for name in header), text)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError([InputProblem(file, 0, "", "", f"cannot be read: {reason}")]) from None
    except UnicodeDecodeError as error:
        raise InputError([InputProblem(file, 0, "", "", f"is no UTF-8 text: {error}")]) from None


@contextmanager
def _binary(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield _unpacked(io.BufferedReader(cast(io.RawIOBase, sys.stdin.buffer)))
        return
    with Path(path).open("rb") as raw:
        yield _unpacked(raw)


def _unpacked(raw: io.BufferedReader) -> IO[bytes]:
    packed = raw.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    return cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
