"""Blocks kept to a part of their grid: which part, by hand, and that it holds what is needed.

A replica serves 1/64 of the demand where nothing else is said, so demands are given in replicas.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.optimize.covering import narrow
from heteroplan.optimize.covering.blocks import Block, cheapest_path
from heteroplan.optimize.covering.losses import NodeLoss
from heteroplan.optimize.covering.narrow import narrowed
from tests.optimize.block_reference import block_cost

REPLICA = 1 / 64
ONE_DEARER_THAN_THE_OTHER = (1.0, 2.0, 3.0, 4.0, 5.0)


def block(
    *,
    high: Sequence[int],
    need: Sequence[float],
    price: Sequence[float] = ONE_DEARER_THAN_THE_OTHER,
    low: Sequence[int] | None = None,
    penalty: float = np.inf,
) -> Block:
    """Engines whose replicas all serve as much, at figures that hold at all times."""
    engines, intervals = len(high), len(need)
    shape = (engines, intervals)
    of_engine = np.ones((1, intervals), dtype=np.int64)
    return Block(
        price=np.array(price[:engines])[:, None] * of_engine,
        start=np.ones(shape),
        share=np.full(shape, REPLICA),
        low=np.array(low or [0] * engines)[:, None] * of_engine,
        high=np.array(high)[:, None] * of_engine,
        need=np.array(need) * REPLICA,
        penalty=np.full(intervals, penalty),
        fewest=np.zeros(intervals, dtype=np.int64),
    )


def box(of: Block) -> list[list[tuple[int, int]]]:
    """Fewest and most replicas of each engine in each interval."""
    both = np.stack([of.low, of.high], axis=2)
    return [[(int(lo), int(hi)) for lo, hi in over_time] for over_time in both]


@pytest.fixture
def no_room(most_states: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For more than a state: only the hour itself counts then."""
    monkeypatch.setattr(narrow, "WHOLE_CELLS", 1)


@pytest.fixture(autouse=True)
def most_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interval of a grid that is searched whole."""
    monkeypatch.setattr(narrow, "WHOLE_CELLS", 4_000)


def test_a_grid_of_just_the_most_states_is_searched_whole() -> None:
    """50 x 80 = 4,000 states an interval; not one more."""
    at_most, last, most = block(high=[49, 79], need=[9.0, 3.0]), 79, 4000
    assert at_most.cells() == most
    assert narrowed(at_most) is at_most
    wider = replace(at_most, high=np.array([[49, most], [last, 0]]))
    assert wider.cells() == most + 0.5
    assert narrowed(wider).cells() < most


@pytest.mark.parametrize(
    ("high", "kept"),
    [
        # A fourth of the 4,000 states belongs to the cheapest: 20 x 50 are just that many,
        ([19, 49, 99], [19, 49, 2]),
        # 20 x 51 are more.
        ([19, 50, 99], [19, 2, 2]),
        # 100 x 3 x 3 x 3 with two of each other engine;
        ([99, 30, 30, 30], [99, 2, 2, 2]),
        # 200 x 3 x 3 x 3 is too large, 200 x 2 x 2 x 2 is not, nor where one may have none.
        ([199, 30, 30, 30], [199, 1, 1, 1]),
        ([499, 30, 30, 0], [499, 1, 1, 0]),
    ],
)
def test_dearer_engines_are_kept_to_a_replica_or_two(high: list[int], kept: list[int]) -> None:
    made = block(high=high, need=[9.0, 3.0])
    assert box(narrowed(made)) == [[(0, most)] * 2 for most in kept]


def test_a_box_of_just_the_most_states_is_not_narrowed_further() -> None:
    """1,000 x 2 x 2 = 4,000 with one replica of each of two; with two it would be 9,000."""
    made = block(high=[999, 30, 30], need=[9.0, 3.0])
    assert narrowed(made).high[:, 0].tolist() == [999, 1, 1]


def test_a_replica_that_serves_cheapest_is_not_the_cheapest_one() -> None:
    """The second costs twice as much as the first and serves four times as much."""
    made = block(high=[99, 99], need=[9.0, 3.0])
    share = made.share * np.array([[1.0], [4.0]])
    assert narrowed(replace(made, share=share)).high[:, 0].tolist() == [2, 99]


def test_engines_at_most_times_dearer_are_not_kept_to_few_where_they_are_needed() -> None:
    """20 of the first and two of the second serve 22: enough for 22 at the peak, not for 23."""
    enough = block(high=[20, 300], need=[22.0, 1.0])
    assert box(narrowed(enough)) == [[(0, 20)] * 2, [(0, 2)] * 2]
    more = block(high=[20, 300], need=[1.0, 23.0])
    assert narrowed(more).high[1, 1] >= 3


def test_demand_that_nothing_can_serve_asks_for_no_more_replicas() -> None:
    """At noon no engine serves anything, so that two dearer replicas leave as much as 300."""
    made = block(high=[20, 300], need=[10.0, 10.0], penalty=50.0)
    share = made.share * np.array([1.0, 0.0])
    assert box(narrowed(replace(made, share=share))) == [[(0, 20)] * 2, [(0, 2)] * 2]


@pytest.mark.usefixtures("no_room")
def test_each_side_is_covered_by_engines_that_count_there() -> None:
    """9 and 30 replicas by the cheap engine, which counts on both sides.

    Where it counts on one or on none, so many by the dear one, which then serves both.
    """
    made = block(high=[99, 99], need=[9.0, 30.0])
    both_and_one = np.array([[True, True], [True, False]])
    cheap, dear = box(narrowed(replace(made, sides=both_and_one)))
    assert cheap == [(8, 10), (29, 31)]
    assert dear == [(0, 1)] * 2
    for one_and_both in (np.array([[False, True], [True, True]]), np.array([[False, True]] * 2)):
        cheap, dear = box(narrowed(replace(made, sides=one_and_both)))
        assert cheap == [(0, 1)] * 2
        assert dear == [(8, 10), (29, 31)]
    cheap, dear = box(narrowed(replace(made, sides=np.eye(2, dtype=bool))))
    assert cheap == dear == [(8, 10), (29, 31)]


def test_what_covers_one_side_alone_does_not_reach_as_far_as_all() -> None:
    """Two of the dear engine do for its own side, but for 30 replicas of it in the last hour."""
    made = block(high=[99, 99], need=[9.0, 2.0], penalty=50.0)
    apart = replace(made, sides=np.eye(2, dtype=bool))
    assert box(narrowed(replace(apart, need=np.array([2.0, 2.0]) * REPLICA))) == [
        [(0, 99)] * 2,
        [(0, 2)] * 2,
    ]
    busy = narrowed(replace(apart, need=np.array([9.0, 30.0]) * REPLICA))
    assert box(busy) == [[(8, 31)] * 2, [(8, 31)] * 2]


@pytest.mark.usefixtures("no_room")
def test_a_cover_keeps_to_supply_that_engines_share() -> None:
    """Of 20 GPUs a cheap replica holds 1 and a dear one 3; a second row has room for 8 cheap ones.

    Those leave 12 GPUs for 4 dear ones. Later there are 9 GPUs for as many cheap ones.
    """
    made = replace(
        block(high=[99, 99], need=[60.0, 60.0]),
        weight=np.array([[1.0, 3.0], [1.0, 0.0]]),
        room=np.array([[20, 9], [8, 30]]),
    )
    cheap, dear = box(narrowed(made))
    assert cheap == [(7, 9), (8, 10)]
    assert dear == [(3, 5), (0, 1)]


@pytest.mark.usefixtures("no_room")
def test_a_cover_keeps_to_limits_on_all_replicas() -> None:
    """At most 7 at first; then no fewer than 20, where 5 replicas of 4/64 serve all there is.

    The rest are of the engine whose replica is cheapest, of which there are 10, and then more.
    """
    made = block(high=[99, 99], need=[60.0, 20.0])
    limits = replace(
        made,
        share=made.share * np.array([[1.0], [4.0]]),
        most=np.array([7, 50]),
        fewest=np.array([0, 20]),
        high=np.array([[99, 10], [99, 99]]),
    )
    cheap, dear = box(narrowed(limits))
    assert cheap == [(0, 1), (9, 10)]
    assert dear == [(6, 8), (9, 11)]


@pytest.mark.usefixtures("no_room")
def test_a_row_and_a_limit_are_kept_both() -> None:
    """A row has room for 9 replicas of the cheap engine, the limit of 12 for 3 of the dear one."""
    made = block(high=[99, 99], need=[60.0, 60.0])
    limits = replace(
        made, weight=np.array([[2.0, 0.0]]), room=np.array([[18, 18]]), most=np.array([12, 12])
    )
    cheap, dear = box(narrowed(limits))
    assert cheap == [(8, 10)] * 2
    assert dear == [(2, 4)] * 2


def test_few_of_the_dear_engines_are_too_few_where_more_replicas_must_run() -> None:
    """99 and two are 101: enough for a minimum of 101, not for one of 102."""
    made = block(high=[99, 99], need=[9.0, 3.0])
    enough = narrowed(replace(made, fewest=np.array([0, 101])))
    assert enough.high[:, 1].tolist() == [99, 2]
    more = narrowed(replace(made, fewest=np.array([102, 0])))
    assert int(more.high[:, 0].sum()) >= 102


@pytest.mark.usefixtures("no_room")
def test_what_a_node_holds_is_covered_once_more() -> None:
    """20 replicas of 2 GPUs are asked for, 4 of them on a node of 8 GPUs: 20 to 24.

    On a node of the dear engine there are 8, which may be lost if any stands there at all: to 28
    where it counts too. None where nodes hold engines of the other side alone.
    """
    made = block(high=[99, 99], need=[20.0, 9.0])
    gpus = np.array([2, 1])
    for node, node_gpus, more in (
        ([0, 1], [8, 0], 4),
        ([0, 1], [8, 8], 8),
        ([1, 0], [8, 8], 8),
        ([0, 0], [8], 8),
    ):
        loss = NodeLoss(1.0, gpus, np.array(node), np.array(node_gpus))
        cheap, _ = box(narrowed(replace(made, node_loss=loss)))
        assert cheap == [(19, 20 + more + 1), (8, 9 + more + 1)]
    loss = NodeLoss(1.0, gpus, np.array([0, 1]), np.array([0, 8]))
    cheap, dear = box(narrowed(replace(made, node_loss=loss, sides=np.eye(2, dtype=bool))))
    assert cheap == [(19, 21), (8, 10)]
    assert dear == [(19, 29), (8, 18)]


def test_a_promise_is_kept_near_the_cover_where_the_whole_grid_can() -> None:
    """24 + 8 replicas a node apart: 20 of one engine are too few, and both have large grids."""
    loss = NodeLoss(1.0, np.array([1, 1]), np.array([0, 0]), np.array([8]))
    made = replace(block(high=[20, 300], need=[24.0, 12.0]), node_loss=loss)
    part = narrowed(made)
    assert part.cells() < made.cells()
    assert not part.missing(part.high).any()


def test_all_are_kept_near_the_cheapest_cover_of_the_hours_around() -> None:
    """40.5 replicas at the first of eight hours, 20 at the others, 20 of the cheap engine at most.

    The dear one covers 20.5 at first: 19 to 22 of it, from 0 up to 1 where there is no need of it.
    Three hours before and after that may be so too, which leaves the hour in the middle.
    """
    made = block(high=[20, 300], need=[40.5, *[20.0] * 7])
    cheap, dear = box(narrowed(made))
    assert cheap == [(19, 20)] * 8
    assert dear == [(0, 22)] * 4 + [(0, 1)] + [(0, 22)] * 3


def test_hours_further_away_do_not_count_where_the_grid_would_be_too_large() -> None:
    """100 replicas of each engine at first, then none: 101 x 102 states are fine in 3 of 8 hours.

    In seven of eight they would be 9,014 an hour.
    """
    made = block(high=[100, 300], need=[200.0, *[0.0] * 7])
    cheap, dear = box(narrowed(made))
    assert cheap == [(0, 100)] * 2 + [(0, 1)] * 5 + [(0, 100)]
    assert dear == [(0, 101)] * 2 + [(0, 1)] * 5 + [(0, 101)]


def test_each_hour_stands_alone_where_its_neighbours_make_the_grid_too_large() -> None:
    made = block(high=[100, 300], need=[200.0, 0.0, 30.0])
    cheap, dear = box(narrowed(made))
    assert cheap == [(99, 100), (0, 1), (29, 31)]
    assert dear == [(99, 101), (0, 1), (0, 1)]


@pytest.mark.usefixtures("no_room")
def test_the_cheapest_cover_is_that_of_the_hour() -> None:
    """30 replicas of either engine; by hour the one or the other costs less, or serves more.

    In the third a replica of the first costs half as much again and serves 2.5 times as much.
    """
    made = replace(
        block(high=[25, 300], need=[30.0, 30.0, 30.0]),
        price=np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]),
        share=REPLICA * np.array([[1.0, 1.0, 2.5], [1.0, 1.0, 1.0]]),
    )
    cheap, dear = box(narrowed(made))
    assert cheap == [(24, 25), (0, 1), (11, 13)]
    assert dear == [(4, 6), (29, 31), (0, 1)]


@pytest.mark.usefixtures("no_room")
def test_an_engine_that_serves_nothing_is_no_part_of_a_cover() -> None:
    """Of the second engine nothing is of use in the second hour, though 40 are lacking."""
    made = block(high=[20, 300], need=[60.0, 60.0])
    share = made.share * np.array([[1.0, 1.0], [1.0, 0.0]])
    cheap, dear = box(narrowed(replace(made, share=share)))
    assert cheap == [(19, 20)] * 2
    assert dear == [(39, 41), (0, 1)]


def test_no_fewer_replicas_than_the_block_allows() -> None:
    """At least 5 of the dear engine, which is one more than two: 5 of it stay, no more."""
    made = block(high=[99, 99], need=[9.0, 3.0], low=[3, 5])
    assert box(narrowed(made)) == [[(3, 99)] * 2, [(5, 5)] * 2]
    near = block(high=[100, 300], need=[200.0, 0.0, 30.0], low=[3, 5])
    cheap, dear = box(narrowed(near))
    assert cheap == [(99, 100), (3, 3), (29, 31)]
    assert dear == [(99, 101), (5, 5), (5, 5)]


@pytest.mark.parametrize("most", [8, 30, 100])
def test_the_part_lies_within_the_grid_and_holds_a_schedule(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which costs no less than the best of the whole grid, and on average hardly more."""
    monkeypatch.setattr(narrow, "WHOLE_CELLS", most)
    more = []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        shape = (3, 4)
        high = draw.integers(3, 7, shape)
        share = draw.uniform(0.1, 0.4, shape)
        made = replace(
            block(high=[6] * 3, need=[0.0] * 4),
            price=draw.uniform(0.5, 3.0, shape),
            start=draw.uniform(0.0, 2.0, shape),
            share=share,
            high=high,
            need=draw.uniform(0.2, 1.0, 4) * (share * high).sum(axis=0).min() / 2,
        )
        before = (made.low.copy(), made.high.copy())
        part = narrowed(made)
        assert (made.low <= part.low).all()
        assert (part.low <= part.high).all()
        assert (part.high <= made.high).all()
        assert all(map(np.array_equal, before, (made.low, made.high)))
        best, found = (cheapest_path(each, cyclic=False) for each in (made, part))
        assert best is not None
        assert found is not None
        assert not made.missing(found.counts).any()
        assert found.cost == pytest.approx(block_cost(made, found.counts, cyclic=False))
        assert found.cost >= best.cost - 1e-9
        more.append(found.cost / best.cost)
    assert np.mean(more) < 1.1
