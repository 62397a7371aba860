"""The sizes of one part of the fleet, placed by sweeps through the day."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heteroplan.clock import Stop, never
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.program.transitions import starts_of
from heteroplan.placement.day_sweep.align import align
from heteroplan.placement.day_sweep.day import Day, State
from heteroplan.placement.day_sweep.sweep import Sweep
from heteroplan.placement.day_sweep.wraparound import Piece, closed, pieces_of
from heteroplan.placement.first_fit import Attempt, Unplaced
from heteroplan.placement.identity import identify
from heteroplan.placement.lifetimes import Lifetime
from heteroplan.placement.nodes import Hold

LAPS, MOST_LAPS = 2, 4
"""Sweeps through a cyclic day, each from where the one before ended; more where time is left. Two
more leave 9 and 18 % fewer replicas without room on two fleets, four more after these 1 and 9 %."""


class Laps:
    """The sizes that lifetimes add up to, on the nodes of an attempt that has placed nothing.

    Which replica of a pool stops is chosen anew. On a cyclic day as many of each pool as always
    serve stand still, and the day of the others is cut open where they hold fewest GPUs.
    """

    def __init__(self, empty: Attempt, waiting: Sequence[Lifetime]) -> None:
        self._start = start = empty.fresh()
        sizes = _sizes(waiting, empty.intervals)
        if empty.cyclic:
            for pool, count in sizes.items():
                count -= _stand_still(start, pool, int(count.min()))
        used = [pool for pool, count in sizes.items() if count.any()]
        self._pools = sorted(used, key=lambda pool: empty.footprints[pool].precedence)
        self.best = start
        """Of the laps so far."""
        self._left = 0
        if self._pools:
            self._day, self._cut = _day(
                start, self._pools, np.array([sizes[pool] for pool in self._pools])
            )
            number = {pool: i for i, pool in enumerate(self._pools)}
            self._begins = [
                (number[life.pool], life.begins) for life in waiting if life.begins is not None
            ]
            self._left = MOST_LAPS if empty.cyclic else 1
        self._before: State | None = None

    def run(self, laps: int, stop: Stop, enough: Stop = never) -> None:
        """Up to so many laps more, the first one of all whatever `stop()` and `enough()` say.

        Once `stop()` says so nothing is tried a second time; once `enough()` does no lap begins.
        """
        for _ in range(min(laps, self._left)):
            begun = self._before is not None
            if begun and (stop() or enough() or not any(self.best.score()[:2])):
                return
            done = self._lap(stop)
            if not begun or done.score() < self.best.score():
                self.best = done
            self._left -= 1

    def _lap(self, stop: Stop) -> Attempt:
        day = self._day
        sweep = Sweep(day, stop, self._before, self._begins)
        log = sweep.run().log
        pieces, lost = pieces_of(day, log)
        if day.cyclic:
            free = sweep.free()
            align(day, pieces, free, stop)
            pieces = closed(day, pieces, lost, free)
        else:
            pieces = [each for each in pieces if each.first < day.intervals]
        self._before = sweep.states[-1]
        return _finished(self._start, pieces, lost, self._pools, self._cut)


def _sizes(waiting: Sequence[Lifetime], intervals: int) -> dict[int, Ints]:
    """[T] of each pool."""
    found: dict[int, Ints] = {}
    for life in waiting:
        sizes = found.setdefault(life.pool, np.zeros(intervals, dtype=np.int64))
        sizes[np.arange(life.first, life.first + life.intervals) % intervals] += 1
    return found


def _day(done: Attempt, pools: Sequence[int], sizes: Ints) -> tuple[Day, int]:
    """The day of `pools` with `sizes` [P, T], and the interval in which it is cut open."""
    footprints = tuple(done.footprints[pool] for pool in pools)
    starts = starts_of(sizes, None, done.cyclic)
    held = sizes.copy()
    for pool, footprint in enumerate(footprints):
        for ahead in range(1, footprint.lead + 1):
            held[pool] += np.roll(starts[pool], -ahead)
    gpus = np.array([footprint.share * footprint.count for footprint in footprints]) @ held
    cut = int(gpus.argmin()) if done.cyclic else 0
    sizes, starts = np.roll(sizes, -cut, axis=1), np.roll(starts, -cut, axis=1)
    room = np.roll(done.nodes.free, -cut, axis=0).astype(np.int64)
    return Day(done.nodes, footprints, sizes, starts, room, done.cyclic), cut


def _stand_still(done: Attempt, pool: int, count: int) -> int:
    """Place replicas that always serve on nodes that are always there; how many found room."""
    footprint = done.footprints[pool]
    hold = Hold.of(footprint.share, np.arange(done.intervals), done.intervals)
    spots = done.nodes.fill(footprint.rows, footprint.count, hold, count)
    for spot in spots:
        life = Lifetime(pool, len(done.placed) + 1, 0, done.intervals)
        done.placed.append(replace(done.in_one_piece(life), spot=spot))
    return len(spots)


def _finished(
    start: Attempt,
    pieces: Sequence[Piece],
    lost: Sequence[Unplaced],
    pools: Sequence[int],
    cut: int,
) -> Attempt:
    """All that stands: at the start, `pieces` of a day cut open in interval `cut`, and the lost."""
    done = Attempt(start.nodes, start.footprints, start.cyclic)
    done.placed.extend(start.placed)
    for piece in pieces:
        first, length = (cut + piece.first) % done.intervals, piece.end - piece.first
        life = Lifetime(pools[piece.pool], len(done.placed) + 1, first, length)
        done.placed.append(replace(done.in_one_piece(life), spot=piece.spot))
    for each in lost:
        first = (cut + each.first) % done.intervals
        done.unplaced.append(Unplaced(pools[each.pool], first, each.intervals))
    identify(done)
    return done
