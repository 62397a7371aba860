"""Data to standard output, talk to standard error."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heteroplan.errors import UsageError
from heteroplan.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from heteroplan.outputs.shared.files import Content

STDOUT = "-"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE, errno.EBADF)


class _Closed(io.FileIO):
    """A standard stream that was closed before we began (`>&-`)."""

    def __init__(self, mode: str) -> None:
        # The lowest free number, which is its own: no file that is opened later gets that.
        super().__init__(os.open(os.devnull, os.O_RDONLY if mode == "w" else os.O_WRONLY), mode)

    def readinto(self, into: Any, /) -> int:
        with _saying_closed():
            return super().readinto(into) or 0

    def write(self, data: Any, /) -> int:
        with _saying_closed():
            return super().write(data) or 0


@contextlib.contextmanager
def _saying_closed() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, "it is closed") from error


class _Talk(io.FileIO):
    """Standard error: what it does not take is lost, and nothing else comes of it."""

    def write(self, data: Any, /) -> int:
        with contextlib.suppress(OSError):
            return super().write(data) or 0
        return len(data)


def stand_in() -> None:
    """Replace standard streams that are closed, and standard error, which may be full.

    Call it before anything else is opened.
    """
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Closed("r")), encoding="utf-8")
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(_Closed("w")), encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = _talk(os.open(os.devnull, os.O_WRONLY), "utf-8")
    elif sys.stderr is (own := sys.__stderr__) and own is not None:
        sys.stderr = _talk(own.fileno(), own.encoding)


def _talk(number: int, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_Talk(number, "w", closefd=False)),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=True,
    )


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

    Halves of characters, as in names of files, are written escaped. Nobody listening any more
    (`| head`) is no error. Raises UsageError for a full disk.
    """
    _write(text.encode(errors="backslashreplace"))


def emit_lines(text: str) -> None:
    """`emit`, with long lines broken between words where a terminal shows them."""
    from heteroplan.outputs.shared.terminal import Text, make_console, print_wrapped

    if not make_console().is_terminal:
        emit(text)
        return

    def render(console: "Console") -> None:
        for line in text.splitlines():
            print_wrapped(Text(line), console) if line else console.print()

    show(render)


def show(render: "Callable[[Console], None]") -> None:
    """What `render` prints, on standard output and for the terminal there."""
    from heteroplan.outputs.shared.terminal import make_console

    console = make_console()
    with writing_stdout():
        with console.capture() as captured:
            render(console)
        _write(captured.get().encode(console.encoding, errors="replace"))


def say(notes: Iterable[str]) -> None:
    """Notes on standard error, one a line."""
    for note in notes:
        print(visible(note), file=sys.stderr)


def deliver(text: str, out: str | None) -> None:
    """Write `text` to the file `out`, or to standard output without one and for `-`.

    Raises UsageError.
    """
    with delivering({STDOUT if out is None else out: text}, told=False):
        pass


def wrote(names: Iterable[str]) -> None:
    """Say on standard error which files were written."""
    say([f"Wrote {', '.join(names)}."])


@contextlib.contextmanager
def delivering(contents: "Mapping[str, Content]", *, told: bool = True) -> Iterator[None]:
    """Write each content to its file, or a text to standard output for `-`: all of them or no file.

    Files take their names when the block ends well: what it prints is one of the outputs. Their
    names are said then, if that is to be `told`. Raises UsageError.
    """
    from heteroplan.outputs.shared.files import written_with

    if "" in contents:
        raise UsageError("an empty file name; name a file, or - for standard output")
    printed = contents.get(STDOUT, ())
    if callable(printed):
        raise UsageError("- (standard output) takes no binary format; name a file")
    with written_with({Path(name): each for name, each in contents.items() if name != STDOUT}):
        for piece in [printed] if isinstance(printed, str) else printed:
            emit(piece)
        yield
    files = [name for name in contents if name != STDOUT]
    if told and files:
        wrote(files)


def _write(data: bytes) -> None:
    with writing_stdout():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
