"""The bound at supply prices: never above the optimum, whatever the prices."""

from dataclasses import replace

import pytest

from heteroplan.entities.plan import Termination
from heteroplan.entities.workload import Loss, Resilience, Role
from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solve import solve
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.group_cases import GROUP_CASES
from tests.optimize.reference import optimum


def test_prices_close_the_gap_that_scarce_supply_opens() -> None:
    """Cheap type for one replica at a time, two wanted at noon: only a price tells the block.

    One workload, aggregated engines of 8 GPUs: cheap 8 USD an hour, dear 16, one cheap node.
    Demand 1, 2, 1 replicas: cheap all day and dear at noon is 3 x 8 + 16 = 40; without prices
    the block takes two cheap replicas at noon for 32. At a price of 1 USD a GPU and hour on
    the cheap type at noon it is indifferent and the bound is 8 + 2 x 16 + 8 - 8 x 1 = 40.
    """
    types = [
        node_type("cheap", gpu="C", usd_per_gpu_hour=1.0),
        node_type("dear", gpu="D", usd_per_gpu_hour=2.0),
    ]
    engines = [
        engine(f"on-{gpu}", role=Role.AGGREGATED, gpu=gpu, gpus=8, capacity_rps=1.0)
        for gpu in ("C", "D")
    ]
    made = scenario(
        [workload(rps=[1.0, 2.0, 1.0], engines=engines)],
        in_fleet=fleet({"l1": {"cheap": 1, "dear": 2}}, node_types=types),
    )
    problem = build_problem(made, candidates(made))
    none = supply_prices(problem)
    assert priced_bound(problem, none).value == pytest.approx(32.0)
    (cheap,) = (r for r, row in enumerate(problem.supplies) if row.node_type == "cheap")
    prices = none.supply.copy()
    prices[cheap, 1] = 1.0
    assert priced_bound(problem, supply_prices(problem, prices)).value == pytest.approx(40.0)
    assert solve(problem, gap=0.0).objective == pytest.approx(40.0)


def test_drains_longer_than_an_interval_do_not_lift_the_bound() -> None:
    """Demand 40 then 4, draining takes 8 intervals, four engines of which one fills the grid.

    On a day that is not cyclic the last interval refunds the drains that never happen, so its
    price is negative; the bound must stay at or below the optimum all the same.
    """
    types = [
        node_type(f"t{i}", gpu=f"G{i}", gpus=1, usd_per_gpu_hour=1.0 + i / 100) for i in range(4)
    ]
    engines = [
        replace(
            engine(f"e{i}", role=Role.AGGREGATED, gpu=f"G{i}", gpus=1, capacity_rps=1.0),
            drain_s=7200.0,
        )
        for i in range(4)
    ]
    made = scenario(
        [workload(rps=[40.0, 4.0], engines=engines)],
        in_fleet=fleet({"l1": {f"t{i}": 12 for i in range(4)}}, node_types=types),
        interval_s=900,
        cyclic=False,
    )
    problem = build_problem(made, candidates(made))
    none = supply_prices(problem)
    assert priced_bound(problem, none).value <= optimum(problem).cost


def mixed_day() -> Problem:
    """One workload whose pairs are cheap in bulk and whose aggregated engine is cheap at night."""
    engines = [
        engine("p", role=Role.PREFILL, gpus=4, capacity_rps=10.0),
        engine("d", role=Role.DECODE, gpus=4, capacity_rps=10.0),
        engine("a", role=Role.AGGREGATED, gpus=2, capacity_rps=2.0),
    ]
    made = scenario([workload(rps=[2.0, 10.0, 12.0], engines=engines)])
    return build_problem(made, candidates(made))


def test_aggregated_engines_and_pairs_share_a_block() -> None:
    """At 2 USD a GPU and hour: a = 4, pair = 16 USD.

    2 rps: one a, 4. 10 rps: a pair, 16 (five a: 20). 12 rps: pair and a, 20. Sum 40, proven by
    the block alone; with half an a in each of two blocks it would be less.
    """
    problem = mixed_day()
    none = supply_prices(problem)
    assert priced_bound(problem, none).value == pytest.approx(40.0, rel=1e-5)
    best = solve(problem, gap=1e-6)
    assert best.objective == pytest.approx(40.0)
    assert best.termination is Termination.OPTIMAL


@pytest.mark.parametrize("case", ["lost_node", "lost_leaf", "lost_spine"])
def test_what_a_loss_takes_is_counted_in_whole_replicas(case: str) -> None:
    problem = GROUP_CASES[case].make()
    found = priced_bound(problem, supply_prices(problem)).value
    assert found == pytest.approx(GROUP_CASES[case].cost, rel=1e-5)


def test_a_loss_is_counted_where_replicas_stay_through_a_quiet_hour() -> None:
    """Two pairs survive the loss of one of two nodes; to stop one for an hour costs more starts."""
    on = fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}})
    engines = [
        engine(role.value, role=role, gpus=4, capacity_rps=10.0, startup_s=7200.0)
        for role in (Role.PREFILL, Role.DECODE)
    ]
    load = workload(rps=[5.0, 0.0, 5.0], engines=engines, resilience=Resilience(Loss.SPINE, 1.0))
    problem = problem_of(scenario([load], in_fleet=on))
    found = priced_bound(problem, supply_prices(problem)).value
    assert found == pytest.approx(optimum(problem).cost, rel=1e-5)
