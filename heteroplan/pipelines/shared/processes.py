"""Solves that do not depend on each other: several at a time, a process each, in one time limit."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from heteroplan.clock import LEAST_SHARE, Clock, Stop
from heteroplan.errors import NoPlanError
from heteroplan.pipelines.shared.executors.executor import STOP, Lost
from heteroplan.pipelines.shared.executors.here import Here
from heteroplan.pipelines.shared.executors.processes import Processes

type Work[Task, Result] = Callable[[Task, Clock, Stop], Result]
"""Does a task within the time of a clock. It and its tasks are sent to processes: no closures."""
type Done = Callable[[int, int], None]
"""Told how many tasks are done, and of how many."""


def undisturbed(done: int, of: int) -> None:
    """A `Done` that tells nobody."""


@dataclass(frozen=True)
class _Timed[Task, Result]:
    """Work on a numbered task, within an equal part of the time that those before it left."""

    work: Work[Task, Result]
    count: int
    jobs: int
    clock: Clock
    """Of all tasks; all processes share time.monotonic."""

    def __call__(self, numbered: tuple[int, Task]) -> Result:
        """Of a task and how many began before it."""
        before, task = numbered
        return self.work(task, self._clock(before), STOP.get())

    def _clock(self, before: int) -> Clock:
        rounds = -(-(self.count - before) // self.jobs)
        total = -(-self.count // self.jobs)
        least_s = LEAST_SHARE * self.clock.seconds / total
        return Clock(max(self.clock.left_s() / rounds, least_s))


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

    With one job in this process. The results are the same unless the time ended the work.
    Raises KeyboardInterrupt when `stop` says so, and NoPlanError when processes are killed again
    and again.
    """
    jobs = max(1, min(jobs, len(tasks)))
    timed = _Timed(work, len(tasks), jobs, Clock(time_limit_s))
    executor = Here() if jobs == 1 else Processes(jobs)
    found: dict[int, Result] = {}
    with closing(executor.run(timed, list(enumerate(tasks)), stop)) as ended:
        for place, result in ended:
            if isinstance(result, Lost):
                raise NoPlanError(f"{result.reason}; --jobs 1 takes least")
            found[place] = result
            done(len(found), len(tasks))
    return [found[place] for place in range(len(tasks))]
