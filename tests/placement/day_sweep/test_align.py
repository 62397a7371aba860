"""Nodes exchange what comes after a time at which they hold the same."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.optimize.program.problem import Ints
from heteroplan.placement.day_sweep.align import align
from heteroplan.placement.day_sweep.day import Day
from heteroplan.placement.day_sweep.wraparound import Piece
from heteroplan.placement.first_fit import Footprint
from heteroplan.placement.nodes import Nodes

A, B, C = range(3)


def day_of(nodes: int, intervals: int, shares: list[int], lead: int = 0) -> Day:
    """A cyclic day of pools whose replicas may stand on any of some nodes of 8 GPUs."""
    room = np.full((intervals, nodes), 8, dtype=np.int64)
    none = np.zeros(nodes, dtype=np.int64)
    on = Nodes(8, tuple(map(str, range(nodes))), (), none, none, room.astype(np.int32))
    footprints = tuple(Footprint(slice(0, nodes), 1, share, lead) for share in shares)
    sizes = np.zeros((len(shares), intervals), dtype=np.int64)
    return Day(on, footprints, sizes, sizes, room, cyclic=True)


def used(day: Day, pieces: list[Piece]) -> Ints:
    """[T, n] GPUs that pieces hold within the day."""
    found = np.zeros(day.room.shape, dtype=np.int64)
    for piece in pieces:
        footprint = day.footprints[piece.pool]
        holds = 0 if piece.first <= 0 else max(0, piece.first - footprint.lead)
        found[holds : piece.end, list(piece.spot)] += footprint.share
    return found


def stands(pieces: list[Piece], *, end: int) -> set[tuple[int, int]]:
    """(pool, node) of those that serve until the end, or from the beginning on where it is 0."""
    return {(p.pool, p.spot[0]) for p in pieces if (p.end >= end if end else p.first <= 0)}


def test_two_nodes_that_hold_the_same_go_on_as_each_other() -> None:
    """A, then C, then B on one node; B, then C, then A on the other: both end as they began."""
    day = day_of(2, 6, [8, 8, 8])
    pieces = [
        Piece(A, (0,), 0, 2),
        Piece(B, (1,), 0, 2),
        *(Piece(C, (node,), 2, 4) for node in (0, 1)),
        Piece(B, (0,), 4, 6),
        Piece(A, (1,), 4, 6),
    ]
    free = 8 - used(day, pieces)
    align(day, pieces, free)
    assert stands(pieces, end=6) == stands(pieces, end=0) == {(A, 0), (B, 1)}
    assert (free == 8 - used(day, pieces)).all()


@pytest.mark.parametrize("lead", [0, 1])
def test_a_start_goes_on_as_a_start_of_the_same_time(lead: int) -> None:
    """Two that start one after the other hold the same only once both serve."""
    day = day_of(2, 6, [8, 8, 8], lead)
    pieces = [
        Piece(A, (0,), 0, 1),
        Piece(B, (1,), 0, 1),
        Piece(C, (0,), 2, 3),
        Piece(C, (1,), 1 + lead, 4),
        Piece(B, (0,), 4, 6),
        Piece(A, (1,), 5, 6),
    ]
    before = used(day, pieces)
    align(day, pieces, 8 - before)
    assert used(day, pieces).sum() == before.sum()
    assert stands(pieces, end=6) == {(A, 0), (B, 1)}
    assert sorted(p.end for p in pieces if p.pool == C) == [3, 4]


def test_nodes_of_other_priority_or_room_are_others() -> None:
    """What suits one node need not suit the other."""
    for change in ("scarcity", "room"):
        day = day_of(2, 6, [8, 8, 8])
        if change == "scarcity":
            day.nodes.scarcity[1] = 2
        else:
            day.room[5, 1] = 16
        pieces = [
            Piece(A, (0,), 0, 2),
            Piece(B, (1,), 0, 2),
            *(Piece(C, (node,), 2, 4) for node in (0, 1)),
            Piece(B, (0,), 4, 6),
            Piece(A, (1,), 4, 6),
        ]
        align(day, pieces, 8 - used(day, pieces))
        assert stands(pieces, end=6) == {(B, 0), (A, 1)}


@given(st.randoms(use_true_random=False))
def test_nothing_is_lost_and_no_less_ends_as_it_began(random: Random) -> None:
    """Random days: the same pieces at the same times, within the nodes, no worse at the seam."""
    shares = [random.choice([1, 2, 4, 8]) for _ in range(3)]
    day = day_of(3, 8, shares, lead=random.randint(0, 1))
    pieces: list[Piece] = []
    for _ in range(40):
        first = random.choice([0, *range(1, 8)])
        piece = Piece(
            random.randrange(3), (random.randrange(3),), first, random.randint(first + 1, 8)
        )
        if (used(day, [*pieces, piece]) <= day.room).all():
            pieces.append(piece)

    def kept() -> int:
        count = np.zeros((2, 3, 3), dtype=np.int64)
        for piece in pieces:
            count[0, piece.pool, piece.spot[0]] += piece.first <= 0
            count[1, piece.pool, piece.spot[0]] += piece.end >= 8
        return int((count.min(axis=0).sum(axis=1) * np.array(shares)).sum())

    def serving() -> Ints:
        count = np.zeros((3, 8), dtype=np.int64)
        for piece in pieces:
            count[piece.pool, piece.first : piece.end] += 1
        return count

    free, kept_before, served_before = day.room - used(day, pieces), kept(), serving()
    align(day, pieces, free)
    assert (used(day, pieces) <= day.room).all()
    assert (free == day.room - used(day, pieces)).all()
    assert (serving() == served_before).all()
    assert kept() >= kept_before
