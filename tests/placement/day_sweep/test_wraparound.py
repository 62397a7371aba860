"""What stands at the end of a cyclic day goes on as what stood at its beginning, by hand."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.optimize.program.problem import Ints
from heteroplan.placement.day_sweep.day import Begin, Cancel, Day, End, Missed
from heteroplan.placement.day_sweep.wraparound import (
    Piece,
    closed,
    pieces_of,
)
from heteroplan.placement.first_fit import Unplaced
from tests.placement.day_sweep.test_align import day_of, used

type Told = tuple[int, int, int]


def told(pieces: Sequence[Piece]) -> list[Told]:
    """(node, first, end) of each."""
    return sorted((each.spot[0], each.first, each.end) for each in pieces)


def close(
    day: Day, *pieces: Piece, taken: Sequence[Piece] = ()
) -> tuple[list[Told], list[Unplaced]]:
    """The pieces closed beside others that hold GPUs, and what is lost."""
    lost: list[Unplaced] = []
    free = day.room - used(day, [*pieces, *taken])
    return told(closed(day, pieces, lost, free)), lost


def test_the_log_of_a_day_is_pieces_and_what_was_missed() -> None:
    """On node 0 of ten intervals the one that began last stops first; late is what was wanted."""
    day = day_of(2, 10, [4, 8])
    late, never = Begin(1, (1,), 2, 5), Begin(1, (1,), 3, 9)
    pieces, lost = pieces_of(
        day,
        [
            Begin(0, (0,), 0, 0),
            Begin(0, (0,), 3, 3),
            End(0, (0,), 4),
            late,
            Missed(0, 6, 8),
            End(1, (1,), 7),
            never,
            Cancel(never, 8),
            Missed(1, 9, 12),
            Missed(0, 11, 12),
        ],
    )
    assert sorted((each.pool, *each.spot, each.first, each.end) for each in pieces) == [
        (0, 0, 0, 10), (0, 0, 3, 4), (1, 1, 5, 7),
    ]  # fmt: skip
    assert sorted((each.pool, each.first, each.intervals) for each in lost) == [
        (0, 6, 2), (1, 2, 3), (1, 3, 5), (1, 9, 1),
    ]  # fmt: skip


def test_who_ends_where_one_began_goes_on_there() -> None:
    day = day_of(2, 6, [8])
    assert close(day, Piece(0, (0,), 4, 6), Piece(0, (0,), 0, 2)) == ([(0, 4, 8)], [])


def test_nobody_serves_longer_than_a_day() -> None:
    """Of two that began on the node one served until 3, when the last is there already."""
    day = day_of(1, 6, [4])
    pieces = Piece(0, (0,), 0, 1), Piece(0, (0,), 0, 3), Piece(0, (0,), 2, 6)
    found, _ = close(day, *pieces)
    assert (0, 2, 7) in found
    pieces = Piece(0, (0,), 0, 1), Piece(0, (0,), 0, 2), Piece(0, (0,), 2, 6)
    found, _ = close(day, *pieces)
    assert (0, 2, 8) in found


@pytest.mark.parametrize("pools", [(0, 0), (0, 1)])
def test_only_replicas_of_a_pool_are_alike(pools: tuple[int, int]) -> None:
    day = day_of(1, 6, [8, 8])
    found, _ = close(day, Piece(pools[0], (0,), 4, 6), Piece(pools[1], (0,), 0, 2))
    assert len(found) == len(set(pools))


@pytest.mark.parametrize(
    ("taken", "begins"), [pytest.param(4, 0, id="free"), pytest.param(5, 1, id="taken")]
)
def test_who_began_elsewhere_starts_there_when_there_is_room(taken: int, begins: int) -> None:
    """From node 0 to 1, an hour to start; another holds GPUs of node 1 in an hour of the day."""
    day = day_of(2, 6, [8, 8], lead=1)
    other = Piece(1, (1,), taken + 1, taken + 1)
    found, lost = close(day, Piece(0, (0,), 4, 6), Piece(0, (1,), 0, 2), taken=[other])
    assert found == [(0, 4, 6), (1, begins, 2)]
    assert lost == [Unplaced(0, 0, 1)] * begins


def test_who_begins_anew_starts_before_the_day_where_there_is_room() -> None:
    """Two hours before it, or else it serves two hours late."""
    day = day_of(1, 6, [8, 8], lead=2)
    assert close(day, Piece(0, (0,), 0, 3)) == ([(0, 0, 3)], [])
    busy = [Piece(1, (0,), 4, 5)]
    assert close(day, Piece(0, (0,), 0, 3), taken=busy) == ([(0, 2, 3)], [Unplaced(0, 0, 2)])
    assert close(day, Piece(0, (0,), 0, 2), taken=busy) == ([], [Unplaced(0, 0, 2)])


def test_who_serves_before_its_start_is_over_began_before_the_day() -> None:
    """At 1 with two hours to start: one of them is the last of the day."""
    day = day_of(1, 6, [8, 8], lead=2)
    assert close(day, Piece(0, (0,), 1, 3)) == ([(0, 1, 3)], [])
    busy = [Piece(1, (0,), 5, 6)]
    found = close(day, Piece(0, (0,), 1, 3), taken=busy)
    assert found == ([(0, 2, 3)], [Unplaced(0, 1, 1)])


def test_who_started_at_the_end_of_the_day_is_who_begins() -> None:
    """What holds the node from 4 on to serve from 6 on is the replica that begins at 0."""
    day = day_of(1, 6, [8], lead=2)
    claim = Piece(0, (0,), 6, 6)
    free = day.room - used(day, [Piece(0, (0,), 0, 3), claim])
    assert (free[4:] == 0).all()
    lost: list[Unplaced] = []
    assert told(closed(day, [claim, Piece(0, (0,), 0, 3)], lost, free)) == [(0, 0, 3)]
    assert lost == []


def held(day: Day, pieces: Sequence[Piece]) -> Ints:
    """[T, n] GPUs of a cyclic day, starts included."""
    found = np.zeros(day.room.shape, dtype=np.int64)
    for each in pieces:
        footprint = day.footprints[each.pool]
        lead = 0 if each.end - each.first == day.intervals else footprint.lead
        for t in range(each.first - lead, each.end):
            found[t % day.intervals, list(each.spot)] += footprint.share
    return found


@given(st.randoms(use_true_random=False))
def test_all_service_is_given_or_lost_and_no_node_is_too_full(random: Random) -> None:
    """Random days, whose replicas are closed in any way: nobody serves longer than the day."""
    shares = [random.choice([1, 2, 4, 8]) for _ in range(3)]
    day = day_of(3, 8, shares, lead=random.randint(0, 2))
    pieces: list[Piece] = []
    for _ in range(30):
        first = random.choice([0, *range(1, 8)])
        end = random.choice([8, random.randint(first + 1, 8)])
        piece = Piece(random.randrange(3), (random.randrange(3),), first, end)
        if (used(day, [*pieces, piece]) <= day.room).all():
            pieces.append(piece)

    def serving(of: Sequence[Piece]) -> Ints:
        count = np.zeros((3, 8), dtype=np.int64)
        for each in of:
            for t in range(each.first, each.end):
                count[each.pool, t % 8] += 1
        return count

    before, free = serving(pieces), day.room - used(day, pieces)
    missed: list[Unplaced] = []
    after = closed(day, pieces, missed, free)
    lost = [Piece(each.pool, (0,), each.first, each.first + each.intervals) for each in missed]
    assert (serving(after) + serving(lost) == before).all()
    assert (held(day, after) <= day.room).all()
    assert (free <= day.room - held(day, after)).all()
    assert all(0 < each.end - each.first <= 8 for each in after)
