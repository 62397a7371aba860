"""Stays of which one ends where another of its pool begins, once more as one replica.

Where stays are cut, a replica may stop just when another of its pool starts. The pool does not
grow then: the one goes on as the other, which is a move.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from heteroplan.entities.placement import Stay


def rejoined(stays: Iterable[Stay], intervals: int, *, cyclic: bool) -> list[Stay]:
    """The stays, a start being a move where a replica of the pool stops; as many as can be.

    A replica stands in one place at a time: on a cyclic day it goes on for no more than the day.
    """
    by_pool: dict[int, list[Stay]] = defaultdict(list)
    for stay in stays:
        by_pool[stay.pool].append(stay)
    return [
        stay for mine in by_pool.values() for stay in _Pool(mine, intervals, cyclic=cyclic).joined()
    ]


class _Pool:
    """Stays of one pool."""

    def __init__(self, stays: list[Stay], intervals: int, *, cyclic: bool) -> None:
        self._stays, self._intervals, self._cyclic = stays, intervals, cyclic

    def joined(self) -> list[Stay]:
        for i in range(len(self._stays)):
            if self._begins(self._stays[i]) and not self._stays[i].moved:
                self._join(i)
        return self._stays

    def _join(self, i: int) -> None:
        """Let stay i go on from one that ends as it begins, on its own nodes first."""
        start = self._stays[i]
        ending = [each for each in self._stays if self._stops_at(each, start.first)]
        chain = self._chain(i)
        times = {t for j in chain for t in self._serving(self._stays[j])}
        for each in sorted(ending, key=lambda stay: stay.nodes != start.nodes):
            own = {
                t
                for j, stay in enumerate(self._stays)
                if stay.replica_id == each.replica_id and j not in chain
                for t in self._serving(stay)
            }
            if not own & times:
                for j in chain:
                    self._stays[j] = replace(self._stays[j], replica_id=each.replica_id)
                self._stays[i] = replace(self._stays[i], moved=True)
                return

    def _chain(self, i: int) -> list[int]:
        """Stay i and those that its replica goes on as."""
        chain = [i]
        while True:
            last = self._stays[chain[-1]]
            end = self._at(last.first + last.intervals)
            after = [
                j
                for j, stay in enumerate(self._stays)
                if stay.replica_id == last.replica_id and stay.moved and stay.first == end
            ]
            if not after or after[0] in chain:
                return chain
            chain.append(after[0])

    def _stops_at(self, stay: Stay, t: int) -> bool:
        """Whether the replica of a stay that ends at t does not go on then."""
        if not self._begins(stay) or self._at(stay.first + stay.intervals) != t:
            return False
        return not any(
            other.replica_id == stay.replica_id and other.moved and other.first == t
            for other in self._stays
        )

    def _begins(self, stay: Stay) -> bool:
        """Whether the stay has a beginning: not where it lasts all of a cyclic day."""
        return stay.intervals < self._intervals or not self._cyclic

    def _at(self, t: int) -> int:
        return t % self._intervals if self._cyclic else t

    def _serving(self, stay: Stay) -> list[int]:
        return [self._at(stay.first + i) for i in range(stay.intervals)]
