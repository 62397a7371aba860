"""What the duals of an LP prove: at them the blocks are worth no less than the LP."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.clock import never
from heteroplan.entities.workload import Role
from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.bound.own_starts import with_own_starts
from heteroplan.optimize.bound.relaxation import Relaxation, relax
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers.solver import Effort
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import random_problem

ROUNDING = 1e-5
"""Relative: the share of the demand that blocks let go, and the duals' tolerance."""


def covering(problem: Problem) -> Relaxation | None:
    """The LP of a program that can serve everything, at some cost."""
    found = relax(problem, Effort())
    return None if found is None or any(found.unserved.values()) or found.bound <= 0 else found


def is_weakened(problem: Problem) -> bool:
    """Several classes are added up, engines of both stages split in halves: either costs bound."""
    both = any(pool.role is Role.AGGREGATED for pool in problem.pools)
    return both or any(len(work.rps) > 1 for work in problem.workloads)


@pytest.mark.parametrize("cells", [None, 1])
@pytest.mark.parametrize("first", range(5000, 5200, 50))
def test_pairs_of_one_class_are_worth_their_lp(first: int, cells: int | None) -> None:
    """Whether all engines stand on the grid or all but one fill.

    Whether that LP says what is due of starts or one of each workload at its other prices.
    """
    seen = 0
    for seed in range(first, first + 50):
        problem = random_problem(seed)
        found = None if is_weakened(problem) else covering(problem)
        if found is not None:
            seen += 1
            for prices in (found.prices, with_own_starts(problem, found.prices, never)):
                proved = priced_bound(problem, prices, cells=cells).value
                assert proved >= found.bound * (1 - ROUNDING), seed
    assert seen >= 8


def restless(seed: int) -> Problem:
    """Demand that jumps, three like GPU types, starts as dear as an interval of running.

    Prefill takes no part: engines serve whole requests and no stage stands beside another.
    """
    draw = np.random.default_rng(seed)
    types = [
        node_type(f"t{i}", gpu=f"G{i}", gpus=1, usd_per_gpu_hour=float(draw.uniform(1.0, 1.4)))
        for i in range(3)
    ]
    engines = [
        engine(
            f"e{i}",
            role=Role.AGGREGATED,
            gpu=f"G{i}",
            gpus=1,
            capacity_rps=1.0,
            startup_s=1800,
        )
        for i in range(3)
    ]
    nodes = {f"t{i}": int(draw.integers(12, 16)) for i in range(3)}
    rps = [float(x) for x in draw.integers(1, 30, 6)]
    made = scenario(
        [workload(rps=rps, engines=engines)],
        in_fleet=fleet({"l1": nodes}, node_types=types),
        interval_s=1800,
    )
    return problem_of(made)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_due_of_starts_makes_up_for_free_starts_of_fillers(seed: int) -> None:
    """With one engine on the grid the bound is the LP's; without what is due, a tenth less.

    The workload's own LP says as well as that of the whole what is due.
    """
    problem = restless(seed)
    found = covering(problem)
    assert found is not None
    assert found.prices.starting.any()
    undue = replace(found.prices, starting=0.0 * found.prices.starting)
    every = (found.prices, with_own_starts(problem, undue, never), undue)
    proved, by_own, less = (priced_bound(problem, at, cells=1).value for at in every)
    assert min(proved, by_own) >= found.bound * (1 - ROUNDING)
    assert less <= 0.9 * found.bound


def test_the_dual_of_a_row_is_its_price() -> None:
    """Two cheap replicas and a dear one where a pair and a half is wanted: 8 USD for 8 GPUs."""
    types = [
        node_type("cheap", gpu="C", usd_per_gpu_hour=1.0),
        node_type("dear", gpu="D", usd_per_gpu_hour=2.0),
    ]
    engines = [
        engine(f"{role}-on-{gpu}", role=role, gpu=gpu, gpus=8, capacity_rps=1.0)
        for role in (Role.PREFILL, Role.DECODE)
        for gpu in ("C", "D")
    ]
    made = scenario(
        [workload(rps=[0.5, 1.5], engines=engines)],
        in_fleet=fleet({"l1": {"cheap": 2, "dear": 2}}, node_types=types),
    )
    problem = problem_of(made)
    found = covering(problem)
    assert found is not None
    price = {row.node_type: found.prices.supply[r] for r, row in enumerate(problem.supplies)}
    np.testing.assert_allclose(price["cheap"], [0.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(price["dear"], 0.0, atol=1e-9)


def test_the_dual_of_a_balance_sees_that_prefill_and_decode_share_a_group() -> None:
    """Prefill is cheap on one spine, decode on the other: a pair costs 8 + 16 USD on either.

    Without a price of passing on, prefill and decode of 8 USD each are all that is proved.
    """
    kinds = (
        (Role.PREFILL, "A", 1.0),
        (Role.PREFILL, "B", 2.0),
        (Role.DECODE, "C", 1.0),
        (Role.DECODE, "D", 2.0),
    )
    engines = [engine(gpu, role=role, gpu=gpu, gpus=8, capacity_rps=1.0) for role, gpu, _ in kinds]
    made = scenario(
        [workload(rps=[1.0], engines=engines)],
        in_fleet=fleet(
            {"l1": {"A": 2, "B": 0, "C": 0, "D": 2}, "l2": {"A": 0, "B": 2, "C": 2, "D": 0}},
            node_types=[node_type(gpu, gpu=gpu, usd_per_gpu_hour=usd) for _, gpu, usd in kinds],
        ),
    )
    problem = problem_of(made)
    found = covering(problem)
    assert found is not None
    blind = replace(found.prices, balance=0.0 * found.prices.balance)
    values = [priced_bound(problem, at).value for at in (found.prices, blind)]
    assert values == pytest.approx([24.0, 16.0], rel=ROUNDING)
