"""Smaller programs: what is merged, by hand, and that one domain only takes constraints away."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import RatioBand, Role
from heteroplan.optimize.bound.relaxation import relax
from heteroplan.optimize.program.coarser import (
    merged_intervals,
    merged_starts,
    one_domain,
    spread_out,
    window,
)
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers.solver import Effort
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import random_problem


def two_spines(*rps: float) -> Problem:
    """A pair in either of two spines, with 2 and 3 nodes of 8 GPUs."""
    engines = [
        engine(str(role), role=role, gpu="C", gpus=8, capacity_rps=1.0)
        for role in (Role.PREFILL, Role.DECODE)
    ]
    types = [node_type("cheap", gpu="C", usd_per_gpu_hour=1.0)]
    made = scenario(
        [workload("a", rps=rps, engines=engines)],
        in_fleet=fleet({"l1": {"cheap": 2}, "l2": {"cheap": 3}}, node_types=types),
    )
    return problem_of(made)


@pytest.mark.parametrize(
    ("intervals", "wanted", "starts"),
    [(4, 4, [0, 1, 2, 3]), (4, 9, [0, 1, 2, 3]), (5, 2, [0, 3]), (5, 0, [0]), (96, 24, None)],
)
def test_at_most_as_many_as_wanted(intervals: int, wanted: int, starts: list[int] | None) -> None:
    found = merged_starts(intervals, wanted)
    assert found == (starts if starts is not None else list(range(0, 96, 4)))


def test_merged_intervals_by_hand() -> None:
    """Demand 1, 2 and 3 as 1.5 and 3: running costs add up, nothing else does."""
    problem = two_spines(1.0, 2.0, 3.0)
    merged = merged_intervals(problem, [0, 2])
    assert merged.intervals == 2
    assert merged.workloads[0].rps.tolist() == [[1.5, 3.0]]
    assert merged.pools[0].run_cost.tolist() == [16.0, 8.0]
    assert merged.supplies[0].gpus.tolist() == problem.supplies[0].gpus[:2].tolist()
    assert merged_intervals(problem, [0, 1, 2]) is problem


@pytest.mark.parametrize("times", [[1, 2], [3, 0], [0, 2], [0, 3, 1, 3], [2, 2, 3], [0, 0, 2]])
def test_a_window_has_the_intervals_asked_for_in_their_order(times: list[int]) -> None:
    """In a row, around the day, apart, more than once: rps and loads are 1 to 4 in turn."""
    problem = two_spines(1.0, 2.0, 3.0, 4.0)
    here = window(problem, times)
    expected = [1.0 + t for t in times]
    assert here.workloads[0].rps.tolist() == [expected]
    assert all(pool.load.tolist() == [expected] for pool in here.pools)
    assert all(len(pool.most) == len(pool.run_cost) == len(times) for pool in here.pools)


def test_one_domain_by_hand() -> None:
    """4 pools on 16 and 24 GPUs become 2 on 40; what holds of one holds of those it comes from."""
    problem = two_spines(1.0, 2.0)
    one = one_domain(problem)
    assert len(problem.pools) == 4
    assert [len(pools) for pools in one.pools] == [2, 2]
    assert one.program.workloads[0].pools == (0, 1)
    assert [row.gpus.tolist() for row in one.program.supplies] == [[40, 40]]
    assert len(one.program.balances) == 1
    spread = spread_out(np.array([[1.0, 2.0], [3.0, 4.0]]), one.pools)
    for values, pools in zip(([1.0, 2.0], [3.0, 4.0]), one.pools, strict=True):
        assert all(spread[p].tolist() == values for p in pools)


def test_a_workload_that_stays_apart_keeps_its_domains_and_their_rows() -> None:
    """4 pools in 2 groups, on the 40 GPUs of all and on the 16 and 24 of their own spine."""
    problem = two_spines(1.0, 2.0)
    one = one_domain(problem, apart=[0])
    assert [len(pools) for pools in one.pools] == [1, 1, 1, 1]
    assert len(one.program.balances) == 2
    assert one.supplies == ((0, 1),)
    assert [int(row.gpus[0]) for row in one.program.supplies] == [40, 16, 24]
    assert [len(row.pools) for row in one.program.supplies] == [4, 2, 2]


@pytest.mark.parametrize("seed", range(7200, 7230))
def test_one_domain_costs_as_much_as_the_whole_where_all_workloads_stay_apart(seed: int) -> None:
    """Or less, as it lets some rules go; and no less than with all merged."""
    problem = random_problem(seed)
    every = range(len(problem.workloads))
    apart = one_domain(problem, apart=every).program
    merged, least, whole = (
        relax(p, Effort()) for p in (one_domain(problem).program, apart, problem)
    )
    assert merged is not None
    assert least is not None
    assert whole is not None
    if not any(whole.unserved.values()):
        assert merged.bound * (1 - 1e-6) - 1e-9 <= least.bound
        assert least.bound <= whole.bound * (1 + 1e-6) + 1e-9


def test_one_domain_that_proves_has_a_row_a_node_type() -> None:
    """Rows that lie in another do not count: leaves of 4 of the 16 GPUs of a spine, which merge
    with another spine's to 24."""
    problem = two_spines(1.0)
    first, second = problem.supplies
    leaf = replace(first, level=Affinity.LEAF, gpus=first.gpus // 4, pools=first.pools[:1])
    nested = replace(problem, supplies=(leaf, first, second))
    one = one_domain(nested, proves=True)
    assert one.supplies == ((1, 2),)
    assert [row.gpus.tolist() for row in one.program.supplies] == [[40]]
    assert one.program.supplies[0].pools == (0, 1)
    assert one_domain(nested).supplies == ((0,), (1, 2))


def test_bands_stay_where_one_domain_proves() -> None:
    problem, band = two_spines(1.0), RatioBand(0.5, 2.0)
    banded = replace(problem, balances=tuple(replace(e, band=band) for e in problem.balances))
    for proves, kept in ((True, band), (False, None)):
        one = one_domain(banded, proves=proves).program
        assert [each.band for each in one.balances] == [kept]


@pytest.mark.parametrize("proves", [False, True])
@pytest.mark.parametrize("seed", range(7200, 7230))
def test_one_domain_costs_no_more(seed: int, proves: bool) -> None:
    """Where everything can be served: the LP of less constraints."""
    problem = random_problem(seed)
    whole, one = (
        relax(problem, Effort()),
        relax(one_domain(problem, proves=proves).program, Effort()),
    )
    assert whole is not None
    assert one is not None
    assert sum(one.unserved.values()) <= sum(whole.unserved.values()) * (1 + 1e-6) + 1e-3
    if not any(whole.unserved.values()):
        assert one.bound <= whole.bound * (1 + 1e-6) + 1e-9
