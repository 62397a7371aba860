"""A good plan passes; each way of tampering with it is caught, by the rule that should.

Stays are checked before all else (`tests.placement.test_verify_placement`), so where a pool is
tampered with its stays are made to match.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.placement import node_name
from heteroplan.entities.plan import Plan, Shortage, Termination
from heteroplan.entities.scenario import Objective
from heteroplan.entities.workload import Loss, RatioBand, Resilience, Role
from heteroplan.errors import PlanViolationError
from heteroplan.plan import make_plan, verify
from heteroplan.plan.facts import Facts
from heteroplan.plan.verify import check_supply
from tests.builders import SHAPE, candidates, engine, fleet, node_type, scenario, workload
from tests.plans import runs, stay

UTC = ZoneInfo("UTC")


@pytest.fixture(scope="module")
def good() -> Plan:
    """10, 20, 10 requests/s on pairs that serve 10; a start takes half an hour, a drain a quarter.

    Prefill and decode 1, 2, 1 replicas of 4 GPUs: 8 replica-hours, 2 starts and 2 drains,
    4·(8 + 2·0.5 + 2·0.25) = 38 GPU-hours, 76 USD. GPUs held: 8 + 8 starting, 16, 8.
    """
    of = scenario(
        [
            workload(
                rps=(10.0, 20.0, 10.0),
                engines=(
                    engine("prefill", role=Role.PREFILL, startup_s=1800, drain_s=900),
                    engine("decode", startup_s=1800, drain_s=900),
                ),
            )
        ],
        in_fleet=fleet({"l1": {"h100x8": 2}, "l2": {}}, node_types=(node_type(),)),
    )
    return make_plan(of, candidates(of))


def test_good_plan_passes_and_has_the_figures_of_hand_arithmetic(good: Plan) -> None:
    verify(good)
    assert good.totals.gpu_hours == pytest.approx(38.0)
    assert good.totals.cost_usd == pytest.approx(76.0)
    assert good.totals.starts == 2
    assert good.totals.peak_gpus == 16
    assert good.supply[0].held == (16, 16, 8)


def caught(plan: Plan, *, gap: float = 1.0) -> str:
    with pytest.raises(PlanViolationError) as raised:
        verify(plan, gap=gap)
    return str(raised.value)


def with_pool(plan: Plan, index: int = 0, **changes: Any) -> Plan:
    pools = list(plan.pools)
    pools[index] = replace(pools[index], **changes)
    return replace(plan, pools=tuple(pools))


def with_replicas(plan: Plan, index: int, sizes: Sequence[int]) -> Plan:
    """Pool `index` at other sizes, 1 at least, and its stays: replica k on node k of leaf l1.

    The first runs all day; a start of another takes an interval, as it does in `good`.
    """
    day = len(sizes)
    placed = [
        stay(
            f"{plan.pools[index].role.value}-{k}",
            pool=index,
            leaf="l1",
            nodes=(node_name("l1", "h100x8", k),),
            first=first,
            intervals=length,
            lead=0 if length == day else 1,
        )
        for k in range(max(sizes))
        for first, length in runs([n > k for n in sizes])
    ]
    others = [each for each in plan.stays if each.pool != index]
    return replace(with_pool(plan, index, replicas=tuple(sizes)), stays=(*others, *placed))


def with_workload(plan: Plan, **changes: Any) -> Plan:
    """The same plan for a scenario whose workload differs."""
    (only,) = plan.scenario.workloads
    return replace(plan, scenario=replace(plan.scenario, workloads=(replace(only, **changes),)))


def with_fleet(plan: Plan, **changes: Any) -> Plan:
    changed = replace(plan.scenario.fleet, **changes)
    return replace(plan, scenario=replace(plan.scenario, fleet=changed))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "other"}, "no candidate other on h100x8 for w"),
        ({"workload": "nobody"}, "nobody may have no group w@l1-spine"),
        ({"group": "w@l3-spine"}, "w may have no group w@l3-spine"),
        ({"role": Role.DECODE}, "role or GPUs a replica are not those of engine prefill"),
        ({"gpus_per_replica": 2}, "role or GPUs a replica are not those of engine prefill"),
        ({"level": Affinity.LEAF}, "stands in a leaf, should in a spine"),
        ({"domain": "l1"}, "l1 is not in w@l1-spine"),
        ({"replicas": (1, 2)}, "2 sizes for 3 intervals"),
        ({"replicas": (1, 2, -1)}, "not all integers"),
        ({"replicas": (1, 2.5, 1)}, "not all integers"),
        ({"flow_rps": ((10.0, 20.0),)}, "flow is not one rate a class and interval"),
        ({"flow_rps": ((10.0, 20.0, -1.0),)}, "flow is not all finite and at least 0"),
        ({"flow_rps": ((10.0, 20.0, float("nan")),)}, "flow is not all finite and at least 0"),
    ],
)
def test_pool_that_the_scenario_does_not_allow(
    good: Plan, changes: dict[str, Any], message: str
) -> None:
    assert message in caught(with_pool(good, **changes))


def test_pools_of_a_promise_stand_in_what_may_be_lost() -> None:
    """A group may span the cluster, but its replicas are counted by the spine that may be lost."""
    promised = workload(
        engines=[engine("both", role=Role.AGGREGATED)],
        affinity=Affinity.CLUSTER,
        resilience=Resilience(Loss.SPINE, 1.0),
    )
    on = fleet({leaf: {"h100x8": 1} for leaf in ("l1", "l2")})
    of = scenario([promised], in_fleet=on)
    plan = make_plan(of, candidates(of))
    verify(plan)
    assert [pool.level for pool in plan.pools] == [Affinity.SPINE] * 2
    assert "stands in a cluster, should in a spine" in caught(
        with_pool(plan, level=Affinity.CLUSTER)
    )


def test_pool_listed_twice(good: Plan) -> None:
    assert "stands there 2 times" in caught(replace(good, pools=(*good.pools, good.pools[0])))


def test_demand_that_is_not_the_scenarios(good: Plan) -> None:
    shown = replace(good.workloads[0], demand_rps=(9.0, 20.0, 10.0))
    assert "demand are not the scenario's" in caught(replace(good, workloads=(shown,)))


def test_workload_without_its_line(good: Plan) -> None:
    assert "demand are not the scenario's" in caught(replace(good, workloads=()))


def supply_faults(plan: Plan) -> str:
    """What the rule of supply finds, alone: `verify` finds the nodes overfull before."""
    return "\n".join(check_supply(Facts(plan, gap=1.0)))


def test_more_gpus_than_there_are(good: Plan) -> None:
    """16 GPUs are held at 0 and 1; one node of 8 is there."""
    leaves = good.scenario.fleet.network.leaves
    small = replace(leaves[0], nodes={"h100x8": 1})
    network = replace(good.scenario.fleet.network, leaves=(small, *leaves[1:]))
    crowded = with_fleet(good, network=network)
    assert "l1-h100x8-002 is no h100x8 of the leaf" in caught(crowded)
    text = supply_faults(crowded)
    assert "16 GPUs of h100x8 held in spine l1-spine at 0, 8 are there" in text
    assert "held in cluster c1 at 1" in text
    assert "at 2" not in text


def test_pools_of_narrower_domains_count_in_wider_ones(good: Plan) -> None:
    """Prefill counted on the leaf, decode on the spine: together 16 GPUs where 8 are."""
    leaves = good.scenario.fleet.network.leaves
    small = replace(leaves[0], nodes={"h100x8": 1})
    network = replace(good.scenario.fleet.network, leaves=(small, *leaves[1:]))
    mixed = with_pool(with_fleet(good, network=network), 0, level=Affinity.LEAF, domain="l1")
    text = supply_faults(mixed)
    assert "16 GPUs of h100x8 held in spine l1-spine at 0, 8 are there" in text
    assert "held in leaf" not in text


def hour_away(hour: int) -> Outage:
    """One of l1's two nodes, for an hour."""
    start, end = (datetime(2026, 11, 23, h, tzinfo=UTC) for h in (hour, hour + 1))
    return Outage("l1", "h100x8", 1, start, end)


def test_gpus_that_are_away_for_maintenance(good: Plan) -> None:
    away = with_fleet(good, outages=(hour_away(1),))
    assert "holds l1-h100x8-002 at 1, which is away" in caught(away)
    assert "16 GPUs of h100x8 held in spine l1-spine at 1, 8 are there" in supply_faults(away)


def test_starting_replicas_hold_gpus_before_they_serve(good: Plan) -> None:
    """8 GPUs serve at 0, but the 8 that serve from 1 on start at 0: one node is too few."""
    away = with_fleet(good, outages=(hour_away(0),))
    assert "holds l1-h100x8-002 at 0, which is away" in caught(away)
    assert "16 GPUs of h100x8 held in spine l1-spine at 0, 8 are there" in supply_faults(away)


def test_flow_beyond_capacity(good: Plan) -> None:
    """21 requests/s on 2 replicas of 10."""
    text = caught(with_pool(good, flow_rps=((10.0, 21.0, 10.0),)))
    assert "2.1 of 2 replicas busy at 1" in text


@pytest.mark.parametrize("index", [0, 1])
def test_flow_a_thousandth_beyond_capacity(good: Plan, index: int) -> None:
    """All replicas are full; of an engine that serves 0.1 % less they would be over-full."""
    slower = with_capacity(good, index, 10.0 / 1.001)
    role = good.pools[index].role
    assert f"capacity: pool {role} on h100x8" in caught(slower)
    assert "2.002 of 2 replicas busy at 1" in caught(slower)


def test_flow_beyond_capacity_by_what_a_solver_lets_go(good: Plan) -> None:
    verify(with_capacity(good, 0, 10.0 / (1 + 1e-6)))


def test_a_large_pool_a_thousandth_beyond_capacity() -> None:
    """1,000 requests/s on 100 replicas of 10, of which each would have to serve 10.01."""
    both = engine("both", role=Role.AGGREGATED)
    on = fleet({"l1": {"h100x8": 50}})
    of = scenario([workload(rps=[1000.0], engines=[both])], in_fleet=on)
    plan = make_plan(of, candidates(of), compare=False)
    assert plan.pools[0].replicas == (100,)
    verify(with_capacity(plan, 0, 10.0 / (1 + 1e-6)))
    assert "of 100 replicas busy at 0" in caught(with_capacity(plan, 0, 10.0 / 1.001))


def with_capacity(plan: Plan, index: int, rps: float) -> Plan:
    """The same plan where engine `index` serves so much in every interval."""
    considered = list(plan.candidates)
    (point,) = considered[index].points[0]
    points = ((replace(point, capacity_rps=rps),),) * len(considered[index].points)
    considered[index] = replace(considered[index], points=points)
    return replace(plan, candidates=tuple(considered))


def test_replicas_short_of_their_flow(good: Plan) -> None:
    """20 requests/s on 1 replica of 10."""
    assert "2.0 of 1 replicas busy at 1" in caught(with_replicas(good, 0, (1, 1, 1)))


def test_pool_larger_than_its_stays(good: Plan) -> None:
    text = caught(with_pool(good, replicas=(1, 1, 1)))
    assert "prefill of w@l1-spine: 2 replicas stand somewhere at 1, the pool has 1" in text


def test_stranded_prefill(good: Plan) -> None:
    text = caught(with_pool(good, 0, flow_rps=((10.0, 19.0, 10.0),)))
    assert "balance: w@l1-spine prefills 19.0 and decodes 20.0 rps at 1" in text


def test_prefill_in_another_domain_than_decode(good: Plan) -> None:
    """All of it on l2, which has nodes of its own now."""
    first, second = good.scenario.fleet.network.leaves
    network = replace(
        good.scenario.fleet.network, leaves=(first, replace(second, nodes={"h100x8": 2}))
    )
    moved = with_pool(with_fleet(good, network=network), 0, domain="l2-spine", group="w@l2-spine")
    stays = [
        replace(each, leaf="l2", nodes=tuple(node.replace("l1", "l2") for node in each.nodes))
        if each.pool == 0
        else each
        for each in good.stays
    ]
    text = caught(replace(moved, stays=tuple(stays)))
    assert "balance: w@l1-spine prefills 0 and decodes 10.0 rps at 0" in text
    assert "balance: w@l2-spine prefills 10.0 and decodes 0 rps at 0" in text


def test_served_that_no_pool_serves(good: Plan) -> None:
    less = ((10.0, 15.0, 10.0),)
    text = caught(with_pool(with_pool(good, 0, flow_rps=less), 1, flow_rps=less))
    assert "w is served 20.0 rps at 1, its pools 15.0" in text
    slightly = ((10.0, 19.99, 10.0),)
    text = caught(with_pool(with_pool(good, 0, flow_rps=slightly), 1, flow_rps=slightly))
    assert "w is served 20.0 rps at 1, its pools 19.99" in text


def test_a_class_is_served_no_more_than_it_asks_for() -> None:
    """5 requests/s of either class; served are 6 and 4, as many in all, by both roles."""
    classes = [replace(SHAPE, name=name, share=0.5) for name in "ab"]
    of = scenario([workload(rps=[10.0], classes=classes)])
    plan = make_plan(of, candidates(of), compare=False)
    assert [pool.flow_rps for pool in plan.pools] == [((5.0,), (5.0,))] * 2
    tilted = replace(
        plan, pools=tuple(replace(pool, flow_rps=((6.0,), (4.0,))) for pool in plan.pools)
    )
    (fault,) = caught(tilted).splitlines()[1:]
    assert fault == "demand: class 0 of w is served more than it asks at 0"
    slightly = ((5.005,), (4.995,))
    tilted = replace(plan, pools=tuple(replace(pool, flow_rps=slightly) for pool in plan.pools))
    assert "class 0 of w is served more than it asks at 0" in caught(tilted)


def test_demand_that_is_neither_served_nor_short(good: Plan) -> None:
    shown = replace(good.workloads[0], served_rps=(10.0, 15.0, 10.0))
    assert "w asks for 20.0 rps at 1" in caught(replace(good, workloads=(shown,)))


def test_shortage_that_is_none(good: Plan) -> None:
    nothing = Shortage("w", 0, 0.0, "")
    assert "leaves nothing unserved" in caught(replace(good, shortages=(nothing,)))


def test_shortage_that_hides_served_demand(good: Plan) -> None:
    hidden = Shortage("w", 0, 1.0, "")
    assert "w asks for 10.0 rps at 0" in caught(replace(good, shortages=(hidden,)))


def test_ratio_band(good: Plan) -> None:
    """1 prefill : 1 decode; the band wants 2 at least."""
    text = caught(with_workload(good, pd_ratio=RatioBand(2.0, 4.0)))
    assert "pd_ratio: w@l1-spine has 1 prefill and 1 decode replicas at 0" in text


def test_minimum_replicas(good: Plan) -> None:
    text = caught(with_workload(good, min_replicas={Role.DECODE: 2}))
    assert "replicas: w has 1 of decode at 0" in text


@pytest.mark.parametrize("column", ["supply", "held"])
def test_supply_table_says_what_is_there_and_what_is_held(good: Plan, column: str) -> None:
    (row,) = good.supply
    wrong = replace(good, supply=(replace(row, **{column: (8, 8, 8)}),))
    assert "supply table: h100x8 does not agree with fleet and pools" in caught(wrong)


def test_maximum_replicas(good: Plan) -> None:
    text = caught(with_workload(good, max_replicas={Role.PREFILL: 1}))
    assert "replicas: w has 2 of prefill at 1" in text
    text = caught(with_workload(good, max_replicas={Role.PREFILL: 0}))
    assert "replicas: w has 1 of prefill at 0" in text


@pytest.mark.parametrize("field", ["gpu_hours", "cost_usd", "starts", "moves", "peak_gpus"])
def test_wrong_totals(good: Plan, field: str) -> None:
    wrong = replace(good.totals, **{field: getattr(good.totals, field) + 1})
    assert f"totals: {field}" in caught(replace(good, totals=wrong))


def test_sizes_that_change_more_often_cost_more(good: Plan) -> None:
    """Prefill 1, 2, 2 instead of 1, 2, 1: one more replica-hour is 4 GPU-hours, 42 in all."""
    text = caught(with_replicas(good, 0, (1, 2, 2)))
    assert "totals: gpu_hours is 38.0, should be 42.0" in text
    assert "totals: cost_usd is 76.0, should be 84.0" in text
    assert "totals: starts" not in text


def test_wrong_served_fraction(good: Plan) -> None:
    wrong = replace(good.totals, served_fraction=0.9)
    assert "totals: served_fraction" in caught(replace(good, totals=wrong))


def test_wrong_supply_table(good: Plan) -> None:
    wrong = replace(good.supply[0], held=(16, 16, 16))
    assert "supply table: h100x8" in caught(replace(good, supply=(wrong,)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": 75.0, "bound": 75.0}, "objective is 75.0, should be 76"),
        ({"bound": 77.0}, "bound 77.0 is above the objective"),
        ({"unserved_requests": 3.0}, "unserved requests are 3.0, should be 0"),
        ({"unserved_requests_bound": 3.0}, "bound on unserved requests 3.0 is above 0"),
        ({"bound": 70.0}, "termination is optimal, the gap 0.0789"),
    ],
)
def test_wrong_proof(good: Plan, changes: dict[str, Any], message: str) -> None:
    report = replace(good.report, **{"termination": Termination.OPTIMAL, **changes})
    assert message in caught(replace(good, report=report))


def test_gap_reached_beyond_the_gap_asked_for(good: Plan) -> None:
    """(76 - 70) / 76 = 7.9 % is not within 5 %, but within 8 %."""
    report = replace(good.report, termination=Termination.GAP_REACHED, bound=70.0)
    assert "termination is gap_reached" in caught(replace(good, report=report), gap=0.05)
    verify(replace(good, report=report), gap=0.08)


def test_objective_is_gpu_hours_where_the_scenario_says_so(good: Plan) -> None:
    """38 GPU-hours, not the 76 USD that the plan was made for."""
    by_hours = replace(good.scenario, objective=Objective.GPU_HOURS)
    assert "objective is 76.0, should be 38.0" in caught(replace(good, scenario=by_hours))


def test_every_violation_is_listed(good: Plan) -> None:
    wrong = replace(good, totals=replace(good.totals, starts=9, peak_gpus=9), shortages=())
    text = caught(with_workload(wrong, min_replicas={Role.DECODE: 2}))
    assert "starts" in text
    assert "peak_gpus" in text
    assert "replicas: w has 1 of decode at 0" in text
