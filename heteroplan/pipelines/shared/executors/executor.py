"""What every place where tasks run can do."""

from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from heteroplan.clock import Stop, never

STOP: ContextVar[Stop] = ContextVar("STOP", default=never)
"""What work asks whether to end: then nobody wants its result. Ray ends its process instead."""


@dataclass(frozen=True, slots=True)
class Lost:
    """In the place of a result: every worker that had the task was lost."""

    reason: str


class Executor(Protocol):
    """Runs tasks that do not depend on each other."""

    def run[Task, Result](
        self, work: Callable[[Task], Result], tasks: Sequence[Task], stop: Stop
    ) -> Generator[tuple[int, Result | Lost], None, None]:
        """Each task's place and what `work` made of it, in the order in which they end.

        `work` is a function of a module, or a `functools.partial` of one with what all tasks share:
        it is sent to a worker once. Tasks and results are pickled. A task is taken from `tasks`
        shortly before it begins, which may be what makes it. A task whose worker is
        lost is done again by another. What `work` raises is raised here. Ends early, with
        KeyboardInterrupt, when `stop()` says so.
        """
        ...
