"""What a policy took on a part."""

import pytest

from heteroplan.simulation.curation.figures import PartFigures, figures_after, figures_of
from tests.replays import intervals, policy

BOTH = PartFigures(10.0, 20.0, requests=(100, 50), in_time=(96, 40))


def test_shares_are_by_workload_and_of_all() -> None:
    assert BOTH.shares == (0.96, 0.8)
    assert BOTH.share == 136 / 150


def test_the_shortfall_adds_up_what_each_workload_misses() -> None:
    assert BOTH.shortfall((0.95, 0.9)) == pytest.approx(0.1)
    assert BOTH.shortfall((0.96, 0.8)) == 0.0
    # Of the misses that 95 % allow, four tenths are to be left: 97 % are wanted.
    assert BOTH.shortfall((0.95, 0.5), spare=0.4) == pytest.approx(0.01)


def test_nothing_arrived_is_nothing_missed() -> None:
    assert PartFigures(0.0, 0.0, (0,), (0,)).shortfall((0.99,)) == 0.0


def test_the_objective_says_which_amount() -> None:
    assert (BOTH.amount("cost"), BOTH.amount("gpu_hours")) == (20.0, 10.0)


def test_what_follows_is_the_whole_less_what_came_before() -> None:
    whole = policy("hpa", intervals([[10, 20, 30]], [[9, 18, 27]]), gpu_hours=60, cost_usd=120)
    first = policy("hpa", intervals([[10]], [[9]]), gpu_hours=20, cost_usd=40)
    assert figures_after(whole, first, 1) == PartFigures(40.0, 80.0, (50,), (45,))
    assert figures_of(whole) == PartFigures(60.0, 120.0, (60,), (54,))
