"""Tasks that are begun elsewhere and end in any order: how many are under way at a time."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

from heteroplan.clock import Stop

LOOK_S = 0.1
"""How often it is asked whether to stop [s]."""

type Ended = SimpleQueue[tuple[int, Any]]
"""Places of tasks that ended, each with its answer, or the exception that ends the run."""


def flow(
    begin: Callable[[int], None], count: int, ended: Ended, width: Callable[[], int], stop: Stop
) -> Iterator[tuple[int, Any]]:
    """Begins tasks in their order, `width()` under way at most, and gives each as it ends.

    `begin` returns before its task ends, which puts it into `ended`. Raises KeyboardInterrupt when
    `stop` says so.
    """
    begun = done = 0
    while done < count:
        if stop():
            raise KeyboardInterrupt
        more = begun < count and begun - done < width()
        if more:
            begin(begun)
            begun += 1
        try:
            place, answer = ended.get_nowait() if more else ended.get(timeout=LOOK_S)
        except Empty:
            continue
        if isinstance(answer, BaseException):
            raise answer
        done += 1
        yield place, answer
