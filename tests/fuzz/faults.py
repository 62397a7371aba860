"""What goes wrong around a command: its streams, its folder, its files, its environment."""

import ctypes
import io
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

CLOSED, FULL, NOBODY = "closed", "/dev/full", "nobody listens"
_CAPABILITIES = 0x20080522
"""Version of the kernel's interface."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Those of one case; none by default."""

    stdin: str = "/dev/null"
    """A file in the folder, a device, or `closed`."""
    stdout: str = ""
    """`closed`, `/dev/full` or `nobody listens`; empty where it is kept."""
    stderr: str = ""
    ascii_streams: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    most_bytes: int | None = None
    """Of any file that is written, as on a disk that is full."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """What stands in the place of a file: `folder`, `loop`, `absent`, `unreadable` or a device."""
    read_only: bool = False
    """Whether the folder takes no new file."""

    def __str__(self) -> str:
        told = [
            f"stdin {self.stdin}" if self.stdin != "/dev/null" else "",
            f"stdout {self.stdout}" if self.stdout else "",
            f"stderr {self.stderr}" if self.stderr else "",
            "ASCII streams" if self.ascii_streams else "",
            *(f"{name}={value!r:.30}" for name, value in self.environment.items()),
            f"files of {self.most_bytes} bytes at most" if self.most_bytes is not None else "",
            *(f"{name} is {kind}" for name, kind in self.instead.items()),
            "read-only folder" if self.read_only else "",
        ]
        return ", ".join(each for each in told if each)


NONE = Faults()


def on_streams(draw: Random) -> Faults:
    """Streams that take or give nothing; whatever the input is."""
    return draw.choice(
        [
            Faults(stdin=draw.choice([CLOSED, "/dev/zero"])),
            Faults(stdout=draw.choice([CLOSED, FULL, NOBODY])),
            Faults(stderr=draw.choice([CLOSED, FULL, NOBODY])),
            Faults(stdout=CLOSED, stderr=CLOSED, stdin=CLOSED),
            Faults(stdout=FULL, stderr=FULL),
            Faults(ascii_streams=True),
            Faults(environment={draw.choice(["COLUMNS", "LINES"]): draw.choice(
                ["0", "1", "7", "10", "40", "-1", "x", "100000", "80.5"])}),
            Faults(environment={"TZ": draw.choice(["Asia/Kolkata", "nowhere", ":", "UTC+99"])}),
            Faults(environment={"TMPDIR": "/nowhere", "HOME": "/nowhere"}),
            Faults(most_bytes=draw.choice([0, 1, 100, 4096, 100_000])),
            Faults(read_only=True),
        ]
    )  # fmt: skip


def on_files(names: list[str], draw: Random) -> Faults:
    """One of the files is something else."""
    kinds = ("folder", "loop", "absent", "unreadable", "/dev/zero", "/dev/null", "/dev/full",
             "/dev/stdin", "/proc/self/mem", "/proc/self/environ")  # fmt: skip
    return Faults(instead={draw.choice(names): draw.choice(kinds)})


def lay(instead: Mapping[str, str], folder: Path) -> None:
    """Put what stands in the place of files there."""
    for name, kind in instead.items():
        path = folder / name
        path.unlink(missing_ok=True)
        if kind == "folder":
            path.mkdir()
        elif kind == "loop":
            path.symlink_to(path.name)
        elif kind == "unreadable":
            path.write_bytes(b"x: 1\n")
            path.chmod(0)
        elif kind != "absent":
            path.symlink_to(kind)


def befall(faults: Faults, folder: Path, out: int, err: int) -> None:
    """In the process of the command, before it starts: streams, limits, environment, rights.

    `out` and `err` are where kept streams go.
    """
    os.environ.update(faults.environment)
    with_rights_of_nobody()
    if faults.read_only:
        folder.chmod(0o555)
    if faults.most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (faults.most_bytes,) * 2)
    wanted = (faults.stdin, faults.stdout, faults.stderr)
    for number, (name, kept) in enumerate(zip(wanted, (-1, out, err), strict=True)):
        if name == CLOSED:
            os.close(number)
        elif number == 0:
            os.dup2(os.open(name, os.O_RDONLY), 0)
        elif name == FULL:
            os.dup2(os.open(FULL, os.O_WRONLY), number)
        elif name == NOBODY:
            reading, writing = os.pipe()
            os.close(reading)
            os.dup2(writing, number)
        else:
            os.dup2(kept, number)
    encoding = "ascii" if faults.ascii_streams else "utf-8"
    sys.stdin = _stream(faults.stdin, 0, "r", encoding, "strict")
    sys.stdout = _stream(faults.stdout, 1, "w", encoding, "strict")
    sys.stderr = _stream(faults.stderr, 2, "w", encoding, "backslashreplace")
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]


def _stream(name: str, number: int, mode: str, encoding: str, errors: str) -> io.TextIOWrapper:
    """As Python makes them when it starts: None where the descriptor is closed."""
    if name == CLOSED:
        return None  # type: ignore[return-value]
    raw = open(number, f"{mode}b", closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(raw, encoding, errors, line_buffering=number == 2)


def with_rights_of_nobody() -> None:
    """As root too a file without rights cannot be read and a folder without them takes none."""
    if os.geteuid() != 0:
        return
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    nothing = (ctypes.c_uint32 * 6)(0, 0, 0, 0, 0, 0)
    ctypes.CDLL(None).capset(head, nothing)
