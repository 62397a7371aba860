"""Tasks one after the other, in this process."""

from collections.abc import Callable, Generator, Sequence

from heteroplan.clock import Stop
from heteroplan.pipelines.shared.executors.executor import STOP, Lost


class Here:
    """An `Executor` without any other process."""

    def run[Task, Result](
        self, work: Callable[[Task], Result], tasks: Sequence[Task], stop: Stop
    ) -> Generator[tuple[int, Result | Lost], None, None]:
        """As `Executor.run`."""
        for place in range(len(tasks)):
            if stop():
                raise KeyboardInterrupt
            before = STOP.set(stop)
            try:
                result = work(tasks[place])
            finally:
                STOP.reset(before)
            if stop():
                raise KeyboardInterrupt
            yield place, result
