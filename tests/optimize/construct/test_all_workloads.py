"""Prices of what is scarce where plans of all workloads go short."""

from heteroplan.optimize.construct.all_workloads import scarce_where_short
from heteroplan.optimize.incumbent import of_sizes
from tests.optimize.random_cases import random_problem


def test_where_no_pool_may_stand_nothing_is_scarce() -> None:
    """Random program 7 has no supply at all."""
    problem = random_problem(7)
    nothing = of_sizes(problem, problem.no_replicas())
    assert scarce_where_short(problem, nothing).shape == (0, problem.intervals)
