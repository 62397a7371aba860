"""Files written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from heteroplan.errors import UsageError


def write_atomically(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, replacing what stands there. Raises UsageError."""
    write_all({path: text})


def write_all(texts: Mapping[Path, str | Iterable[str]]) -> None:
    """Write every file, or none where any cannot be written (full disk, read-only folder).

    All content is on disk in temporary files beside the targets before the first rename; a text
    may come in pieces. What is no plain file (a pipe, a device) is written to and not replaced; a
    link is followed. Raises UsageError that names the file and the reason.
    """
    written: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            with _telling(path):
                if path.is_dir():
                    raise IsADirectoryError(None, "it is a directory")
                if path.exists() and not path.is_file():
                    with path.open("w", encoding="utf-8") as file:
                        file.writelines(_pieces(text))
                else:
                    written[path.resolve()] = _write_beside(path.resolve(), text)
        for path, temporary in written.items():
            with _telling(path):
                temporary.replace(path)
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)


def _write_beside(path: Path, text: str | Iterable[str]) -> Path:
    """A synced temporary file in the folder of `path`, with the mode of a new file."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        os.close(handle)
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.writelines(_pieces(text))
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _pieces(text: str | Iterable[str]) -> Iterable[str]:
    return [text] if isinstance(text, str) else text


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
