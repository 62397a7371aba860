"""The folder of a nightly job: a folder for each night, and `current`, the one in force.

The folder of a night takes its name when it is whole, and is not changed after that. `current` is
switched last, in one step. One run at a time holds the lock, which ends with its process.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from heteroplan.errors import LockedError, UsageError
from heteroplan.outputs.nightly.record import RECORD, read_record
from heteroplan.outputs.shared.files import try_folder, write_all
from heteroplan.text import visible

if sys.platform != "win32":
    import fcntl

CURRENT, FAILED, LOCK = "current", "failed", ".lock"
_NIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:-([0-9]+))?")
"""The day on which a plan starts, and which plan of that day it is, from the second one on."""
_LEFT = re.compile(r"\.(?:work|current)-[0-9a-f]{8}\.tmp")
"""What a killed run may leave."""
_MOST_TOLD = 200


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder that `--out` names."""

    folder: Path

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else inside this block, and nothing of killed runs left.

        The folder is made. Raises LockedError where another run is inside, and UsageError.
        """
        try_folder(self.folder)
        path = self.folder / LOCK
        with _telling(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "r+", encoding="utf-8", errors="replace") as file:
            if not _lock(path, handle):
                raise LockedError(
                    f"{path}: another run is at work ({visible(file.read(_MOST_TOLD).strip())}); "
                    "wait until it is over"
                )
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            self._tidy()
            try:
                yield
            finally:
                file.truncate(0)

    def current(self) -> Path | None:
        """The night in force; None before the first one. Raises UsageError where it is none."""
        pointer = self.folder / CURRENT
        with _telling(pointer, "cannot be read"):
            if pointer.is_symlink():
                name = str(pointer.readlink())
            elif pointer.is_file():
                name = pointer.read_text(encoding="utf-8", errors="replace").strip()
            elif pointer.exists():
                raise UsageError(f"{pointer}: neither a link nor a file; move it away")
            else:
                return None
        if not _NIGHT.fullmatch(name) or not (self.folder / name / RECORD).is_file():
            raise UsageError(
                f"{pointer}: names {name!r}, which is no night of {self.folder}; let it name one, "
                "or remove it to begin anew"
            )
        return self.folder / name

    def before(self, night: Path) -> Path | None:
        """The night that was in force before; None where there was none or it is gone."""
        name = read_record(night).previous
        if name is None or not _NIGHT.fullmatch(name):
            return None
        found = self.folder / name
        return found if (found / RECORD).is_file() else None

    def nights(self) -> list[Path]:
        """All nights, the earliest first."""
        found = {
            path: _key(path.name)
            for path in self.folder.iterdir()
            if _NIGHT.fullmatch(path.name) and (path / RECORD).is_file()
        }
        return sorted(found, key=lambda path: found[path])

    @contextlib.contextmanager
    def work(self) -> Iterator[Path]:
        """A new folder beside the nights, gone after the block unless it was given a name."""
        made = self._fresh("work")
        with _telling(made):
            made.mkdir()
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def publish(self, work: Path, day: date) -> Path:
        """Make a finished folder the night in force. Raises UsageError, with nothing changed."""
        used = [path.name for path in self.folder.iterdir() if path.name.startswith(str(day))]
        last = max((_key(name)[1] for name in used if _NIGHT.fullmatch(name)), default=0)
        night = self.folder / (f"{day}-{last + 1}" if last else f"{day}")
        _sync(work)
        with _telling(night):
            work.rename(night)
        _sync(self.folder)
        self.switch(night)
        return night

    def put_aside(self, work: Path) -> Path:
        """Keep a folder that is not to be in force as `failed`, in the place of the one before."""
        aside = self.folder / FAILED
        with _telling(aside):
            if aside.exists():
                aside.rename(gone := self._fresh("work"))
                shutil.rmtree(gone, ignore_errors=True)
            work.rename(aside)
        return aside

    def switch(self, night: Path) -> None:
        """Let `current` name a night: a link, or a file with its name where links cannot be."""
        pointer = self.folder / CURRENT
        fresh = self._fresh("current")
        try:
            fresh.symlink_to(night.name, target_is_directory=True)
        except (OSError, NotImplementedError):
            write_all({pointer: f"{night.name}\n"})
            return
        with _telling(pointer):
            try:
                fresh.replace(pointer)
            except OSError:
                fresh.unlink(missing_ok=True)
                raise
        _sync(self.folder)

    def prune(self, keep: int) -> tuple[str, ...]:
        """Remove the oldest nights, so that `keep` are left beside the one in force.

        The one before that stays. Returns what was removed.
        """
        current = self.current()
        before = None if current is None else self.before(current)
        old = [night for night in self.nights() if night not in (current, before)]
        over = old[: max(0, len(old) + (before is not None) - keep)]
        for night in over:
            night.rename(gone := self._fresh("work"))
            shutil.rmtree(gone, ignore_errors=True)
        return tuple(night.name for night in over)

    def _fresh(self, kind: str) -> Path:
        return self.folder / f".{kind}-{secrets.token_hex(4)}.tmp"

    def _tidy(self) -> None:
        """Remove what killed runs left. Only with the lock."""
        for path in self.folder.iterdir():
            if not _LEFT.fullmatch(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _key(name: str) -> tuple[str, int]:
    """By day, and by number within a day."""
    match = _NIGHT.fullmatch(name)
    return ("", 0) if match is None else (match[1], int(match[2] or 1))


def _lock(path: Path, handle: int) -> bool:
    """Whether the lock of an open file could be had; it is let go when the file is closed."""
    if sys.platform == "win32":
        import msvcrt

        try:
            os.lseek(handle, 1 << 30, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be locked: {error.strerror or error}; let --out name a folder on a "
            "file system with locks"
        ) from error
    return True


def _sync(folder: Path) -> None:
    """Have names in a folder on disk, where the system can do that."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _telling(path: Path, what: str = "cannot be written") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: {what}: {error.strerror or error}") from error
