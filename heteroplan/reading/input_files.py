"""Input files as bytes: each read once, bounded, named as the user knows it, and hashed."""

import errno
import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 16 * 2**20
"""Largest input file [bytes]: a million demand rows fit."""

STDIN = Path("<stdin>")
"""Stands for standard input."""


def shown(path: Path) -> str:
    """Path as messages show it: relative to the working directory where it is inside it."""
    if path == STDIN:
        return str(path)
    absolute = Path(os.path.normpath(Path.cwd() / path))
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path)


class UnreadableError(ValueError):
    """A file that cannot be used; the message says why."""


class Files:
    """The input files of one scenario."""

    def __init__(self, before: "Files | None" = None) -> None:
        """What `before` has read is not read again: several scenarios then see the same files."""
        self._contents: dict[str, bytes | UnreadableError] = {}
        self._shared: dict[str, bytes | UnreadableError] = {} if before is None else before._shared
        self._digests: dict[str, bytes] = {} if before is None else before._digests

    @property
    def order(self) -> tuple[str, ...]:
        """Shown paths in the order of reading."""
        return tuple(self._contents)

    def content(self, path: Path, max_bytes: int = MAX_BYTES) -> bytes:
        """A file's bytes. Raises UnreadableError: absent, a folder, unreadable, too large."""
        name = shown(path)
        if name not in self._contents:
            if name not in self._shared:
                try:
                    self._shared[name] = _content(path, max_bytes)
                except UnreadableError as error:
                    self._shared[name] = error
            self._contents[name] = self._shared[name]
        found = self._contents[name]
        if isinstance(found, UnreadableError):
            raise found
        return found

    def text(self, path: Path, max_bytes: int = MAX_BYTES) -> str:
        """A file as text. Raises UnreadableError as `content` does, and where it is not UTF-8."""
        try:
            return self.content(path, max_bytes).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            remedy = f"not UTF-8 text (byte {error.start}); save it as UTF-8"
            raise UnreadableError(remedy) from None

    def mark(self, path: Path) -> None:
        """Count a file in that something else reads, however large: its hash stands for it.

        Raises UnreadableError, also for what is no file: a pipe can be read once, a device for
        ever.
        """
        name = shown(path)
        if name in self._contents:
            return
        if name not in self._digests:
            try:
                self._digests[name] = _digest(path)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "not a path"
                raise UnreadableError(f"cannot be read: {reason}") from None
        self._contents[name] = self._digests[name]

    def digest(self, path: Path) -> str:
        """Tells what a file holds that was read or marked before, in hexadecimal."""
        content = self._contents[shown(path)]
        assert isinstance(content, bytes), f"{path} was neither read nor marked"
        return hashlib.sha256(content).hexdigest()

    def sha256(self, overrides: Iterable[str]) -> str:
        """Hash over every file read, in the order of reading, and over the overrides."""
        contents = (each for each in self._contents.values() if isinstance(each, bytes))
        digest = hashlib.sha256()
        for part in (*contents, *(text.encode(errors="replace") for text in overrides)):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()


def _digest(path: Path) -> bytes:
    """Raises OSError and ValueError."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "a device or a pipe; name a file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _content(path: Path, max_bytes: int) -> bytes:
    content = _read(path, max_bytes + 1)
    if len(content) > max_bytes:
        raise UnreadableError(f"larger than {max_bytes // 2**20} MiB; split or shorten it")
    return content


def _read(path: Path, size: int) -> bytes:
    try:
        if path == STDIN:
            return sys.stdin.buffer.read(size)
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        raise UnreadableError("no such file") from None
    except IsADirectoryError:
        raise UnreadableError("a folder; name a file") from None
    except OSError as error:
        reason = error.strerror or "not readable"
        raise UnreadableError(f"cannot be read: {reason}") from None
    except ValueError:
        raise UnreadableError("not a path") from None
