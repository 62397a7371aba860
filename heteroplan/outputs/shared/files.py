"""Text of CSV files, and files written whole or not at all."""

import contextlib
import csv
import io
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Any, TextIO

from heteroplan.errors import UsageError

if sys.platform != "win32":
    import fcntl


type Content = str | Iterable[str] | Callable[[IO[bytes]], None]
"""Of a file: a text (UTF-8), whole or in pieces, or what writes its bytes."""


def csv_text(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A CSV table with its header, lines ended as on Unix."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(chain([header], rows))
    return text.getvalue()


def write_all(contents: Mapping[Path, Content]) -> None:
    """Write every file, or none where any cannot be written (full disk, read-only folder).

    Raises UsageError that names the file and the reason.
    """
    with written_with(contents):
        pass


@contextlib.contextmanager
def written_with(contents: Mapping[Path, Content]) -> Iterator[None]:
    """Write every file if the block ends well, or none.

    All content is on disk in temporary files beside the targets before the block begins; after it
    they are renamed in the order of `contents`. What is no plain file (a pipe, a device) is written
    to before the block and not replaced; a link is followed. Raises UsageError that names the
    file and the reason.
    """
    with contextlib.ExitStack() as stack:
        renamed: dict[Path, Path] = {}
        streams: dict[Path, Content] = {}
        for path, content in contents.items():
            with _telling(path):
                if _is_stream(path):
                    streams[path] = content
                else:
                    target = path.resolve()
                    renamed[target] = stack.enter_context(_temporary(target, content))
        for path, content in streams.items():
            with _telling(path), path.open("w", encoding="utf-8") as file:
                _put(content, file)
        yield
        _rename_all(renamed)


def _rename_all(renamed: Mapping[Path, Path]) -> None:
    """Give temporary files their names; where one cannot have it, the others are put back.

    Such a target may be a mount point, or another user's in a sticky folder.
    """
    with contextlib.ExitStack() as kept, contextlib.ExitStack() as undo:
        for target, temporary in renamed.items():
            is_new, before = not target.exists(), _second_name(target)
            kept.callback(before.unlink, missing_ok=True)
            with _telling(target):
                temporary.replace(target)
            undo.callback(_put_back, before, target, is_new=is_new)
        undo.pop_all()


def _second_name(path: Path) -> Path:
    """Beside a path, for what stands there, until all is written.

    Absent where nothing does, and where the file system has no second names.
    """
    name = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with contextlib.suppress(OSError):
        name.hardlink_to(path)
    return name


def _put_back(before: Path, path: Path, *, is_new: bool) -> None:
    with contextlib.suppress(OSError):
        if is_new:
            path.unlink()
        elif before.exists():
            before.replace(path)


def try_file(path: Path) -> None:
    """Raises UsageError where it is plain that `path` cannot be written."""
    with _telling(path):
        if not _is_stream(path):
            tempfile.TemporaryFile(dir=path.resolve().parent).close()


def try_folder(folder: Path) -> None:
    """Make `folder`. Raises UsageError where that cannot be, or where it takes no file."""
    with _telling(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def _is_stream(path: Path) -> bool:
    """Whether it is written to and not replaced: a pipe, a device. Raises OSError: a folder."""
    if path.is_dir():
        raise IsADirectoryError(None, "it is a directory")
    return path.exists() and not path.is_file()


@contextlib.contextmanager
def _temporary(path: Path, content: Content) -> Iterator[Path]:
    """A synced file in the folder of `path`, with the mode of a new file; gone after the block.

    It is locked as long as this process lives: what a killed one leaves behind is not, and goes
    when the same target is written again.
    """
    _remove_abandoned(path)
    handle, temporary = _locked(path)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            _put(content, file)
            file.flush()
            os.fsync(handle)
            temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
            if sys.platform == "win32":
                file.close()  # There an open file takes no other name.
            yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _locked(path: Path) -> tuple[int, Path]:
    """A new temporary file for `path`, open and locked; without a lock where there are none.

    Another run may have found it before it was locked, and removed it.
    """
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        temporary = Path(name)
        if _is_at(handle, temporary):
            return handle, temporary
        os.close(handle)


def _remove_abandoned(path: Path) -> None:
    """Temporary files for `path` that nobody holds a lock on."""
    if sys.platform == "win32":
        return
    named = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.tmp")
    with contextlib.suppress(OSError):
        for each in path.parent.iterdir():
            if named.fullmatch(each.name):
                _remove_unlocked(each)


def _remove_unlocked(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, temporary):
                temporary.unlink()
        finally:
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file still has that name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _put(content: Content, file: TextIO) -> None:
    if callable(content):
        content(file.buffer)
    else:
        file.writelines([content] if isinstance(content, str) else content)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
