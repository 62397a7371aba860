"""One interval as a covering knapsack: by hand, against enumeration, and against the grid."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from heteroplan.optimize.covering.blocks import Block, Filling, NodeLoss, block_cost, cheapest_path
from heteroplan.optimize.covering.cover import Item, cheapest_cover, cover, is_cover
from heteroplan.optimize.program.problem import Ints


def block(
    *,
    price: list[float],
    share: list[float],
    start: list[float] | None = None,
    before: list[int] | None = None,
    low: list[int] | None = None,
    high: list[int] | None = None,
    need: float = 1.0,
    penalty: float = np.inf,
    fewest: int = 0,
    most: int | None = None,
) -> Block:
    """Engines in one interval, ten replicas of each at most where `high` does not say."""
    engines = len(price)

    def column(values: list[int]) -> Ints:
        return np.array(values, dtype=np.int64)[:, None]

    return Block(
        price=np.array(price)[:, None],
        start=np.array(start or [0.0] * engines)[:, None],
        share=np.array(share)[:, None],
        low=column(low or [0] * engines),
        high=column(high or [10] * engines),
        need=np.array([need]),
        penalty=np.array([penalty]),
        fewest=np.array([fewest]),
        most=None if most is None else np.array([most]),
        before=None if before is None else np.array(before, dtype=np.int64),
    )


def counts_of(made: Block, *, cyclic: bool = False) -> list[int]:
    found = cheapest_cover(made, cyclic=cyclic)
    assert found is not None
    return [int(count) for count in found.counts[:, 0]]


def test_the_engine_with_the_cheapest_share_is_not_the_whole_answer() -> None:
    """Shares 0.6 at 6 and 0.45 at 5: two of the first cost 12, one of each 11, 3 of the second 15.

    The first is the cheaper one (10 against 11.1 for all demand), yet one of each serves 1.05.
    """
    found = cheapest_cover(block(price=[6.0, 5.0], share=[0.6, 0.45]), cyclic=False)
    assert found is not None
    assert found.counts.tolist() == [[1], [1]]
    assert found.cost == found.bound == 11.0


def test_what_runs_is_kept_before_more_is_started() -> None:
    """Running costs 3, starting 4 more, a quarter of the demand each; another engine costs 5.

    Of the first two run: 2 x 3 + 2 x 5 = 16 beats 2 x 3 + 2 x 7 = 20 and 4 x 5 = 20.
    """
    made = block(price=[3.0, 5.0], start=[4.0, 0.0], share=[0.25, 0.25], before=[2, 0])
    found = cheapest_cover(made, cyclic=False)
    assert found is not None
    assert found.counts.tolist() == [[2], [2]]
    assert found.cost == found.bound == 16.0


def test_nothing_starts_in_a_cyclic_day_or_where_what_ran_is_not_known() -> None:
    """Four of the first engine then cost 4 x 3 = 12."""
    made = block(price=[3.0, 5.0], start=[4.0, 0.0], share=[0.25, 0.25], before=[2, 0])
    assert counts_of(made, cyclic=True) == [4, 0]
    assert counts_of(replace(made, before=None)) == [4, 0]


def test_an_engine_serves_only_while_it_is_cheaper_than_the_penalty() -> None:
    """All demand unserved costs 10: two replicas at 4 serve 0.9, the rest costs 1.

    An engine at 1.2 that serves 0.1 is not worth it, nor is a third replica at 4.
    """
    made = block(price=[4.0, 1.2], share=[0.45, 0.1], penalty=10.0)
    found = cheapest_cover(made, cyclic=False)
    assert found is not None
    assert found.counts.tolist() == [[2], [0]]
    assert found.cost == pytest.approx(9.0)
    assert found.bound == found.cost


def test_no_cover_where_demand_must_be_served_and_cannot() -> None:
    assert cheapest_cover(block(price=[1.0], share=[0.4], high=[2]), cyclic=False) is None


def test_nothing_runs_where_nothing_is_asked_but_what_must_or_pays() -> None:
    """One of the first must run at 1; the second earns 2 a replica, all three of it."""
    made = block(price=[1.0, -2.0], share=[0.4, 0.4], low=[1, 0], high=[5, 3], need=0.0)
    found = cheapest_cover(made, cyclic=False)
    assert found is not None
    assert found.counts.tolist() == [[1], [3]]
    assert found.cost == 1.0 - 6.0


def test_a_replica_at_no_cost_does_not_run_in_vain() -> None:
    """What costs nothing still holds GPUs: three of 0.4 serve the demand, not ten."""
    assert counts_of(block(price=[0.0], share=[0.4])) == [3]


def test_a_search_cut_off_says_what_is_proved_by_then() -> None:
    """Shares 0.6 at 6 and 0.45 at 5: the first node is two of the first for 12.

    What is still open then costs at least 10.44: one of the first and 0.4 / 0.45 of the second.
    Before the first node 10 is known: the first engine in fractions.
    """
    items = [Item(0, 6.0, 0.6, 10), Item(1, 5.0, 0.45, 10)]
    one = cover(items, 1.0, np.inf, nodes=1)
    assert (one.counts, one.cost) == ([2, 0], 12.0)
    assert one.bound == pytest.approx(6 + 5 * 0.4 / 0.45)
    none = cover(items, 1.0, np.inf, nodes=0)
    assert none.cost == np.inf
    assert none.bound == pytest.approx(10.0)


def test_limits_that_may_bind_are_left_to_the_grid() -> None:
    """Two replicas of at most 0.6 are the fewest that serve all: a minimum of two is kept anyway.

    A maximum of twenty is, too: there are no more.
    """
    made = block(price=[6.0, 5.0], share=[0.6, 0.45])
    assert is_cover(made)
    assert is_cover(replace(made, fewest=np.array([2])))
    assert not is_cover(replace(made, fewest=np.array([3])))
    assert not is_cover(replace(made, fewest=np.array([1]), penalty=np.array([10.0])))
    assert is_cover(replace(made, most=np.array([20])))
    assert not is_cover(replace(made, most=np.array([19])))
    weight = np.array([[2.0, 2.0]])
    assert is_cover(replace(made, weight=weight, room=np.array([[40]])))
    assert not is_cover(replace(made, weight=weight, room=np.array([[39]])))
    assert not is_cover(replace(made, sides=np.array([[True, False], [True, True]])))
    assert not is_cover(replace(made, sides=np.array([[True, False]])))
    loss = NodeLoss(serve=0.5, gpus=np.array([1, 1]), nodes=(((0, 1), 8),))
    assert not is_cover(replace(made, node_loss=loss))
    assert not is_cover(replace(made, filling=Filling(np.zeros((1, 1, 2)), 1.0)))
    assert not is_cover(two_intervals(made))


def two_intervals(made: Block) -> Block:
    """The same interval twice."""
    names = ("price", "start", "share", "low", "high", "need", "penalty", "fewest")
    twice: dict[str, Any] = {name: np.repeat(getattr(made, name), 2, axis=-1) for name in names}
    return replace(made, **twice)


@st.composite
def covers(draw: st.DrawFn) -> Block:
    """One to three engines, up to four of each; figures on a coarse grid, so that many tie."""
    engines = draw(st.integers(1, 3))

    def each[T](values: st.SearchStrategy[T]) -> list[T]:
        return draw(st.lists(values, min_size=engines, max_size=engines))

    low = each(st.integers(0, 1))
    return block(
        price=[value / 4 for value in each(st.integers(-1, 12))],
        start=[value / 4 for value in each(st.integers(0, 8))],
        share=[value / 20 for value in each(st.integers(0, 12))],
        before=draw(st.none() | st.just(each(st.integers(0, 4)))),
        low=low,
        high=[bottom + more for bottom, more in zip(low, each(st.integers(0, 3)), strict=True)],
        need=draw(st.integers(0, 20)) / 20,
        penalty=draw(st.sampled_from([np.inf, 2.0, 30.0])),
    )


@given(covers(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_covers_agree_with_enumeration(made: Block, cyclic: bool) -> None:
    ranges = [
        range(low, high + 1) for low, high in zip(made.low[:, 0], made.high[:, 0], strict=True)
    ]
    least = min(
        block_cost(made, np.array(counts, dtype=np.int64)[:, None], cyclic=cyclic)
        for counts in product(*ranges)
    )
    found = cheapest_cover(made, cyclic=cyclic)
    if found is None:
        assert least == np.inf
        return
    assert found.cost == pytest.approx(least)
    assert found.bound == found.cost
    assert found.cost == block_cost(made, found.counts, cyclic=cyclic)
    assert (made.low <= found.counts).all()
    assert (found.counts <= made.high).all()


@given(covers(), st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_a_search_cut_off_anywhere_brackets_the_optimum(made: Block, nodes: int) -> None:
    whole = cheapest_cover(made, cyclic=False)
    part = cheapest_cover(made, cyclic=False, nodes=nodes)
    if part is None:
        reject()
    assert whole is not None
    assert part.bound <= whole.cost + 1e-9
    assert whole.cost <= part.cost + 1e-9


@given(covers())
@settings(max_examples=200, deadline=None)
def test_the_grid_agrees(made: Block) -> None:
    """A second interval in which nothing is asked, at no price, sends the block to the grid."""
    wide = two_intervals(made)
    idle: dict[str, Any] = {
        name: np.where([True, False], getattr(wide, name), 0)
        for name in ("price", "start", "low", "need")
    }
    by_grid = cheapest_path(replace(wide, **idle), cyclic=False)
    by_cover = cheapest_path(made, cyclic=False)
    assert (by_grid is None) == (by_cover is None)
    if by_grid is not None and by_cover is not None:
        assert by_cover.cost == pytest.approx(by_grid.cost)
        assert by_cover.bound == pytest.approx(by_grid.bound)


def test_many_engines_need_no_grid() -> None:
    """Sixty engines, a thousand of each: 1001^60 states, and none of the cover is left open."""
    draw = np.random.default_rng(4)
    share = draw.uniform(0.001, 0.01, 60)
    made = block(
        price=(share * draw.uniform(90, 110, 60)).tolist(),
        share=share.tolist(),
        high=[1000] * 60,
    )
    found = cheapest_path(made, cyclic=False)
    assert found is not None
    assert not made.missing(found.counts).any()
    assert found.bound <= found.cost <= found.bound * 1.01
