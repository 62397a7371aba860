"""Tasks on the workers of a Dask cluster."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from heteroplan.clock import Stop
from heteroplan.errors import NoPlanError, UsageError
from heteroplan.pipelines.shared.executors.executor import Lost
from heteroplan.pipelines.shared.executors.flow import Ended, flow
from heteroplan.pipelines.shared.executors.own_process import ClosedError, OwnProcess
from heteroplan.pipelines.shared.executors.payload import Versions, opened, packed, versions

CONNECT_S = 10.0
"""How long a scheduler may take to answer [s]."""
IDLE_S = 60.0
"""After which a process of a worker that has no task ends [s]."""
LOOK_S = 0.5
"""How often a worker looks whether anybody still wants what it does [s]."""
LEAST_UNDER_WAY = 64
"""Tasks that a cluster is told of, so that one that grows with them does."""


class Dask:
    """An `Executor`: the workers of a Dask scheduler, as many tasks at a time as they have threads.

    Each thread of a worker does its tasks in a process of its own: a solve would keep the worker
    from answering its scheduler, and two would wait for each other.
    """

    def __init__(self, address: str, client: Any) -> None:
        self._address = address
        self._client = client

    def run[Task, Result](
        self, work: Callable[[Task], Result], tasks: Sequence[Task], stop: Stop
    ) -> Iterator[tuple[int, Result | Lost]]:
        """As `Executor.run`."""
        run = uuid4().hex
        ended: Ended = SimpleQueue()
        # A task of its own and not scattered: that would be lost with the worker that holds it.
        shared = self._client.submit(_same, packed(work), key=f"heteroplan-work-{run}")
        under_way: dict[int, Any] = {}

        def begin(place: int) -> None:
            future = self._client.submit(
                in_thread_of_worker, shared, packed(tasks[place]), dict(versions()),
                key=f"heteroplan-case-{run}-{place}", pure=False,
            )  # fmt: skip
            under_way[place] = future
            future.add_done_callback(lambda _: ended.put((place, None)))

        try:
            for place, _ in flow(begin, len(tasks), ended, self._width, stop):
                yield place, opened(self._answer(under_way.pop(place)))
        finally:
            self._client.cancel([*under_way.values(), shared])

    def _width(self) -> int:
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return max(LEAST_UNDER_WAY, 2 * sum(worker["nthreads"] for worker in workers))

    def _answer(self, future: Any) -> Any:
        from distributed.scheduler import KilledWorker

        if future.status == "finished":
            return future.result()
        if future.status != "error":
            raise NoPlanError(
                f"--dask {self._address}: its scheduler is gone; what ended before is kept"
            )
        error = future.exception()
        if isinstance(error, KilledWorker):
            lost = error.allowed_failures + 1
            return Lost(f"{lost} Dask workers that had it, one after the other, died")
        raise UsageError(
            f"--dask {self._address}: a worker cannot do a task ({_told(error)}): install "
            f"heteroplan {versions()['heteroplan']} there"
        )


def _told(error: BaseException) -> str:
    """An error and its causes, the first cause first."""
    causes = []
    one: BaseException | None = error
    while one is not None:
        causes.append(f"{type(one).__name__}: {one}".splitlines()[0])
        one = one.__cause__
    return "; ".join(reversed(causes))


@contextmanager
def connected(address: str) -> Iterator[Dask]:
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
    with client:
        yield Dask(address, client)


def _same(work: bytes) -> bytes:
    return work


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
