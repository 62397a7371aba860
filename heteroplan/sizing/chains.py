"""Numbers of replicas on nodes over time -> the stays of single replicas."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heteroplan.entities.placement import Stay
from heteroplan.entities.scenario import Horizon
from heteroplan.optimize.program.problem import Ints


@dataclass(slots=True)
class Piece:
    """A replica on one node."""

    place: int
    first: int
    length: int
    earlier: "Piece | None" = None
    """Where it served until then."""
    later: "Piece | None" = None


@dataclass(frozen=True, eq=False)
class Chains:
    """Makes replicas of pieces, with identities of their own."""

    horizon: Horizon
    taken: Mapping[int, set[str]]
    """Pool -> identities of its replicas, on all leaves."""

    @classmethod
    def of(cls, horizon: Horizon, stays: Sequence[Stay]) -> "Chains":
        taken = defaultdict[int, set[str]](set)
        for stay in stays:
            taken[stay.pool].add(stay.replica_id)
        return cls(horizon, taken)

    def stays(
        self,
        standing: Mapping[int, Ints],
        leaf: str,
        names: Sequence[str],
        leads: Mapping[int, int],
        old: Sequence[Stay],
    ) -> list[Stay]:
        """Of replicas [nodes, T] of each pool, with the identities of old ones.

        Of each pool some interval has only those that always run where they are. A replica that
        starts while another one of its pool stops is that one, which moves.
        """
        found = list[Stay]()
        for p, counts in standing.items():
            free = sorted({stay.replica_id for stay in old if stay.pool == p})
            for chain in self._joined(_pieces(counts, self.horizon.cyclic)):
                identity = free.pop(0) if free else self._new(p)
                found += [
                    Stay(
                        pool=p,
                        replica_id=identity,
                        leaf=leaf,
                        nodes=(names[piece.place],),
                        first=piece.first,
                        intervals=piece.length,
                        lead=self._lead(piece, leads[p]),
                        moved=piece.earlier is not None,
                    )
                    for piece in chain
                ]
        return found

    def _lead(self, piece: Piece, lead: int) -> int:
        """None of one that always runs, nor before the horizon."""
        if self.horizon.cyclic:
            return 0 if piece.length == self.horizon.intervals else lead
        return min(lead, piece.first)

    def _new(self, p: int) -> str:
        """An identity that no replica of a pool has."""
        stem = min(self.taken[p]).rpartition("/")[0]
        number = 1
        while f"{stem}/{number}" in self.taken[p]:
            number += 1
        self.taken[p].add(f"{stem}/{number}")
        return f"{stem}/{number}"

    def _joined(self, pieces: Sequence[Piece]) -> list[list[Piece]]:
        """Pieces of one pool as replicas: where some end as others begin, those that ran least
        move; the rest stops."""
        intervals = self.horizon.intervals
        begins, ends = defaultdict[int, list[Piece]](list), defaultdict[int, list[Piece]](list)
        for piece in pieces:
            if piece.length == intervals and self.horizon.cyclic:
                continue
            begins[piece.first].append(piece)
            end = piece.first + piece.length
            if self.horizon.cyclic or end < intervals:
                ends[end % intervals].append(piece)
        for t in range(intervals):
            leaving = sorted(ends[t], key=lambda piece: sum(each.length for each in _back(piece)))
            for one, other in zip(leaving, begins[t], strict=False):
                one.later, other.earlier = other, one
        return list(_chains(pieces))


def _pieces(counts: Ints, cyclic: bool) -> list[Piece]:
    """Of replicas [nodes, T] of one pool: on a node the one that came last goes first."""
    found = []
    for place, over_time in enumerate(counts):
        for level in range(int(over_time.max(initial=0))):
            there = over_time > level
            if there.all():
                found.append(Piece(place, 0, len(there)))
                continue
            earlier = np.roll(there, 1)
            if not cyclic:
                earlier[0] = False
            for first in np.flatnonzero(there & ~earlier).tolist():
                later = np.roll(there, -first)
                if not cyclic:
                    later[len(there) - first :] = False
                found.append(Piece(place, first, int(np.argmin(later))))
    return found


def _back(piece: Piece) -> Iterator[Piece]:
    """The piece, and those before it."""
    first: Piece | None = piece
    while first is not None:
        yield first
        first = first.earlier


def _chains(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Each replica's pieces, in their order."""
    for piece in pieces:
        if piece.later is None:
            yield list(_back(piece))[::-1]
