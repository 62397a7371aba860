"""Solves that do not depend on each other: several at a time, a process each, in one time limit."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Any

from heteroplan.clock import LEAST_SHARE, Clock, Stop
from heteroplan.errors import NoPlanError

type Work[Task, Result] = Callable[[Task, Clock, Stop], Result]
"""Does a task within the time of a clock. It and its tasks are sent to processes: no closures."""
type Done = Callable[[int, int], None]
"""Told how many tasks are done, and of how many."""

_GRACE_S = 3.0
"""For what was asked to stop [s]."""
_LOOK_S = 0.1
"""How often it is asked whether to stop [s]."""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def undisturbed(done: int, of: int) -> None:
    """A `Done` that tells nobody."""


def cores(limit: Path = _CGROUP_LIMIT) -> int:
    """Processors that this process may use, a container's limit (cgroup v2) included."""
    affinity = getattr(os, "sched_getaffinity", None)
    there = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    try:
        quota, period = limit.read_text(encoding="ascii").split()
        return max(1, min(there, int(quota) // int(period)))
    except (OSError, ValueError):
        return there


class _Counter:
    """`multiprocessing.Value` for one process."""

    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def get_lock(self) -> threading.Lock:
        return self._lock


@dataclass(frozen=True)
class _Turns:
    """The time of each task: an equal part of what those before it left."""

    count: int
    jobs: int
    seconds: float
    """For all tasks."""
    end: float
    """On the clock of time.monotonic, which all processes share [s]."""
    started: Any = field(default_factory=_Counter)
    """Tasks that have begun."""

    def clock(self) -> Clock:
        """Of the task that begins now."""
        with self.started.get_lock():
            before = self.started.value
            self.started.value += 1
        rounds = -(-(self.count - before) // self.jobs)
        total = -(-self.count // self.jobs)
        left_s = self.end - time.monotonic()
        return Clock(max(left_s / rounds, LEAST_SHARE * self.seconds / total))


def results[Task, Result](
    work: Work[Task, Result],
    tasks: Sequence[Task],
    *,
    jobs: int,
    time_limit_s: float,
    stop: Stop,
    done: Done = undisturbed,
) -> list[Result]:
    """What `work` makes of each task, in their order, `jobs` of them at a time.

    With one job in this process. The results are the same unless the time ended the work. With
    several, a script needs `if __name__ == "__main__":` (see `multiprocessing`).
    Raises KeyboardInterrupt when `stop` says so, and NoPlanError when a process is killed.
    """
    jobs = max(1, min(jobs, len(tasks)))
    end = time.monotonic() + time_limit_s
    if jobs > 1:
        context = get_context("spawn")
        turns = _Turns(len(tasks), jobs, time_limit_s, end, context.Value("i", 0))
        return _in_processes(work, tasks, turns, context, stop, done)
    turns = _Turns(len(tasks), 1, time_limit_s, end)
    found = []
    for task in tasks:
        found.append(work(task, turns.clock(), stop))
        if stop():
            raise KeyboardInterrupt
        done(len(found), len(tasks))
    return found


def _in_processes[Task, Result](
    work: Work[Task, Result],
    tasks: Sequence[Task],
    turns: _Turns,
    context: SpawnContext,
    stop: Stop,
    done: Done,
) -> list[Result]:
    ended = context.Event()
    with ProcessPoolExecutor(
        turns.jobs, mp_context=context, initializer=_begin, initargs=(turns, ended)
    ) as pool:
        with _interrupts_held():
            futures = [pool.submit(_one, work, task) for task in tasks]
        try:
            _watch(futures, stop, done)
            return [future.result() for future in futures]
        except BrokenProcessPool:
            if stop():
                raise KeyboardInterrupt from None
            raise NoPlanError(
                "a process was ended from outside, perhaps for want of memory; --jobs 1 takes least"
            ) from None
        except BaseException:
            ended.set()
            raise
        finally:
            for future in futures:
                future.cancel()


def _watch(futures: Sequence[Future[Any]], stop: Stop, done: Done) -> None:
    """Until all are done; raises what the first that fails does, and KeyboardInterrupt."""
    open_ = set(futures)
    while open_:
        over, open_ = wait(open_, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
        if stop():
            raise KeyboardInterrupt
        for future in over:
            future.result()
        if over:
            done(len(futures) - len(open_), len(futures))


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits, and processes that begin meanwhile never get it: `stop` ends their work."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_OWN: dict[str, Any] = {}
"""Of a process that was begun for tasks: its turns, and the event that ends them."""


def _begin(turns: _Turns, ended: Any) -> None:
    """What a process for tasks does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _OWN.update(turns=turns, ended=ended)
    for watch in (_end_with_parent, _end_when_asked):
        threading.Thread(target=watch, daemon=True).start()


def _end_with_parent() -> None:
    """Nobody waits for the result of a task whose process is gone."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _end_when_asked() -> None:
    """Nobody waits long for a task that does not end itself."""
    _OWN["ended"].wait()
    time.sleep(_GRACE_S)
    os._exit(1)


def _one[Task, Result](work: Work[Task, Result], task: Task) -> Result:
    return work(task, _OWN["turns"].clock(), _OWN["ended"].is_set)
