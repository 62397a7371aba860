"""A good plan passes; each way of tampering with it is caught, by the rule that should.

Stays are checked before all else (`tests.verify.test_placement`), so where a pool is
tampered with its stays are made to match.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.placement import node_name
from heteroplan.entities.plan import Plan, Shortage, Termination
from heteroplan.entities.scenario import Objective
from heteroplan.entities.workload import Loss, RatioBand, Resilience, Role, Stability
from heteroplan.errors import PlanViolationError
from heteroplan.planning import make_plan
from heteroplan.verify import verify
from heteroplan.verify.plan import (
    check_balance,
    check_ratio_band,
    check_replica_limits,
    check_supply,
    check_workloads,
)
from heteroplan.verify.plan_index import PlanIndex
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
    return make_plan(of, candidates(of), compare=False)


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
    plan = make_plan(of, candidates(of), compare=False)
    verify(plan)
    assert [pool.level for pool in plan.pools] == [Affinity.SPINE] * 2
    assert "stands in a cluster, should in a spine" in caught(
        with_pool(plan, level=Affinity.CLUSTER)
    )


def test_pool_listed_twice(good: Plan) -> None:
    assert "appears 2 times" in caught(replace(good, pools=(*good.pools, good.pools[0])))


def test_demand_that_is_not_the_scenarios(good: Plan) -> None:
    shown = replace(good.workloads[0], demand_rps=(9.0, 20.0, 10.0))
    assert "demand are not the scenario's" in caught(replace(good, workloads=(shown,)))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (Stability(min_run_s=3600, max_changes=2, change_cost_usd=0.0), ""),
        (Stability(min_run_s=3601), "min_run: pool prefill on h100x8 in l1-spine of w@l1-spine "),
        (Stability(max_changes=1), "changes 2 times on day 1"),
        (Stability(change_cost_usd=1.0), "totals: cost_usd is 76.0, should be 80.0"),
    ],
)
def test_pools_that_change_too_often_or_for_nothing(
    good: Plan, rules: Stability, message: str
) -> None:
    """Each pool has 1, 2, 1 replicas: it grows at 1 and shrinks an hour later."""
    ruled = with_workload(good, stability=rules)
    if message:
        assert message in caught(ruled)
    else:
        verify(ruled)


def test_round_the_day_a_pool_may_shrink_too_soon_as_well() -> None:
    """2, 1, 1, 1 replicas, grown at midnight: with a rule of two hours there are 2 until 2."""
    both = engine("both", role=Role.AGGREGATED)
    of = scenario([workload(rps=(20.0, 10.0, 10.0, 10.0), engines=[both])])
    plan = make_plan(of, candidates(of), compare=False)
    ruled = with_workload(plan, stability=Stability(min_run_s=7200))
    assert "shrinks at 1, too soon after it grew" in caught(ruled)
    kept = make_plan(ruled.scenario, candidates(ruled.scenario), compare=False)
    assert sorted(kept.pools[0].replicas) == [1, 1, 2, 2]


@pytest.mark.parametrize("changes", [{"name": "v"}, {"priority": 2}])
def test_line_of_another_workload(good: Plan, changes: dict[str, Any]) -> None:
    shown = replace(good.workloads[0], **changes)
    (fault,) = check_workloads(PlanIndex(replace(good, workloads=(shown,)), gap=1.0))
    assert fault == "workloads: names, priorities or demand are not the scenario's"


def test_workload_without_its_line(good: Plan) -> None:
    assert "demand are not the scenario's" in caught(replace(good, workloads=()))


def supply_faults(plan: Plan) -> str:
    """What the rule of supply finds, alone: `verify` finds the nodes overfull before."""
    return "\n".join(check_supply(PlanIndex(plan, gap=1.0)))


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


def test_supply_is_checked_although_nodes_are(good: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(verify.__globals__, "placement_faults", lambda plan: [])
    away = with_fleet(good, outages=(hour_away(0),))
    assert "supply: 16 GPUs of h100x8 held in spine l1-spine at 0, 8 are there" in caught(away)


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


def test_a_pool_takes_all_classes_alike_where_the_router_knows_none() -> None:
    """5 requests/s of either class; the pools take 4 of one of them."""
    classes = [replace(SHAPE, name=name, share=0.5) for name in "ab"]
    of = scenario([workload(rps=[10.0], classes=classes, route_by_class=False)])
    plan = make_plan(of, candidates(of), compare=False)
    tilted = replace(
        plan, pools=tuple(replace(pool, flow_rps=((4.0,), (5.0,))) for pool in plan.pools)
    )
    assert "of w@l1-spine takes 0.8 to 1.0 of classes at 0" in caught(tilted)


def test_demand_that_is_neither_served_nor_short(good: Plan) -> None:
    shown = replace(good.workloads[0], served_rps=(10.0, 15.0, 10.0))
    assert "w asks for 20.0 rps at 1" in caught(replace(good, workloads=(shown,)))


def test_shortage_that_is_none(good: Plan) -> None:
    nothing = Shortage("w", 0, 0.0, ())
    assert "leaves nothing unserved" in caught(replace(good, shortages=(nothing,)))


def test_shortage_that_hides_served_demand(good: Plan) -> None:
    hidden = Shortage("w", 0, 1.0, ())
    assert "w asks for 10.0 rps at 0" in caught(replace(good, shortages=(hidden,)))


def test_a_class_is_prefilled_and_decoded_at_the_same_rate() -> None:
    """6 and 4 requests/s of two classes are prefilled, 4 and 6 decoded: as many in all."""
    classes = [replace(SHAPE, name=name, share=0.5) for name in "ab"]
    of = scenario([workload(rps=[10.0], classes=classes)])
    plan = make_plan(of, candidates(of), compare=False)
    flows = {Role.PREFILL: ((6.0,), (4.0,)), Role.DECODE: ((4.0,), (6.0,))}
    tilted = replace(
        plan, pools=tuple(replace(pool, flow_rps=flows[pool.role]) for pool in plan.pools)
    )
    assert list(check_balance(PlanIndex(tilted, gap=1.0))) == [
        "balance: w@l1-spine prefills 6.0 and decodes 4.0 rps at 0",
        "balance: w@l1-spine prefills 4.0 and decodes 6.0 rps at 0",
    ]


@pytest.mark.parametrize(
    ("prefill", "faults"), [(20.0 - 1e-5, False), (20.0 + 1e-3, True), (20.0 - 1e-3, True)]
)
def test_balance_is_exact_but_for_rounding(good: Plan, prefill: float, faults: bool) -> None:
    off = with_pool(good, 0, flow_rps=((10.0, prefill, 10.0),))
    text = f"balance: w@l1-spine prefills {prefill} and decodes 20.0 rps at 1"
    assert list(check_balance(PlanIndex(off, gap=1.0))) == [text] * faults


@pytest.mark.parametrize(
    ("low", "high", "faults"),
    [
        (1.0, 1.5, []),
        (1.0 + 1e-6, 1.5 - 1e-6, []),
        (1.001, 1.5, [0, 2]),
        (1.0, 1.499, [1]),
        (0.6, 0.7, [0, 1, 2]),
        (1.6, 2.0, [0, 1, 2]),
        (0.9, 1.4, [1]),
    ],
)
def test_prefill_to_decode_is_within_the_band_in_every_interval(
    good: Plan, low: float, high: float, faults: list[int]
) -> None:
    """1 : 1, then 3 : 2, then 1 : 1."""
    more = with_replicas(with_workload(good, pd_ratio=RatioBand(low, high)), 0, (1, 3, 1))
    told = {
        t: f"pd_ratio: w@l1-spine has {'3 prefill and 2' if t == 1 else '1 prefill and 1'} "
        f"decode replicas at {t}"
        for t in faults
    }
    assert list(check_ratio_band(PlanIndex(more, gap=1.0))) == list(told.values())


@pytest.mark.parametrize(
    ("limits", "faults"),
    [
        ({"min_replicas": {Role.PREFILL: 1, Role.DECODE: 1}}, []),
        ({"max_replicas": {Role.PREFILL: 3, Role.DECODE: 2}}, []),
        ({"min_replicas": {Role.DECODE: 2}}, ["1 of decode at 0", "1 of decode at 2"]),
        ({"max_replicas": {Role.PREFILL: 2}}, ["3 of prefill at 1"]),
        (
            {"max_replicas": {Role.DECODE: 0}},
            [f"{n} of decode at {t}" for t, n in enumerate("121")],
        ),
        ({"min_replicas": {Role.AGGREGATED: 1}}, [f"0 of aggregated at {t}" for t in range(3)]),
    ],
)
def test_replicas_of_a_role_are_as_many_as_allowed(
    good: Plan, limits: dict[str, dict[Role, int]], faults: list[str]
) -> None:
    """1, 3, 1 of prefill and 1, 2, 1 of decode."""
    more = with_replicas(with_workload(good, **limits), 0, (1, 3, 1))
    assert list(check_replica_limits(PlanIndex(more, gap=1.0))) == [
        f"replicas: w has {fault}" for fault in faults
    ]


@pytest.mark.parametrize("column", ["supply", "held"])
def test_supply_table_says_what_is_there_and_what_is_held(good: Plan, column: str) -> None:
    (row,) = good.supply
    change: dict[str, Any] = {column: (8, 8, 8)}
    wrong = replace(good, supply=(replace(row, **change),))
    assert "supply table: h100x8 does not agree with fleet and pools" in caught(wrong)


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize(
    ("field", "right"),
    [
        ("gpu_hours", "38.0"),
        ("cost_usd", "76.0"),
        ("starts", "2"),
        ("moves", "0"),
        ("peak_gpus", "16"),
    ],
)
def test_wrong_totals(good: Plan, field: str, right: str, by: int) -> None:
    shown = getattr(good.totals, field) + by
    wrong = replace(good, totals=replace(good.totals, **{field: shown}))
    assert f"totals: {field} is {shown}, should be {right}" in caught(wrong)


def test_gpu_hours_of_another_priority(good: Plan) -> None:
    """All 38 stand on leaves of one GPU type; 8 of them are shown as of leaves that mix some."""
    low, high = SubgroupPriority.LOW, SubgroupPriority.HIGH
    shown = {low: 30.0, high: 8.0}
    wrong = replace(good, totals=replace(good.totals, gpu_hours_by_priority=shown))
    assert caught(wrong).splitlines()[1:] == [
        "totals: GPU-hours on low priority are 30.0, should be 38.0",
        "totals: GPU-hours on high priority are 8.0, should be 0.0",
    ]


@pytest.fixture(scope="module")
def lacking() -> Plan:
    """Three nodes; a asks for 1 and 3 replicas of a node each, b, which is less urgent, for one.

    Half an hour each: 10 of 60 requests/s are not served, 18,000 requests.
    """
    loads = [
        workload(
            name, rps=rps, engines=[engine("both", role=Role.AGGREGATED, gpus=8)], priority=priority
        )
        for name, rps, priority in (("a", [10.0, 30.0], 1), ("b", [10.0, 10.0], 2))
    ]
    of = scenario(loads, in_fleet=fleet({"l1": {"h100x8": 3}}), interval_s=1800)
    return make_plan(of, candidates(of), compare=False)


def test_a_shortage_is_of_one_workload_in_one_interval(lacking: Plan) -> None:
    (shortage,) = lacking.shortages
    assert (shortage.workload, shortage.interval, shortage.unserved_rps) == ("b", 1, 10.0)
    verify(lacking)
    for changes, whose in (
        ({"workload": "a"}, ["a asks for 30.0 rps at 1", "b asks for 10.0 rps at 1"]),
        ({"interval": 0}, ["b asks for 10.0 rps at 0", "b asks for 10.0 rps at 1"]),
    ):
        moved = replace(lacking, shortages=(replace(shortage, **changes),))
        assert caught(moved).splitlines()[1:] == [
            f"demand: {text}, served and short differ" for text in whose
        ]


def test_two_shortages_of_one_workload_and_interval_count_together(lacking: Plan) -> None:
    (shortage,) = lacking.shortages
    parts = [replace(shortage, unserved_rps=rps) for rps in (4.0, 6.0)]
    verify(replace(lacking, shortages=tuple(parts)))


@pytest.mark.parametrize(
    ("limits", "faults"),
    [
        ([("a", "min_replicas", 3)], ["a has 1 of aggregated at 0"]),
        ([("a", "max_replicas", 3), ("b", "max_replicas", 1)], []),
        ([("b", "min_replicas", 1)], ["b has 0 of aggregated at 1"]),
    ],
)
def test_replicas_are_counted_by_workload(
    lacking: Plan, limits: list[tuple[str, str, int]], faults: list[str]
) -> None:
    """1 and 3 of a, 1 and 0 of b."""
    of = lacking.scenario
    for name, limit, replicas in limits:
        change: dict[str, Any] = {limit: {Role.AGGREGATED: replicas}}
        loads = [replace(each, **change) if each.name == name else each for each in of.workloads]
        of = replace(of, workloads=tuple(loads))
    found = list(check_replica_limits(PlanIndex(replace(lacking, scenario=of), gap=1.0)))
    assert found == [f"replicas: {fault}" for fault in faults]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unserved_requests": 10.0}, "unserved requests are 10.0, should be 18000.0"),
        ({"unserved_requests": 18_001.0}, "unserved requests are 18001.0, should be 18000.0"),
        (
            {"unserved_requests_bound": 18_001.0},
            "bound on unserved requests 18001.0 is above 18000.0",
        ),
    ],
)
def test_wrong_proof_of_a_shortage(lacking: Plan, changes: dict[str, Any], message: str) -> None:
    assert message in caught(replace(lacking, report=replace(lacking.report, **changes)))


def test_served_fraction_is_of_all_requests(lacking: Plan) -> None:
    assert lacking.totals.served_fraction == pytest.approx(5 / 6)
    wrong = replace(lacking, totals=replace(lacking.totals, served_fraction=0.83))
    assert "totals: served_fraction is 0.83, should be 0.8333" in caught(wrong)


def test_what_rounding_leaves_passes(lacking: Plan) -> None:
    """A millionth more or less, of the bounds as of what they are compared with."""
    report, totals = lacking.report, lacking.totals
    for by in (1 + 1e-6, 1 - 1e-6):
        verify(
            replace(
                lacking,
                report=replace(
                    report,
                    objective=report.objective * by,
                    bound=report.objective * by * (1 + 1e-6),
                    unserved_requests=report.unserved_requests * by,
                    unserved_requests_bound=18_000.0 * (1 + 1e-6),
                ),
                totals=replace(
                    totals,
                    gpu_hours=totals.gpu_hours * by,
                    cost_usd=totals.cost_usd * by,
                    served_fraction=totals.served_fraction * by,
                ),
            )
        )


@pytest.mark.parametrize("termination", [Termination.TIME_LIMIT, Termination.INTERRUPTED])
def test_what_ended_early_claims_no_gap(good: Plan, termination: Termination) -> None:
    verify(replace(good, report=replace(good.report, termination=termination, bound=0.0)), gap=0.01)


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
        ({"objective": 76.01, "bound": 76.0}, "objective is 76.01, should be 76"),
        ({"bound": 77.0}, "bound 77.0 is above the objective"),
        ({"bound": 76.001}, "bound 76.001 is above the objective 76.0"),
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
    limits = {"min_replicas": {Role.DECODE: 2}, "pd_ratio": RatioBand(2.0, 4.0)}
    text = caught(with_workload(wrong, **limits))
    assert "starts" in text
    assert "peak_gpus" in text
    assert "replicas: w has 1 of decode at 0" in text
    assert "pd_ratio: w@l1-spine has 1 prefill and 1 decode replicas at 0" in text
