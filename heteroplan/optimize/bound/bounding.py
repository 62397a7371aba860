"""Rounds of bounds beside the search: prices by LPs, better prices, blocks with large grids.

A round depends on the program alone: the k-th round finds the same whether it is computed in a
process beside or in this one.
"""

import os
import pickle
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from queue import Empty, SimpleQueue
from signal import SIG_IGN, SIGINT, signal
from subprocess import PIPE, Popen
from threading import Thread

import numpy as np

from heteroplan.clock import Stop, never
from heteroplan.numerics.processors import cores
from heteroplan.optimize.bound.balancing import balanced, balanced_each
from heteroplan.optimize.bound.bound import PricedBound, given_away, priced_bound
from heteroplan.optimize.bound.lp_prices import (
    MERGED_SIZES,
    best_of,
    interval_prices,
    one_domain_prices,
    plainer,
    whole_day_prices,
)
from heteroplan.optimize.bound.own_intervals import with_own_intervals
from heteroplan.optimize.bound.own_starts import with_own_starts
from heteroplan.optimize.bound.own_supply import with_own_supply
from heteroplan.optimize.program.prices import Prices, supply_prices
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort

EVERY = 4
"""Of so many intervals one is solved; prices of the others lie between."""
CELLS, MORE_CELLS, MOST_CELLS = 4_000, 40_000, 500_000
"""States an interval while prices are chosen and improved, for the bounds that count, and for the
best prices at last. Five fleets: 40,000 prove 0.02 to 0.13 % more than 4,000, and 200,000 another
0.03 to 0.08 % in three times the time; four fleets: 500,000 another 0.02 to 0.05 % in twice that.
"""
BEHIND = 1.5e-3
"""Part of the best bound by which that of other prices may be behind for their balances to be
improved. A fleet on which that was worth it began 1.1e-3 behind (A1), two on which it was not 2e-3
and 4e-3 (B1, seed100)."""
LEAST_GAIN = 1e-4
"""Part of the bound that better prices of balances must prove more for them to be told, and for
another turn of all workloads. Turns prove more (full-4 0.13, leaf 0.29, seed205 0.07, seed213
0.1 %), half of it in the first. Chosen on grids of 40,000 the first takes six times as long and
proves 0.01 % more."""
MORE_SIZES = 100_000
"""Of the LP of merged domains where large workloads stay apart in it. B1: 1,009,995 after 72 CPU s;
with 40,000, and starts chosen on the smallest grids, 1,009,771 after 37."""
TURNS = 8
"""Of all workloads, at most: where some demand cannot be served there may be no end."""
MANY_POOLS = 3_000
"""Pools above which prices of one domain are proven on the largest grids before those of single
intervals are looked for: those took 22 CPU s of 100 workloads (B1), and 10 of 50 (seed295)."""
WHOLE_DAY_CELLS = 25_000
"""Pools times intervals up to which the LP of the whole day is solved for its prices."""
CHILD = f"from {__name__} import main; main()"
"""What the process beside runs; its own `__main__` would be another module to pickle."""
WAIT_S = 0.1
"""Between looks at whether to stop waiting."""


type Find = Callable[[Problem, Effort], Prices | None]
"""Prices, none where the effort ran out."""


def rounds(
    problem: Problem, stop: Stop = never, without: frozenset[str] = frozenset()
) -> Iterator[PricedBound]:
    """Prices of LPs, better ones of balances, then larger grids; then of the LP of the day.
    At last better prices of balances of one workload after another, proven on the largest grids.

    At prices of single intervals, single intervals of workloads count where blocks let much go.

    `without` names ingredients of the method to leave out (`search.INGREDIENTS`).
    """
    nothing = np.zeros(len(problem.workloads))
    best, blocks = PricedBound(-np.inf, supply_prices(problem), nothing), -np.inf
    plain, apart = "balance prices" in without, "single intervals" in without
    for finds in _beginnings(problem, without):
        before, begun = best, list[PricedBound]()
        for find in finds:
            found = find(problem, Effort(stop=stop))
            if stop():
                return
            if found is not None:
                tried = plainer(found)[-1:] if plain else plainer(found)
                begun.append(_best_for_each(problem, tried, stop, CELLS))
                best = max(best, begun[-1], key=lambda each: each.value)
                blocks = max(blocks, begun[-1].value)
                yield best
            if found is not None and find is _of_some_intervals and not apart:
                for own in with_own_intervals(problem, begun[-1], stop):
                    if own.value > best.value:
                        yield (best := own)
        near = blocks - BEHIND * abs(blocks)
        improvable = [each for each in begun if each.prices.balance.any() and each.value >= near]
        if any(each.prices is not best.prices for each in improvable):
            best = _better(problem, best, best.prices, MORE_CELLS, stop)
        for each in improvable:
            prices = balanced(problem, each.prices, stop, CELLS)
            best = _better(problem, best, prices, MORE_CELLS, stop)
            yield best
        if best is not before:
            best = _better(problem, best, best.prices, MOST_CELLS, stop)
            yield best
            for better in _with_large_ones(problem, best, stop):
                yield (best := better)
    yield from _of_each(problem, best, stop)


def _with_large_ones(problem: Problem, best: PricedBound, stop: Stop) -> Iterator[PricedBound]:
    """With what workloads cost at least on the GPUs that there are, where blocks prove less.

    Prices of one domain are then looked for again, with these workloads apart and finer over time.
    """
    found, large = with_own_supply(problem, best, stop)
    yield found
    if best.prices.balance.any() or not _gains(found, best):
        return
    prices = _of_one_domain(problem, Effort(stop=stop), large, MORE_SIZES)
    if prices is not None:
        other = _best_for_each(problem, plainer(prices), stop, MOST_CELLS)
        other, _ = with_own_supply(problem, other, stop)
        yield max(found, other, key=lambda each: each.value)


def _of_each(problem: Problem, best: PricedBound, stop: Stop) -> Iterator[PricedBound]:
    """Better prices of balances of one workload after another, as long as that helps."""
    by_work, told = best.by_work.copy(), best
    for _ in range(TURNS if best.prices.balance.any() else 0):
        before = best
        for prices, more in balanced_each(problem, best.prices, by_work, stop, CELLS, MOST_CELLS):
            best = PricedBound(best.value + more, prices, by_work.copy())
            if _gains(best, told):
                yield (told := best)
        if not _gains(best, before):
            break
    if best is not told:
        yield best


def _gains(better: PricedBound, best: PricedBound) -> bool:
    return better.value > best.value + LEAST_GAIN * abs(best.value)


def _beginnings(problem: Problem, without: frozenset[str]) -> list[list[Find]]:
    """LPs whose prices may begin, those together that are compared before any are improved.

    Of large programs that of one domain, which is there first, though it proves 8 % less where
    workloads keep to leaves.
    """
    found: list[list[Find]] = [[_of_some_intervals]]
    if "one domain" not in without:
        if len(problem.pools) > MANY_POOLS:
            found.insert(0, [_of_one_domain])
        else:
            found[0].insert(0 if problem.large else 1, _of_one_domain)
    return [*found, [_of_the_day]] if problem.cells <= WHOLE_DAY_CELLS else found


def _of_the_day(problem: Problem, effort: Effort) -> Prices | None:
    """Duals of the LP of the whole program, from inside the optimal face."""
    return whole_day_prices(problem, replace(effort, interior=True))


def _of_one_domain(
    problem: Problem, effort: Effort, apart: Collection[int] = (), sizes: int = MERGED_SIZES
) -> Prices | None:
    """Duals of the LP of all domains merged, with starts of each workload's own LP."""
    found = one_domain_prices(problem, effort, apart, sizes)
    return None if found is None else with_own_starts(problem, found, effort.over)


def _of_some_intervals(problem: Problem, effort: Effort) -> Prices | None:
    """Duals of the LPs of some single intervals, with starts of each workload's own LP.

    From inside the optimal face: at a corner the prices of domains that are alike differ by chance,
    and blocks prove 0.1 to 1.2 % less (six fleets of 5 to 50 workloads).
    """
    found = interval_prices(problem, replace(effort, interior=True), EVERY)
    return None if found is None else with_own_starts(problem, found, effort.over)


def _best_for_each(
    problem: Problem, tried: Sequence[Prices], stop: Stop, cells: int
) -> PricedBound:
    """At the supply prices of all, for each workload those of its own that prove most."""
    best = priced_bound(problem, tried[0], stop, cells=cells)
    for prices in tried[1:]:
        best = _better(problem, best, prices, cells, stop)
    return best


def _better(
    problem: Problem, best: PricedBound, prices: Prices, cells: int, stop: Stop
) -> PricedBound:
    """What other prices prove, if that is more than `best`.

    Where they are the same of supply, of each workload what proves most.
    """
    found = priced_bound(problem, prices, stop, cells=cells)
    if found.prices.supply is not best.prices.supply:
        return found if found.value > best.value else best
    least = np.maximum(best.by_work, found.by_work)
    better = best_of(problem, best.prices, prices, found.by_work > best.by_work)
    given = given_away(better.balance) - given_away(best.prices.balance)
    value = best.value + float((least - best.by_work).sum()) - max(0.0, given)
    return PricedBound(value, better, least) if value > best.value else best


class Rounds:
    """Rounds one after another, from a process beside where there is a core for it."""

    def __init__(
        self, problem: Problem, stop: Stop, without: frozenset[str], beside: bool | None
    ) -> None:
        """Start a process for them, unless `beside` is false or there is but one core."""
        self._process: Popen[bytes] | None = None
        self._here: Iterator[PricedBound] | None = None
        self._found: SimpleQueue[PricedBound | None] = SimpleQueue()
        self._stop, self._ended = stop, False
        alone = beside is False or (beside is None and cores() < 2)
        if not alone:
            with suppress(OSError):
                self._process = Popen([sys.executable, "-c", CHILD], stdin=PIPE, stdout=PIPE)
        if self._process is None:
            self._here = rounds(problem, stop, without)
            return
        # Pickled before the search goes on: it fills cached properties of the program meanwhile.
        order = pickle.dumps((problem, without, solver.chosen()))
        self._talker = Thread(target=self._talk, args=(self._process, order), daemon=True)
        self._talker.start()

    def take(self) -> PricedBound | None:
        """The next round, waited for; None where there are no more or `stop()` came first."""
        if self._here is not None:
            return next(self._here, None)
        while not self._ended and not self._stop():
            with suppress(Empty):
                found = self._found.get(timeout=WAIT_S)
                self._ended = found is None
                return found
        return None

    def ready(self) -> Iterator[PricedBound]:
        """Rounds found already."""
        with suppress(Empty):
            while (found := self._found.get_nowait()) is not None:
                yield found

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with suppress(BrokenPipeError), self._process:
                self._process.kill()
                self._talker.join()

    def _talk(self, process: Popen[bytes], order: bytes) -> None:
        """Hand the pickled program over and take rounds until there are no more."""
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError, EOFError, pickle.UnpicklingError):
            process.stdin.write(order)
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
        for found in chain(rounds(problem, never, without), [None]):
            pickle.dump(found, out)
            out.flush()
