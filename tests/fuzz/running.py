"""One command in a process of its own, forked from this one, in which all modules are loaded."""

import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.fuzz import faults as harm
from tests.fuzz.faults import Faults

GIB = 2**30
MOST_CPU_S = 20
MOST_WALL_S = 60.0
"""More than of CPU: the machine may be busy with other things."""
MOST_KEPT_BYTES = 64 * 2**20
_ENVIRONMENT = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended, and what it left."""

    code: int
    """Exit code, or minus the signal that ended it."""
    out: bytes
    err: bytes
    files: Mapping[str, bytes]
    """What stands in its folder afterwards, by relative name."""
    cpu_s: float
    peak_bytes: int
    hung: bool
    """Whether it had to be ended, after `MOST_WALL_S`."""


def run(
    args: Sequence[str], files: Mapping[str, bytes], folder: Path, faults: Faults = harm.NONE
) -> Ended:
    """`heteroplan args` in `folder`, in which `files` are laid first."""
    work = folder / "work"
    work.mkdir()
    for name, content in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content)
    harm.lay(faults.instead, work)
    kept = [os.open(folder / name, os.O_RDWR | os.O_CREAT) for name in ("out", "err")]
    for each in (sys.stdout, sys.stderr):
        each.flush()
    pid = os.fork()
    if pid == 0:
        _command(args, work, faults, *kept)
    status, usage, hung = _waited(pid)
    texts = []
    for each in kept:
        texts.append(os.pread(each, MOST_KEPT_BYTES, 0))
        os.close(each)
    work.chmod(0o755)
    return Ended(
        os.waitstatus_to_exitcode(status),
        texts[0],
        texts[1],
        _left(work),
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
        hung,
    )


def _waited(pid: int) -> tuple[int, resource.struct_rusage, bool]:
    """Status and resources of a process that has ended or is ended now, and whether it was."""
    watched = os.pidfd_open(pid)
    try:
        hung = not select.select([watched], [], [], MOST_WALL_S)[0]
        if hung:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
    finally:
        os.close(watched)
    return status, usage, hung


def _left(work: Path) -> dict[str, bytes]:
    """Every file; what is no plain file by its kind."""
    found = {}
    for path in sorted(work.rglob("*")):
        name = str(path.relative_to(work))
        if path.is_symlink():
            found[name] = b"link"
        elif path.is_file():
            path.chmod(0o644)
            found[name] = path.read_bytes()
    return found


def _command(args: Sequence[str], work: Path, faults: Faults, out: int, err: int) -> NoReturn:
    """The command as the process of its own that it has become, to its end."""
    code = 1
    try:
        os.chdir(work)
        os.environ.update(_ENVIRONMENT)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + GIB,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (2 * MOST_CPU_S,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        harm.befall(faults, work, out, err)
        sys.argv = ["heteroplan", *args]
        from heteroplan.cli import main

        main()
    except SystemExit as error:
        code = _code(error)
    except BaseException:
        if sys.stderr is not None:
            traceback.print_exc()
    finally:
        os._exit(_flushed(code))


def _code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return int(error.code or 0)
    print(error.code, file=sys.stderr)
    return 1


def _flushed(code: int) -> int:
    """What Python ends with: 120 where standard output cannot be flushed."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        code = 120
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except (OSError, ValueError):
        pass
    return code
