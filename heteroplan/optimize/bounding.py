"""Rounds of bounds beside the search: prices by LPs, better prices, and blocks with large grids.

A round depends on the program alone, so whoever takes the k-th round finds the same whether it was
computed in a process beside or in this one.
"""

import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from signal import SIG_IGN, SIGINT, signal
from subprocess import PIPE, Popen
from threading import Thread

from heteroplan.optimize import solver
from heteroplan.optimize.ascent import FIRST_STEP, improve_prices
from heteroplan.optimize.bound import priced_bound
from heteroplan.optimize.lp_prices import best_of, interval_prices, workload_prices
from heteroplan.optimize.prices import Prices, supply_prices
from heteroplan.optimize.problem import Floats, Problem
from heteroplan.optimize.solver import Effort, Stop, never

EVERY = (4, 2)
"""Intervals of which one stands for all, in the first rounds."""
CELLS, PROVING_CELLS = 1_000, 40_000
"""States an interval while prices improve, and for the bound that counts."""
STEPS = 10
"""Of prices in a round."""
STEP_ROUNDS = 3
"""Rounds of steps after workloads looked for prices of their own."""
CHILD = f"from {__name__} import main; main()"
"""What the process beside runs; its own `__main__` would be another module to pickle."""
WAIT_S = 0.1
"""Between looks at whether to stop waiting."""


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """What one round found."""

    value: float
    """Proven bound; minus infinity where there is none yet."""
    prices: Prices
    by_work: Floats
    """[W] least cost of each workload at these prices."""


def rounds(
    problem: Problem, stop: Stop = never, without: frozenset[str] = frozenset()
) -> Iterator[Round]:
    """Prices of some intervals, of all, then better and better ones.

    `without` names ingredients of the method to leave out (`search.INGREDIENTS`).
    """
    best_prices, unbalanced = supply_prices(problem), "balance prices" in without
    for every in EVERY:
        found = interval_prices(problem, Effort(stop=stop), every)
        if found is None:
            return
        best_prices = replace(found, balance=0.0 * found.balance) if unbalanced else found
        yield _proven(problem, best_prices, stop)
    if unbalanced or "price steps" in without:
        return
    length = FIRST_STEP
    while not stop():
        if "workload prices" not in without:
            suited = workload_prices(problem, best_prices, Effort(stop=stop))
            if suited is None:
                return
            best_prices = _better_of(problem, best_prices, suited, stop)
            yield _proven(problem, best_prices, stop)
        for _ in range(STEP_ROUNDS):
            best_prices = _improved(problem, best_prices, length, stop)
            yield _proven(problem, best_prices, stop)
            length /= 2


def _improved(problem: Problem, prices: Prices, length: float, stop: Stop) -> Prices:
    """The best of some steps from `prices`, the first of this length."""
    steps = improve_prices(problem, prices, length, steps=STEPS, stop=stop, cells=CELLS)
    return max(steps, key=lambda step: step[0].value)[1]


def _better_of(problem: Problem, one: Prices, other: Prices, stop: Stop) -> Prices:
    """At the supply prices of both, for each workload those of its own that prove more."""
    least, others = (
        priced_bound(problem, each, stop, cells=CELLS).by_work for each in (one, other)
    )
    return best_of(problem, one, other, others > least)


def _proven(problem: Problem, prices: Prices, stop: Stop) -> Round:
    found = priced_bound(problem, prices, stop, cells=PROVING_CELLS)
    return Round(found.value, prices, found.by_work)


class Rounds:
    """Rounds one after another, from a process beside where there is a core for it."""

    def __init__(
        self, problem: Problem, stop: Stop, without: frozenset[str], beside: bool | None
    ) -> None:
        """Start a process for them, unless `beside` is false or there is but one core."""
        self._process: Popen[bytes] | None = None
        self._here: Iterator[Round] | None = None
        self._found: SimpleQueue[Round | None] = SimpleQueue()
        self._stop, self._ended = stop, False
        alone = beside is False or (beside is None and (os.cpu_count() or 1) < 2)
        if not alone:
            with suppress(OSError):
                self._process = Popen([sys.executable, "-c", CHILD], stdin=PIPE, stdout=PIPE)
        if self._process is None:
            self._here = rounds(problem, stop, without)
            return
        order = (problem, without, solver.chosen())
        self._talker = Thread(target=self._talk, args=(order,), daemon=True)
        self._talker.start()

    def take(self) -> Round | None:
        """The next round, waited for; None where there are no more or `stop()` came first."""
        if self._here is not None:
            return next(self._here, None)
        while not self._ended and not self._stop():
            with suppress(Empty):
                found = self._found.get(timeout=WAIT_S)
                self._ended = found is None
                return found
        return None

    def ready(self) -> Iterator[Round]:
        """Those found already."""
        with suppress(Empty):
            while (found := self._found.get_nowait()) is not None:
                yield found

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with suppress(BrokenPipeError), self._process:
                self._process.kill()
                self._talker.join()

    def _talk(self, order: tuple[Problem, frozenset[str], str]) -> None:
        """Hand the program over and take rounds until there are no more."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError, EOFError, pickle.UnpicklingError):
            pickle.dump(order, process.stdin)
            process.stdin.flush()
            while True:
                self._found.put(pickle.load(process.stdout))
        self._found.put(None)


def main() -> None:
    """The process beside: a program comes in, rounds go out until it is ended."""
    signal(SIGINT, SIG_IGN)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    problem, without, solver_name = pickle.load(sys.stdin.buffer)
    with suppress(BrokenPipeError), solver.using(solver_name):
        for found in rounds(problem, never, without):
            pickle.dump(found, out)
            out.flush()
