"""Data to standard output, talk to standard error."""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

STDOUT = "-"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)


@contextlib.contextmanager
def writing_stdout() -> Iterator[None]:
    """Standard output that takes nothing: silence where nobody listens, or else UsageError."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno not in _NO_ROOM:
            raise
        # Python would try again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            reason = error.strerror or error
            raise UsageError(f"standard output: cannot be written: {reason}") from error


def emit(text: str) -> None:
    """Write `text` to standard output, in UTF-8 whatever the locale.

    Nobody listening any more (`| head`) is no error. Raises UsageError for a full disk.
    """
    _write(text.encode())


def show(render: "Callable[[Console], None]") -> None:
    """What `render` prints, on standard output and for the terminal there."""
    from heteroplan.outputs.terminal import make_console

    console = make_console()
    with writing_stdout():
        with console.capture() as captured:
            render(console)
        _write(captured.get().encode(console.encoding, errors="replace"))


def say(notes: Iterable[str]) -> None:
    """Notes on standard error, one a line."""
    for note in notes:
        print(note, file=sys.stderr)


def deliver(text: str, out: str | None) -> None:
    """Write `text` to the file `out`, or to standard output without one and for `-`.

    Raises UsageError.
    """
    with delivering({STDOUT if out is None else out: text}):
        pass


@contextlib.contextmanager
def delivering(texts: Mapping[str, str]) -> Iterator[None]:
    """Write each text to its file, or to standard output for `-`: all of them or no file.

    Files take their names when the block ends well: what it prints is one of the outputs.
    Raises UsageError.
    """
    from heteroplan import pipeline

    if "" in texts:
        raise UsageError("an empty file name; name a file, or - for standard output")
    with pipeline.writing({Path(name): text for name, text in texts.items() if name != STDOUT}):
        if STDOUT in texts:
            emit(texts[STDOUT])
        yield


def _write(data: bytes) -> None:
    with writing_stdout():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
