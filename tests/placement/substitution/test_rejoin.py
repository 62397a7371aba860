"""A replica that stops where another of its pool starts goes on as it."""

from dataclasses import replace

import pytest

from heteroplan.entities.placement import Stay
from heteroplan.placement.substitution.rejoin import rejoined


def stay(
    replica: str, first: int, intervals: int, *, node: str = "n1", moved: bool = False
) -> Stay:
    return Stay(0, replica, "l1", (node,), first, intervals, 1, moved)


def told(stays: list[Stay], intervals: int, *, cyclic: bool = True) -> list[tuple[str, int, bool]]:
    found = rejoined(stays, intervals, cyclic=cyclic)
    return sorted((each.replica_id, each.first, each.moved) for each in found)


def test_a_start_where_another_stops_is_a_move_and_so_is_all_that_follows() -> None:
    """a serves 0 to 3, b 4 to 6 and, elsewhere, 7 to 8 of ten intervals."""
    stays = [stay("a", 0, 4), stay("b", 4, 3, node="n2"), stay("b", 7, 2, moved=True)]
    assert told(stays, 10, cyclic=False) == [("a", 0, False), ("a", 4, True), ("a", 7, True)]


def test_no_replica_is_in_two_places() -> None:
    """a also serves 5 to 6, so that b cannot go on as it; c can."""
    stays = [stay("a", 0, 4), stay("a", 5, 2), stay("b", 4, 3, node="n2"), stay("c", 1, 3)]
    assert told(stays, 10) == [("a", 0, False), ("a", 5, False), ("c", 1, False), ("c", 4, True)]
    assert told(stays[:3], 10) == [("a", 0, False), ("a", 5, False), ("b", 4, False)]


def test_a_replica_goes_on_over_midnight() -> None:
    """a serves 8 to 11 of a cyclic day of ten: 8, 9, 0, 1."""
    stays = [stay("a", 8, 4), stay("b", 2, 3, node="n2")]
    assert told(stays, 10) == [("a", 2, True), ("a", 8, False)]


def test_one_that_goes_on_already_is_left() -> None:
    stays = [stay("a", 0, 4), stay("a", 4, 2, moved=True), stay("b", 4, 3, node="n2")]
    assert told(stays, 10) == [("a", 0, False), ("a", 4, True), ("b", 4, False)]


def test_a_replica_goes_on_on_its_own_nodes_where_one_stops_there() -> None:
    """a stops on n1 and c on n2, where b starts, whichever of them is named first."""
    ending = [stay("a", 0, 4), stay("c", 1, 3, node="n2")]
    for both in (ending, ending[::-1]):
        found = told([*both, stay("b", 4, 3, node="n2")], 10)
        assert found == [("a", 0, False), ("c", 1, False), ("c", 4, True)]


def test_a_replica_goes_on_elsewhere_where_that_on_its_nodes_cannot() -> None:
    """c stops on n2 as well, but serves once more while b would."""
    stays = [stay("a", 0, 4), stay("c", 1, 3, node="n2"), stay("c", 6, 2, node="n3")]
    found = told([*stays, stay("b", 4, 3, node="n2")], 10)
    assert found == [("a", 0, False), ("a", 4, True), ("c", 1, False), ("c", 6, False)]


def test_replicas_of_other_pools_are_never_the_same() -> None:
    stays = [stay("a", 0, 4), replace(stay("b", 4, 3), pool=1)]
    assert told(stays, 10) == [("a", 0, False), ("b", 4, False)]


@pytest.mark.parametrize("cyclic", [False, True])
def test_a_day_ends_where_it_begins_only_if_it_is_cyclic(cyclic: bool) -> None:
    stays = [stay("a", 7, 3), stay("b", 0, 2)]
    b = ("a", 0, True) if cyclic else ("b", 0, False)
    assert told(stays, 10, cyclic=cyclic) == sorted([("a", 7, False), b])


def test_who_never_stops_has_no_end_to_go_on_from() -> None:
    """a serves all of a cyclic day, from 4 to 4."""
    stays = [stay("a", 4, 10), stay("b", 4, 3, node="n2")]
    assert told(stays, 10) == [("a", 4, False), ("b", 4, False)]


def test_who_takes_over_is_followed_once_alone() -> None:
    """a goes on as b was to, twice over; c starts where b moves, and so is a start of its own."""
    stays = [stay("a", 0, 2), stay("b", 2, 2), stay("b", 4, 2, moved=True), stay("c", 4, 1)]
    assert told(stays, 10) == [
        ("a", 0, False), ("a", 2, True), ("a", 4, True), ("c", 4, False),
    ]  # fmt: skip


def test_a_replica_that_went_on_can_be_gone_on_from() -> None:
    """b is a from 4 on, and where it stops at 7 c goes on as a as well; past midnight not so."""
    stays = [stay("a", 0, 4), stay("b", 4, 3), stay("c", 7, 2)]
    assert told(stays, 10) == [("a", 0, False), ("a", 4, True), ("a", 7, True)]
    stays = [stay("a", 0, 4), stay("b", 4, 3), stay("c", 7, 4)]
    assert told(stays, 10) == [("a", 0, False), ("a", 4, True), ("c", 7, False)]


def test_a_pool_that_never_grows_has_no_starts() -> None:
    """Each of three stops where the next starts: one replica that moves three times a day."""
    stays = [stay("a", 0, 4), stay("b", 4, 3), stay("c", 7, 3)]
    found = told(stays, 10)
    assert [(first, moved) for _, first, moved in found] == [(0, True), (4, True), (7, True)]
    assert len({replica for replica, _, _ in found}) == 1
