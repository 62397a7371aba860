"""A day placed interval by interval: which replica of a pool stops is chosen when it shrinks.

Replicas of a pool are alike, so that those may stop whose nodes others need: whole nodes for
large replicas come from small ones that would leave anyway. In each interval the largest that
start come first, and where no block of their size is free, replicas of shrinking pools stop so
that one is. Where that fails, small replicas move to other nodes, then or in the intervals before,
which are placed again in several ways.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from heteroplan.clock import Stop
from heteroplan.entities.scenario import Running
from heteroplan.optimize.program.problem import Ints
from heteroplan.placement.day_sweep.day import Begin, Day, Missed, State
from heteroplan.placement.nodes import Spot

RETRIES = (2, 2, 4, 4, 4, 8, 8, 8, 16, 16)
"""Intervals to go back where replicas found no room, try by try."""
RETRIED = 300
"""Intervals placed again in one day, at most."""


class Sweep:
    """Fills a day. Ties are broken at random on later tries, always in the same way."""

    def __init__(
        self, day: Day, stop: Stop, before: State | None, begins: Sequence[tuple[int, Running]]
    ) -> None:
        """The day begins where it ended `before`, or with what runs of some pools (`begins`)."""
        self.day, self.stop, self.before, self.begins = day, stop, before, begins
        self.share = day.share()
        self.single = np.array([footprint.count == 1 for footprint in day.footprints], dtype=bool)
        self.leads = np.array([footprint.lead for footprint in day.footprints], dtype=np.int64)
        self.last = day.intervals if day.cyclic else day.intervals - 1
        self.rows = np.array([(each.rows.start, each.rows.stop) for each in day.footprints])
        ahead = np.minimum.accumulate(day.room[::-1], axis=0)[::-1]
        self.shrinks = (ahead < day.room).astype(np.int64)
        self.at = State.empty(day)
        self.states: list[State] = []
        self.draw: np.random.Generator | None = None
        self.leaving = np.zeros(len(day.footprints), dtype=np.int64)
        self.first = self.at.serving
        """[P, n] what served where when the day began."""

    def run(self) -> State:
        """The whole day; what stands when a cyclic day is over stands for where it began."""
        self._open()
        self.states = [self.at.copy()]
        self.first = self.at.serving.copy()
        left = RETRIED
        for t in range(1, self.last + 1):
            self._step(t)
            self.states.append(self.at.copy())
            if self._late(t) > self._late(t - 1) and not self.stop():
                left -= self._again(t, left)
        for pool, late in enumerate(self.at.late):
            for wanted in late:
                self.at.log.append(Missed(pool, wanted, self.day.intervals))
        return self.at

    def _again(self, t: int, most: int) -> int:
        """The intervals until `t` again in other ways, until one has room.

        Keeps the best of them and returns how many intervals were placed, `most` at most.
        """
        done, late = 0, self.states[t].late
        for number, back in enumerate(RETRIES):
            since = max(0, t - back)
            if done + t - since > most:
                break
            kept = self.states[since + 1 :]
            before = sum(self._late(u) for u in range(since + 1, t + 1))
            self.draw = np.random.default_rng((t, number))
            self.at = self.states[since].copy()
            del self.states[since + 1 :]
            self._make_room(late)
            for u in range(since + 1, t + 1):
                self._step(u)
                self.states.append(self.at.copy())
            self.draw = None
            done += t - since
            after = sum(self._late(u) for u in range(since + 1, t + 1))
            if after > before:
                self.states[since + 1 :] = kept
                self.at = kept[-1].copy()
            if not self._late(t):
                break
        return done

    def _late(self, t: int) -> int:
        """GPUs of replicas that had found no room at `t`."""
        return sum(
            len(late) * footprint.share * footprint.count
            for late, footprint in zip(self.states[t].late, self.day.footprints, strict=True)
        )

    def free(self) -> Ints:
        """[T, n] GPUs left in each interval of a day that is over."""
        used = [state.used for state in self.states[: self.day.intervals]]
        return np.asarray(self.day.room - np.array(used))

    def _open(self) -> None:
        """What serves when the day begins, and what starts then."""
        stood: Counter[tuple[int, int]] = Counter()
        for pool, spot, wanted in chain(self._ended_before(), self._running()):
            self.at.begin(pool, spot, wanted)
            stood[pool, wanted] += 1
        for pool, footprint in enumerate(self.day.footprints):
            for ahead in range(footprint.lead + 1):
                count = self.day.starting(pool, ahead) if ahead else self.day.sizes[pool, 0]
                self._arrive(pool, [ahead] * (int(count) - stood[pool, ahead]))

    def _ended_before(self) -> Iterator[tuple[int, Spot, int]]:
        """(pool, spot, when it serves) of what stood or started when the day before ended."""
        if self.before is None:
            return
        length = self.day.intervals
        for pool, node in np.argwhere(self.before.serving):
            for _ in range(int(self.before.serving[pool, node])):
                yield int(pool), (int(node),), 0
        for pool, spots in enumerate(self.before.wide):
            for spot in spots:
                yield pool, spot, 0
        for starting in self.before.starting.values():
            for begun in starting:
                if begun.wanted == begun.serves >= length or begun.wanted < length:
                    yield begun.pool, begun.spot, max(0, begun.wanted - length)

    def _running(self) -> Iterator[tuple[int, Spot, int]]:
        """(pool, spot, 0) of what has to begin where it stands, as far as there is room."""
        for pool, running in self.begins:
            footprint, nodes = self.day.footprints[pool], self.day.nodes
            standing = nodes.standing(running.leaf, running.nodes)
            fits = standing[self.at.free()[standing] >= footprint.share]
            spot = nodes.side_by_side(fits, self.at.free()[fits], footprint.count)
            if spot is not None:
                yield pool, spot, 0

    def _step(self, t: int) -> None:
        self.at.t = t
        self.at.promote()
        self.at.leave()
        self.leaving = self.day.leaving(t)
        self._forget_late()
        for node in np.flatnonzero(self.at.free() < 0):
            self._leave(int(node))
        for pool in np.flatnonzero(~self.single).tolist():
            self._stop_wide(pool)
        for pool, footprint in enumerate(self.day.footprints):
            wanted = [
                *self.at.late[pool],
                *[t + footprint.lead] * self.day.starting(pool, t + footprint.lead),
            ]
            if wanted:
                self.at.late[pool] = ()
                if footprint.count == 1:
                    self._clear(pool, len(wanted))
                self._arrive(pool, wanted)
        for pool in np.flatnonzero(self.leaving * self.single).tolist():
            self._stop(pool)
        for pool, late in enumerate(self.at.late):
            if late:
                self.at.late[pool] = ()
                self._arrive(pool, late)
        if any(self.at.late):
            self._make_room(self.at.late)

    def _make_room(self, late: Sequence[Sequence[int]]) -> None:
        """Replicas move to other nodes, so that as many of each pool as are `late` find room."""
        from heteroplan.placement.day_sweep.clearing import moves_for

        at, shrinks = self.at, self.shrinks[self.at.t % self.day.intervals]
        for pool in np.flatnonzero(self.single).tolist():
            if not late[pool]:
                continue
            free = np.where(shrinks, 0, np.maximum(0, at.free()))
            to = at.serving, self._movable(), self.share, self.rows, free
            for other, here, there in moves_for(*to, pool, len(late[pool])).tolist():
                at.move(other, here, there)

    def _movable(self) -> Ints:
        """[P] replicas that serve at least until others could instead; none without a start."""
        movable = np.where(self.leads > 0, self.at.serving.sum(axis=1), 0)
        for t in range(self.at.t + 1, self.at.t + int(self.leads.max(initial=0)) + 1):
            until = self.leads >= t - self.at.t
            movable -= np.where(until, self.day.leaving(t) if t <= self.last else movable, 0)
        return np.maximum(0, movable)

    def _forget_late(self) -> None:
        """Where a pool shrinks, those that should serve and do not yet are the first to go."""
        for pool in np.flatnonzero(self.leaving).tolist():
            late = [wanted for wanted in self.at.late[pool] if wanted < self.at.t]
            soon = [wanted for wanted in self.at.late[pool] if wanted >= self.at.t]
            while late and self.leaving[pool]:
                self.at.log.append(Missed(pool, late.pop(), self.at.t))
                self.leaving[pool] -= 1
            self.at.late[pool] = (*late, *soon)
            for begun in self._begun_late(pool):
                if self.leaving[pool] and begun.wanted < self.at.t:
                    self.at.cancel(begun)
                    self.leaving[pool] -= 1

    def _leave(self, node: int) -> None:
        """Replicas off a node that goes away: those that stop anyway, then others, who are late."""
        at = self.at
        for pool, spot in [*self._serving_on(node)]:
            if at.free()[node] < 0 and self.leaving[pool]:
                self._end(pool, spot)
        for pool, spot in [*self._serving_on(node)]:
            if at.free()[node] < 0:
                at.end(pool, spot)
                at.late[pool] = (*at.late[pool], at.t)
        for begun in [each for starting in at.starting.values() for each in starting]:
            if at.free()[node] < 0 and node in begun.spot:
                at.cancel(begun)
                at.late[begun.pool] = (*at.late[begun.pool], max(begun.wanted, at.t))

    def _serving_on(self, node: int) -> Iterator[tuple[int, Spot]]:
        """(pool, spot) of each replica that serves there."""
        for pool, count in enumerate(self.at.serving[:, node]):
            yield from [(pool, (node,))] * int(count)
            yield from [(pool, spot) for spot in self.at.wide[pool] if node in spot]

    def _begun_late(self, pool: int) -> list[Begin]:
        return [
            begun
            for starting in self.at.starting.values()
            for begun in starting
            if begun.pool == pool and begun.wanted < begun.serves
        ]

    def _arrive(self, pool: int, wanted: Sequence[int]) -> None:
        """Replicas begin where they fit best; those that find no room are late."""
        spots = self._spots(pool, len(wanted)) if wanted else ()
        rest = list(wanted)
        for spot in spots:
            self.at.begin(pool, spot, rest.pop(0))
        self.at.late[pool] = (*self.at.late[pool], *rest)

    def _spots(self, pool: int, count: int) -> list[Spot]:
        """Up to `count` spots: low priority, nodes that stay, the tightest, where it was before."""
        footprint, nodes = self.day.footprints[pool], self.day.nodes
        rows = np.arange(footprint.rows.start, footprint.rows.stop)
        free = self.at.free()[rows]
        if footprint.count > 1:
            return list(self._wide_spots(pool, free, count))
        fits = np.flatnonzero(free >= footprint.share)
        node = rows[fits]
        serving = self.at.serving[pool, node]
        order = np.lexsort(
            (
                serving == 0,
                free[fits] + self._jitter(fits.size),
                serving >= self.first[pool, node],
                self.shrinks[self.at.t % self.day.intervals, node],
                nodes.scarcity[node],
            )
        )
        taken = _first(free[fits][order] // footprint.share, count)
        return [(int(n),) for n in np.repeat(node[order], taken)]

    def _wide_spots(self, pool: int, free: Ints, count: int) -> Iterator[Spot]:
        """Up to `count` spots of several nodes of one leaf each, on nodes that stay."""
        footprint = self.day.footprints[pool]
        fits = np.flatnonzero(free >= footprint.share) + footprint.rows.start
        shrinks = self.shrinks[self.at.t % self.day.intervals]
        for _ in range(count):
            spot = self.day.nodes.side_by_side(fits, shrinks[fits], footprint.count)
            if spot is None:
                return
            fits = np.setdiff1d(fits, spot)
            yield spot

    def _stop_wide(self, pool: int) -> None:
        """Replicas of several nodes stop, those on scarce hardware first."""
        shrinks = self.shrinks[self.at.t % self.day.intervals]
        while self.leaving[pool] and self.at.wide[pool]:
            spot = max(
                self.at.wide[pool],
                key=lambda spot: (
                    int(self.day.nodes.scarcity[spot[0]]),
                    int(shrinks[list(spot)].max()),
                ),
            )
            self._end(pool, spot)

    def _stop(self, pool: int) -> None:
        """Replicas stop: on scarce hardware, beyond what was there first, on the emptiest nodes."""
        footprint = self.day.footprints[pool]
        serving = self.at.serving[pool, footprint.rows]
        node = np.flatnonzero(serving) + footprint.rows.start
        count = self.at.serving[pool, node]
        order = np.lexsort(
            (
                self._jitter(node.size) - self.at.free()[node],
                count <= self.first[pool, node],
                -self.day.nodes.scarcity[node],
                -self.shrinks[self.at.t % self.day.intervals, node],
            )
        )
        taken = _first(count[order], int(self.leaving[pool]))
        for n in np.repeat(node[order], taken):
            self._end(pool, (int(n),))

    def _end(self, pool: int, spot: Spot) -> None:
        self.at.end(pool, spot)
        self.leaving[pool] -= 1

    def _clear(self, pool: int, count: int) -> None:
        """Room for `count` replicas of a pool, by stopping others that leave anyway."""
        from heteroplan.placement.day_sweep.clearing import stops_for

        rows, block = self.day.footprints[pool].rows, self.day.footprints[pool].share
        leaving = self.leaving * self.single
        if not leaving.any():
            return
        free = self.at.free()[rows]
        serving = np.ascontiguousarray(self.at.serving[:, rows])
        jitter = self._jitter(free.size)
        nodes, ways = stops_for(serving, leaving, self.share, free, block, count, jitter)
        for node, way in zip((nodes + rows.start).tolist(), ways.tolist(), strict=True):
            for other, often in enumerate(way):
                for _ in range(often):
                    self._end(other, (node,))

    def _jitter(self, size: int) -> Ints:
        if self.draw is None:
            return np.zeros(size, dtype=np.int64)
        return self.draw.integers(0, 4, size)


def _first(available: Ints, count: int) -> Ints:
    """How many of each, in order, until there are `count`."""
    rest = count - (np.cumsum(available) - available)
    return np.asarray(np.maximum(0, np.minimum(rest, available)))
