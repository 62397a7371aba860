"""A process that does tasks one at a time, begun again where it is lost."""

import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

from heteroplan.pipelines.shared.executors.executor import Lost
from heteroplan.pipelines.shared.executors.payload import Versions, packed
from heteroplan.pipelines.shared.executors.serving import GRACE_S

MOST_LOST = 3
"""Workers that a task may take with it before it is given up."""
_CODE = (
    "import sys; sys.path[:] = {path!r}; "
    "from heteroplan.pipelines.shared.executors.serving import serve; serve({idle_s!r})"
)


class ClosedError(Exception):
    """Nobody wants more of a process."""


class OwnProcess:
    """A process for `work`, begun when its first task comes.

    It is no process of `multiprocessing`: the caller's script is not run again in it, and a worker
    that may have no such processes may have this one.
    """

    def __init__(self, work: bytes, versions: Versions, idle_s: float | None = None) -> None:
        """After `idle_s` without a task it ends by itself, or with what began it."""
        self._beginning = packed((work, versions))
        self._code = _CODE.format(path=sys.path, idle_s=idle_s)
        self._process: subprocess.Popen[bytes] | None = None
        self._began = False
        self._closed = False
        self._lock = threading.Lock()

    def do(self, task: bytes) -> bytes | dict[str, str] | Lost:
        """The answer to a task, or `Lost` if it took `MOST_LOST` processes with it.

        Raises `ClosedError` after `close`.
        """
        for _ in range(MOST_LOST):
            process = self._running()
            with suppress(EOFError, OSError, ValueError, pickle.UnpicklingError):
                return self._answer(process, task)
            code = process.wait()
            if self._closed:
                raise ClosedError
            if code > 0 and not self._began:
                raise RuntimeError(f"{sys.executable}: a process for tasks ended with {code}")
            how = _how(code)
        return Lost(f"{MOST_LOST} processes that had the task, one after the other, {how}")

    def _answer(self, process: subprocess.Popen[bytes], task: bytes) -> bytes | dict[str, str]:
        pickle.dump(task, _there(process.stdin))
        _there(process.stdin).flush()
        if not self._began:
            pickle.load(_there(process.stdout))
            self._began = True
        return cast(bytes | dict[str, str], pickle.load(_there(process.stdout)))

    def close(self) -> None:
        """Asks the process to end, a task at hand included."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                _end(self._process)

    def wait(self) -> None:
        """Until the process is gone after `close`, with force if it takes long."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=2 * GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _there(self._process.stdout).close()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise ClosedError
            if self._process is not None and self._process.poll() is not None:
                _end(self._process)
                _there(self._process.stdout).close()
                self._process = None
            if self._process is None:
                self._began = False
                self._process = self._begun()
            return self._process

    def _begun(self) -> subprocess.Popen[bytes]:
        with _interrupts_held():
            process = subprocess.Popen(
                [sys.executable, "-c", self._code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        with suppress(OSError):
            _there(process.stdin).write(self._beginning)
        return process


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        _there(process.stdin).close()


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    if code == -signal.SIGKILL:
        return "were ended from outside (SIGKILL), perhaps for want of memory"
    with suppress(ValueError):
        return f"were ended by {signal.Signals(-code).name}"
    return f"were ended by signal {-code}"


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process that begins meanwhile never gets Ctrl-C: what began it ends its work."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
