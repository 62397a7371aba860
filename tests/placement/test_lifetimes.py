"""Pool sizes as lifetimes of single replicas: the last to start stops first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Running
from heteroplan.placement.lifetimes import Lifetime, lifetimes
from tests.builders import fleet
from tests.placement.cases import Case, Sizes, case


def spans(of: Case) -> list[tuple[int, int]]:
    return sorted((life.first, life.intervals) for life in lifetimes(of.problem, of.replicas, {}))


def sized(sizes: list[int], *, cyclic: bool = True) -> Case:
    return case(Sizes({"c1": sizes}, affinity=Affinity.CLUSTER), cyclic=cyclic)


@pytest.mark.parametrize(
    ("sizes", "cyclic", "expected"),
    [
        ([1, 2, 2, 1], True, [(0, 4), (1, 2)]),
        ([1, 3, 2, 1], True, [(0, 4), (1, 1), (1, 2)]),
        ([2, 1, 1, 2], True, [(0, 4), (3, 2)]),
        ([2, 1, 1, 2], False, [(0, 1), (0, 4), (3, 1)]),
        ([1, 2, 3, 2, 1], True, [(0, 5), (1, 3), (2, 1)]),
        ([0, 1, 2, 1, 0], False, [(1, 3), (2, 1)]),
        ([3, 2, 1, 2], False, [(0, 1), (0, 2), (0, 4), (3, 1)]),
        ([0, 1, 0, 1], True, [(1, 1), (3, 1)]),
        ([0, 0], True, []),
    ],
)
def test_runs_by_hand(sizes: list[int], cyclic: bool, expected: list[tuple[int, int]]) -> None:
    """`(3, 2)` serves intervals 3 and 0: a cyclic day goes on at its start."""
    assert spans(sized(sizes, cyclic=cyclic)) == expected


@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.booleans())
def test_runs_add_up_to_the_sizes_with_no_more_starts_than_they_imply(
    sizes: list[int], cyclic: bool
) -> None:
    of = sized(sizes, cyclic=cyclic)
    serving = [0] * len(sizes)
    starts = [0] * len(sizes)
    for life in lifetimes(of.problem, of.replicas, {}):
        for t in range(life.first, life.first + life.intervals):
            serving[t % len(sizes)] += 1
        endless = life.intervals == len(sizes) and cyclic
        starts[life.first] += not endless and (cyclic or life.first > 0)
    assert serving == sizes
    assert starts == of.problem.starts(of.replicas)[0].tolist()


def test_what_runs_already_begins_the_longest_runs() -> None:
    """Sizes 2, 1, 1: of two that run, the first named stays to the end, the second for one."""
    of = sized([2, 1, 1], cyclic=False)
    here, there = (Running("w0", "e", "h100x8", "l1", (node,)) for node in ("n1", "n2"))
    assert lifetimes(of.problem, of.replicas, {0: [here, there]}) == [
        Lifetime(0, 1, 0, 3, here),
        Lifetime(0, 2, 0, 1, there),
    ]


def test_what_the_first_size_has_no_room_for_stops() -> None:
    of = sized([1, 2], cyclic=False)
    running = [Running("w0", "e", "h100x8", "l1", ())] * 3
    found = lifetimes(of.problem, np.array(of.replicas), {0: running})
    assert [life.begins is not None for life in found] == [True, False]


def test_what_runs_already_begins_only_what_serves_from_the_first_interval_on() -> None:
    """Of the second pool one is there at first, of the other none: one begins so."""
    on = fleet({"l1": {"h100x8": 2}, "l2": {"h100x8": 2}}, spines={"l1": "s", "l2": "u"})
    of = case(Sizes({"s": [0, 2], "u": [1, 2]}), on=on, cyclic=False)
    running = [Running("w0", "e", "h100x8", leaf, ()) for leaf in ("l1", "l2")]
    of_pool = {of.problem.pools[p].domain: p for p in range(2)}
    s, u = of_pool["s"], of_pool["u"]
    found = lifetimes(of.problem, of.replicas, {s: running[:1] * 2, u: running[1:] * 2})
    assert [(life.number, life.first, life.begins) for life in found if life.pool == s] == [
        (1, 1, None), (2, 1, None),
    ]  # fmt: skip
    assert [(life.number, life.first, life.begins) for life in found if life.pool == u] == [
        (1, 0, running[1]), (2, 1, None),
    ]  # fmt: skip
    assert {life.begins for life in lifetimes(of.problem, of.replicas, {s: running})} == {None}
