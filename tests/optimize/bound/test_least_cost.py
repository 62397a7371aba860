"""What the blocks of a workload cost at least, and what their schedules pass on, by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.workload import Engine, Part, Role
from heteroplan.optimize.bound.bound import PricedBound, cost_and_flow, priced_bound
from heteroplan.optimize.covering.stages import priced
from heteroplan.optimize.program.prices import Prices, supply_prices
from heteroplan.optimize.program.problem import Floats, Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of


def one_engine(rps: Sequence[float]) -> Problem:
    """Replicas of 4 GPUs and 10 requests/s at 2 USD a GPU and hour, four nodes of 8 GPUs."""
    both = engine("both", role=Role.AGGREGATED)
    made = scenario([workload(rps=rps, engines=[both])], in_fleet=fleet({"l0": {"h100x8": 4}}))
    return problem_of(made)


def plain(problem: Problem, cells: int | None = None) -> PricedBound:
    return priced_bound(problem, supply_prices(problem), cells=cells)


def three_engines(*rps: float, startup_s: float = 0.0) -> Problem:
    """5 requests/s for 8 USD, 4 for 7.50 and 3 for 6, one GPU type each."""
    usd = {"A": 8.0, "B": 7.5, "C": 6.0}
    engines = [
        engine(name, role=Role.AGGREGATED, gpu=name, gpus=8, capacity_rps=each, startup_s=startup_s)
        for name, each in (("A", 5.0), ("B", 4.0), ("C", 3.0))
    ]
    types = [node_type(name, gpu=name, usd_per_gpu_hour=each / 8) for name, each in usd.items()]
    made = scenario(
        [workload(rps=rps, engines=engines)],
        in_fleet=fleet({"l1": dict.fromkeys(usd, 4)}, node_types=types),
    )
    return problem_of(made)


def pairs(
    rps: Sequence[float], extra: Sequence[Engine] = (), leaves: Sequence[str] = ("l1", "l2")
) -> Problem:
    engines = [engine("prefill", role=Role.PREFILL), engine("decode"), *extra]
    made = scenario(
        [workload(rps=rps, engines=engines)],
        in_fleet=fleet({leaf: {"h100x8": 4} for leaf in leaves}),
    )
    return problem_of(made)


def balances(problem: Problem, prices: Prices, cells: int = 8_000) -> tuple[float, Floats]:
    """Least cost of the one workload; what is prefilled there less what is decoded [B, K, T]."""
    found = cost_and_flow(priced(problem, prices), 0, cells)
    assert found is not None
    return found


def passed_on(problem: Problem, price: float, cells: int = 8_000) -> list[list[float]]:
    """[B, T] prefilled less decoded where passing on costs `price` in the first group."""
    prices = supply_prices(problem)
    prices.balance[0] = price
    _, found = balances(problem, prices, cells)
    assert found.shape[1] == 1
    return [[round(float(each), 6) for each in row] for row in found[:, 0]]


def test_all_prefill_where_passing_on_costs_less_and_all_decode_where_it_pays() -> None:
    """20 requests/s by two replicas of 10, 25 by three: all of them. None where none are asked."""
    problem = pairs([20.0, 25.0, 0.0])
    assert passed_on(problem, 1.0) == [[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]
    assert passed_on(problem, -1.0) == [[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]]


@pytest.mark.parametrize("price", [1.0, -1.0, 0.3])
@pytest.mark.parametrize("row", [0, 1])
def test_the_slope_is_by_how_much_the_bound_changes_with_the_price(price: float, row: int) -> None:
    problem, step = pairs([20.0, 25.0, 13.0]), 1e-3

    def found(change: float) -> tuple[float, Floats]:
        prices = supply_prices(problem)
        prices.balance[0], prices.balance[1] = price, 0.1
        prices.balance[row] += change
        return balances(problem, prices)

    risen = (found(step)[0] - found(-step)[0]) / (2 * step)
    assert risen == pytest.approx(float(found(0.0)[1][row].sum()), rel=1e-4)


def test_where_passing_costs_the_same_each_group_passes_on_as_much_as_it_takes() -> None:
    assert passed_on(pairs([20.0]), 0.0) == [[0.0], [0.0]]


@pytest.mark.parametrize("cells", [1, 10**6])
def test_requests_of_an_aggregated_engine_are_not_passed_on(cells: int) -> None:
    """12 requests/s by a pair for 10 and an engine that does both for 2; then 2 by that alone.

    So 5/6 are prefilled in the second group and decoded in the first, where each costs less.
    Whether all stand in one block, or each stage in its own with half of the engine of both.
    """
    both = engine("both", role=Role.AGGREGATED, gpus=2, capacity_rps=2.0)
    problem = pairs([12.0, 2.0, 10.0], [both])
    passed = [[-0.833333, 0.0, -1.0], [0.833333, 0.0, 1.0]]
    assert passed_on(problem, 0.01, cells) == passed


def test_what_flow_may_be_off_by_is_let_go_at_the_price_of_balances() -> None:
    """Passing on costs 1,000 USD in both groups, which decode gives back: 3e-6 of each is let go.

    Of what prefill is charged and decode is given, and of each of the two balances.
    """
    problem = pairs([20.0])
    prices = supply_prices(problem)
    prices.balance[:, 0] = [[1000.0], [1000.0]]
    assert priced_bound(problem, prices).value == pytest.approx(32.0 - 0.012, abs=5e-4)
    assert priced_bound(problem, supply_prices(problem)).value == pytest.approx(32.0, abs=5e-4)


def test_what_each_workload_costs_at_least_adds_up_with_what_supply_is_worth() -> None:
    """One pair for 16 USD an hour, two for 32; a GPU at 1 USD more: 8 and 16 more, less 32 for all.

    A replica that ran and is drained anyway costs its drain in every plan.
    """
    loads = [workload("one", rps=[10.0]), workload("two", rps=[20.0])]
    problem = problem_of(scenario(loads))
    found = priced_bound(problem, supply_prices(problem, np.array([[1.0]])))
    np.testing.assert_allclose(found.by_work, [24.0, 48.0], rtol=1e-5)
    assert found.value == pytest.approx(24.0 + 48.0 - 32.0, rel=1e-5)
    drained = priced_bound(replace(problem, fixed_cost=7.0), supply_prices(problem))
    assert drained.value == pytest.approx(48.0 + 7.0, rel=1e-5)


def test_nothing_is_proved_where_time_is_up_and_all_where_there_is_no_plan() -> None:
    """The one workload is done before the stop. Eight replicas serve 80 requests/s."""
    loads = [workload("one", rps=[10.0]), workload("two", rps=[20.0])]
    problem = problem_of(scenario(loads))
    asked = iter([False, True])
    found = priced_bound(problem, supply_prices(problem), lambda: next(asked))
    assert found.value == -np.inf
    np.testing.assert_allclose(found.by_work, [16.0, 0.0], rtol=1e-5)
    assert plain(one_engine([80.0])).value == pytest.approx(64.0, rel=1e-5)
    assert plain(one_engine([90.0])).value == np.inf


def test_grids_are_as_large_as_is_asked_for() -> None:
    """With room for one engine the others start for free, 7.50 USD less in a round."""
    problem = three_engines(9.0, 5.0, startup_s=3600.0)
    values = [plain(problem, cells).value for cells in (1, 10**6, None)]
    assert values == pytest.approx([23.5, 31.0, 31.0], rel=1e-4)


@pytest.mark.parametrize("cells", [1, 10**6])
def test_a_whole_engine_beside_a_divided_one_passes_all_on_once(cells: int) -> None:
    """It prefills for less than its halves, also where each half has a block of its own."""
    halves = [
        engine(f"half-{i}", role=Role.PREFILL, gpus=8, part=Part("moe", f"half-{i}", i, None))
        for i in (0, 1)
    ]
    problem = pairs([20.0, 10.0], halves, leaves=["l1"])
    assert len(problem.balances) == 2
    _, found = balances(problem, supply_prices(problem), cells)
    np.testing.assert_allclose(found, np.zeros((2, 1, 2)), atol=1e-12)
