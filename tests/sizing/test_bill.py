"""What nodes cost, by hand."""

import pytest

from heteroplan.entities.placement import Stay
from heteroplan.sizing.bill import running_hours
from tests.builders import engine, horizon

START = engine(startup_s=360.0, drain_s=180.0)


def stay(first: int, intervals: int) -> Stay:
    return Stay(0, "r", "l1", ("n1",), first, intervals, 1, False)


def test_a_node_that_serves_all_day_is_paid_for_the_day_and_nothing_else() -> None:
    """24 intervals of an hour on a cyclic day: no start-up, no drain."""
    day = horizon(24)
    assert running_hours(day, [(stay(0, 24), START)]) == pytest.approx(24.0)


def test_a_node_is_paid_from_the_first_start_up_to_the_last_drain() -> None:
    """4 h of service, 0.1 h of start-up and 0.05 h of drain."""
    day = horizon(24)
    assert running_hours(day, [(stay(8, 4), START)]) == pytest.approx(4.15)


def test_two_replicas_at_the_same_time_are_paid_once() -> None:
    """Service from 8 to 14 with no idle time between: 6 h, one start-up, one drain."""
    day = horizon(24)
    found = running_hours(day, [(stay(8, 4), START), (stay(10, 4), START)])
    assert found == pytest.approx(6.15)


def test_a_node_is_kept_through_a_gap_that_is_shorter_than_drain_and_start_up() -> None:
    """Slow engines need 1.5 h between two replicas, and the gap has 1 h: all 9 h are paid, and the
    other gap of 15 h is the 1.5 h."""
    slow = engine(startup_s=3600.0, drain_s=1800.0)
    day = horizon(24)
    found = running_hours(day, [(stay(8, 4), slow), (stay(13, 4), slow)])
    assert found == pytest.approx(8.0 + 1.0 + 1.5)


def test_ends_of_a_horizon_that_is_not_cyclic_pay_no_start_nor_drain_beyond_them() -> None:
    """Service from the beginning on starts ready, and what serves to the end is not drained."""
    day = horizon(6, cyclic=False)
    assert running_hours(day, [(stay(0, 6), START)]) == pytest.approx(6.0)
    assert running_hours(day, [(stay(0, 2), START)]) == pytest.approx(2.05)
    assert running_hours(day, [(stay(4, 2), START)]) == pytest.approx(2.1)
