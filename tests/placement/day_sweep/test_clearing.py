"""Replicas that leave anyway stop where a block of GPUs becomes free for the least."""

from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.optimize.program.problem import Ints
from heteroplan.placement.day_sweep.clearing import moves_for, stops_for


def ints(*values: int) -> Ints:
    return np.array(values, dtype=np.int64)


def stopped(
    serving: list[list[int]],
    leaving: list[int],
    share: list[int],
    free: list[int],
    block: int,
    count: int = 1,
) -> list[tuple[int, list[int]]]:
    """(node, how many of each pool stop there), in order."""
    nodes, ways = stops_for(
        np.array(serving, dtype=np.int64),
        ints(*leaving),
        ints(*share),
        ints(*free),
        block,
        count,
        np.zeros(len(free), dtype=np.int64),
    )
    return list(zip(nodes.tolist(), ways.tolist(), strict=True))


def test_the_node_on_which_just_as_much_stops_as_is_missing() -> None:
    """Two GPUs are missing on either; on the first a replica of 4 would have to go for them."""
    assert stopped([[1, 0], [0, 2]], [1, 2], [4, 1], [2, 2], 4) == [(1, [0, 2])]


def test_the_node_on_which_fewest_gpus_stop() -> None:
    assert stopped([[4, 4, 4]], [8], [1], [1, 3, 2], 4) == [(1, [1])]


def test_of_equal_ones_the_pool_of_which_many_leave() -> None:
    assert stopped([[1, 0], [0, 1]], [1, 6], [2, 2], [2, 2], 4) == [(1, [0, 1])]


def test_large_replicas_stop_first_and_small_ones_fill_up() -> None:
    assert stopped([[1], [8]], [1, 8], [4, 1], [1], 8) == [(0, [1, 3])]


def test_more_than_is_missing_stops_where_nothing_is_exact() -> None:
    """Of nodes without 3 of 4 GPUs, one loses 4 and the other 8."""
    assert stopped([[0, 1], [1, 0]], [1, 1], [4, 8], [1, 1], 4) == [(1, [1, 0])]


@pytest.mark.parametrize(("count", "nodes"), [(1, []), (2, [0]), (3, [0, 2]), (9, [0, 2])])
def test_as_many_as_are_missing_as_far_as_enough_leave(count: int, nodes: list[int]) -> None:
    """The second node is free; on the others two replicas stop for a block."""
    found = stopped([[2, 0, 2]], [4], [2], [0, 4, 0], 4, count)
    assert [node for node, _ in found] == nodes


def test_a_replica_leaves_once() -> None:
    assert stopped([[1, 1]], [1], [4], [0, 0], 4, 2) == [(0, [1])]


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_one_block_more_for_no_more_than_any_way_takes(random: Random) -> None:
    """All ways that replicas whose sizes divide one another may stop on a node, by brute force."""
    pools, nodes, block = random.randint(1, 3), random.randint(1, 3), random.choice([2, 4, 8])
    share = [random.choice([1, 2, 4, 8]) for _ in range(pools)]
    leaving = [random.randint(0, 3) for _ in range(pools)]
    serving = [[random.randint(0, 2) for _ in range(nodes)] for _ in range(pools)]
    free = [random.randint(0, block - 1) for _ in range(nodes)]

    def gpus(way: tuple[int, ...]) -> int:
        return sum(n * size for n, size in zip(way, share, strict=True))

    beyond = [
        gpus(way) + free[node] - block
        for node in range(nodes)
        for way in product(*(range(min(serving[p][node], leaving[p]) + 1) for p in range(pools)))
        if gpus(way) + free[node] >= block
    ]
    found = stopped(serving, leaving, share, free, block)
    assert bool(found) == bool(beyond)
    for node, way in found:
        assert gpus(tuple(way)) + free[node] - block == min(beyond)
        assert all(way[p] <= min(serving[p][node], leaving[p]) for p in range(pools))


def moved(
    serving: list[list[int]],
    share: list[int],
    free: list[int],
    count: int = 1,
    movable: list[int] | None = None,
    rows: list[tuple[int, int]] | None = None,
) -> list[tuple[int, ...]]:
    """(pool, from, to) for `count` blocks of the last pool, of which none serves."""
    moves = moves_for(
        np.array([*serving, [0] * len(free)], dtype=np.int64),
        ints(*(movable or map(sum, serving)), 0),
        ints(*share),
        np.array([*(rows or [(0, len(free))] * len(serving)), (0, len(free))], dtype=np.int64),
        ints(*free),
        len(share) - 1,
        count,
    )
    return [tuple(each) for each in moves.tolist()]


def test_a_small_replica_makes_room_for_a_large_one() -> None:
    """A GPU moves off the second node, onto the fullest of those that have one free."""
    assert moved([[2, 1, 3]], [1, 8], [6, 7, 5]) == [(0, 1, 2)]


def test_large_replicas_move_first_and_as_few_gpus_as_are_missing() -> None:
    assert moved([[1, 0, 0], [4, 2, 2]], [2, 1, 8], [2, 6, 6]) == [(1, 1, 0), (1, 1, 0)]
    assert moved([[1, 0, 0], [2, 5, 5]], [2, 1, 8], [4, 3, 3]) == [(0, 0, 1), (1, 0, 1), (1, 0, 2)]


def test_nothing_moves_where_nothing_would_fit() -> None:
    """Neither of two replicas of 4 GPUs has 4 elsewhere, nor has one where it may stand."""
    assert moved([[1, 1, 0]], [4, 8], [4, 3, 3]) == []
    assert moved([[1, 0]], [4, 8], [4, 4]) == [(0, 0, 1)]
    assert moved([[1, 0]], [4, 8], [4, 4], rows=[(0, 1)]) == []
    assert moved([[1, 1]], [4, 8], [4, 4], movable=[0]) == []


def test_a_free_block_is_not_taken_to_clear_another() -> None:
    assert moved([[1, 0]], [1, 8], [7, 8]) == []


def test_no_more_blocks_are_cleared_than_are_asked_for() -> None:
    serving, free = [[1, 1, 1, 1]], [7, 7, 7, 5]
    for count in range(1, 4):
        assert [move[1] for move in moved(serving, [1, 8], free, count)] == [0, 1, 2][:count]


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_moves_clear_a_block_each_and_fit(random: Random) -> None:
    """Of nodes with 8 GPUs; no node ever has less than none free, none loses a whole block."""
    share = [1, 2, 4, random.choice([2, 4, 8])]
    serving, free = [[0] * 4 for _ in range(3)], [8] * 4
    for _ in range(random.randint(0, 16)):
        p, n = random.randrange(3), random.randrange(4)
        if share[p] <= free[n]:
            serving[p][n] += 1
            free[n] -= share[p]
    count, block = random.randint(1, 3), share[-1]
    moves = moved(serving, share, free, count)
    after, left = list(free), list(free)
    for p, here, there in moves:
        left[there] -= share[p]
        after[here] += share[p]
        after[there] -= share[p]
        serving[p][here] -= 1
    assert all(each >= 0 for each in left)
    assert all(each >= 0 for pool in serving for each in pool)
    cleared = {here for _, here, _ in moves}
    assert sum(a // block for a in after) == sum(f // block for f in free) + len(cleared)
    assert len(cleared) <= count
