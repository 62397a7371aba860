"""Sweeps: what costs less elsewhere goes there, supply is kept, prices rise where it is short."""

from collections.abc import Mapping, Sequence
from time import monotonic

import numpy as np
import pytest

from heteroplan.clock import never, silent
from heteroplan.entities.workload import Role
from heteroplan.optimize.construct.all_workloads import steered
from heteroplan.optimize.construct.one_workload import is_plain
from heteroplan.optimize.improve import sweeps as sweeping
from heteroplan.optimize.improve.sweeps import REPAIRS, RISE, with_room_made
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Floats, Ints, Problem, Solution
from heteroplan.optimize.search import Search
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.construct.test_one_workload_groups import cost_at, lacking, wasteful
from tests.optimize.plan_checks import faults_of
from tests.optimize.random_cases import random_problem

LEAST_CHANGE = 1e-6


def search_of(problem: Problem, seconds: float = 60.0, *without: str) -> Search:
    end = monotonic() + seconds
    return Search(problem, 0.0, end, never, silent, without=frozenset(without))


def plan_of(problem: Problem, replicas: Ints) -> Incumbent:
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def two_spines(cheap: int, dear: int, *loads: Mapping[str, float], price: float = 2.0) -> Problem:
    """Nodes of 4 GPUs that hold a replica of 10 requests/s: at 1 USD a GPU, and at `price`.

    Each of `loads` says what a workload asks for (`rps`) and its `priority`.
    """
    shapes = (
        node_type("cheap", gpus=4, usd_per_gpu_hour=1.0),
        node_type("dear", gpus=4, usd_per_gpu_hour=price),
    )
    made = [
        workload(
            f"w{i}",
            rps=[load["rps"]],
            priority=int(load.get("priority", 1)),
            engines=[engine("both", role=Role.AGGREGATED)],
            min_replicas={Role.AGGREGATED: int(load["least"])} if "least" in load else None,
        )
        for i, load in enumerate(loads)
    ]
    on = fleet({"l1": {"cheap": cheap, "dear": 0}, "l2": {"dear": dear}}, node_types=shapes)
    return problem_of(scenario(made, in_fleet=on))


def sized(problem: Problem, *sizes: tuple[int, int]) -> Ints:
    """[P, 1] replicas of each workload on cheap and on dear nodes."""
    return np.array([[sizes[pool.workload][pool.node_type == "dear"]] for pool in problem.pools])


def swept(
    problem: Problem,
    start: Ints,
    order: Sequence[int],
    price: float = 0.0,
    *without: str,
) -> list[tuple[int, int]]:
    """Replicas on cheap and on dear nodes; `price` is that of a GPU on cheap ones."""
    prices = np.array([[price if row.node_type == "cheap" else 0.0] for row in problem.supplies])
    found = sweeping.swept(
        search_of(problem, 60.0, *without), plan_of(problem, start), prices, order
    )
    counts = [[0, 0] for _ in problem.workloads]
    for pool, size in zip(problem.pools, found.solution.replicas[:, 0].tolist(), strict=True):
        counts[pool.workload][pool.node_type == "dear"] += size
    return [(cheap, dear) for cheap, dear in counts]


def test_a_workload_goes_where_it_costs_least_beside_the_others() -> None:
    """Three cheap nodes: who comes first has what it needs of them, 2 or 3."""
    problem = two_spines(3, 9, {"rps": 20.0}, {"rps": 30.0})
    start = sized(problem, (0, 2), (0, 3))
    assert swept(problem, start, [0, 1]) == [(2, 0), (0, 3)]
    assert swept(problem, start, [1, 0]) == [(0, 2), (3, 0)]
    assert swept(problem, start, [1]) == [(0, 2), (3, 0)]


def test_a_workload_with_a_minimum_of_replicas_goes_where_it_costs_least() -> None:
    problem = two_spines(3, 9, {"rps": 20.0, "least": 2}, {"rps": 20.0, "least": 2})
    start = sized(problem, (0, 2), (0, 2))
    assert swept(problem, start, [0, 1]) == [(2, 0), (1, 1)]
    assert swept(problem, start, [1, 0]) == [(1, 1), (2, 0)]


@pytest.mark.parametrize(("price", "sizes"), [(0.0, (2, 0)), (0.9, (2, 0)), (1.1, (0, 2))])
def test_prices_of_supply_count_beside_what_gpus_cost(price: float, sizes: tuple[int, int]) -> None:
    """Cheap nodes at 1 USD a GPU and the price, dear ones at 2 USD; from either side."""
    problem = two_spines(9, 9, {"rps": 20.0})
    for start in ((2, 0), (0, 2)):
        assert swept(problem, sized(problem, start), [0], price) == [sizes]


@pytest.mark.parametrize(("price", "sizes"), [(1.02, (0, 2)), (1.05, (2, 0))])
def test_a_workload_near_the_least_that_it_could_cost_stays(
    price: float, sizes: tuple[int, int]
) -> None:
    """2 % above what it would cost alone, or 5 %."""
    problem = two_spines(9, 9, {"rps": 20.0}, price=price)
    assert swept(problem, sized(problem, (0, 2)), [0], 0.0, "regroup") == [sizes]


def test_a_workload_that_several_groups_serve_stays_there() -> None:
    """50 requests/s by two replicas on cheap nodes and three on dear ones, each as cheap as can be
    beside the others.
    """
    problem = two_spines(9, 9, {"rps": 50.0})
    assert swept(problem, sized(problem, (2, 3)), [0], 0.0, "regroup") == [(2, 3)]
    assert swept(problem, sized(problem, (0, 5)), [0], 0.0, "regroup") == [(5, 0)]


def test_what_is_too_many_or_missing_is_put_right() -> None:
    problem = two_spines(9, 9, {"rps": 20.0}, {"rps": 30.0})
    assert swept(problem, sized(problem, (4, 0), (1, 0)), [0, 1]) == [(2, 0), (3, 0)]


def test_a_workload_that_does_not_move_keeps_its_group() -> None:
    problem = two_spines(9, 9, {"rps": 20.0})
    start = plan_of(problem, sized(problem, (0, 3)))
    found = sweeping.swept(
        search_of(problem), start, np.zeros((len(problem.supplies), 1)), [0], moves=False
    )
    assert found.solution.replicas.tolist() == sized(problem, (0, 2)).tolist()


def test_a_sweep_that_is_out_of_time_changes_nothing() -> None:
    problem = two_spines(9, 9, {"rps": 20.0})
    start = plan_of(problem, sized(problem, (0, 2)))
    prices = np.zeros((len(problem.supplies), 1))
    found = sweeping.swept(search_of(problem, -1.0), start, prices, [0])
    assert found.solution.replicas.tolist() == start.solution.replicas.tolist()


def test_a_plan_swept_stays_as_it_was_given() -> None:
    problem = two_spines(9, 9, {"rps": 20.0}, {"rps": 20.0, "least": 1})
    start = sized(problem, (0, 2), (0, 2))
    before = start.copy()
    assert swept(problem, start, [0, 1]) == [(2, 0), (2, 0)]
    assert (start == before).all()


FEATURES = (
    None, "leads", "nested_supply", "maintenance", "ratio_band", "replica_limits", "max_groups",
    "divided", "already_running",
)  # fmt: skip


@pytest.mark.parametrize("feature", FEATURES)
def test_sweeps_keep_supply_and_serve_no_less_for_no_more(feature: str | None) -> None:
    """At prices drawn at random, or none; workload by workload, each kept where it costs less."""
    changed = 0
    for seed in range(6):
        problem = random_problem(seed, feature)
        draw = np.random.default_rng(seed)
        replicas = wasteful(problem, draw)
        start = plan_of(problem, replicas)
        prices = draw.uniform(0.0, 2.0, (len(problem.supplies), problem.intervals)) * (seed % 2)
        held_price = steered(problem, prices)
        found = start
        for w in draw.permutation(len(problem.workloads)).tolist():
            before, found = found, sweeping.swept(search_of(problem), found, prices, [w])
            sizes = found.solution.replicas
            assert all((left >= 0).all() for left in problem.residual(sizes))
            if is_plain(problem, w):
                missing, cost = of_workload(problem, w, sizes, held_price)
                lacked, paid = of_workload(problem, w, before.solution.replicas, held_price)
                assert missing <= lacked + LEAST_CHANGE
                assert missing < lacked - LEAST_CHANGE or cost <= paid + LEAST_CHANGE
            else:
                assert found.rank <= before.rank
            others = [p for p, pool in enumerate(problem.pools) if pool.workload != w]
            assert (sizes[others] == before.solution.replicas[others]).all()
        assert faults_of(problem, found) == []
        changed += found.rank != start.rank
    assert changed > 0


def of_workload(problem: Problem, w: int, replicas: Ints, price: Floats) -> tuple[float, float]:
    return lacking(problem, w, replicas), cost_at(problem, w, replicas, price)


def test_prices_rise_where_demand_is_short_until_room_is_made() -> None:
    """`w0` costs least on cheap nodes, the only ones of `w1`.

    It leaves its node once a GPU costs more than 2 USD there: at the fourth rise by 0.3. `w1`,
    tried before in vain, is tried again.
    """
    shapes = (
        node_type("cheap", gpu="C", gpus=4, usd_per_gpu_hour=1.0),
        node_type("dear", gpu="D", gpus=4, usd_per_gpu_hour=2.0),
    )
    either = [engine(gpu, role=Role.AGGREGATED, gpu=gpu) for gpu in "CD"]
    loads = [workload("w0", engines=either), workload("w1", engines=either[:1])]
    on = fleet({"l1": {"cheap": 1, "dear": 1}}, node_types=shapes)
    problem = problem_of(scenario(loads, in_fleet=on))
    replicas = np.array([[int((pool.workload, pool.engine) == (0, "C"))] for pool in problem.pools])
    prices = np.zeros((len(problem.supplies), 1))
    plans = list(with_room_made(search_of(problem), plan_of(problem, replicas), prices, [0, 1]))
    assert [plan.covered for plan in plans] == [False] * 3 + [True]
    assert 3 * RISE < 1.0 < 4 * RISE
    assert plans[-1].cost == pytest.approx(4 * 1.0 + 4 * 2.0)


def test_a_plan_that_serves_everything_needs_no_repair() -> None:
    problem = two_spines(9, 9, {"rps": 20.0})
    prices = np.zeros((len(problem.supplies), 1))
    covered = plan_of(problem, sized(problem, (0, 2)))
    assert list(with_room_made(search_of(problem), covered, prices, [0])) == []
    short = plan_of(problem, sized(problem, (0, 1)))
    assert list(with_room_made(search_of(problem, -1.0), short, prices, [0])) == []
    assert [plan.covered for plan in with_room_made(search_of(problem), short, prices, [0])] == [
        True
    ]


def test_urgent_workloads_and_among_them_the_shortest_are_swept_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No nodes for all: w1 and w3 lack a half and a quarter at priority 1, w2 all at priority 2.

    Then w0, which lacks nothing and holds GPUs where they are out.
    """
    loads = [{"rps": 10.0, "priority": 2}, {"rps": 20.0}, {"rps": 10.0, "priority": 2}]
    problem = two_spines(5, 0, *loads, {"rps": 40.0})
    orders = []

    def recorded(_: Search, plan: Incumbent, prices: Floats, order: Sequence[int]) -> Incumbent:
        orders.append((list(order), round(float(prices.max()), 6)))
        return plan

    monkeypatch.setattr(sweeping, "swept", recorded)
    start = plan_of(problem, sized(problem, (1, 0), (1, 0), (0, 0), (3, 0)))
    prices = np.zeros((len(problem.supplies), 1))
    list(with_room_made(search_of(problem), start, prices, [0, 3, 2, 1]))
    assert [order for order, _ in orders] == [[1, 3, 2], [0]] * REPAIRS
    rises = [RISE * (i + 1) for i in range(REPAIRS) for _ in range(2)]
    assert [price for _, price in orders] == pytest.approx(rises)
