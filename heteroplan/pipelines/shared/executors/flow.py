"""Tasks that are begun elsewhere and end in any order: how many are under way at a time."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from heteroplan.clock import Stop

LOOK_S = 0.1
"""How often it is asked whether to stop [s]."""
WORKERS_S = 2.0
"""How often a cluster is asked for its workers [s]."""
LEAST_UNDER_WAY = 64
"""Tasks that a cluster is told of, so that one that grows with them does."""

type Told = Callable[[str], None]
"""Told what a user waits for."""

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


def untold(message: str) -> None:
    """A `Told` that tells nobody."""


class UnderWay:
    """How many tasks a cluster may have at a time: some more than it does at a time."""

    def __init__(self, cluster: str, told: Told, workers: Callable[[], int]) -> None:
        """`workers` says how many tasks it does at a time; `told` hears it when there are none."""
        self._cluster = cluster
        self._told = told
        self._workers = workers
        self._there = -1
        self._asked_s = -WORKERS_S

    def __call__(self) -> int:
        """As `flow` asks it."""
        now_s = monotonic()
        if now_s - self._asked_s >= WORKERS_S:
            there = self._workers()
            if there == 0 and self._there != 0:
                self._told(f"{self._cluster}: no worker is there; waiting for one")
            self._there, self._asked_s = there, now_s
        return max(LEAST_UNDER_WAY, 2 * self._there)
