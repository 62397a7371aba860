"""What a replica costs a stage at given prices, by hand.

Replicas of 4 GPUs at 2 USD a GPU and hour: 8 USD an interval. 20 requests/s keep 2 of them busy.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Loss, Part, Resilience, Role
from heteroplan.optimize.covering.stages import SLACK, Priced, Stage, priced, stages_of
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Ints, Problem
from tests.builders import SHAPE, engine, fleet, scenario, workload
from tests.optimize.case import problem_of


def two_groups(rps: float = 20.0) -> Problem:
    """Prefill and decode on two spines; pools 0 and 2 prefill, 1 and 3 decode."""
    made = scenario(
        [workload(rps=[rps])], in_fleet=fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")})
    )
    problem = problem_of(made)
    roles = [pool.role for pool in problem.pools]
    assert roles == [Role.PREFILL, Role.DECODE, Role.PREFILL, Role.DECODE]
    return problem


def stages_at(problem: Problem, balance: float) -> tuple[Stage, Stage]:
    """Prefill and decode where passing requests on costs `balance` in the first group alone."""
    prices = supply_prices(problem)
    prices.balance[0] = balance
    prefill, decode = stages_of(priced(problem, prices), 0)
    return prefill, decode


def rebates(stage: Stage) -> list[float]:
    return [float(stage.rebates(p)[0, 0]) for p in stage.pools]


def test_the_group_where_passing_costs_less_gets_a_rebate() -> None:
    """Passing prefill costs 3 in one group, 0 in the other: 3 for all, 3 / 2 off a replica there.

    Decode costs -3 and 0: nothing for all, 3 / 2 off a replica in the first group.
    """
    prefill, decode = stages_at(two_groups(), 3.0)
    assert prefill.pools == (0, 2)
    assert rebates(prefill) == [0.0, 1.5]
    assert prefill.constant == pytest.approx(3.0 * (1 - SLACK), rel=1e-12)
    assert decode.pools == (1, 3)
    assert rebates(decode) == [1.5, 0.0]
    assert decode.constant == 0.0


def test_no_replica_comes_to_cost_less_than_nothing() -> None:
    """Serving all in the second group costs 2 x 8 = 16, so of a price of 20 only 16 is of use.

    Decode in the first group costs 16 - 20 = -4: all is charged -4, and a replica there nothing.
    """
    prefill, decode = stages_at(two_groups(), 20.0)
    assert rebates(prefill) == [0.0, 8.0]
    assert prefill.constant == pytest.approx(16.0 * (1 - SLACK), rel=1e-12)
    assert rebates(decode) == [8.0, 0.0]
    assert decode.constant == pytest.approx(-4.0 * (1 + SLACK), rel=1e-12)


def test_without_demand_no_price_matters() -> None:
    for stage in stages_at(two_groups(rps=0.0), 3.0):
        assert rebates(stage) == [0.0, 0.0]
        assert stage.constant == 0.0


def test_an_engine_of_both_stages_is_shared_by_them() -> None:
    """Half of it stands in each stage; prefill and decode stand whole in their own."""
    engines = [
        engine("prefill", role=Role.PREFILL),
        engine("decode"),
        engine("both", role=Role.AGGREGATED),
    ]
    problem = problem_of(scenario([workload(engines=engines)]))
    stages = stages_of(priced(problem, supply_prices(problem)), 0)
    parts = [{problem.pools[p].engine: part for p, part in each.part.items()} for each in stages]
    assert parts == [{"prefill": 1.0, "both": 0.5}, {"decode": 1.0, "both": 0.5}]


def test_a_stage_gives_back_no_more_than_its_part_of_a_shared_engine() -> None:
    """Passing prefill costs 20; two aggregated replicas serve all without it, 4 USD each a stage.

    So 8 is of use of the 20, and they cost prefill nothing.
    """
    engines = [
        engine("prefill", role=Role.PREFILL),
        engine("decode"),
        engine("both", role=Role.AGGREGATED),
    ]
    prefill, _ = stages_at(problem_of(scenario([workload(rps=[20.0], engines=engines)])), 20.0)
    assert prefill.constant == pytest.approx(8.0 * (1 - SLACK), rel=1e-12)
    assert rebates(prefill) == [0.0, 4.0]


def test_a_replica_is_rebated_by_the_class_that_saves_most() -> None:
    """A replica serves all of a class in half of its time, or all of another in all of it.

    Passing costs 3 and 5 more in the other group: a replica full of the first saves 3 / 0.5 = 6,
    of the second 5 / 1, of a mix no more than the better of the two.
    """
    classes = [replace(SHAPE, name=name, share=0.5) for name in "ab"]
    made = scenario(
        [workload(rps=[20.0], classes=classes)],
        in_fleet=fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")}),
    )
    by_class = {
        (name, kind): rps
        for name in ("prefill", "decode")
        for kind, rps in (("a", 20.0), ("b", 10.0))
    }
    problem = problem_of(made, by_class)
    prices = supply_prices(problem)
    prices.balance[0, :, 0] = 3.0, 5.0
    prefill, decode = stages_of(priced(problem, prices), 0)
    assert rebates(prefill) == pytest.approx([0.0, 6.0])
    assert prefill.constant == pytest.approx(8.0 * (1 - SLACK), rel=1e-12)
    assert rebates(decode) == pytest.approx([6.0, 0.0])


def test_what_may_be_left_unserved_is_priced_as_the_smallest_class() -> None:
    """4 requests/s, 3 and 1 of a class; then 8, 6 and 2; then none, which costs nothing.

    At 0.01 USD a request all of the small one are 36 USD an hour: whatever requests a plan leaves
    out, as large a share of any class is at least as many.
    """
    classes = [replace(SHAPE, name="a", share=0.75), replace(SHAPE, name="b", share=0.25)]
    problem = problem_of(scenario([workload(rps=[4.0, 8.0, 0.0], classes=classes)]))
    (unserved,) = priced(problem, supply_prices(problem), 0.01).unserved or ()
    assert unserved == pytest.approx(np.array([36.0, 72.0, 0.0]))


def test_capacity_that_a_promise_asks_for_may_be_missing_for_as_little() -> None:
    """All of 20 requests/s with either of two spines lost: capacity for 40.

    Without a request of 72,000 an hour the twice as much that it needs is missing: all of need
    for 720 USD at 0.01 USD a request, so that all demand counts half of that.
    """
    load = workload(rps=[20.0], affinity=Affinity.CLUSTER, resilience=Resilience(Loss.SPINE, 1.0))
    on = fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")})
    problem = problem_of(scenario([load], in_fleet=on))
    resilience = problem.workloads[0].resilience
    assert resilience is not None
    assert resilience.need == 2.0
    (unserved,) = priced(problem, supply_prices(problem), 0.01).unserved or ()
    assert unserved == pytest.approx(np.array([360.0]))


def starting(
    due: Sequence[float],
    start_cost: float,
    *,
    cyclic: bool = True,
    before: int | None = None,
    drain_cost: float = 0.0,
) -> Priced:
    """One pool of an aggregated engine at a part [T] of its starts that is due.

    What is running when the day ends need not be drained.
    """
    both = engine("both", role=Role.AGGREGATED)
    rps = [10.0] * len(due)
    problem = problem_of(scenario([workload(rps=rps, engines=[both])], cyclic=cyclic))
    (pool,) = problem.pools
    run_cost = pool.run_cost.copy()
    run_cost[-1] -= drain_cost
    pool = replace(pool, start_cost=start_cost, drain_cost=drain_cost, run_cost=run_cost)
    problem = replace(
        problem,
        pools=(pool,),
        before=None if before is None else np.array([before]),
    )
    return priced(problem, replace(supply_prices(problem), starting=np.array([due])))


def test_a_due_start_moves_into_growth() -> None:
    """Of a start of 3 in the second interval: 3 more for running then, 3 back right before."""
    at = starting([0.0, 1.0, 0.0], 3.0)
    assert at.running.tolist() == [[5.0, 11.0, 8.0]]
    assert at.starting.tolist() == [[3.0, 0.0, 3.0]]


def test_a_start_that_is_due_all_day_costs_a_round_nothing() -> None:
    at = starting([1.0, 1.0, 1.0], 3.0)
    assert at.running.tolist() == [[8.0, 8.0, 8.0]]
    assert at.starting.tolist() == [[0.0, 0.0, 0.0]]
    assert at.due_before.tolist() == [0.0]


def test_no_more_of_a_start_is_due_than_running_costs() -> None:
    """Of a start of 20 only 8 can come back in the interval before."""
    at = starting([0.0, 1.0, 0.0], 20.0)
    np.testing.assert_allclose(at.running, [[0.0, 16.0, 8.0]])
    np.testing.assert_allclose(at.starting, [[20.0, 12.0, 20.0]])


def test_nothing_comes_back_when_the_horizon_ends() -> None:
    """What ran before is not known, so nothing is due at first; in the end 3 stay paid."""
    at = starting([1.0, 0.0, 1.0], 3.0, cyclic=False)
    assert at.running.tolist() == [[8.0, 5.0, 11.0]]
    assert at.starting.tolist() == [[3.0, 3.0, 0.0]]
    assert at.due_before.tolist() == [0.0]


def test_what_ran_before_is_due_its_starts_back() -> None:
    """Two replicas ran: growth is counted from them, so 2 x 3 are too much."""
    at = starting([1.0, 0.0], 3.0, cyclic=False, before=2)
    assert at.running.tolist() == [[11.0, 8.0]]
    assert at.starting.tolist() == [[0.0, 3.0]]
    assert at.due_before.tolist() == [6.0]


def test_a_refund_within_the_price_of_an_interval_stays() -> None:
    """Of a start of 5 a drain is 3, which the last interval gives back: 8 - 3."""
    at = starting([0.0, 0.0], 5.0, cyclic=False, before=1, drain_cost=3.0)
    assert at.drained.tolist() == [False]
    assert at.running.tolist() == [[8.0, 5.0]]
    assert at.starting.tolist() == [[5.0, 5.0]]


def test_drains_are_left_out_where_their_refund_exceeds_an_interval() -> None:
    """8 - 12 would be negative: running costs 8 to the end, and a start its 15 less the drain."""
    at = starting([0.0, 0.0], 15.0, cyclic=False, before=1, drain_cost=12.0)
    assert at.drained.tolist() == [True]
    assert at.running.tolist() == [[8.0, 8.0]]
    assert at.starting.tolist() == [[3.0, 3.0]]


def two_workloads(rps: tuple[float, float] = (10.0, 30.0)) -> Problem:
    """An aggregated engine each, in a day of two hours that ends; a start costs 5, 3 of it a drain.

    The second workload has two classes, of which 1/4 and 3/4 are asked for.
    """
    both = engine("both", role=Role.AGGREGATED)
    classes = [replace(SHAPE, name="a", share=0.25), replace(SHAPE, name="b", share=0.75)]
    loads = [
        workload("one", rps=[rps[0]] * 2, engines=[both]),
        workload("two", rps=[rps[1]] * 2, engines=[both], classes=classes),
    ]
    problem = problem_of(scenario(loads, cyclic=False))
    pools = tuple(replace(pool, start_cost=5.0, drain_cost=3.0) for pool in problem.pools)
    return replace(problem, pools=pools, before=np.array([1, 2]))


def test_drains_are_left_out_of_the_workload_alone_whose_refunds_exceed_an_hour() -> None:
    problem = two_workloads()
    one, two = problem.pools
    refund = replace(one, run_cost=np.array([8.0, -1.0]))
    at = priced(replace(problem, pools=(refund, two)), supply_prices(problem))
    assert at.drained.tolist() == [True, False]
    assert at.running.tolist() == [[8.0, 8.0], [8.0, 8.0]]
    assert at.starting.tolist() == [[2.0, 2.0], [5.0, 5.0]]
    free = replace(one, run_cost=np.array([8.0, 0.0]))
    at = priced(replace(problem, pools=(free, two)), supply_prices(problem))
    assert at.drained.tolist() == [False, False]
    assert at.running.tolist() == [[8.0, 0.0], [8.0, 8.0]]


def test_gpus_that_are_held_may_make_up_for_a_refund() -> None:
    """At 0.50 USD a GPU four of them cost 2 more: 1 is left of an hour that gives back 1."""
    problem = two_workloads()
    one, two = problem.pools
    refund = replace(one, run_cost=np.array([8.0, -1.0]))
    prices = supply_prices(problem, np.full((len(problem.supplies), 2), 0.5))
    at = priced(replace(problem, pools=(refund, two)), prices)
    assert at.drained.tolist() == [False, False]
    assert at.running.tolist() == [[10.0, 1.0], [10.0, 10.0]]
    below = priced(replace(problem, pools=(refund, two)), replace(prices, supply=prices.supply / 5))
    assert below.drained.tolist() == [True, False]
    np.testing.assert_allclose(below.running, np.full((2, 2), 8.4))


def test_what_is_due_is_cut_for_the_pool_alone_that_would_cost_less_than_nothing() -> None:
    """In the second hour 5 are due of a start, of which an hour of 2 USD can give back 2."""
    problem = two_workloads()
    one, two = problem.pools
    problem = replace(problem, pools=(replace(one, run_cost=np.array([2.0, 8.0])), two))
    due = np.array([[0.0, 1.0], [0.0, 1.0]])
    at = priced(problem, replace(supply_prices(problem), starting=due))
    np.testing.assert_allclose(at.running, [[0.0, 10.0], [3.0, 13.0]])
    np.testing.assert_allclose(at.starting, [[5.0, 3.0], [5.0, 0.0]])


def test_what_ran_is_due_its_own_starts() -> None:
    """One and two replicas, half of a start of 5 and a fifth of it."""
    problem = two_workloads()
    due = np.array([[0.5, 0.0], [0.2, 0.6]])
    at = priced(problem, replace(supply_prices(problem), starting=due))
    np.testing.assert_allclose(at.due_before, [2.5, 2.0])
    np.testing.assert_allclose(at.running, [[10.5, 8.0], [6.0, 11.0]])


def test_prices_are_left_as_they_are() -> None:
    problem = two_workloads()
    prices = replace(supply_prices(problem), starting=np.array([[1.0, 1.0], [0.5, 0.5]]))
    before = problem.before
    assert before is not None
    priced(replace(problem, before=None), prices)
    assert prices.starting.tolist() == [[1.0, 1.0], [0.5, 0.5]]
    assert before.tolist() == [1, 2]


def test_unserved_requests_are_priced_by_workload() -> None:
    """10 requests/s of one class, 30 of which 7.5 are of the smaller: at 0.001 USD a request."""
    problem = two_workloads()
    assert priced(problem, supply_prices(problem)).unserved is None
    one, two = priced(problem, supply_prices(problem), 0.001).unserved or ()
    assert one == pytest.approx(np.full(2, 36.0))
    assert two == pytest.approx(np.full(2, 27.0))
    half = replace(problem, hours=0.5)
    one, two = priced(half, supply_prices(half), 0.001).unserved or ()
    assert one == pytest.approx(np.full(2, 18.0))


def test_stages_that_the_same_pools_serve_are_one() -> None:
    """Of aggregated engines alone there is one stage, which carries them whole."""
    both = engine("both", role=Role.AGGREGATED)
    problem = problem_of(scenario([workload(engines=[both])]))
    (only,) = stages_of(priced(problem, supply_prices(problem)), 0)
    assert (only.pools, only.part) == ((0,), {0: 1.0})


def test_a_whole_engine_is_shared_by_the_parts_that_a_divided_one_has() -> None:
    """Three stages: either half, and decode; an engine of both serves all, a whole one two."""
    halves = [
        engine(f"half-{i}", role=Role.PREFILL, part=Part("moe", f"half-{i}", i, None))
        for i in (0, 1)
    ]
    whole = engine("prefill", role=Role.PREFILL)
    both = engine("both", role=Role.AGGREGATED)
    problem = problem_of(scenario([workload(engines=[*halves, whole, engine(), both])]))
    stages = stages_of(priced(problem, supply_prices(problem)), 0)
    named = [
        {
            f"{problem.pools[p].engine}/{problem.pools[p].part}": part
            for p, part in each.part.items()
        }
        for each in stages
    ]
    third = pytest.approx(1 / 3)
    assert named == [
        {"moe/0": 1.0, "prefill/None": 0.5, "both/None": third},
        {"moe/1": 1.0, "prefill/None": 0.5, "both/None": third},
        {"decode/None": 1.0, "both/None": third},
    ]


def two_classes(unable: Sequence[int]) -> tuple[Stage, Stage]:
    """Passing on costs 3 of one class and 5 of another in the first group, whose second class

    some pools cannot serve. All of either class keep one replica busy.
    """
    classes = [replace(SHAPE, name=name, share=0.5) for name in "ab"]
    made = scenario(
        [workload(rps=[20.0], classes=classes)],
        in_fleet=fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")}),
    )
    problem = problem_of(made)
    pools = [
        replace(pool, load=np.where([[False], [p in unable]], np.inf, pool.load))
        for p, pool in enumerate(problem.pools)
    ]
    problem = replace(problem, pools=tuple(pools))
    prices = supply_prices(problem)
    prices.balance[0, :, 0] = 3.0, 5.0
    prefill, decode = stages_of(priced(problem, prices), 0)
    return prefill, decode


def test_a_class_is_charged_what_it_costs_where_it_can_be_served() -> None:
    """Not 5 where the first group cannot prefill it; nor -5 nor less where it cannot decode it."""
    for unable, charged, saved in (((), 8.0, 5.0), ((0,), 3.0, 3.0), ((0, 2), 3.0, 3.0)):
        prefill, _ = two_classes(unable)
        assert prefill.constant == pytest.approx(charged * (1 - SLACK), rel=1e-12)
        assert rebates(prefill) == pytest.approx([0.0, saved])
    for unable, saved, charged in (((), 5.0, 0.0), ((1,), 3.0, 0.0), ((3,), 3.0, -5.0)):
        _, decode = two_classes(unable)
        assert rebates(decode) == pytest.approx([saved, 0.0])
        assert decode.constant == pytest.approx(charged * (1 + SLACK), abs=1e-12)


def test_what_passing_costs_is_shared_by_the_stages_that_an_engine_serves() -> None:
    """Prefill that passes on costs 3: half of that in each stage of a whole engine.

    So in the stage of the first half, which pays 3, a whole replica saves 1.50 of all demand that
    keeps 2 of it busy; in the other the second half does, as it passes nothing on to decode.
    """
    halves = [
        engine(f"half-{i}", role=Role.PREFILL, part=Part("moe", f"half-{i}", i, None))
        for i in (0, 1)
    ]
    whole = engine("prefill", role=Role.PREFILL)
    problem = problem_of(scenario([workload(rps=[20.0], engines=[*halves, whole, engine()])]))
    (b,) = (i for i, each in enumerate(problem.balances) if not each.engine)
    prices = supply_prices(problem)
    prices.balance[b] = 3.0
    stages = stages_of(priced(problem, prices), 0)
    assert [each.constant for each in stages] == pytest.approx([3.0, 1.5, -3.0], rel=1e-5)
    names = {p: problem.pools[p].engine for p in range(len(problem.pools))}
    saved = [{names[p]: float(s.rebates(p)[0, 0]) for p in s.pools} for s in stages]
    assert saved == [{"moe": 0.0, "prefill": 0.75}, {"moe": 0.75, "prefill": 0.0}, {"decode": 0.0}]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("classes", [1, 2])
def test_replicas_cost_no_more_than_the_cheapest_way_to_share_the_demand(
    seed: int, classes: int
) -> None:
    """Measured from each level. With one class the most of it is just that, by a linear program.

    So many replicas of two engines, each in both groups, where all can be served.
    """
    draw = np.random.default_rng(seed)
    shapes = [replace(SHAPE, name=name, share=1.0 / classes) for name in "ab"[:classes]]
    engines = [
        engine(f"decode-{i}", gpus=2 * i + 2, capacity_rps=float(draw.uniform(4.0, 12.0)))
        for i in (0, 1)
    ]
    prefill = engine("prefill", role=Role.PREFILL)
    problem = problem_of(
        scenario(
            [workload(rps=[20.0], engines=[prefill, *engines], classes=shapes)],
            in_fleet=fleet({leaf: {"h100x8": 40} for leaf in ("l1", "l2")}),
        )
    )
    prices = supply_prices(problem, draw.uniform(0.0, 2.0, (len(problem.supplies), 1)))
    prices.balance[:] = draw.uniform(-8.0, 8.0, prices.balance.shape)
    at = priced(problem, prices)
    _, decode = stages_of(at, 0)
    counts = draw.integers(3, 7, 2)
    pools = [[p for p in decode.pools if problem.pools[p].engine == e.name] for e in engines]
    assert [len(mine) for mine in pools] == [2, 2]
    costs = [np.array([at.running[p] - decode.rebates(p) for p in mine]).min(0) for mine in pools]
    measured = decode.offsets() + sum(n * cost for n, cost in zip(counts, costs, strict=True))
    found = decode.constant + float(measured.max())
    least = least_shared(at, decode, pools, counts)
    assert found <= least + 1e-9
    assert found == pytest.approx(least, abs=1e-3) or classes > 1


def least_shared(at: Priced, stage: Stage, pools: list[list[int]], counts: Ints) -> float:
    """What so many replicas of each engine cost at least, however they stand and serve."""
    every, classes = [p for mine in pools for p in mine], len(stage.levels[0])
    shares = len(every) * classes
    cost = [float(stage.psi[p][k, 0]) for p in every for k in range(classes)]
    within = np.zeros((len(every), shares + len(every)))
    whole = np.zeros((classes + len(pools), shares + len(every)))
    for i, p in enumerate(every):
        mine = slice(i * classes, (i + 1) * classes)
        within[i, mine], within[i, shares + i] = stage.load[p][:, 0], -1.0
        whole[:classes, mine] = np.eye(classes)
        whole[classes + next(e for e, of in enumerate(pools) if p in of), shares + i] = 1.0
    found = linprog(
        [*cost, *(float(at.running[p, 0]) for p in every)],
        A_ub=within,
        b_ub=np.zeros(len(every)),
        A_eq=whole,
        b_eq=[*np.ones(classes), *counts],
    )
    assert found.fun is not None
    return float(found.fun)
