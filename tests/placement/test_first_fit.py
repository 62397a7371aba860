"""A lifetime in pieces: as much of it as nodes can hold, in the fewest."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.scenario import Running
from heteroplan.optimize.program.supply import Places
from heteroplan.placement.first_fit import Attempt, Footprint, Placed, Unplaced, _pieces
from heteroplan.placement.lifetimes import Lifetime
from heteroplan.placement.nodes import nodes_of
from tests.builders import fleet, scenario

type Spans = list[tuple[int, int]]


def pieces(*ends: int) -> Spans:
    return list(_pieces(np.array(ends)))


def fewest(ends: list[int]) -> tuple[int, int]:
    """(offsets that no piece can hold, fewest pieces that hold all others), by trying all.

    A piece from an offset lasts to `ends` of it or, where it hands over earlier, to the next one.
    """
    length = len(ends)
    best = (length, 0)
    for count in range(length + 1):
        for starts in combinations(range(length), count):
            held = sum(
                max(0, min(ends[start], after) - start)
                for start, after in pairwise([*starts, length])
            )
            best = min(best, (length - held, count))
    return best


def test_a_piece_hands_over_to_the_one_that_lasts_longest() -> None:
    """Until 2, but from 1 another node is free to the end, and none from 2 on."""
    assert pieces(2, 4, 0, 0) == [(0, 1), (1, 4)]


def test_a_piece_lasts_as_long_as_it_can_where_none_lasts_longer() -> None:
    assert pieces(3, 3, 3, 5, 5) == [(0, 3), (3, 5)]
    assert pieces(2, 2, 0, 4) == [(0, 2), (3, 4)]


def test_what_no_node_can_hold_is_left_out() -> None:
    assert pieces(0, 0) == []
    assert pieces(0, 3, 3, 0) == [(1, 3)]


@st.composite
def reaches(draw: st.DrawFn) -> list[int]:
    """For each offset none, or how far a piece from it can last."""
    length = draw(st.integers(1, 7))
    return [draw(st.just(0) | st.integers(start + 1, length)) for start in range(length)]


@given(reaches())
def test_as_few_pieces_as_any_that_hold_as_much(ends: list[int]) -> None:
    found = pieces(*ends)
    assert all(start < stop <= ends[start] for start, stop in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    lost = len(ends) - sum(stop - start for start, stop in found)
    assert (lost, len(found)) == fewest(ends)


@pytest.mark.parametrize("cyclic", [False, True])
def test_every_piece_that_goes_on_from_another_is_a_move(cyclic: bool) -> None:
    """One node is free at 0, the other at 1 and 2: a lifetime of all three moves once.

    On a cyclic day it comes back, a second move.
    """
    nodes = nodes_of(Places(scenario(in_fleet=fleet({"l1": {"h100x8": 2}}))), "h100x8")
    free = np.array([[8, 0], [0, 8], [0, 8]], dtype=np.int32)
    attempt = Attempt(replace(nodes, free=free), {0: Footprint(slice(0, 2), 1, 8, 0)}, cyclic)
    attempt.place_all([Lifetime(0, 1, 0, 3)])
    placed = sorted((each.first, each.intervals, each.moved) for each in attempt.placed)
    assert placed == [(0, 1, cyclic), (1, 2, True)]
    assert attempt.unplaced == []


def test_what_finds_no_room_counts_first_then_moves_then_high_then_medium_priority() -> None:
    """Nodes of low, medium and high priority, replicas of two nodes with 4 GPUs on each.

    Two intervals and one of start on low and high, one that moved on medium and high: 4·3 + 4·1 on
    high, 4·1 on medium. Three intervals of 8 GPUs find no room.
    """
    nodes = nodes_of(Places(scenario(in_fleet=fleet({"l1": {"h100x8": 3}}))), "h100x8")
    life = Lifetime(0, 1, 0, 3)
    attempt = Attempt(
        replace(nodes, scarcity=np.array([0, 1, 2])),
        {0: Footprint(slice(0, 3), 2, 4, 1)},
        False,
        placed=[Placed(life, 1, 2, 1, (0, 2)), Placed(life, 3, 1, 0, (1, 2), moved=True)],
        unplaced=[Unplaced(life.pool, 0, 3)],
    )
    assert attempt.score() == (24, 1, 16, 4)


def on(free: list[list[int]], *, lead: int = 0, cyclic: bool = False, share: int = 8) -> Attempt:
    """Nodes n0, n1, ... of one leaf with so many free GPUs by interval, and a pool on all."""
    count = len(free[0])
    nodes = nodes_of(Places(scenario(in_fleet=fleet({"l1": {"h100x8": count}}))), "h100x8")
    nodes = replace(nodes, free=np.array(free, dtype=np.int32))
    return Attempt(nodes, {0: Footprint(slice(0, count), 1, share, lead)}, cyclic)


def spans(of: Attempt) -> list[tuple[int, int, int, tuple[int, ...], bool]]:
    return sorted(
        (each.first, each.intervals, each.lead, each.spot, each.moved) for each in of.placed
    )


def lost(of: Attempt) -> list[tuple[int, int]]:
    return [(each.first, each.intervals) for each in of.unplaced]


def test_whole_runs_are_placed_until_one_finds_no_room() -> None:
    attempt = on([[8, 0], [8, 0], [8, 8]])
    lifetimes = [
        Lifetime(0, 1, 0, 1),
        Lifetime(0, 2, 1, 1),
        Lifetime(0, 3, 1, 2),
        Lifetime(0, 4, 2, 1),
    ]
    assert not attempt.place_whole(lifetimes)
    assert [each.life.number for each in attempt.placed] == [1, 2]
    assert (attempt.unplaced, attempt.split) == ([], [])
    assert attempt.place_whole(lifetimes[3:])


def test_a_run_in_pieces_is_told_and_the_others_are_placed() -> None:
    """The second lifetime stands on n0, then on n1; what is left of n1 holds the third."""
    attempt = on([[8, 0], [8, 0], [0, 8], [0, 8]])
    lifetimes = [Lifetime(0, 1, 0, 1), Lifetime(0, 2, 1, 2), Lifetime(0, 3, 3, 1)]
    attempt.place_all(lifetimes)
    assert attempt.split == [lifetimes[1]]
    assert spans(attempt) == [
        (0, 1, 0, (0,), False),
        (1, 1, 0, (0,), False),
        (2, 1, 0, (1,), True),
        (3, 1, 0, (1,), False),
    ]
    assert attempt.nodes.free.tolist() == [[0, 0], [0, 0], [0, 0], [0, 0]]


def test_what_no_node_holds_is_lost_and_what_follows_is_a_start() -> None:
    """Of six intervals from 1 on the second, third and last find no room."""
    attempt = on([[8], [8], [0], [0], [8], [8], [0]])
    attempt.place_all([Lifetime(0, 1, 1, 6)])
    assert [(first, moved) for first, _, _, _, moved in spans(attempt)] == [(1, False), (4, False)]
    assert [intervals for _, intervals, _, _, _ in spans(attempt)] == [1, 2]
    assert lost(attempt) == [(2, 2), (6, 1)]


def test_what_is_lost_past_midnight_is_told_from_midnight_on() -> None:
    """A lifetime of 3, 0 and 1 of a cyclic day of four serves at 3 alone."""
    attempt = on([[0], [0], [8], [8]], cyclic=True)
    attempt.place_all([Lifetime(0, 1, 3, 3)])
    assert spans(attempt) == [(3, 1, 0, (0,), False)]
    assert lost(attempt) == [(0, 2)]


def test_a_run_of_all_day_is_cut_where_it_stands_longest() -> None:
    """n0 from 1 to 3 and n1 from 3 to 1, over midnight: two moves, not three."""
    attempt = on([[0, 8], [8, 0], [8, 0], [0, 8]], cyclic=True)
    attempt.place_all([Lifetime(0, 1, 0, 4)])
    assert spans(attempt) == [(1, 2, 0, (0,), True), (3, 2, 0, (1,), True)]


def test_a_run_of_all_day_with_a_gap_begins_after_it() -> None:
    attempt = on([[0, 8], [0, 8], [0, 0], [8, 0]], cyclic=True)
    attempt.place_all([Lifetime(0, 1, 0, 4)])
    assert lost(attempt) == [(2, 1)]
    assert sorted((first, moved) for first, _, _, _, moved in spans(attempt)) == [
        (0, True), (3, False),
    ]  # fmt: skip


@pytest.mark.parametrize("cyclic", [False, True])
def test_who_starts_holds_its_gpus_before(cyclic: bool) -> None:
    """Two intervals ahead, over midnight on a cyclic day and from the start on any other."""
    attempt = on([[8]] * 5, lead=2, cyclic=cyclic)
    attempt.place_all([Lifetime(0, 1, 1, 2)])
    assert spans(attempt) == [(1, 2, 2 if cyclic else 1, (0,), False)]
    held = [0, 0, 0, 8, 0] if cyclic else [0, 0, 0, 8, 8]
    assert attempt.nodes.free[:, 0].tolist() == held


@pytest.mark.parametrize("cyclic", [False, True])
def test_who_runs_all_day_never_starts(cyclic: bool) -> None:
    attempt = on([[8]] * 3, lead=2, cyclic=cyclic)
    attempt.place_all([Lifetime(0, 1, 0, 3)])
    assert spans(attempt) == [(0, 3, 0, (0,), False)]
    assert attempt.nodes.free.tolist() == [[0]] * 3


def test_a_move_takes_a_start_on_the_new_node() -> None:
    """n1 is free from 2 on: with an interval to start it serves from 3 on, and 2 is lost.

    Free from 1 on it serves from 2 on.
    """
    for free, gone, then in (([0, 0, 8, 8], [(2, 1)], 3), ([0, 8, 8, 8], [], 2)):
        attempt = on([list(each) for each in zip([8, 8, 0, 0], free, strict=True)], lead=1)
        attempt.place_all([Lifetime(0, 1, 0, 4)])
        assert spans(attempt) == [(0, 2, 0, (0,), False), (then, 4 - then, 1, (1,), not gone)]
        assert lost(attempt) == gone


@pytest.mark.parametrize(
    ("there", "named", "spot"),
    [(8, "n1", 1), (8, "", 0), (4, "n1", 1)],
)
def test_what_runs_already_stays_where_it_is_if_there_is_room_at_first(
    there: int, named: str, spot: int
) -> None:
    """n0 fits tighter; n1 has so many GPUs free."""
    attempt = on([[4, there], [4, there]], share=4)
    nodes = (attempt.nodes.names[1],) if named else ()
    attempt.place_all([Lifetime(0, 1, 0, 2, Running("w", "e", "h100x8", "l1", nodes))])
    assert spans(attempt) == [(0, 2, 0, (spot,), False)]


def test_what_runs_already_moves_when_its_place_is_gone() -> None:
    """n1 is free for an interval, n0 always: it begins on n1, and moves rather than begin anew."""
    attempt = on([[8, 8], [8, 0], [8, 0]])
    attempt.place_all(
        [Lifetime(0, 1, 0, 3, Running("w", "e", "h100x8", "l1", (attempt.nodes.names[1],)))]
    )
    assert spans(attempt) == [(0, 1, 0, (1,), False), (1, 2, 0, (0,), True)]


def test_a_home_is_counted_from_where_its_part_of_the_nodes_begins() -> None:
    footprint = Footprint(slice(5, 9), 2, 4, 3)
    assert footprint.width == 4
    assert footprint.within(slice(3, 12)) == Footprint(slice(2, 6), 2, 4, 3)


def test_all_that_found_no_room_counts_in_gpus() -> None:
    """Of two pools, of two nodes with 8 GPUs each and of 2 GPUs: 3 * 16 + 5 * 2."""
    attempt = on([[8, 8]])
    footprints = {0: Footprint(slice(0, 2), 2, 8, 0), 1: Footprint(slice(0, 2), 1, 2, 0)}
    lost = [Unplaced(0, 0, 3), Unplaced(1, 2, 5)]
    assert replace(attempt, footprints=footprints, unplaced=lost).score() == (58, 0, 0, 0)
