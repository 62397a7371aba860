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
        self._ending: dict[int, list[int]] = defaultdict(list)
        """Stays by the interval in which they serve no more."""
        self._moves: set[tuple[str, int]] = set()
        """Replica and interval of each move."""
        for i, stay in enumerate(stays):
            if self._begins(stay):
                self._ending[self._at(stay.first + stay.intervals)].append(i)
            if stay.moved:
                self._moves.add((stay.replica_id, stay.first))

    def joined(self) -> list[Stay]:
        for i, stay in enumerate(self._stays):
            if self._begins(stay) and not stay.moved:
                self._join(i)
        return self._stays

    def _join(self, i: int) -> None:
        """Let stay i go on from one that ends as it begins, on its own nodes first."""
        start = self._stays[i]
        ending = [
            each
            for each in (self._stays[j] for j in self._ending[start.first])
            if (each.replica_id, start.first) not in self._moves
        ]
        for each in sorted(ending, key=lambda stay: stay.nodes != start.nodes):
            chain = self._chain(i)
            if not self._times(chain) & self._times(self._others(each.replica_id, chain)):
                self._moves.add((each.replica_id, start.first))
                for j in chain:
                    self._rename(j, each.replica_id)
                self._stays[i] = replace(self._stays[i], moved=True)
                return

    def _rename(self, j: int, replica_id: str) -> None:
        stay = self._stays[j]
        if stay.moved:
            self._moves.remove((stay.replica_id, stay.first))
            self._moves.add((replica_id, stay.first))
        self._stays[j] = replace(stay, replica_id=replica_id)

    def _chain(self, i: int) -> list[int]:
        """Stay i and those that its replica goes on as."""
        chain = [i]
        while True:
            last = self._stays[chain[-1]]
            end = self._at(last.first + last.intervals)
            after = [
                j
                for j in self._others(last.replica_id, chain)
                if self._stays[j].moved and self._stays[j].first == end
            ]
            if not after:
                return chain
            chain.append(after[0])

    def _others(self, replica_id: str, but: list[int]) -> list[int]:
        """Stays of a replica."""
        return [
            j
            for j, stay in enumerate(self._stays)
            if stay.replica_id == replica_id and j not in but
        ]

    def _times(self, stays: list[int]) -> set[int]:
        """Intervals in which some stays serve."""
        return {
            self._at(self._stays[j].first + t)
            for j in stays
            for t in range(self._stays[j].intervals)
        }

    def _begins(self, stay: Stay) -> bool:
        """Whether the stay has a beginning: not where it lasts all of a cyclic day."""
        return stay.intervals < self._intervals or not self._cyclic

    def _at(self, t: int) -> int:
        return t % self._intervals if self._cyclic else t
