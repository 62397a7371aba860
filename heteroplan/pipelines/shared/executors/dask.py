"""Tasks on the workers of a Dask cluster."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from heteroplan.clock import Stop
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared.executors.executor import Lost
from heteroplan.pipelines.shared.executors.flow import Ended, Told, UnderWay, flow
from heteroplan.pipelines.shared.executors.own_process import ClosedError, OwnProcess
from heteroplan.pipelines.shared.executors.payload import Versions, opened, packed, versions

CONNECT_S = 10.0
"""How long a scheduler may take to answer [s]."""
IDLE_S = 60.0
"""After which a process of a worker that has no task ends [s]."""
LOOK_S = 0.5
"""How often a worker looks whether anybody still wants what it does [s]."""
FETCH_S = 60.0
"""How long an answer is waited for before it is looked whether the client is still there [s]."""
_DO = (
    "__import__('importlib').import_module('heteroplan.pipelines.shared.executors.dask')"
    ".in_thread_of_worker(work, task, asked)"
)
"""What a worker evaluates: as text it can be read where Python or heteroplan is of another version,
and by a scheduler without heteroplan."""


class Dask:
    """An `Executor`: the workers of a Dask scheduler, as many tasks at a time as they have threads.

    Each thread of a worker does its tasks in a process of its own: a solve would keep the worker
    from answering its scheduler, and two would wait for each other.
    """

    def __init__(self, address: str, client: Any, told: Told) -> None:
        self._address = address
        self._client = client
        self._under_way = UnderWay(f"--dask {address}", told, self._threads)

    def run[Task, Result](
        self, work: Callable[[Task], Result], tasks: Sequence[Task], stop: Stop
    ) -> Generator[tuple[int, Result | Lost], None, None]:
        """As `Executor.run`."""
        ended: Ended = SimpleQueue()
        cases = _Submitted(self._client, packed(work), ended)

        def begin(place: int) -> None:
            cases.begin(place, packed(tasks[place]))

        try:
            for place, over in flow(begin, len(tasks), ended, self._under_way, stop):
                yield place, opened(self._answer(over))
        finally:
            cases.cancel()

    def _threads(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except (OSError, RuntimeError):
            return 0

    def _answer(self, over: "_Given | _Failed") -> Any:
        if isinstance(over, _Given):
            return over.answer
        error = over.error
        if not over.of_task:
            return Lost(self._gone(error))
        if _killed(over):
            lost = 2 * (error.allowed_failures + 1)
            return Lost(f"{lost} Dask workers that had the task, one after the other, died")
        if isinstance(error, ImportError | AttributeError | TypeError):
            raise UsageError(
                f"--dask {self._address}: a worker cannot do a task ({_told(error)}): install "
                f"heteroplan {versions()['heteroplan']} there"
            )
        return Lost(f"a Dask worker ended its task: {_told(error)}")

    def _gone(self, error: BaseException) -> str:
        if getattr(error, "reason", None) == "scheduler-connection-lost":
            return f"the scheduler at {self._address} is gone"
        return f"the scheduler at {self._address} has no result ({_told(error)})"


@dataclass(frozen=True, slots=True)
class _Given:
    answer: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why there is no answer: an error of the task, or of the way to it."""

    error: Any
    of_task: bool


def _fetched(future: Any) -> _Given | _Failed:
    """The answer of a task that has ended, fetched from its worker.

    Where that worker has died since, the task is done once more, and may fail only now.
    """
    while True:
        try:
            return _Given(future.result(timeout=FETCH_S))
        except Exception as error:
            of_task = future.status == "error"
            if of_task or not isinstance(error, TimeoutError):
                return _Failed(error, of_task)


def _killed(over: _Given | _Failed) -> bool:
    from distributed.scheduler import KilledWorker

    return isinstance(over, _Failed) and isinstance(over.error, KilledWorker)


class _Submitted:
    """Tasks that a scheduler has.

    Where workers die, Dask suspects all tasks that they had, those too that waited there for their
    turn, and gives up those that it suspects too often. These are submitted once more, one at a
    time, so that none of them is given up for another.
    """

    def __init__(self, client: Any, work: bytes, ended: Ended) -> None:
        self._client = client
        self._ended = ended
        self._run = uuid4().hex
        # A task of its own and not scattered: that would be lost with the worker that holds it.
        self._work = client.submit(bytes, work, key=f"heteroplan-work-{self._run}")
        self._lock = threading.RLock()
        self._sent: dict[int, bytes] = {}
        self._futures: dict[int, Any] = {}
        self._suspects: deque[int] = deque()
        self._alone: int | None = None

    def begin(self, place: int, task: bytes) -> None:
        """Submit a task; what it gave is put into `ended`, or why there is nothing."""
        with self._lock:
            self._sent[place] = task
            self._submit(place, "first")

    def cancel(self) -> None:
        """Nobody wants the other tasks any more."""
        with self._lock, suppress(OSError, RuntimeError):
            self._sent.clear()
            self._client.cancel([*self._futures.values(), self._work])

    def _submit(self, place: int, turn: str) -> None:
        given = {"work": self._work, "task": self._sent[place], "asked": dict(versions())}
        key = f"heteroplan-case-{self._run}-{place}-{turn}"
        try:
            future = self._client.submit(eval, _DO, given, key=key, pure=False, priority=-place)
        except (OSError, RuntimeError) as error:
            self._end(place, _Failed(error, of_task=False))
            return
        self._futures[place] = future
        future.add_done_callback(partial(self._over, place))

    def _over(self, place: int, future: Any) -> None:
        over = _fetched(future)
        with self._lock:
            if place not in self._sent:
                return
            if _killed(over) and place != self._alone:
                self._suspects.append(place)
            else:
                self._end(place, over)
                if place == self._alone:
                    self._alone = None
            if self._alone is None and self._suspects:
                self._alone = self._suspects.popleft()
                self._submit(self._alone, "again")

    def _end(self, place: int, over: _Given | _Failed) -> None:
        self._sent.pop(place, None)
        self._futures.pop(place, None)
        self._ended.put((place, over))


def _told(error: BaseException) -> str:
    """An error and its causes, the first cause first."""
    causes = []
    one: BaseException | None = error
    while one is not None:
        causes.append(f"{type(one).__name__}: {one}".splitlines()[0])
        one = one.__cause__
    return "; ".join(reversed(causes))


@contextmanager
def connected(address: str, told: Told) -> Iterator[Dask]:
    """To a scheduler, by its address or the file that it wrote (`--scheduler-file`).

    Raises UsageError where none answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--dask: this needs an extra: pip install 'heteroplan[dask]'") from None
    place = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = Client(**place, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError) as error:
        raise UsageError(
            f"--dask {address}: no scheduler answers there ({_told(error)}); write its address, "
            "such as tcp://10.0.0.1:8786, or the file that `dask scheduler --scheduler-file` wrote"
        ) from None
    with _quiet(), client:
        yield Dask(address, client, told)


@contextmanager
def _quiet() -> Iterator[None]:
    """What becomes of tasks is said by their results, and not by lines of a log as well."""
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


_OWN = threading.local()
"""Of a thread of a worker: its process, and the work that this is for."""


def in_thread_of_worker(work: bytes, task: bytes, asked: Versions) -> bytes | dict[str, str] | Lost:
    """What a thread of a Dask worker does: the task, in the process of this thread."""
    process: OwnProcess | None = getattr(_OWN, "process", None)
    if process is None or _OWN.work != work:
        if process is not None:
            process.close()
            process.wait()
        process = OwnProcess(work, asked, idle_s=IDLE_S)
        _OWN.process, _OWN.work = process, work
    done = threading.Event()
    watch = threading.Thread(target=_end_unwanted, args=(process, _wanted(), done), daemon=True)
    watch.start()
    try:
        return process.do(task)
    except ClosedError:
        _OWN.process = None
        raise
    finally:
        done.set()


def _wanted() -> Callable[[], bool]:
    """Whether the task of this thread is still wanted."""
    from distributed import get_worker

    worker = get_worker()
    return partial(_still, worker.state.tasks, worker.get_current_task())


def _still(tasks: Any, key: Any) -> bool:
    task = tasks.get(key)
    return task is not None and task.state != "cancelled"


def _end_unwanted(process: OwnProcess, wanted: Callable[[], bool], done: threading.Event) -> None:
    while not done.wait(LOOK_S):
        if not wanted():
            process.close()
            return
