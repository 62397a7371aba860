"""Which pieces on their nodes are one replica, so that as few as possible are moves.

Replicas of a pool are alike: one that would have to move can stop instead where another of its
pool starts, and go on where another stops.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from heteroplan.placement.first_fit import Placed

SAME: tuple[Callable[[Placed], object], ...] = (
    lambda piece: piece.spot,
    lambda piece: piece.life.number,
    lambda piece: None,
)
"""What a piece goes on as: the one on its own nodes, of its own lifetime, or any."""


def identified(pieces: Iterable[Placed], intervals: int, *, cyclic: bool) -> Iterator[Placed]:
    """The pieces, joined where a replica stays, with lifetimes numbered anew and moves marked.

    A pool keeps its lifetimes where a replica would otherwise be in two places of a cyclic day.
    """
    by_pool: dict[int, list[Placed]] = defaultdict(list)
    for piece in pieces:
        by_pool[piece.life.pool].append(piece)
    for mine in by_pool.values():
        replicas = replicas_of(mine, intervals, cyclic=cyclic)
        if replicas is None:
            yield from mine
            continue
        for number, (chain, closed) in enumerate(replicas, start=1):
            for piece in _joined(chain, closed=closed):
                yield _numbered(piece, number)


def replicas_of(
    pieces: Sequence[Placed], intervals: int, *, cyclic: bool
) -> list[tuple[list[Placed], bool]] | None:
    """Pieces of each replica of one pool in order, and whether the last goes on as the first.

    None where a replica would be in two places.
    """
    for order in _orders(pieces):
        chains = [
            ([order[i] for i in chain], closed)
            for chain, closed in _chains(order, _successors(order, intervals, cyclic=cyclic))
        ]
        if all(sum(piece.intervals for piece in chain) <= intervals for chain, _ in chains):
            return chains
    return None


def _orders(pieces: Sequence[Placed]) -> Iterator[Sequence[Placed]]:
    """Orders in which pieces look for what they go on as, from the one that there is on."""
    yield pieces
    yield pieces[::-1]
    shortest_first = sorted(pieces, key=lambda piece: piece.intervals)
    yield shortest_first
    yield shortest_first[::-1]


def _numbered(piece: Placed, number: int) -> Placed:
    if piece.life.number == number:
        return piece
    return replace(piece, life=replace(piece.life, number=number))


def _successors(pieces: Sequence[Placed], intervals: int, *, cyclic: bool) -> dict[int, int]:
    """Piece that each piece goes on as, by index; as many as end when another begins."""
    begin: dict[int, list[int]] = defaultdict(list)
    end: dict[int, list[int]] = defaultdict(list)
    for i, piece in enumerate(pieces):
        stop = piece.first + piece.intervals
        if piece.intervals < intervals or not cyclic:
            begin[piece.first].append(i)
            end[stop % intervals if cyclic else stop].append(i)
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
) -> Iterator[tuple[list[int], bool]]:
    """Pieces of each replica in order, and whether the last goes on as the first.

    A closed chain begins with a move, if there is one.
    """
    before = {j: i for i, j in successor.items()}
    heads = [i for i in range(len(pieces)) if i not in before]
    moves = [j for j, i in before.items() if pieces[i].spot != pieces[j].spot]
    seen: set[int] = set()
    for head in (*heads, *moves, *before):
        chain: list[int] = []
        at: int | None = head
        while at is not None and at not in seen:
            seen.add(at)
            chain.append(at)
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
            moved = bool(found) or closed
            found.append(piece if piece.moved == moved else replace(piece, moved=moved))
    if closed and len(found) == 1:
        return [replace(found[0], lead=0, moved=False)]
    return found
