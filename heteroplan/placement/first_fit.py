"""Lifetimes placed one after the other on nodes of their own: one order, one outcome."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from heteroplan.optimize.program.problem import Ints
from heteroplan.placement.lifetimes import Lifetime
from heteroplan.placement.nodes import Hold, Nodes, Spot


@dataclass(frozen=True, slots=True)
class Footprint:
    """Where the replicas of a pool may stand, and what each needs there."""

    rows: slice
    count: int
    """Nodes a replica."""
    share: int
    """GPUs on each of them."""
    lead: int
    """Intervals before its first one in which a starting replica already holds its GPUs."""

    @property
    def width(self) -> int:
        """Nodes to choose from."""
        return int(self.rows.stop - self.rows.start)

    @property
    def precedence(self) -> tuple[int, int, int]:
        """Least of pools that go first: of few nodes to choose from, then of large replicas."""
        return self.width, -self.count, -self.share

    def within(self, part: slice) -> "Footprint":
        """This footprint with its nodes counted from the start of `part`."""
        rows = slice(self.rows.start - part.start, self.rows.stop - part.start)
        return replace(self, rows=rows)


@dataclass(frozen=True, slots=True)
class Placed:
    """A lifetime, or a piece of one, on its nodes."""

    life: Lifetime
    first: int
    intervals: int
    lead: int
    spot: Spot = ()
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Service of a pool that found no room."""

    pool: int
    first: int
    """First interval of it."""
    intervals: int
    """How many in a row; past the end of a cyclic day it goes on at its start."""


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """Nodes as they fill up."""

    nodes: Nodes
    footprints: Mapping[int, Footprint]
    """By pool."""
    cyclic: bool
    placed: list[Placed] = field(default_factory=list)
    unplaced: list[Unplaced] = field(default_factory=list)
    split: list[Lifetime] = field(default_factory=list)
    """Lifetimes that fit nowhere as a whole."""

    def fresh(self) -> "Attempt":
        """Nothing placed yet, on a copy of these nodes."""
        return Attempt(self.nodes.copy(), self.footprints, self.cyclic)

    def score(self) -> tuple[int, ...]:
        """GPU-intervals without nodes, moves, GPU-intervals on high, on medium priority."""
        on = [0, 0, 0]
        for each in self.placed:
            taken = self.footprints[each.life.pool].share * (each.lead + each.intervals)
            for node in each.spot:
                on[self.nodes.scarcity[node]] += taken
        lost = sum(
            self.footprints[each.pool].count * self.footprints[each.pool].share * each.intervals
            for each in self.unplaced
        )
        return lost, sum(each.moved for each in self.placed), on[2], on[1]

    @property
    def intervals(self) -> int:
        """Of the horizon."""
        return len(self.nodes.free)

    def place_whole(self, lifetimes: Iterable[Lifetime]) -> bool:
        """Each lifetime in one piece; stops with False at the first for which there is no room."""
        waiting = self._with_nodes_kept(lifetimes)
        groups = groupby(waiting, lambda life: (life.pool, life.first, life.intervals, life.begins))
        return all(self._place_alike(list(alike)) for _, alike in groups)

    def place_all(self, lifetimes: Iterable[Lifetime]) -> None:
        """Each lifetime on the nodes that suit it best, in one piece where there is room."""
        for life in self._with_nodes_kept(lifetimes):
            if not self._place_whole(life):
                self.split.append(life)
                self._place_pieces(life)

    def _with_nodes_kept(self, lifetimes: Iterable[Lifetime]) -> list[Lifetime]:
        """The lifetimes, when all nodes are held on which some of them stand before the horizon."""
        waiting = list(lifetimes)
        for life in waiting:
            if (spot := self._stands(life)) is not None:
                share = self.footprints[life.pool].share
                self.nodes.take(spot, Hold.of(share, np.zeros(1, dtype=np.int64), self.intervals))
        return waiting

    def _stands(self, life: Lifetime) -> Spot | None:
        """Where a lifetime stands in the first interval, the one before the horizon, if it does."""
        if life.begins is None or not life.begins.nodes:
            return None
        return tuple(self.nodes.standing(life.begins.leaf, life.begins.nodes).tolist())

    def _place_whole(self, life: Lifetime) -> bool:
        return self._place(self.in_one_piece(life))

    def _place_alike(self, lives: Sequence[Lifetime]) -> bool:
        """Lifetimes of a pool at the same time, each whole; stops where one fits nowhere."""
        first = lives[0]
        footprint = self.footprints[first.pool]
        if len(lives) == 1 or first.begins is not None:
            return all(map(self._place_whole, lives))
        hold = self._hold(self.in_one_piece(first))
        spots = self.nodes.fill(footprint.rows, footprint.count, hold, len(lives))
        for life, spot in zip(lives, spots, strict=False):
            self.placed.append(replace(self.in_one_piece(life), spot=spot))
        return len(spots) == len(lives)

    def in_one_piece(self, life: Lifetime) -> Placed:
        """A whole lifetime, on no nodes yet."""
        lead = 0 if life.intervals == self.intervals else self._lead(life, life.first)
        return Placed(life, life.first, life.intervals, lead)

    def _place_pieces(self, life: Lifetime) -> None:
        """As much of a lifetime as finds room, in the fewest pieces; one after another moves."""
        ends = self._ends(life)
        endless = self.cyclic and life.intervals == self.intervals
        if endless:
            life = replace(life, first=int((ends - np.arange(len(ends))).argmax()))
            ends = self._ends(life)
        pieces = list(_pieces(ends))
        closed = endless and bool(pieces) and pieces[-1][1] == life.intervals
        end = 0
        for start, stop in pieces:
            first = life.first + start
            moved = closed if start == 0 else start == end
            piece = Placed(life, first, stop - start, self._lead(life, first), moved=moved)
            if self._place(piece):
                if start > end:
                    self._lose(life, end, start)
                end = stop
        if end < life.intervals:
            self._lose(life, end, life.intervals)

    def _place(self, piece: Placed) -> bool:
        """Put a piece where it stands or else fits best; False where it fits nowhere."""
        footprint = self.footprints[piece.life.pool]
        hold = self._hold(piece)
        spot = self._stands(piece.life) if piece.first == 0 else None
        if spot is None:
            spot = self.nodes.find(footprint.rows, footprint.count, hold)
        elif not self.nodes.has_room(spot, hold):
            return False
        if spot is None:
            return False
        self.nodes.take(spot, hold)
        self.placed.append(replace(piece, first=piece.first % self.intervals, spot=spot))
        return True

    def _hold(self, piece: Placed) -> Hold:
        """What a piece takes from its nodes, beside what is kept for it already."""
        kept = int(piece.first == 0 and self._stands(piece.life) is not None)
        times = np.arange(piece.first - piece.lead + kept, piece.first + piece.intervals)
        return Hold.of(self.footprints[piece.life.pool].share, times, self.intervals)

    def _lose(self, life: Lifetime, start: int, stop: int) -> None:
        first = (life.first + start) % self.intervals
        self.unplaced.append(Unplaced(life.pool, first, stop - start))

    def _lead(self, life: Lifetime, first: int) -> int:
        """Intervals in which a replica that starts to serve at `first` holds GPUs before."""
        lead = self.footprints[life.pool].lead
        return lead if self.cyclic else min(lead, first)

    def _ends(self, life: Lifetime) -> Ints:
        """[life.intervals] offset up to which a piece that starts at one can last; 0: none."""
        footprint = self.footprints[life.pool]
        offset = np.arange(life.intervals)
        begin = life.first - self._lead(life, life.first)
        lead = np.array([self._lead(life, life.first + int(start)) for start in offset])
        times = np.arange(begin, life.first + life.intervals)

        free = self.nodes.reach(footprint.rows, footprint.count, footprint.share, times)
        lasting = free[life.first + offset - lead - begin] - lead
        found = np.where(lasting > 0, offset + lasting, 0)
        spot = self._stands(life)
        if spot is not None and life.first == 0:
            on = np.array(spot, dtype=np.int64)
            found[0] = (
                1 + self.nodes.reach(on, footprint.count, footprint.share, times[1:])[:1].sum()
            )
        return found


def _pieces(ends: Ints) -> Iterator[tuple[int, int]]:
    """Fewest spans (start, stop) that cover all that spans from `start` to `ends[start]` can."""
    start = 0
    while start < len(ends):
        stop = int(ends[start])
        if stop == 0:
            start += 1
            continue
        later = ends[start + 1 : stop + 1]
        if later.max(initial=0) > stop:
            stop = start + 1 + int(later.argmax())
        yield start, stop
        start = stop
