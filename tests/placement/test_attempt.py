"""A run in pieces: as much of it as nodes can hold, in the fewest."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.placement.attempt import Attempt, Home, Placed, _pieces
from heteroplan.placement.nodes import nodes_of
from heteroplan.placement.runs import Run
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
    """One node is free at 0, the other at 1 and 2: a run of all three moves once.

    On a cyclic day it comes back, a second move.
    """
    nodes = nodes_of(scenario(in_fleet=fleet({"l1": {"h100x8": 2}})), "h100x8")
    free = np.array([[8, 0], [0, 8], [0, 8]], dtype=np.int32)
    attempt = Attempt(replace(nodes, free=free), {0: Home(slice(0, 2), 1, 8, 0)}, cyclic)
    attempt.place_all([Run(0, 1, 0, 3)])
    placed = sorted((each.first, each.intervals, each.moved) for each in attempt.placed)
    assert placed == [(0, 1, cyclic), (1, 2, True)]
    assert attempt.homeless == []


def test_what_finds_no_room_counts_first_then_moves_then_high_then_medium_priority() -> None:
    """Nodes of low, medium and high priority, replicas of two nodes with 4 GPUs on each.

    Two intervals and one of start on low and high, one that moved on medium and high: 4·3 + 4·1 on
    high, 4·1 on medium. Three intervals of 8 GPUs have no home.
    """
    nodes = nodes_of(scenario(in_fleet=fleet({"l1": {"h100x8": 3}})), "h100x8")
    run = Run(0, 1, 0, 3)
    attempt = Attempt(
        replace(nodes, scarcity=np.array([0, 1, 2])),
        {0: Home(slice(0, 3), 2, 4, 1)},
        False,
        placed=[Placed(run, 1, 2, 1, (0, 2)), Placed(run, 3, 1, 0, (1, 2), moved=True)],
        homeless=[(run, 0, 3)],
    )
    assert attempt.score() == (24, 1, 16, 4)
