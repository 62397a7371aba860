"""A day as it is filled: who holds nodes, who could stop, and the way back to an earlier state."""

import numpy as np
import pytest

from heteroplan.optimize.program.supply import Places
from heteroplan.placement.day_sweep.day import Begin, Cancel, Day, End, Missed, State
from heteroplan.placement.first_fit import Footprint
from heteroplan.placement.nodes import nodes_of
from tests.builders import fleet, scenario

SMALL, LARGE = 0, 1
"""Pools of 3 GPUs with a lead of 2 intervals, and of 2 nodes with 5 GPUs on each at once."""


def standing(*, cyclic: bool = True, t: int = 0) -> State:
    """Three nodes of 8 GPUs, of which the last has 6 from interval 1 on, over four intervals."""
    nodes = nodes_of(Places(scenario(in_fleet=fleet({"l1": {"h100x8": 3}}))), "h100x8")
    sizes = np.array([[3, 1, 2, 2], [0, 1, 1, 0]])
    day = Day(
        nodes,
        (Footprint(slice(0, 3), 1, 3, 2), Footprint(slice(0, 3), 2, 5, 0)),
        sizes,
        np.maximum(0, sizes - np.roll(sizes, 1, axis=1)),
        np.array([[8, 8, 8], [8, 8, 6], [8, 8, 6], [8, 8, 6]]),
        cyclic,
    )
    found = State.empty(day)
    found.t += t
    return found


def test_replicas_stop_where_their_pool_shrinks() -> None:
    """The pools have 3 1 2 2 and 0 1 1 0 replicas; 4 is the end, where the day begins again."""
    day = standing().day
    assert [day.leaving(t).tolist() for t in range(1, 5)] == [[2, 0], [0, 0], [0, 1], [0, 0]]
    assert day.intervals == 4
    assert day.share().tolist() == [3, 5]


@pytest.mark.parametrize("cyclic", [False, True])
def test_starts_past_the_end_of_a_day_are_those_of_its_beginning(cyclic: bool) -> None:
    day = standing(cyclic=cyclic).day
    assert [day.starting(SMALL, t) for t in range(6)] == [1, 0, 1, 0, int(cyclic), 0]
    assert [day.starting(LARGE, t) for t in range(6)] == [0, 1, 0, 0, 0, int(cyclic)]


def test_a_replica_holds_its_nodes_at_once_and_could_stop_after_its_first_interval() -> None:
    """Begun at 1 with a lead of 2: it serves at 3 and could stop at 4."""
    now = standing(t=1)
    now.begin(SMALL, (2,), 2)
    assert now.log == [Begin(SMALL, (2,), 2, 3)]
    assert now.free().tolist() == [8, 8, 3]
    for t in (2, 3):
        now.t = t
        now.promote()
        assert not now.serving.any()
    now.t = 4
    assert now.free().tolist() == [8, 8, 5]
    now.promote()
    assert now.serving.tolist() == [[0, 0, 1], [0, 0, 0]]
    assert now.starting == {}


def test_what_serves_when_the_day_begins_is_not_late_for_its_lead() -> None:
    now = standing()
    now.begin(SMALL, (1,), -1)
    now.begin(SMALL, (1,), 1)
    assert now.log == [Begin(SMALL, (1,), -1, -1), Begin(SMALL, (1,), 1, 1)]
    assert now.serving.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert now.starting == {1: (Begin(SMALL, (1,), 1, 1),)}
    assert now.free().tolist() == [8, 2, 8]


def test_a_replica_without_a_lead_could_stop_at_once() -> None:
    now = standing(t=1)
    now.begin(LARGE, (0, 2), 1)
    now.begin(LARGE, (0, 1), 1)
    assert now.wide == [(), ((0, 2), (0, 1))]
    assert now.free().tolist() == [-2, 3, 1]
    now.end(LARGE, (0, 2))
    assert now.log[-1] == End(LARGE, (0, 2), 1)
    assert now.wide == [(), ((0, 1),)]
    assert now.free().tolist() == [3, 3, 6]


def test_one_of_two_on_a_node_stops() -> None:
    now = standing()
    for _ in range(2):
        now.begin(SMALL, (0,), 0)
    now.t = 2
    now.end(SMALL, (0,))
    assert now.serving.tolist() == [[1, 0, 0], [0, 0, 0]]
    assert now.free().tolist() == [5, 8, 6]
    assert now.log[2:] == [End(SMALL, (0,), 2)]


def test_a_late_replica_gives_its_nodes_back_before_it_serves() -> None:
    """One of two that serve at 3; the other goes on."""
    now = standing(t=1)
    now.begin(SMALL, (0,), 1)
    now.begin(SMALL, (1,), 2)
    late, other = Begin(SMALL, (0,), 1, 3), Begin(SMALL, (1,), 2, 3)
    assert now.starting == {3: (late, other)}
    now.t = 2
    now.cancel(late)
    assert now.log[2:] == [Cancel(late, 2)]
    assert now.starting == {3: (other,)}
    assert now.free().tolist() == [8, 5, 6]
    now.t = 4
    now.promote()
    assert now.serving.tolist() == [[0, 1, 0], [0, 0, 0]]


def test_back_at_an_earlier_state_nothing_later_has_happened() -> None:
    now = standing()
    now.begin(SMALL, (0,), 0)
    now.log.append(Missed(LARGE, 1, 2))
    now.t = 1
    then, log, free = now.copy(), list(now.log), now.free().tolist()
    for _ in range(2):
        now.begin(LARGE, (1, 2), 1)
        now.begin(SMALL, (1,), 3)
        now.late[SMALL] = (3,)
        now.t = 2
        now.end(SMALL, (0,))
        assert len(now.log) == 5
        now = then.copy()
        assert (now.t, now.log, now.free().tolist()) == (1, log, free)
        assert now.serving.tolist() == [[1, 0, 0], [0, 0, 0]]
        assert (now.wide, now.starting) == ([(), ()], {})
        assert now.late == [(), ()]
