"""A replica that stops where another of its pool starts goes on as it."""

from heteroplan.entities.placement import Stay
from heteroplan.placement.rejoin import rejoined


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
