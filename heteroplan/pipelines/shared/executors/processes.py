"""Tasks in several processes of this machine."""

import threading
from collections.abc import Callable, Generator, Sequence
from queue import SimpleQueue
from typing import Any

from heteroplan.clock import Stop
from heteroplan.pipelines.shared.executors.executor import Lost
from heteroplan.pipelines.shared.executors.flow import Ended, flow
from heteroplan.pipelines.shared.executors.own_process import ClosedError, OwnProcess
from heteroplan.pipelines.shared.executors.payload import opened, packed, versions

type _Ready = SimpleQueue[tuple[int, bytes] | None]


class Processes:
    """An `Executor`: so many processes, begun anew for each run."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def run[Task, Result](
        self, work: Callable[[Task], Result], tasks: Sequence[Task], stop: Stop
    ) -> Generator[tuple[int, Result | Lost], None, None]:
        """As `Executor.run`."""
        jobs = min(self._jobs, len(tasks))
        sent = packed(work)
        processes = [OwnProcess(sent, versions()) for _ in range(jobs)]
        ready: _Ready = SimpleQueue()
        ended: Ended = SimpleQueue()
        threads = [
            threading.Thread(target=_each, args=(process, ready, ended), daemon=True)
            for process in processes
        ]
        for thread in threads:
            thread.start()

        def begin(place: int) -> None:
            ready.put((place, packed(tasks[place])))

        try:
            # One more than there are processes waits ready, so that none has to wait for it.
            for place, answer in flow(begin, len(tasks), ended, lambda: 2 * jobs, stop):
                yield place, opened(answer)
        finally:
            for process in processes:
                process.close()
                ready.put(None)
            for process in processes:
                process.wait()
            for thread in threads:
                thread.join()


def _each(process: OwnProcess, ready: _Ready, ended: Ended) -> None:
    """What comes, one at a time, until `process` is closed."""
    while (task := ready.get()) is not None:
        place, sent = task
        answer: Any
        try:
            answer = process.do(sent)
        except ClosedError:
            return
        except Exception as error:
            answer = error
        ended.put((place, answer))
