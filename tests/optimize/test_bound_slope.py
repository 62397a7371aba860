"""Where the bound can grow: what its schedules hold of supply, pass on, and start, by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.scenario import Running
from heteroplan.entities.workload import Engine, Part, Role
from heteroplan.optimize.bound.bound import PricedBound, priced_bound
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Floats, Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of


def one_engine(
    rps: Sequence[float],
    *,
    startup_s: float = 0.0,
    cyclic: bool = True,
    leaves: Sequence[int] = (4,),
    ran: int | None = None,
) -> Problem:
    """Replicas of 4 GPUs and 10 requests/s at 2 USD a GPU and hour, nodes of 8 GPUs on leaves."""
    both = engine("both", role=Role.AGGREGATED, startup_s=startup_s)
    made = scenario(
        [workload(rps=rps, engines=[both])],
        in_fleet=fleet({f"l{i}": {"h100x8": nodes} for i, nodes in enumerate(leaves)}),
        cyclic=cyclic,
    )
    if ran is not None:
        made = replace(made, current=(Running("w", "both", "h100x8", "l0", ()),) * ran)
    return problem_of(made)


def gpus_held(problem: Problem, found: PricedBound) -> Floats:
    """[R, T]"""
    return np.asarray(found.slope.supply + np.array([row.gpus for row in problem.supplies]))


def plain(problem: Problem, cells: int | None = None) -> PricedBound:
    return priced_bound(problem, supply_prices(problem), cells=cells)


@pytest.mark.parametrize(
    ("startup_s", "held"),
    [(0.0, [4, 4, 12, 4]), (3600.0, [4, 12, 12, 4]), (7200.0, [12, 12, 12, 4])],
)
def test_a_replica_holds_its_gpus_while_it_starts(startup_s: float, held: list[int]) -> None:
    """One replica but in the third hour, when there are three: two start an hour or two before."""
    problem = one_engine([10.0, 10.0, 30.0, 10.0], startup_s=startup_s)
    assert gpus_held(problem, plain(problem)).tolist() == [held]


def test_a_round_day_starts_in_the_hours_before_it_begins() -> None:
    problem = one_engine([30.0, 10.0, 10.0], startup_s=3600.0)
    assert gpus_held(problem, plain(problem)).tolist() == [[12, 4, 12]]


def test_what_starts_before_the_horizon_holds_nothing_in_it() -> None:
    """One of the three ran before, so that two start; nor do they in the last hour."""
    problem = one_engine([30.0, 10.0, 20.0], startup_s=3600.0, cyclic=False, ran=1)
    assert gpus_held(problem, plain(problem)).tolist() == [[12, 8, 8]]


def test_pools_as_cheap_hold_by_their_room() -> None:
    """Of three nodes, one and two: a third of five replicas, and twice as many."""
    problem = one_engine([45.0], leaves=(1, 2))
    np.testing.assert_allclose(gpus_held(problem, plain(problem)), [[20 / 3], [40 / 3]])
    prices = supply_prices(problem, np.array([[0.1], [0.0]]))
    assert gpus_held(problem, priced_bound(problem, prices)).tolist() == [[0.0], [20.0]]


def test_an_hour_without_room_still_divides_by_what_there_is_elsewhere() -> None:
    """No node at the first leaf: only the other has pools, which hold everything."""
    problem = one_engine([30.0, 10.0], leaves=(0, 2))
    held = gpus_held(problem, plain(problem))
    assert held[-1].tolist() == [12.0, 4.0]


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


@pytest.mark.parametrize("cells", [1, 10**6])
def test_fillers_hold_gpus_too(cells: int) -> None:
    """9 requests/s by one of the first, which alone may be on the grid, and one of the second."""
    problem = three_engines(9.0, 9.0)
    found = plain(problem, cells)
    assert found.value == pytest.approx(2 * 15.5, rel=1e-4)
    held = dict(
        zip(
            [row.node_type for row in problem.supplies],
            gpus_held(problem, found).tolist(),
            strict=True,
        )
    )
    assert held == {"A": [8, 8], "B": [8, 8], "C": [0, 0]}


def pairs(
    rps: Sequence[float], extra: Sequence[Engine] = (), leaves: Sequence[str] = ("l1", "l2")
) -> Problem:
    engines = [engine("prefill", role=Role.PREFILL), engine("decode"), *extra]
    made = scenario(
        [workload(rps=rps, engines=engines)],
        in_fleet=fleet({leaf: {"h100x8": 4} for leaf in leaves}),
    )
    return problem_of(made)


def passed_on(problem: Problem, price: float, cells: int | None = None) -> list[list[float]]:
    """[B, T] prefilled less decoded where passing on costs `price` in the first group."""
    prices = supply_prices(problem)
    prices.balance[0] = price
    found = priced_bound(problem, prices, cells=cells).slope.balance
    assert found.shape[1] == 1
    return [[round(float(each), 6) for each in row] for row in found[:, 0]]


def test_all_prefill_where_passing_on_costs_less_and_all_decode_where_it_pays() -> None:
    """20 requests/s by two replicas of 10: all of them. 25 by three: the bound gives a replica the
    difference for all that it could pass, 1.2 of the demand, so 0.2 less than nothing elsewhere.
    None where none are asked.
    """
    problem = pairs([20.0, 25.0, 0.0])
    assert passed_on(problem, 1.0) == [[-1.0, -1.4, 0.0], [1.0, 1.4, 0.0]]
    assert passed_on(problem, -1.0) == [[1.0, 1.4, 0.0], [-1.0, -1.4, 0.0]]


@pytest.mark.parametrize("price", [1.0, -1.0, 0.3])
@pytest.mark.parametrize("row", [0, 1])
def test_the_slope_is_by_how_much_the_bound_changes_with_the_price(price: float, row: int) -> None:
    problem, step = pairs([20.0, 25.0, 13.0]), 1e-3

    def found(change: float) -> PricedBound:
        prices = supply_prices(problem)
        prices.balance[0], prices.balance[1] = price, 0.1
        prices.balance[row] += change
        return priced_bound(problem, prices)

    risen = (found(step).value - found(-step).value) / (2 * step)
    assert risen == pytest.approx(float(found(0.0).slope.balance[row].sum()), rel=1e-4)


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


def starting_slope(problem: Problem, due: Floats | None = None) -> list[list[float]]:
    prices = supply_prices(problem)
    if due is not None:
        prices = replace(prices, starting=due)
    found = priced_bound(problem, prices).slope.starting
    return [[round(float(each), 6) for each in row] for row in found]


def test_what_is_due_of_starts_counts_growth_less_what_is_paid_for_it_anyway() -> None:
    """1, 3, 2 replicas in a round, a start at 2 USD: growth of 2 is paid, shrinkage is not.

    So 2 USD would be lost by what is due where one stops, at noon and in the night.
    """
    problem = one_engine([10.0, 30.0, 20.0], startup_s=900.0)
    assert problem.pools[0].start_cost == 2.0
    assert starting_slope(problem) == [[-2.0, 0.0, -2.0]]


def test_nothing_grows_into_the_first_interval_of_a_day_that_ends() -> None:
    problem = one_engine([10.0, 30.0, 20.0], startup_s=900.0, cyclic=False)
    assert starting_slope(problem) == [[0.0, 0.0, -2.0]]


@pytest.mark.parametrize("cyclic", [True, False])
def test_growth_is_divided_by_the_room_of_pools_as_cheap(cyclic: bool) -> None:
    """1 replica, then 4, then 1, a third of them on the first leaf: of 3 that stop a third too."""
    problem = one_engine([10.0, 40.0, 10.0], startup_s=900.0, leaves=(1, 2), cyclic=cyclic)
    stops = np.array([0.0, 0.0, -3.0]) * 2.0
    np.testing.assert_allclose(starting_slope(problem), [stops / 3, stops * 2 / 3], atol=1e-6)


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
    assert gpus_held(problem, found).tolist() == [[8.0]]
    assert plain(one_engine([80.0])).value == pytest.approx(64.0, rel=1e-5)
    assert plain(one_engine([90.0])).value == np.inf


def test_grids_are_as_large_as_is_asked_for() -> None:
    """With room for one engine the others start for free, 7.50 USD less in a round."""
    problem = three_engines(9.0, 5.0, startup_s=3600.0)
    values = [plain(problem, cells).value for cells in (1, 10**6, None)]
    assert values == pytest.approx([23.5, 31.0, 31.0], rel=1e-4)


@pytest.mark.parametrize("cells", [1, 10**6])
def test_a_replica_of_both_stages_holds_its_gpus_once(cells: int) -> None:
    """A pair of 8 GPUs and 2 of an engine of both, that engine alone, the pair alone."""
    both = engine("both", role=Role.AGGREGATED, gpus=2, capacity_rps=2.0)
    problem = pairs([12.0, 2.0, 10.0], [both], leaves=["l1"])
    np.testing.assert_allclose(gpus_held(problem, plain(problem, cells)), [[10.0, 2.0, 8.0]])


@pytest.mark.parametrize("cells", [1, 10**6])
def test_a_replica_of_both_stages_starts_once(cells: int) -> None:
    """1, 3, 2 replicas in a round that cost half of a pair, a start at 2 USD."""
    both = engine("both", role=Role.AGGREGATED, startup_s=900.0)
    problem = pairs([10.0, 30.0, 20.0], [both], leaves=["l1"])
    assert [pool.engine for pool in problem.pools].index("both") == 2
    slope = priced_bound(problem, supply_prices(problem), cells=cells).slope.starting
    np.testing.assert_allclose(slope, [[0.0] * 3, [0.0] * 3, [-2.0, 0.0, -2.0]], atol=1e-9)


@pytest.mark.parametrize("cells", [1, 10**6])
def test_a_whole_engine_beside_a_divided_one_passes_all_on_once(cells: int) -> None:
    """It prefills for less than its halves, also where each half has a block of its own."""
    halves = [
        engine(f"half-{i}", role=Role.PREFILL, gpus=8, part=Part("moe", f"half-{i}", i, None))
        for i in (0, 1)
    ]
    problem = pairs([20.0, 10.0], halves, leaves=["l1"])
    assert len(problem.balances) == 2
    slope = priced_bound(problem, supply_prices(problem), cells=cells).slope.balance
    np.testing.assert_allclose(slope, np.zeros((2, 1, 2)), atol=1e-12)


def test_fillers_pay_for_no_start_so_that_growth_counts_in_full() -> None:
    """One of the second runs in the first hour alone, beside one of the first that stays."""
    problem = three_engines(9.0, 5.0, startup_s=3600.0)
    slope = priced_bound(problem, supply_prices(problem), cells=1).slope.starting
    np.testing.assert_allclose(slope, [[0.0, 0.0], [7.5, -7.5], [0.0, 0.0]], atol=1e-9)
