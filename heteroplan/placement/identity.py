"""Which pieces on their nodes are one replica, so that as few as possible are moves.

Replicas of a pool are alike: one that would have to move can stop instead where another of its
pool starts, and go on where another stops.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random

from heteroplan.placement.first_fit import Attempt, Placed, Unplaced

type Turns = tuple[dict[int, list[int]], dict[int, list[int]]]
"""Interval -> numbers of the pieces that begin then; and that end then."""

SAME: tuple[Callable[[Placed], object], ...] = (
    lambda piece: piece.spot,
    lambda piece: piece.life.number,
    lambda piece: None,
)
"""What a piece goes on as: the one on its own nodes, of its own lifetime, or any."""


SHUFFLES = 8
"""Orders beside the usual ones in which pieces of a pool look for what they go on as."""


def identify(attempt: Attempt) -> None:
    """Number what is placed anew; what cannot be told apart is placed no more."""
    attempt.placed[:], left_out = identified(
        attempt.placed, attempt.intervals, cyclic=attempt.cyclic
    )
    for each in left_out:
        attempt.unplaced.append(Unplaced(each.life.pool, each.first, each.intervals))


def identified(
    pieces: Iterable[Placed], intervals: int, *, cyclic: bool
) -> tuple[list[Placed], list[Placed]]:
    """The pieces, joined where a replica stays, with lifetimes numbered anew and moves marked.

    Where a replica would be in two places of a cyclic day, a pool keeps its lifetimes, if no more
    of them start than it grows by. Else the shortest pieces are left out, and come second.
    """
    by_pool: dict[int, list[Placed]] = defaultdict(list)
    for piece in pieces:
        by_pool[piece.life.pool].append(piece)
    kept, left_out = list[Placed](), list[Placed]()
    for mine in by_pool.values():
        while (found := _told_apart(mine, intervals, cyclic=cyclic)) is None:
            shortest = min(mine, key=lambda piece: piece.intervals)
            left_out.append(shortest)
            mine.remove(shortest)
        kept += found
    return kept, left_out


def _told_apart(pieces: list[Placed], intervals: int, *, cyclic: bool) -> list[Placed] | None:
    """Pieces of one pool as replicas, or else as their lifetimes; None where neither will do."""
    replicas = replicas_of(pieces, intervals, cyclic=cyclic)
    if replicas is None:
        return pieces if _starts_as_grown(pieces, intervals) else None
    return [
        replace(piece, life=replace(piece.life, number=number))
        for number, (chain, closed) in enumerate(replicas, start=1)
        for piece in _joined(chain, closed=closed)
    ]


def _starts_as_grown(pieces: Sequence[Placed], intervals: int) -> bool:
    """Whether as many pieces of a pool start in each interval of a cyclic day as it grows by."""
    grown = Counter[int]()
    for piece in pieces:
        if piece.intervals < intervals:
            grown[piece.first] += 1
            grown[(piece.first + piece.intervals) % intervals] -= 1
    started = Counter(p.first for p in pieces if p.intervals < intervals and not p.moved)
    return all(started[t] == max(0, grown[t]) for t in range(intervals))


def replicas_of(
    pieces: Sequence[Placed], intervals: int, *, cyclic: bool
) -> list[tuple[list[Placed], bool]] | None:
    """Pieces of each replica of one pool in order, and whether the last goes on as the first.

    None where a replica would be in two places.
    """
    for order in _orders(pieces):
        chains = list(_chains(order, _successors(order, intervals, cyclic=cyclic)))
        if all(sum(piece.intervals for piece in chain) <= intervals for chain, _ in chains):
            return chains
    return None


def _orders(pieces: Sequence[Placed]) -> Iterator[Sequence[Placed]]:
    """Orders in which pieces look for what they go on as, the given one first."""
    yield pieces
    yield pieces[::-1]
    shortest_first = sorted(pieces, key=lambda piece: piece.intervals)
    yield shortest_first
    yield shortest_first[::-1]
    for seed in range(SHUFFLES):
        shuffled = list(pieces)
        Random(seed).shuffle(shuffled)
        yield shuffled


def turns_of(pieces: Iterable[tuple[int, Placed]], intervals: int, *, cyclic: bool) -> Turns:
    """Numbers of pieces by the interval in which each begins, and by the first after its end.

    Those that serve all of a cyclic day neither begin nor end.
    """
    begins: dict[int, list[int]] = defaultdict(list)
    ends: dict[int, list[int]] = defaultdict(list)
    for number, piece in pieces:
        end = piece.first + piece.intervals
        if piece.intervals < intervals or not cyclic:
            begins[piece.first].append(number)
            ends[end % intervals if cyclic else end].append(number)
    return begins, ends


def _successors(pieces: Sequence[Placed], intervals: int, *, cyclic: bool) -> dict[int, int]:
    """Piece that each piece goes on as, by index; as many as end when another begins."""
    begin, end = turns_of(enumerate(pieces), intervals, cyclic=cyclic)
    found: dict[int, int] = {}
    for t, ending in end.items():
        for same in SAME:
            for i in [i for i in ending if i not in found]:
                for j in begin[t]:
                    if same(pieces[i]) == same(pieces[j]):
                        found[i] = j
                        begin[t].remove(j)
                        break
    return found


def _chains(
    pieces: Sequence[Placed], successor: dict[int, int]
) -> Iterator[tuple[list[Placed], bool]]:
    """Pieces of each replica in order, and whether the last goes on as the first.

    A closed chain begins with a move, if there is one.
    """
    before = {j: i for i, j in successor.items()}
    heads = [i for i in range(len(pieces)) if i not in before]
    moves = [j for j, i in before.items() if pieces[i].spot != pieces[j].spot]
    seen: set[int] = set()
    for head in (*heads, *moves, *before):
        chain: list[Placed] = []
        at: int | None = head
        while at is not None and at not in seen:
            seen.add(at)
            chain.append(pieces[at])
            at = successor.get(at)
        if chain:
            yield chain, at == head


def _joined(pieces: Sequence[Placed], *, closed: bool) -> list[Placed]:
    """Pieces of one replica, those on the same nodes made one; all but the first are moves."""
    found: list[Placed] = []
    for piece in pieces:
        if found and found[-1].spot == piece.spot:
            longer = found[-1].intervals + piece.intervals
            found[-1] = replace(found[-1], intervals=longer)
        else:
            found.append(replace(piece, moved=bool(found) or closed))
    if closed and len(found) == 1:
        return [replace(found[0], lead=0, moved=False)]
    return found
