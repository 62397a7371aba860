"""Runs placed one after the other on nodes of their own: one order, one outcome."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from heteroplan.optimize.program.problem import Ints
from heteroplan.placement.nodes import Hold, Nodes, Rows, Spot
from heteroplan.placement.runs import Run


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

    def within(self, part: slice) -> "Footprint":
        """This footprint with its nodes counted from the start of `part`."""
        rows = slice(self.rows.start - part.start, self.rows.stop - part.start)
        return replace(self, rows=rows)


@dataclass(frozen=True, slots=True)
class Placed:
    """A run, or a piece of one, on its nodes."""

    run: Run
    first: int
    intervals: int
    lead: int
    spot: Spot = ()
    moved: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """Nodes as they fill up."""

    nodes: Nodes
    footprints: Mapping[int, Footprint]
    """By pool."""
    cyclic: bool
    placed: list[Placed] = field(default_factory=list)
    unplaced: list[tuple[Run, int, int]] = field(default_factory=list)
    """(run, first interval, intervals) that found no room."""
    split: list[Run] = field(default_factory=list)
    """Runs that fit nowhere as a whole."""

    def score(self) -> tuple[int, ...]:
        """GPU-intervals without nodes, moves, GPU-intervals on high, on medium priority."""
        on = [0, 0, 0]
        for each in self.placed:
            taken = self.footprints[each.run.pool].share * (each.lead + each.intervals)
            for node in each.spot:
                on[self.nodes.scarcity[node]] += taken
        lost = sum(
            self.footprints[run.pool].count * self.footprints[run.pool].share * intervals
            for run, _, intervals in self.unplaced
        )
        return lost, sum(each.moved for each in self.placed), on[2], on[1]

    @property
    def intervals(self) -> int:
        """Of the horizon."""
        return len(self.nodes.free)

    def place_whole(self, runs: Iterable[Run]) -> bool:
        """Each run in one piece; stops with False at the first for which there is no room."""
        return all(self._place_whole(run) for run in runs)

    def place_all(self, runs: Iterable[Run]) -> None:
        """Each run on the nodes that suit it best, in one piece where there is room."""
        for run in runs:
            if not self._place_whole(run):
                self.split.append(run)
                self._place_pieces(run)

    def _place_whole(self, run: Run) -> bool:
        lead = 0 if run.intervals == self.intervals else self._lead(run, run.first)
        return self._place(self._begin(run), Placed(run, run.first, run.intervals, lead))

    def _place_pieces(self, run: Run) -> None:
        """As much of a run as finds room, in the fewest pieces; each after another is a move."""
        ends = self._ends(run)
        endless = self.cyclic and run.intervals == self.intervals
        if endless:
            run = replace(run, first=int((ends - np.arange(len(ends))).argmax()))
            ends = self._ends(run)
        pieces = list(_pieces(ends))
        closed = endless and bool(pieces) and pieces[-1][1] == run.intervals
        end = 0
        for start, stop in pieces:
            first = run.first + start
            moved = closed if start == 0 else start == end
            piece = Placed(run, first, stop - start, self._lead(run, first), moved=moved)
            rows = self._begin(run) if start == 0 else self.footprints[run.pool].rows
            if self._place(rows, piece):
                if start > end:
                    self._lose(run, end, start)
                end = stop
        if end < run.intervals:
            self._lose(run, end, run.intervals)

    def _place(self, rows: Rows, piece: Placed) -> bool:
        """Put a piece where it fits best among `rows`; False where it fits nowhere."""
        footprint = self.footprints[piece.run.pool]
        hold = self._hold(piece)
        spot = self.nodes.find(rows, footprint.count, hold)
        if spot is None:
            return False
        self.nodes.take(spot, hold)
        self.placed.append(replace(piece, first=piece.first % self.intervals, spot=spot))
        return True

    def _hold(self, piece: Placed) -> Hold:
        """What a piece takes from its nodes."""
        times = np.arange(piece.first - piece.lead, piece.first + piece.intervals)
        return Hold.of(self.footprints[piece.run.pool].share, times, self.intervals)

    def _lose(self, run: Run, start: int, stop: int) -> None:
        self.unplaced.append((run, (run.first + start) % self.intervals, stop - start))

    def _lead(self, run: Run, first: int) -> int:
        """Intervals in which a replica that starts to serve at `first` holds GPUs before."""
        lead = self.footprints[run.pool].lead
        return lead if self.cyclic else min(lead, first)

    def _begin(self, run: Run) -> Rows:
        """Where a run may begin: where it stands already if it can stay there, or anywhere."""
        footprint = self.footprints[run.pool]
        if run.begins is not None:
            standing = self.nodes.standing(run.begins.leaf, run.begins.nodes)
            if self.nodes.reach(
                standing, footprint.count, footprint.share, np.zeros(1, dtype=np.int64)
            )[0]:
                return standing
        return footprint.rows

    def _ends(self, run: Run) -> Ints:
        """[run.intervals] offset up to which a piece that starts at an offset can last; 0: none."""
        footprint = self.footprints[run.pool]
        offset = np.arange(run.intervals)
        begin = run.first - self._lead(run, run.first)
        lead = np.array([self._lead(run, run.first + int(start)) for start in offset])
        times = np.arange(begin, run.first + run.intervals)

        def ends(rows: Rows) -> Ints:
            free = self.nodes.reach(rows, footprint.count, footprint.share, times)
            lasting = free[run.first + offset - lead - begin] - lead
            return np.where(lasting > 0, offset + lasting, 0)

        found = ends(footprint.rows)
        found[0] = ends(self._begin(run))[0]
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
