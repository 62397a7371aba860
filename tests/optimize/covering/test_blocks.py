"""The covering block: exact against enumeration, and by hand."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from heteroplan.optimize.covering.blocks import Block, cheapest_path
from heteroplan.optimize.covering.choice import not_beaten, on_grid, useful_counts
from heteroplan.optimize.covering.losses import NodeLoss
from tests.optimize.block_reference import block_cost, states


def block(
    *,
    price: list[float],
    start: list[float],
    share: list[float],
    need: list[float],
    most: int = 3,
    penalty: float = np.inf,
    fewest: int = 0,
) -> Block:
    """Engines with constant figures over the intervals of `need`."""
    intervals = len(need)
    over_time = np.ones(intervals)
    return Block(
        price=np.outer(price, over_time),
        start=np.outer(start, over_time),
        share=np.outer(share, over_time),
        low=np.zeros((len(price), intervals), dtype=np.int64),
        high=np.full((len(price), intervals), most),
        need=np.array(need),
        penalty=np.full(intervals, penalty),
        fewest=np.full(intervals, fewest),
    )


def test_holding_a_replica_over_a_dip_is_cheaper_than_starting_it_again() -> None:
    """Price 1, start 5, needs 2, 1, 2 replicas: 2+2+2 = 6 beats 2+1+2 + one start of 5 = 10."""
    found = cheapest_path(
        block(price=[1.0], start=[5.0], share=[0.5], need=[1.0, 0.5, 1.0]), cyclic=True
    )
    assert found is not None
    assert found.counts.tolist() == [[2, 2, 2]]
    assert found.cost == found.bound == 6.0


def test_a_day_that_is_not_cyclic_starts_with_what_runs() -> None:
    """Needs 2 then 1: 2 + 1 = 3 without a start; the cyclic day pays one start of 0.5 a round."""
    made = block(price=[1.0], start=[0.5], share=[0.5], need=[1.0, 0.5])
    open_day, round_day = cheapest_path(made, cyclic=False), cheapest_path(made, cyclic=True)
    assert open_day is not None
    assert round_day is not None
    assert (open_day.cost, round_day.cost) == (3.0, 3.5)


def test_a_round_day_is_opened_where_its_start_is_free_anyhow() -> None:
    """Into the hour that needs one of two replicas nothing starts: 3.5 is proven, not 3."""
    made = block(price=[1.0], start=[0.5], share=[0.5], need=[1.0, 0.5])
    found = cheapest_path(made, cyclic=True)
    assert found is not None
    assert found.bound == found.cost == 3.5


def test_a_round_day_is_opened_at_night_where_nothing_serves_or_is_asked_for() -> None:
    """2 replicas, none, 1: 3 and a start of 0.5 in either hour, as none is needed at night."""
    made = block(price=[1.0], start=[0.5], share=[0.5], need=[1.0, 0.0, 0.5])
    found = cheapest_path(replace(made, share=made.share * [1.0, 0.0, 1.0]), cyclic=True)
    assert found is not None
    assert found.counts.tolist() == [[2, 0, 1]]
    assert found.bound == found.cost == 4.0


def test_a_change_is_spared_where_holding_a_replica_costs_less() -> None:
    """Needs 2, 1, 2, 2 replicas at 1 each: two changes of 0.6 cost more than one replica more.

    At 0.4 they cost less: 7 + 0.8.
    """
    made = block(price=[1.0], start=[0.0], share=[0.5], need=[1.0, 0.5, 1.0, 1.0])
    for change, counts, cost in ((0.6, [2, 2, 2, 2], 8.0), (0.4, [2, 1, 2, 2], 7.8)):
        found = cheapest_path(replace(made, change=np.array([change])), cyclic=True)
        assert found is not None
        assert found.counts.tolist() == [counts]
        assert found.cost == pytest.approx(cost)


def test_uncovered_demand_costs_its_penalty() -> None:
    """One replica at most serves 0.4 of 1.0: 1 + 0.6 x 10 = 7."""
    found = cheapest_path(
        block(price=[1.0], start=[0.0], share=[0.4], need=[1.0], most=1, penalty=10.0), cyclic=True
    )
    assert found is not None
    assert found.cost == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("serve", "missing"), [(1.0, [0.2, 0.6]), (0.9, [1 / 9, 5 / 9]), (0.5, [0.0, 0.2])]
)
def test_a_promise_to_survive_a_node_lets_less_be_served(
    serve: float, missing: list[float]
) -> None:
    """Three replicas of 0.4, then two, one a node: 0.8, then 0.4 are left without one.

    So 0.8 / serve and 0.4 / serve of all demand may be served.
    """
    made = replace(
        block(price=[1.0], start=[0.0], share=[0.4], need=[1.0, 1.0]),
        node_loss=NodeLoss(serve, np.array([8]), np.array([0]), np.array([8])),
    )
    found = made.missing(np.array([[3, 2]]))
    np.testing.assert_allclose(found, [missing], atol=1e-12)


def test_a_lost_node_takes_from_each_side_what_serves_there() -> None:
    """Three prefill replicas of 0.5 and three of decode of 0.4, one a node: 1.0 and 0.8 are left.

    Only one node is lost, so that decode goes without 0.4 and not without the 0.5 of prefill.
    """
    made = replace(
        block(price=[1.0, 1.0], start=[0.0, 0.0], share=[0.5, 0.4], need=[1.0]),
        node_loss=NodeLoss(1.0, np.array([8, 8]), np.array([0, 0]), np.array([8])),
        sides=np.eye(2, dtype=bool),
    )
    np.testing.assert_allclose(made.missing(np.array([[3], [3]])), [[0.0], [0.2]], atol=1e-12)


def test_no_schedule_where_demand_must_be_served_and_cannot() -> None:
    assert (
        cheapest_path(block(price=[1.0], start=[0.0], share=[0.4], need=[1.0], most=2), cyclic=True)
        is None
    )


def random_block(seed: int) -> Block:
    draw = np.random.default_rng(seed)
    engines, intervals = int(draw.integers(1, 3)), int(draw.integers(1, 4))
    free_capacity = draw.integers(2, 9, intervals) if draw.random() < 0.5 else None
    return Block(
        price=draw.uniform(0.5, 3.0, (engines, intervals)),
        start=draw.uniform(0.0, 3.0, (engines, intervals)),
        share=np.repeat(draw.uniform(0.2, 0.6, (engines, 1)), intervals, axis=1),
        low=draw.integers(0, 2, (engines, intervals)),
        high=draw.integers(1, 4, (engines, intervals)),
        need=draw.uniform(0.0, 1.0, intervals),
        penalty=np.where(draw.random(intervals) < 0.5, np.inf, draw.uniform(1, 20, intervals)),
        fewest=draw.integers(0, 3, intervals),
        most=draw.integers(3, 6, intervals) if draw.random() < 0.3 else None,
        weight=None if free_capacity is None else np.full((1, engines), 2.0),
        room=None if free_capacity is None else free_capacity[None, :],
        change=draw.uniform(0.0, 2.0, engines) if seed % 3 == 0 else None,
    )


def enumerated(made: Block, *, cyclic: bool) -> float:
    """Least cost over every schedule in the box."""
    choices = [list(states(made, t)) for t in range(len(made.need))]
    return min(
        (
            block_cost(made, np.array(days, dtype=np.int64).T, cyclic=cyclic)
            for days in product(*choices)
        ),
        default=np.inf,
    )


@pytest.mark.parametrize("cyclic", [True, False])
def test_paths_agree_with_enumeration(cyclic: bool) -> None:
    """Bound <= optimum <= cost on 150 random blocks; an open day is exact."""
    for seed in range(150):
        made = random_block(seed)
        best = enumerated(made, cyclic=cyclic)
        found = cheapest_path(made, cyclic=cyclic)
        if found is None:
            assert best == np.inf
            continue
        assert found.cost == pytest.approx(block_cost(made, found.counts, cyclic=cyclic))
        assert found.bound <= best + 1e-9
        assert best <= found.cost + 1e-9
        if not cyclic:
            assert found.cost == pytest.approx(best)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_useful_counts_hold_a_cheapest_schedule(seed: int) -> None:
    """Widening the box beyond the useful counts never lowers the cost."""
    made = random_block(seed)
    steady = made.change is not None
    high = useful_counts(made.price, made.start, made.share, made.need, made.fewest, steady=steady)
    free = {
        "low": np.zeros_like(made.low),
        "penalty": np.full_like(made.penalty, np.inf),
        "most": None,
        "weight": None,
        "room": None,
    }
    tight = Block(**{**_fields(made), **free, "high": high})
    wide = Block(**{**_fields(made), **free, "high": high + 2})
    found, more = cheapest_path(tight, cyclic=False), cheapest_path(wide, cyclic=False)
    assert found is not None
    assert more is not None
    assert found.cost == pytest.approx(more.cost)


def test_copies_of_a_cheaper_engine_beat_a_bigger_one() -> None:
    """Two replicas at 1 serve 0.4; one at 2.5 serves 0.39: never worth it. One at 1.9 may be."""
    share = np.array([[0.2], [0.39]])
    start = np.zeros((2, 1))
    new = np.ones(2, dtype=bool)

    def kept(
        dear: float, *, new: NDArray[np.bool_] = new, copies_allowed: bool = True
    ) -> list[bool]:
        price = np.array([[1.0], [dear]])
        found: list[bool] = not_beaten(price, start, share, new, copies_allowed).tolist()
        return found

    assert kept(2.5) == [True, False]
    assert kept(1.9) == [True, True]
    assert kept(2.5, copies_allowed=False) == [True, True]
    assert kept(2.5, new=np.array([True, False])) == [True, True]


def test_the_grid_keeps_the_engines_that_serve_cheapest() -> None:
    """Unit prices 5, 4, 10 and 10 counts each: 11 x 11 = 121 states fit, 1,331 do not."""
    price, share = np.array([[1.0], [1.0], [1.0]]), np.array([[0.2], [0.25], [0.1]])
    high = np.full((3, 1), 10)
    assert on_grid(range(3), price, share, high, 200) == [0, 1]
    assert on_grid(range(3), price, share, high, 5) == [1]


def _fields(made: Block) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__dataclass_fields__}
