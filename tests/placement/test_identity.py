"""Which pieces are one replica: on its own nodes, then of its own lifetime, then any."""

import pytest

from heteroplan.placement.first_fit import Placed
from heteroplan.placement.identity import identified
from heteroplan.placement.lifetimes import Lifetime

type Told = tuple[int, int, int, int, bool]


def piece(
    first: int,
    intervals: int,
    *,
    life: int = 1,
    node: int = 0,
    moved: bool = False,
    pool: int = 0,
    lead: int = 1,
) -> Placed:
    return Placed(Lifetime(pool, life, first, intervals), first, intervals, lead, (node,), moved)


def told(*pieces: Placed, day: int = 10, cyclic: bool = True) -> list[Told]:
    """(first, intervals, node, number, whether it moved) of each."""
    return sorted(
        (each.first, each.intervals, each.spot[0], each.life.number, each.moved)
        for each in identified(pieces, day, cyclic=cyclic)[0]
    )


def test_what_follows_on_the_same_nodes_is_one_stay() -> None:
    assert told(piece(1, 2, life=5), piece(3, 4, life=8)) == [(1, 6, 0, 1, False)]
    assert told(piece(1, 2, life=5), piece(4, 4, life=8)) == [
        (1, 2, 0, 1, False), (4, 4, 0, 2, False),
    ]  # fmt: skip


def test_the_start_of_a_stay_is_that_of_its_first_piece() -> None:
    [found], _ = identified([piece(1, 2, lead=2), piece(3, 4, lead=1)], 10, cyclic=True)
    assert (found.lead, found.intervals) == (2, 6)


def test_a_replica_stays_on_its_nodes_rather_than_keep_to_its_run() -> None:
    """Where lifetime 1 goes on elsewhere and lifetime 2 begins on its nodes, the latter is it."""
    found = told(piece(0, 2, life=1), piece(2, 3, life=1, node=1, moved=True), piece(2, 2, life=2))
    assert found == [(0, 4, 0, 1, False), (2, 3, 1, 2, False)]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_replica_that_has_to_move_keeps_to_its_run(swapped: bool) -> None:
    """Whichever is named first."""
    one, other = piece(2, 3, life=1, node=3), piece(2, 4, life=2, node=2)
    starts = (other, one) if swapped else (one, other)
    found = told(piece(0, 2, life=1), piece(1, 1, life=2, node=1), *starts)
    number = {node: number for _, _, node, number, _ in found}
    assert (number[0], number[1]) == (number[3], number[2])
    assert number[0] != number[1]
    assert [(first, moved) for first, _, _, _, moved in found] == [
        (0, False), (1, False), (2, True), (2, True),
    ]  # fmt: skip


def test_a_replica_that_stops_goes_on_as_any_that_starts_then() -> None:
    found = told(piece(0, 2, life=1), piece(2, 3, life=7, node=4))
    assert found == [(0, 2, 0, 1, False), (2, 3, 4, 1, True)]


def test_a_move_from_nowhere_is_a_start() -> None:
    assert told(piece(0, 2), piece(3, 3, node=1, moved=True)) == [
        (0, 2, 0, 1, False), (3, 3, 1, 2, False),
    ]  # fmt: skip


def test_pools_have_replicas_of_their_own() -> None:
    found = told(piece(0, 2), piece(2, 3, pool=1))
    assert found == [(0, 2, 0, 1, False), (2, 3, 0, 1, False)]


@pytest.mark.parametrize(
    ("cyclic", "found"),
    [
        (True, [(7, 5, 0, 1, False)]),
        (False, [(0, 2, 0, 2, False), (7, 3, 0, 1, False)]),
    ],
)
def test_a_replica_goes_on_over_midnight_of_a_cyclic_day(cyclic: bool, found: list[Told]) -> None:
    assert told(piece(7, 3), piece(0, 2), cyclic=cyclic) == found


def test_who_comes_back_to_its_nodes_never_starts() -> None:
    [found], _ = identified([piece(2, 4), piece(6, 6)], 10, cyclic=True)
    assert (found.intervals, found.lead, found.moved) == (10, 0, False)


def test_who_comes_back_from_elsewhere_moves_each_time() -> None:
    """On node 0 from 8 to 2 in two pieces, on node 1 from 2 to 8."""
    found = told(piece(0, 2), piece(2, 6, node=1), piece(8, 2))
    assert found == [(2, 6, 1, 1, True), (8, 4, 0, 1, True)]


def test_who_stands_all_day_goes_on_as_nobody() -> None:
    found = told(piece(4, 10, life=3), piece(4, 3, life=4, node=1), piece(1, 3, life=5, node=1))
    number = {node: number for _, _, node, number, _ in found}
    assert number[0] != number[1]
    assert [(each[0], each[1], each[4]) for each in found] == [(1, 6, False), (4, 10, False)]


def test_of_two_that_start_one_goes_on_as_that_which_a_day_has_room_for() -> None:
    """Six intervals and six more are more than the day; six and two are not."""
    found = told(piece(0, 6, life=1), piece(6, 6, life=2, node=1), piece(6, 2, life=3, node=2))
    number = {node: number for _, _, node, number, _ in found}
    assert number[0] == number[2] != number[1]
    assert [node for _, _, node, _, moved in found if moved] == [2]


def test_of_pieces_that_no_order_fits_into_a_day_the_shortest_is_left_out() -> None:
    """One starts at 6 as the other stops, but both serve from 0 to 2."""
    long, short = piece(6, 6, life=9, node=1), piece(0, 6, life=4)
    assert told(short, long, day=12) == [(0, 6, 0, 1, True), (6, 6, 1, 1, True)]
    kept, left_out = identified([short, long], 10, cyclic=True)
    assert ([each.spot for each in kept], left_out) == ([(1,)], [short])


def test_lifetimes_that_start_as_the_pool_grows_stay_as_they_are() -> None:
    """Three of six intervals follow each other, two days long; no move says so, as none starts."""
    pieces = [piece(at, 6, life=at + 1, node=at, moved=True) for at in (0, 3, 6)]
    assert identified(pieces, 9, cyclic=True) == (pieces, [])


def test_an_order_is_found_that_closes_each_day() -> None:
    """Of three that go on over midnight one is the replica of each of two short ones."""
    pieces = [
        *(piece(2, 2, life=number, node=number) for number in (5, 6, 7)),
        piece(2, 1, life=8, node=8),
        piece(0, 2, life=1, node=1),
        piece(1, 1, life=2, node=2),
    ]
    found = told(*pieces, day=3)
    assert [each[0] for each in found if not each[4]] == [2, 2]
