"""What workloads cost at least in their own groups, on the GPUs that there are."""

import pytest

from heteroplan.clock import never
from heteroplan.entities.workload import Role
from heteroplan.optimize.bound.bound import PricedBound, priced_bound
from heteroplan.optimize.bound.lp_prices import interval_prices
from heteroplan.optimize.bound.own_supply import with_own_supply
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers.solver import Effort
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import random_problem
from tests.optimize.reference import optimum

KINDS = (
    (Role.PREFILL, "A", 1.0),
    (Role.PREFILL, "B", 2.0),
    (Role.DECODE, "C", 1.0),
    (Role.DECODE, "D", 2.0),
)
"""Prefill on A or B, decode on C or D, one replica a node of 8 GPUs, USD for each of them."""


def crossed(*rps: float) -> Problem:
    """Prefill is cheap on one spine, decode on the other: a pair costs 8 + 16 USD on either."""
    engines = [engine(gpu, role=role, gpu=gpu, gpus=8, capacity_rps=1.0) for role, gpu, _ in KINDS]
    made = scenario(
        [workload(f"w{i}", rps=[each], engines=engines) for i, each in enumerate(rps)],
        in_fleet=fleet(
            {"l1": {"A": 2, "B": 0, "C": 0, "D": 2}, "l2": {"A": 0, "B": 2, "C": 2, "D": 0}},
            node_types=[node_type(gpu, gpu=gpu, usd_per_gpu_hour=usd) for _, gpu, usd in KINDS],
        ),
    )
    return problem_of(made)


def at_no_prices(problem: Problem) -> PricedBound:
    return priced_bound(problem, supply_prices(problem))


def test_prefill_and_decode_share_a_group() -> None:
    """Blocks take the cheap engines of both spines: 8 + 8 USD a request/s, not 24."""
    problem = crossed(1.0, 2.0)
    best = at_no_prices(problem)
    found, raised = with_own_supply(problem, best, never)
    assert best.by_work == pytest.approx([16.0, 32.0], rel=1e-4)
    assert found.by_work == pytest.approx([24.0, 48.0], rel=1e-4)
    assert found.value - best.value == pytest.approx(24.0, rel=1e-3)
    assert raised == [1, 0]


def test_the_prices_count_that_the_blocks_had() -> None:
    """A dollar for each GPU of the first spine: the pair stands on the second for 24."""
    problem = crossed(1.0)
    prices = supply_prices(problem)
    for r, row in enumerate(problem.supplies):
        prices.supply[r] = float(row.node_type in "AD")
    found, _ = with_own_supply(problem, priced_bound(problem, prices), never)
    assert found.by_work == pytest.approx([24.0], rel=1e-4)
    prices.supply[:] = 1.0
    found, _ = with_own_supply(problem, priced_bound(problem, prices), never)
    assert found.by_work == pytest.approx([24.0 + 16.0], rel=1e-4)


def test_whole_replicas_of_blocks_prove_more_than_a_half() -> None:
    """The bound stays as it is, and no smaller workload is tried."""
    engines = [
        engine(role, role=role, gpu="A", gpus=8, capacity_rps=1.0)
        for role in (Role.PREFILL, Role.DECODE)
    ]
    made = scenario(
        [workload(rps=[0.5], engines=engines)],
        in_fleet=fleet({"l1": {"A": 4}}, node_types=[node_type("A", gpu="A")]),
    )
    best = at_no_prices(problem_of(made))
    found, raised = with_own_supply(problem_of(made), best, never)
    assert raised == []
    assert found.value == best.value


def test_nothing_more_once_time_is_up() -> None:
    problem = crossed(1.0)
    best = at_no_prices(problem)
    found, raised = with_own_supply(problem, best, lambda: True)
    assert (found.value, raised) == (best.value, [])


@pytest.mark.parametrize("first", range(6000, 6080, 40))
def test_never_above_the_optimum(first: int) -> None:
    """Of programs with all features, at no prices and at those of single intervals."""
    seen = 0
    for seed in range(first, first + 40):
        problem = random_problem(seed)
        best = optimum(problem)
        if any(best.unserved.values()):
            continue
        for prices in (supply_prices(problem), interval_prices(problem, Effort())):
            assert prices is not None
            found, raised = with_own_supply(problem, priced_bound(problem, prices), never)
            assert found.value <= best.cost + 1e-6 * abs(best.cost), seed
            seen += len(raised)
    assert seen >= 1
