"""Where a cyclic day closes: what stands at its end goes on as what stood at its beginning."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heteroplan.optimize.program.problem import Ints
from heteroplan.placement.day_sweep.day import Begin, Cancel, Day, End, Event
from heteroplan.placement.first_fit import Footprint, Unplaced
from heteroplan.placement.nodes import Spot


@dataclass(slots=True, eq=False)
class Piece:
    """A replica on its nodes, in intervals from where the day is cut open."""

    pool: int
    spot: Spot
    first: int
    """First interval that it serves."""
    end: int
    """First that it does not; past the end of the day it goes on at its beginning."""


def pieces_of(day: Day, log: Sequence[Event]) -> tuple[list[Piece], list[Unplaced]]:
    """The pieces of a filled day, none over the wraparound, and what is lost.

    What stands at its end or starts to ends at T or after it.
    """
    length, pieces, lost = day.intervals, list[Piece](), list[Unplaced]()
    cancelled = Counter(event.begun for event in log if isinstance(event, Cancel))
    opened: dict[tuple[int, Spot], list[Piece]] = {}
    for event in log:
        if isinstance(event, Begin) and cancelled[event]:
            cancelled[event] -= 1
        elif isinstance(event, Begin):
            piece = Piece(event.pool, event.spot, event.serves, length)
            opened.setdefault((event.pool, event.spot), []).append(piece)
            lost.extend(_missed(event.pool, event.wanted, event.serves, length))
        elif isinstance(event, End):
            mine = opened[event.pool, event.spot]
            last = max((each for each in mine if each.first < event.at), key=lambda p: p.first)
            mine.remove(last)
            last.end = event.at
            pieces.append(last)
        else:
            never = event.begun if isinstance(event, Cancel) else event
            lost.extend(_missed(never.pool, never.wanted, event.at, length))
    for mine in opened.values():
        pieces += mine
    return pieces, lost


def _missed(pool: int, wanted: int, until: int, length: int) -> Iterator[Unplaced]:
    until = min(until, length)
    if wanted < until:
        yield Unplaced(pool, wanted, until - wanted)


def closed(day: Day, pieces: Sequence[Piece], lost: list[Unplaced], free: Ints) -> list[Piece]:
    """Of a cyclic day: pieces joined over the wraparound, `free` [T, n] GPUs left to help.

    What stands elsewhere in the end than in the beginning starts anew; where there is no room for
    that before the day, its service is `lost` meanwhile.
    """
    wraparounds = [
        _Wraparound(day, pool, footprint, lost, free)
        for pool, footprint in enumerate(day.footprints)
    ]
    for each in pieces:
        wraparounds[each.pool].add(each)
    return [piece for wraparound in wraparounds for piece in wraparound.joined()]


class _Wraparound:
    """The wraparound of one pool."""

    def __init__(
        self, day: Day, pool: int, footprint: Footprint, lost: list[Unplaced], free: Ints
    ) -> None:
        self.length, self.pool, self.footprint = day.intervals, pool, footprint
        self.lost, self.free = lost, free
        self.done: list[Piece] = []
        self.heads: list[Piece] = []
        """Serve from the first interval on."""
        self.tails: list[Piece] = []
        """Serve until the last."""
        self.claims: list[Piece] = []
        """Start at the end of the day, to serve in the next."""

    def add(self, piece: Piece) -> None:
        if piece.first >= self.length:
            self.claims.append(piece)
        elif piece.first <= 0 and piece.end < self.length:
            self.heads.append(piece)
        elif piece.first > 0 and piece.end >= self.length:
            self.tails.append(piece)
        else:
            self.done.append(piece)

    def joined(self) -> list[Piece]:
        """The pool's pieces, each with room for its start."""
        for piece in (*self.done, *self.tails):
            if 0 < piece.first < self.footprint.lead:
                self._start(piece)
        self.tails = [tail for tail in self.tails if tail.first < tail.end]
        self._join_on_same_nodes()
        for head in sorted(self.heads, key=lambda head: -head.end):
            self._start(head)
        pieces = (*self.done, *self.heads, *self.tails)
        return [piece for piece in pieces if piece.first < piece.end]

    def _join_on_same_nodes(self) -> None:
        """Tails that go on where a head stands."""
        standing: dict[Spot, list[Piece]] = {}
        for head in self.heads:
            standing.setdefault(head.spot, []).append(head)
        for tail in sorted(self.tails, key=lambda tail: -tail.first):
            fit = [head for head in standing.get(tail.spot, ()) if head.end <= tail.first]
            if fit:
                head = max(fit, key=lambda head: head.end)
                standing[tail.spot].remove(head)
                self.heads.remove(head)
                self.tails.remove(tail)
                tail.end = self.length + head.end
                self.done.append(tail)

    def _start(self, piece: Piece) -> None:
        """It starts before the wraparound where its nodes are claimed or free, or late."""
        begins = self.length + piece.first
        claimed = [each for each in self.claims if (each.spot, each.first) == (piece.spot, begins)]
        if claimed:
            self.claims.remove(claimed[0])
            return
        before = [t % self.length for t in range(piece.first - self.footprint.lead, 0)]
        starting = np.ix_(before, piece.spot)
        if (self.free[starting] >= self.footprint.share).all():
            self.free[starting] -= self.footprint.share
            return
        late = min(piece.end, max(1, self.footprint.lead))
        self.lost.append(Unplaced(self.pool, piece.first, late - piece.first))
        piece.first = late
