"""What stands in the blocks of a workload: engines, limits, prices and steps, by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Running
from heteroplan.entities.workload import Engine, Loss, Part, Resilience, Role
from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.covering.role_blocks import (
    Fillers,
    RoleBlock,
    cover_share,
    cover_weights,
    role_blocks,
)
from heteroplan.optimize.covering.stages import SLACK, priced
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Floats, Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.block_reference import filled_for
from tests.optimize.case import problem_of

ALL_ENGINES = 10**6
"""States an interval that have room for all of them."""
PAIR = (engine("prefill", role=Role.PREFILL), engine("decode"))


def alone(name: str, capacity_rps: float, gpus: int = 8, startup_s: float = 0.0) -> Engine:
    """An aggregated engine on a GPU type of its own name."""
    return engine(
        name,
        role=Role.AGGREGATED,
        gpu=name,
        gpus=gpus,
        capacity_rps=capacity_rps,
        startup_s=startup_s,
    )


def made_of(
    rps: Sequence[float],
    *engines: tuple[Engine, float],
    nodes: Mapping[str, int] | None = None,
    running: Mapping[str, int] | None = None,
    min_replicas: Mapping[Role, int] | None = None,
    max_replicas: Mapping[Role, int] | None = None,
) -> Problem:
    """Engines with the price of a node of theirs; four nodes each, or so many on a leaf.

    The day ends where `running` says what ran before.
    """
    usd_of = {each.gpu: usd for each, usd in engines}
    types = [node_type(gpu, gpu=gpu, usd_per_gpu_hour=usd / 8) for gpu, usd in usd_of.items()]
    made = scenario(
        [
            workload(
                rps=rps,
                engines=[each for each, _ in engines],
                min_replicas=min_replicas,
                max_replicas=max_replicas,
            )
        ],
        in_fleet=fleet(
            {leaf: dict.fromkeys(usd_of, count) for leaf, count in (nodes or {"l1": 4}).items()},
            node_types=types,
        ),
        cyclic=running is None,
    )
    ran = [
        Running("w", name, name, "l1", ())
        for name, count in (running or {}).items()
        for _ in range(count)
    ]
    return problem_of(replace(made, current=tuple(ran)) if running else made)


def blocks_of(problem: Problem, cells: int = ALL_ENGINES) -> list[RoleBlock]:
    return list(role_blocks(priced(problem, supply_prices(problem)), 0, cells))


def names_on_grid(problem: Problem, found: RoleBlock) -> list[str]:
    return [problem.pools[found.engines[e].pools[0]].engine for e in found.grid]


def filling(found: RoleBlock, side: int = 0) -> Fillers:
    fillers = found.fillers[side]
    assert fillers is not None
    return fillers


def shares(rps: list[list[float]], loads: list[Floats], usd: Sequence[float]) -> Floats:
    """[E, T] what a replica of each engine serves at the weights of its price."""
    asked = np.array(rps)
    price = np.repeat(np.array(usd)[:, None], asked.shape[1], axis=1)
    weights = cover_weights(asked, loads, price)
    return np.array([cover_share(weights, asked, load) for load in loads])


def test_a_class_weighs_what_it_costs_where_it_is_cheapest() -> None:
    """Of the first engine a class keeps 2 replicas busy, another 4; of the second 3 and 1.

    At 1 USD each they cost 2 and 1, 3 together: the weights are 2/3 and 1/3. A replica of the
    first covers 2/3 / 2, more than 1/3 / 4; of the second 1/3 / 1: all demand for 3 USD in both. At
    2 USD for the second they cost 2 and 2: it covers 1/2, which is 4 USD for all.
    """
    loads = [np.array([[2.0], [4.0]]), np.array([[3.0], [1.0]])]
    np.testing.assert_allclose(shares([[5.0], [1.0]], loads, [1.0, 1.0]), [[1 / 3], [1 / 3]])
    np.testing.assert_allclose(shares([[5.0], [1.0]], loads, [1.0, 2.0]), [[1 / 4], [1 / 2]])


def test_a_class_that_is_not_asked_for_has_no_weight() -> None:
    """A replica of each then serves 1/2 and 1/3 of the one that is; and nothing at night."""
    loads = [np.array([[2.0, 2.0], [4.0, 4.0]]), np.array([[3.0, 3.0], [1.0, 1.0]])]
    found = shares([[5.0, 0.0], [0.0, 0.0]], loads, [1.0, 1.0])
    np.testing.assert_allclose(found, [[1 / 2, 0.0], [1 / 3, 0.0]])


def test_an_engine_that_cannot_serve_a_class_covers_by_the_other() -> None:
    """They cost 2 and 1, the second in the second engine alone."""
    loads = [np.array([[2.0], [np.inf]]), np.array([[3.0], [1.0]])]
    np.testing.assert_allclose(shares([[5.0], [1.0]], loads, [1.0, 1.0]), [[1 / 3], [1 / 3]])


def test_no_engine_for_a_class_leaves_the_others_all_weight() -> None:
    loads = [np.array([[2.0], [np.inf]])]
    np.testing.assert_allclose(shares([[5.0], [1.0]], loads, [1.0]), [[1 / 2]])


def test_a_class_that_costs_nothing_elsewhere_keeps_some_weight() -> None:
    """The first engine keeps next to nothing busy with the second class, the other 4 replicas.

    Weights alone say that trillions of them are of use; 4 / 0.05 is the most.
    """
    loads = [np.array([[2.0], [1e-12]]), np.array([[np.inf], [4.0]])]
    assert shares([[5.0], [1.0]], loads, [1.0, 1.0])[1] == pytest.approx(0.05 / 4)


def test_classes_weigh_the_same_where_replicas_are_free() -> None:
    loads = [np.array([[2.0], [4.0]])]
    np.testing.assert_allclose(shares([[5.0], [1.0]], loads, [0.0]), [[1 / 4]])


@given(seed=st.integers(0, 10**6))
def test_no_engine_serves_the_sum_for_less_than_the_classes_cost(seed: int) -> None:
    """Price per share of an engine against the sum of each class in its cheapest engine."""
    random = np.random.default_rng(seed)
    engines, classes = random.integers(1, 5), random.integers(1, 6)
    loads = list(random.uniform(0.1, 9.0, (engines, classes, 1)))
    usd = random.uniform(0.1, 9.0, engines)
    least = np.min([load[:, 0] * price for load, price in zip(loads, usd, strict=True)], axis=0)
    found = shares([[1.0]] * classes, loads, usd.tolist())
    assert (usd / found[:, 0] >= least.sum() * (1 - 1e-9)).all()


@pytest.mark.parametrize(
    ("capacity_rps", "usd", "steps"),
    [
        (3.0, 6.0, 106),  # 32 x 10 / 3
        (8.0, 14.0, 64),  # not 32 x 10 / 8 = 40
        (0.1, 0.2, 2048),  # not 32 x 10 / 0.1 = 3,200
    ],
)
def test_demand_is_counted_in_parts_of_the_smallest_filler(
    capacity_rps: float, usd: float, steps: int
) -> None:
    """In 32 a replica, in 64 to 2,048 in all; beside the grid it is the first of 5 for 8 USD."""
    problem = made_of([10.0, 10.0], (alone("A", 5.0), 8.0), (alone("B", capacity_rps), usd))
    (found,) = blocks_of(problem, cells=1)
    assert names_on_grid(problem, found) == ["A"]
    assert (1 - SLACK) / filling(found).step == pytest.approx(steps)


def test_the_smallest_of_several_fillers_counts() -> None:
    problem = made_of(
        [10.0, 10.0], (alone("A", 5.0), 8.0), (alone("B", 4.0), 7.5), (alone("C", 3.0), 6.0)
    )
    (found,) = blocks_of(problem, cells=1)
    assert filling(found).engines == (1, 2)
    assert (1 - SLACK) / filling(found).step == pytest.approx(106)


@pytest.mark.parametrize("request_price", [1e-5, 2e-4, 4e-4, 6e-4])
def test_a_step_is_filled_or_left_unserved(request_price: float) -> None:
    """Of each number of steps some are filled and the rest left out, at what requests cost."""
    problem = made_of(
        [10.0, 5.0], (alone("A", 5.0), 8.0), (alone("B", 4.0), 7.5), (alone("C", 3.0), 6.0)
    )
    prices = supply_prices(problem)
    (must,) = role_blocks(priced(problem, prices), 0, 1)
    (may,) = role_blocks(priced(problem, prices, request_price), 0, 1)
    filled, either = filling(must), filling(may)
    assert either.step == filled.step
    for t, rps in enumerate((10.0, 5.0)):
        step_usd = request_price * rps * 3600.0 * filled.step
        best = [
            min(float(filled.cost[t, g - out]) + step_usd * out for out in range(g + 1))
            for g in range(filled.cost.shape[1])
        ]
        np.testing.assert_allclose(either.cost[t], best, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cells", [1, 100, ALL_ENGINES])
@pytest.mark.parametrize("with_both", [False, True])
def test_stages_share_what_unserved_requests_cost(cells: int, with_both: bool) -> None:
    """20 requests/s at 0.0001 USD are 7.20 USD an hour, whether prefill and decode share a block.

    A replica of either for 10 requests/s costs 8.
    """
    extra = [(alone("both", 10.0), 30.0)] if with_both else []
    problem = made_of([20.0, 20.0], *((each, 16.0) for each in PAIR), *extra)
    value = priced_bound(problem, supply_prices(problem), cells=cells, request_price=1e-4).value
    assert value == pytest.approx(14.4, rel=1e-4)
    assert value <= 14.4


def test_a_block_for_all_stages_may_be_twice_as_large() -> None:
    """Of 30 requests/s: four counts each of the engine of both and of prefill, 16 states.

    Decode stands beside that grid, on its side alone.
    """
    problem = made_of([30.0, 30.0], *((each, 16.0) for each in PAIR), (alone("both", 10.0), 15.0))
    (joint,) = blocks_of(problem, cells=8)
    assert joint.block.cells() == 16
    assert names_on_grid(problem, joint) == ["prefill", "both"]
    assert joint.fillers[0] is None
    assert [problem.pools[joint.engines[e].pools[0]].engine for e in filling(joint, 1).engines] == [
        "decode"
    ]
    prefill, decode = joint.stages
    assert joint.block.all_sides().tolist() == [[True, True], [False, True]]
    assert [each.part for each in joint.engines] == [1.0, 1.0, 1.0]
    apart = blocks_of(problem, cells=7)
    assert [[stage.pools for stage in each.stages] for each in apart] == [
        [prefill.pools],
        [decode.pools],
    ]
    assert [each.part for each in apart[0].engines] == [1.0, 0.5]


def test_a_grid_that_has_room_for_all_holds_them_in_their_order() -> None:
    """4 x 4 x 4 states of 30 requests/s; with room for one less not, as it keeps to the room."""
    problem = made_of([30.0, 30.0], *((each, 16.0) for each in PAIR), (alone("both", 10.0), 15.0))
    (whole,) = blocks_of(problem, cells=64)
    assert names_on_grid(problem, whole) == ["prefill", "decode", "both"]
    assert whole.fillers == (None, None)
    assert whole.block.all_sides().tolist() == [[True, False, True], [False, True, True]]
    (less,) = blocks_of(problem, cells=63)
    assert names_on_grid(problem, less) == ["prefill", "both"]


@pytest.mark.parametrize("cells", [8, 64])
def test_fillers_of_one_stage_prove_what_the_whole_grid_does(cells: int) -> None:
    """Three of each for 8 USD beat three of both for 20 and what lies between; then one of both."""
    engines = [*((each, 16.0) for each in PAIR), (alone("both", 10.0), 20.0)]
    problem = made_of([30.0, 30.0], *engines)
    value = priced_bound(problem, supply_prices(problem), cells=cells).value
    assert value == pytest.approx(2 * 48.0, rel=1e-4)
    assert value <= 2 * 48.0


BEATEN = [
    pytest.param([], id="a stage"),
    pytest.param([(each, 16.0) for each in PAIR], id="all stages"),
]


@pytest.mark.parametrize("others", BEATEN)
@pytest.mark.parametrize(
    ("running", "kept"),
    [
        ({"cheap": 1}, ["cheap"]),
        ({"dear": 1}, ["cheap", "dear"]),
        ({"dear": 2}, ["cheap", "dear"]),
    ],
)
def test_a_dearer_engine_counts_where_it_runs_already(
    others: list[tuple[Engine, float]], running: dict[str, int], kept: list[str]
) -> None:
    """Both serve 10 requests/s, for 8 USD and for 9."""
    problem = made_of(
        [20.0, 10.0],
        *others,
        (alone("cheap", 10.0), 8.0),
        (alone("dear", 10.0), 9.0),
        running=running,
    )
    (found,) = blocks_of(problem)
    on_grid = [name for name in names_on_grid(problem, found) if name in ("cheap", "dear")]
    assert on_grid == kept
    assert found.block.before is not None
    ran = dict(zip(names_on_grid(problem, found), found.block.before.tolist(), strict=True))
    assert {name: ran[name] for name in running} == running
    assert sum(ran.values()) == sum(running.values())


def test_what_ran_is_that_of_the_engines_on_the_grid() -> None:
    """One of the dear engine and two of the cheap one, which alone has room."""
    problem = made_of(
        [20.0, 10.0],
        (alone("dear", 8.0), 9.0),
        (alone("cheap", 10.0), 9.5),
        running={"dear": 1, "cheap": 2},
    )
    (found,) = blocks_of(problem, cells=1)
    assert names_on_grid(problem, found) == ["cheap"]
    assert found.block.before is not None
    assert found.block.before.tolist() == [2]
    assert [each.before for each in found.engines] == [1, 2]
    assert made_of([1.0], (alone("A", 1.0), 1.0)).before is None
    (unknown,) = blocks_of(made_of([1.0], (alone("A", 1.0), 1.0)))
    assert unknown.block.before is None


def test_limits_of_a_role_bind_its_own_block() -> None:
    problem = made_of(
        [20.0, 20.0],
        *((each, 16.0) for each in PAIR),
        min_replicas={Role.PREFILL: 2, Role.DECODE: 3},
        max_replicas={Role.PREFILL: 5, Role.DECODE: 7},
    )
    prefill, decode = blocks_of(problem)
    assert prefill.block.most is not None
    assert decode.block.most is not None
    assert (prefill.block.fewest.tolist(), prefill.block.most.tolist()) == ([2, 2], [5, 5])
    assert (decode.block.fewest.tolist(), decode.block.most.tolist()) == ([3, 3], [7, 7])
    assert prefill.block.high.tolist() == [[2, 2]]
    assert decode.block.high.tolist() == [[3, 3]]


def test_limits_of_a_divided_role_count_first_halves() -> None:
    halves = [
        engine(f"half-{i}", role=Role.PREFILL, gpu=f"H{i}", part=Part("moe", f"half-{i}", i, None))
        for i in (0, 1)
    ]
    problem = made_of(
        [20.0, 20.0],
        *((each, 16.0) for each in (*halves, PAIR[1])),
        min_replicas={Role.PREFILL: 2},
        max_replicas={Role.PREFILL: 5},
    )
    first, second, decode = blocks_of(problem)
    assert names_on_grid(problem, decode) == ["decode"]
    assert [each.block.fewest.tolist() for each in (first, second, decode)] == [
        [2, 2],
        [0, 0],
        [0, 0],
    ]
    assert [each.block.most is None for each in (first, second, decode)] == [False, True, True]


def test_no_more_replicas_than_all_domains_hold() -> None:
    """Of 100 requests/s ten replicas: six nodes in all, so six of each. Limits are kept as well."""
    problem = made_of(
        [100.0, 100.0],
        (alone("A", 10.0), 8.0),
        (alone("B", 11.0), 9.0),
        nodes={"l1": 2, "l2": 4},
    )
    (found,) = blocks_of(problem)
    assert found.block.high.tolist() == [[6, 6], [6, 6]]


def test_copies_of_what_beats_another_engine_may_be_more_than_its_nodes_hold() -> None:
    """The dear one is left out, and what it serves counted as by ten replicas of the cheap one."""
    problem = made_of(
        [100.0, 100.0],
        (alone("A", 10.0), 8.0),
        (alone("B", 10.0), 9.0),
        nodes={"l1": 2, "l2": 4},
    )
    (found,) = blocks_of(problem)
    assert names_on_grid(problem, found) == ["A"]
    assert found.block.high.tolist() == [[10, 10]]
    value = priced_bound(problem, supply_prices(problem)).value
    assert value == pytest.approx(160.0, rel=1e-4)


def test_an_engine_is_priced_by_the_hour_in_its_cheapest_domain() -> None:
    """At 1 USD a GPU on one leaf first, on the other then: 8 GPUs at no price in either hour.

    A start holds its GPUs in the hour before: likewise, whichever is cheaper then.
    """
    problem = made_of(
        [10.0, 10.0], (alone("A", 10.0, startup_s=3600.0), 8.0), nodes={"l1": 1, "l2": 1}
    )
    supply = np.array([[1.0, 0.0], [0.0, 3.0]])
    at = priced(problem, supply_prices(problem, supply))
    (found,) = role_blocks(at, 0, ALL_ENGINES)
    (made,) = found.engines
    assert made.running.tolist() == [[[16.0, 8.0], [8.0, 32.0]]]
    assert made.starting.tolist() == [[8.0, 16.0], [32.0, 8.0]]
    assert found.block.price.tolist() == [[8.0, 8.0]]
    assert found.block.start.tolist() == [[8.0, 8.0]]


def two_groups(*extra: tuple[Engine, float], rps: float = 20.0) -> Problem:
    return made_of([rps, rps], *((each, 16.0) for each in PAIR), *extra, nodes={"l1": 4, "l2": 4})


@pytest.mark.parametrize("extra", [(), ((alone("both", 10.0), 40.0),)])
@pytest.mark.parametrize("cells", [1, ALL_ENGINES])
def test_what_all_demand_costs_at_balances_is_part_of_the_bound(
    extra: tuple[tuple[Engine, float], ...], cells: int
) -> None:
    """Passing on costs 3 in one group: 3 of all, less 1.50 a replica where it costs nothing.

    Two prefill replicas for 6.50 each; decode pays 3 where the other costs: two for 6.50, 29 USD
    an hour. The same beside an engine of both that is too dear.
    """
    problem = two_groups(*extra)
    prices = supply_prices(problem)
    prices.balance[0] = 3.0
    value = priced_bound(problem, prices, cells=cells).value
    assert value == pytest.approx(2 * 29.0, rel=1e-4)
    assert value <= 2 * 29.0


def test_a_replica_of_both_is_rebated_by_each_stage() -> None:
    """Prefill is charged 3 and decode 5 for all demand, of which the engine of both saves half."""
    problem = two_groups((alone("both", 10.0), 16.0))
    prices = supply_prices(problem)
    prices.balance[0] = 3.0
    prices.balance[1] = 5.0
    at = priced(problem, prices)
    (joint,) = role_blocks(at, 0, ALL_ENGINES)
    both = joint.engines[2]
    assert both.part == 1.0
    np.testing.assert_allclose(both.running[0], np.full((2, 2), 16.0 - 5.0 / 2), rtol=1e-12)


def test_a_due_start_of_what_ran_is_given_back_once() -> None:
    """Two of an engine of both stages ran, a start at 4 USD all due: 8 less in all."""
    problem = made_of(
        [20.0, 20.0],
        *((each, 16.0) for each in PAIR),
        (alone("both", 10.0, startup_s=1800.0), 8.0),
        running={"both": 2},
    )
    (p,) = (i for i, pool in enumerate(problem.pools) if pool.engine == "both")
    assert problem.pools[p].start_cost == 4.0
    due = np.zeros((len(problem.pools), 2))
    due[p, 0] = 1.0
    at = priced(problem, replace(supply_prices(problem), starting=due))
    for cells, blocks in ((ALL_ENGINES, 1), (1, 2)):
        found = list(role_blocks(at, 0, cells))
        assert len(found) == blocks
        assert sum(each.constant for each in found) == pytest.approx(-8.0)


def test_drains_of_what_ran_are_given_back_where_blocks_leave_them_out() -> None:
    """Two of an engine of both stages ran, a drain costs 16: the fixed cost has 32 of it."""
    both = engine("both", role=Role.AGGREGATED, gpu="both", gpus=8, drain_s=7200.0)
    problem = made_of([20.0], *((each, 16.0) for each in PAIR), (both, 8.0), running={"both": 2})
    assert problem.fixed_cost == 32.0
    at = priced(problem, supply_prices(problem))
    assert at.drained.tolist() == [True]
    for cells in (ALL_ENGINES, 1):
        assert sum(each.constant for each in role_blocks(at, 0, cells)) == pytest.approx(-32.0)


def test_counts_of_fillers_at_whole_steps_cost_what_the_table_says() -> None:
    problem = made_of(
        [10.0, 10.0], (alone("A", 5.0), 8.0), (alone("B", 4.0), 7.5), (alone("C", 3.0), 6.0)
    )
    (found,) = blocks_of(problem, cells=1)
    fillers, table = filling(found), found.block.filling
    assert table is not None
    for steps in range(107):
        missing = np.array([steps, max(0, 50 - steps)]) * fillers.step
        counts = fillers.counts(missing)
        stated = filled_for(table, 0, missing)
        np.testing.assert_allclose(stated, np.array([7.5, 6.0]) @ counts, rtol=1e-12)


def test_fillers_do_without_an_hour_that_asks_for_nothing() -> None:
    """9 requests/s by one of the first for 8 USD and one of the second for 7.50."""
    engines = ((alone("A", 5.0), 8.0), (alone("B", 4.0), 7.5), (alone("C", 3.0), 6.0))
    problem = made_of([9.0, 0.0], *engines)
    for cells in (1, ALL_ENGINES):
        value = priced_bound(problem, supply_prices(problem), cells=cells).value
        assert value == pytest.approx(15.5, rel=1e-4)


@pytest.mark.parametrize(("beyond", "replicas"), [(0.0, 2), (2.5e-6, 2), (4e-6, 3)])
def test_no_more_demand_is_let_go_than_a_plan_may_lack(beyond: float, replicas: int) -> None:
    """Two replicas for 8 USD serve 20 requests/s; a part of 2.5 millionths more may be lacking."""
    problem = made_of([20.0 * (1 + beyond)], (alone("A", 10.0), 8.0))
    value = priced_bound(problem, supply_prices(problem)).value
    assert value == pytest.approx(8.0 * replicas, rel=1e-6)


def test_a_promise_is_covered_by_all_that_it_needs() -> None:
    """All of 20 requests/s with either of two spines lost: 4 replicas of each role, 64 USD."""
    load = workload(rps=[20.0], affinity=Affinity.CLUSTER, resilience=Resilience(Loss.SPINE, 1.0))
    on = fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")})
    problem = problem_of(scenario([load], in_fleet=on))
    for found in blocks_of(problem):
        np.testing.assert_allclose(found.block.need, [2.0 * (1 - SLACK)], rtol=1e-12)
    value = priced_bound(problem, supply_prices(problem)).value
    assert value == pytest.approx(64.0, rel=1e-6)


def test_a_start_of_an_engine_of_both_is_paid_in_parts() -> None:
    """4 USD, whole where the stages share a block, half in each where they do not."""
    both = (alone("both", 10.0, startup_s=1800.0), 8.0)
    problem = made_of([20.0, 20.0], *((each, 16.0) for each in PAIR), both)
    (joint,) = blocks_of(problem)
    apart = blocks_of(problem, cells=1)
    assert [block.engines[-1].starting.tolist() for block in (joint, *apart)] == [
        [[4.0, 4.0]],
        [[2.0, 2.0]],
        [[2.0, 2.0]],
    ]


def test_requests_are_left_unserved_where_fillers_cost_more() -> None:
    """10 and 5 requests/s at 0.0001 USD: 3.60 and 1.80 USD, whatever there is to fill with."""
    engines = ((alone("A", 5.0), 8.0), (alone("B", 4.0), 7.5), (alone("C", 3.0), 6.0))
    problem = made_of([10.0, 5.0], *engines)
    for cells in (1, ALL_ENGINES):
        found = priced_bound(problem, supply_prices(problem), cells=cells, request_price=1e-4)
        assert found.value == pytest.approx(5.4, rel=1e-4)
