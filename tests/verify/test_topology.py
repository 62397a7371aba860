"""Groups, divided engines and promises: a good plan passes, and what breaks a rule is caught."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Plan
from heteroplan.entities.workload import Loss, Part, RatioBand, Resilience, Role
from heteroplan.errors import PlanViolationError
from heteroplan.planning import make_plan
from heteroplan.verify import verify
from heteroplan.verify.plan_index import PlanIndex
from heteroplan.verify.topology import (
    capacity_left,
    check_apart,
    check_engines,
    check_groups,
    check_parts,
    check_resilience,
)
from tests.builders import SHAPE, candidates, engine, fleet, node_type, scenario, workload
from tests.plans import plan as hand_made
from tests.plans import pool


def caught(plan: Plan) -> str:
    with pytest.raises(PlanViolationError) as raised:
        verify(plan)
    return str(raised.value)


def with_workload(plan: Plan, name: str = "w", **changes: Any) -> Plan:
    """The same plan for a scenario one of whose workloads differs."""
    workloads = tuple(
        replace(each, **changes) if each.name == name else each for each in plan.scenario.workloads
    )
    return replace(plan, scenario=replace(plan.scenario, workloads=workloads))


def one_node_leaves(spines: Mapping[str, str]) -> Fleet:
    """{leaf: spine}; a node of 8 GPUs has room for one pair of 10 requests/s."""
    return fleet({leaf: {"h100x8": 1} for leaf in spines}, spines=spines)


@pytest.fixture(scope="module")
def two_groups() -> Plan:
    """20 requests/s are two pairs, one on the only node of each of two spines."""
    of = scenario([workload(rps=[20.0])], in_fleet=one_node_leaves({"l1": "s1", "l2": "s2"}))
    return make_plan(of, candidates(of), compare=False)


def test_as_many_groups_as_allowed(two_groups: Plan) -> None:
    assert {pool.group for pool in two_groups.pools} == {"w@s1", "w@s2"}
    verify(with_workload(two_groups, max_groups=2))
    assert "groups: w has 2, max_groups is 1" in caught(with_workload(two_groups, max_groups=1))


@pytest.mark.parametrize(
    ("changes", "forbidden"),
    [
        ({"pin": ("s1",)}, {"s2"}),
        ({"exclude": ("s1",)}, {"s1"}),
        ({"exclude": ("c1",)}, {"s1", "s2"}),
        ({"pin": ("c1",)}, set()),
        ({"pin": ("c1",), "exclude": ("s2",)}, {"s2"}),
    ],
)
def test_groups_where_none_may_be(
    two_groups: Plan, changes: dict[str, Any], forbidden: set[str]
) -> None:
    changed = with_workload(two_groups, **changes)
    text = caught(changed) if forbidden else ""
    assert {name for name in ("s1", "s2") if f"w may have no group w@{name}" in text} == forbidden


@pytest.mark.parametrize("keeper", ["a", "b"])
@pytest.mark.parametrize(
    ("affinity", "group"),
    [(Affinity.LEAF, "b@l1"), (Affinity.SPINE, "b@s1"), (Affinity.CLUSTER, "b@c1")],
)
def test_workloads_that_keep_apart(keeper: str, affinity: Affinity, group: str) -> None:
    """a has a group on leaf l1; one of b on l1, on its spine or on its cluster overlaps it."""
    of = scenario(
        [
            workload("a", affinity=Affinity.LEAF, pin=["l1"]),
            workload("b", affinity=affinity, pin=[group.removeprefix("b@")]),
        ],
        in_fleet=fleet({"l1": {"h100x8": 2}}, spines={"l1": "s1"}),
    )
    together = make_plan(of, candidates(of), compare=False)
    other = "b" if keeper == "a" else "a"
    text = caught(with_workload(together, keeper, anti_affinity=(other,)))
    assert f"anti_affinity: a@l1 and {group} overlap" in text


def test_neighbours_keep_apart_already() -> None:
    """a on l1 and b on l2 of one spine."""
    of = scenario(
        [
            workload("a", affinity=Affinity.LEAF, pin=["l1"]),
            workload("b", affinity=Affinity.LEAF, pin=["l2"]),
        ],
        in_fleet=one_node_leaves({"l1": "s1", "l2": "s1"}),
    )
    verify(with_workload(make_plan(of, candidates(of), compare=False), "a", anti_affinity=("b",)))


@pytest.fixture(scope="module")
def divided() -> Plan:
    """20 requests/s: 2 prefill, 2 attention of 10 each and 1 ffn of 20, 4 GPUs each; l1 holds 6.

    The other leaf of the spine is too small for anything.
    """
    of = scenario(
        [
            workload(
                rps=[20.0],
                engines=(
                    engine("prefill", role=Role.PREFILL),
                    engine("moe/attention", part=Part("moe", "attention", 0, None)),
                    engine("moe/ffn", capacity_rps=20.0, part=Part("moe", "ffn", 1, None)),
                ),
            )
        ],
        in_fleet=fleet({"l1": {"h100x8": 3}, "l2": {}}, spines={"l1": "s1", "l2": "s1"}),
    )
    return make_plan(of, candidates(of), compare=False)


def ffn(plan: Plan) -> int:
    """Index of the pool of second halves."""
    return [pool.engine for pool in plan.pools].index("moe/ffn")


def with_ffn(plan: Plan, **changes: Any) -> Plan:
    index = ffn(plan)
    pools = list(plan.pools)
    pools[index] = replace(pools[index], **changes)
    return replace(plan, pools=tuple(pools))


def test_halves_that_do_not_balance(divided: Plan) -> None:
    """Prefill and decode still do: what the second half handles does not count for decode."""
    verify(divided)
    text = caught(with_ffn(divided, flow_rps=((19.0,),)))
    assert "parts: moe of w on l1: 20.0, 19.0 rps at 0" in text
    assert "balance" not in text
    assert "demand" not in text


def test_halves_on_different_leaves(divided: Plan) -> None:
    """The spine as a whole balances, but neither leaf does."""
    first, second = divided.scenario.fleet.network.leaves
    network = replace(
        divided.scenario.fleet.network, leaves=(first, replace(second, nodes={"h100x8": 1}))
    )
    wider = replace(divided.scenario, fleet=replace(divided.scenario.fleet, network=network))
    stays = tuple(
        replace(each, leaf="l2", nodes=("l2-h100x8-001",)) if each.pool == ffn(divided) else each
        for each in divided.stays
    )
    text = caught(replace(with_ffn(divided, domain="l2"), scenario=wider, stays=stays))
    assert "parts: moe of w on l1: 20.0, 0 rps at 0" in text
    assert "parts: moe of w on l2: 0, 20.0 rps at 0" in text


def test_half_counted_on_the_spine(divided: Plan) -> None:
    text = caught(with_ffn(divided, domain="s1", level=Affinity.SPINE))
    assert "stands in a spine, should in a leaf" in text


@pytest.mark.parametrize(
    ("band", "kept"),
    [
        (RatioBand(2.0, 2.0), True),
        (RatioBand(1.0, 4.0), True),
        (RatioBand(2.5, 4.0), False),
        (RatioBand(0.5, 1.5), False),
    ],
)
def test_ratio_of_the_halves(divided: Plan, band: RatioBand, kept: bool) -> None:
    """2 attention : 1 ffn."""
    considered = tuple(
        replace(each, engine=replace(each.engine, part=replace(each.engine.part, ratio=band)))
        if each.engine.part
        else each
        for each in divided.candidates
    )
    banded = replace(divided, candidates=considered)
    if kept:
        verify(banded)
    else:
        assert "part_ratio: moe of w on l1: 2 to 1 at 0" in caught(banded)


def test_second_halves_do_not_count_for_the_role(divided: Plan) -> None:
    """3 decode engines run, of which the 2 first halves count, for limits and for pd_ratio."""
    verify(with_workload(divided, max_replicas={Role.DECODE: 2}, pd_ratio=RatioBand(1.0, 1.0)))
    text = caught(with_workload(divided, min_replicas={Role.DECODE: 3}))
    assert "replicas: w has 2 of decode at 0" in text


@pytest.mark.parametrize(
    ("lose", "place", "left"),
    [(Loss.NODE, "l1-h100x8-001", 30.0), (Loss.LEAF, "l1", 30.0), (Loss.SPINE, "s1", 20.0)],
)
def test_promise(lose: Loss, place: str, left: float) -> None:
    """40 requests/s on four leaves of two spines, 10 on the node of each.

    Without a node or a leaf 30 are left, 75 %; without a spine 20, 50 %. A promise of just that
    is kept; of one percent more it is broken.
    """
    kept = Resilience(lose, left / 40.0)
    of = scenario(
        [workload(rps=[40.0], affinity=Affinity.LEAF, resilience=kept)],
        in_fleet=one_node_leaves({"l1": "s1", "l2": "s1", "l3": "s2", "l4": "s2"}),
    )
    plan = make_plan(of, candidates(of), compare=False)
    assert plan.covered
    text = caught(with_workload(plan, resilience=replace(kept, serve=kept.serve + 0.01)))
    assert f"resilience: without {lose} {place} w serves {left} of 40.0 rps at 0" in text


@pytest.mark.parametrize(("lose", "place"), [(Loss.NODE, "l1-h100x8-001"), (Loss.LEAF, "l1")])
def test_all_replicas_of_a_pool_that_stand_there_are_lost(lose: Loss, place: str) -> None:
    """Four replicas of 4 GPUs, two on the only node of each of two leaves: half is left."""
    both = engine("both", role=Role.AGGREGATED, gpus=4)
    of = scenario(
        [workload(rps=[40.0], engines=[both], affinity=Affinity.LEAF)],
        in_fleet=fleet({leaf: {"h100x8": 1} for leaf in ("l1", "l2")}),
    )
    plan = make_plan(of, candidates(of), compare=False)
    verify(with_workload(plan, resilience=Resilience(lose, 0.5)))
    text = caught(with_workload(plan, resilience=Resilience(lose, 0.51)))
    assert f"resilience: without {lose} {place} w serves 20.0 of 40.0 rps at 0" in text


def test_a_replica_is_lost_with_any_of_its_nodes() -> None:
    """Replicas of 16 GPUs on two nodes of 8 each: without any of the four 10 of 20 are left."""
    both = engine("both", role=Role.AGGREGATED, gpus=16)
    of = scenario([workload(rps=[20.0], engines=[both])], in_fleet=fleet({"l1": {"h100x8": 4}}))
    plan = make_plan(of, candidates(of), compare=False)
    assert [len(each.nodes) for each in plan.stays] == [2, 2]
    verify(with_workload(plan, resilience=Resilience(Loss.NODE, 0.5)))
    text = caught(with_workload(plan, resilience=Resilience(Loss.NODE, 0.51)))
    for node in range(1, 5):
        lost = f"without node l1-h100x8-00{node} w serves 10.0 of 20.0 rps at 0"
        assert f"resilience: {lost}" in text


def test_promise_is_of_groups_that_serve_from_end_to_end() -> None:
    """20 requests/s: prefill of 20 on l1 and decode of 20 on l2 of one spine.

    Without either leaf nothing is served, whatever the other could.
    """
    of = scenario(
        [
            workload(
                rps=[20.0],
                engines=(
                    engine("prefill", role=Role.PREFILL, gpus=8, capacity_rps=20.0),
                    engine("decode", gpus=8, capacity_rps=20.0),
                ),
                resilience=Resilience(Loss.LEAF, 1e-9),
            )
        ],
        in_fleet=one_node_leaves({"l1": "s1", "l2": "s1"}),
    )
    of_none = replace(of, workloads=(replace(of.workloads[0], resilience=None),))
    plan = make_plan(of_none, candidates(of_none), compare=False)
    by_leaf = tuple(
        replace(pool, level=Affinity.LEAF, domain=next(s.leaf for s in plan.stays if s.pool == p))
        for p, pool in enumerate(plan.pools)
    )
    text = caught(replace(plan, scenario=of, pools=by_leaf))
    assert "resilience: without leaf l1 w serves 0.0 of 20.0 rps at 0" in text
    assert "resilience: without leaf l2 w serves 0.0 of 20.0 rps at 0" in text


def test_promise_counts_the_smaller_half_of_a_divided_engine(divided: Plan) -> None:
    """Without the node of the one ffn the rest decodes nothing, whatever attention could."""
    text = caught(with_workload(divided, resilience=Resilience(Loss.NODE, 0.01)))
    (node,) = next(each.nodes for each in divided.stays if each.pool == ffn(divided))
    assert f"resilience: without node {node} w serves 0.0 of 20.0 rps at 0" in text


def test_demand_that_is_served_is_promised_not_what_is_asked_for() -> None:
    """30 asked for, 20 served, 10 left without a spine: half of what is served."""
    of = scenario(
        [workload(rps=[30.0], resilience=Resilience(Loss.SPINE, 0.5))],
        in_fleet=one_node_leaves({"l1": "s1", "l2": "s2"}),
    )
    plan = make_plan(of, candidates(of), compare=False)
    assert plan.workloads[0].served_rps == pytest.approx((20.0,))
    text = caught(with_workload(plan, resilience=Resilience(Loss.SPINE, 0.51)))
    assert "resilience: without spine s1 w serves 10.0 of" in text


def test_halves_that_are_left_on_different_leaves_serve_nothing(divided: Plan) -> None:
    """All 20 requests/s where both halves of decode stand on l1; none with the second on l2."""
    replicas = {p: pool.replicas[0] for p, pool in enumerate(divided.pools)}
    for plan, rps in ((divided, 20.0), (with_ffn(divided, domain="l2"), 0.0)):
        assert capacity_left(PlanIndex(plan, 1.0), plan.scenario.workloads[0], replicas, 0) == rps


def test_only_those_keep_apart_that_say_so() -> None:
    """Three workloads on one leaf, of which a keeps apart from b, and c from one that is not here.

    Two groups of one workload are no neighbours of their own.
    """
    of = scenario(
        [workload(name, affinity=Affinity.LEAF, pin=["l1"]) for name in "abc"],
        in_fleet=fleet({"l1": {"h100x8": 3}}, spines={"l1": "s1"}),
    )
    plan = with_workload(make_plan(of, candidates(of), compare=False), "a", anti_affinity=("b",))
    found = list(check_apart(PlanIndex(with_workload(plan, "c", anti_affinity=("d",)), 1.0)))
    assert found == ["anti_affinity: a@l1 and b@l1 overlap"]


def test_groups_are_counted_by_workload() -> None:
    """a has two groups and b one, each of which stands on another spine."""
    of = scenario(
        [workload("a", rps=[20.0], pin=["s1", "s2"]), workload("b", pin=["s3"])],
        in_fleet=one_node_leaves({"l1": "s1", "l2": "s2", "l3": "s3"}),
    )
    plan = make_plan(of, candidates(of), compare=False)
    limited = with_workload(with_workload(plan, "a", max_groups=1), "b", max_groups=1)
    assert list(check_groups(PlanIndex(limited, 1.0))) == ["groups: a has 2, max_groups is 1"]


MIX = (replace(SHAPE, name="short", share=0.75), replace(SHAPE, name="long", share=0.25))
HALVES = (
    engine("prefill", role=Role.PREFILL),
    engine("moe/attention", part=Part("moe", "attention", 0, None)),
    engine("moe/ffn", capacity_rps=20.0, part=Part("moe", "ffn", 1, None)),
)


def with_flow(plan: Plan, of: str, engine_name: str, *flow_rps: tuple[float, ...]) -> Plan:
    """Another flow through the pool of an engine of one workload."""
    pools = tuple(
        replace(pool, flow_rps=flow_rps)
        if (pool.workload, pool.engine) == (of, engine_name)
        else pool
        for pool in plan.pools
    )
    return replace(plan, pools=pools)


def test_halves_handle_the_same_of_each_class_and_workload_at_each_time() -> None:
    """Of w 15 and 5 requests/s of two classes, then 7.5 and 2.5; of v as much, on the same leaf."""
    of = scenario(
        [workload(name, rps=[20.0, 10.0], classes=MIX, engines=HALVES) for name in "wv"],
        in_fleet=fleet({"l1": {"h100x8": 6}}),
    )
    plan = make_plan(of, candidates(of), compare=False)
    assert list(check_parts(PlanIndex(plan, 1.0))) == []
    changed = with_flow(plan, "w", "moe/ffn", (15.0, 7.5), (5.0, 2.4))
    changed = with_flow(changed, "v", "moe/ffn", (15.0, 7.5), (5.0, 2.6))
    assert list(check_parts(PlanIndex(changed, 1.0))) == [
        "parts: moe of w on l1: 2.5, 2.4 rps at 1",
        "parts: moe of v on l1: 2.5, 2.6 rps at 1",
    ]
    for rps, faults in ((15.0 + 1e-5, 0), (15.0 - 1e-3, 1)):
        changed = with_flow(plan, "w", "moe/attention", (rps, 7.5), (5.0, 2.5))
        assert len(list(check_parts(PlanIndex(changed, 1.0)))) == faults


def test_ratio_of_halves_is_kept_at_each_time() -> None:
    """2 attention replicas to 1 ffn, then 1 to 1."""
    of = scenario(
        [workload(rps=[20.0, 10.0], engines=HALVES)], in_fleet=fleet({"l1": {"h100x8": 6}})
    )
    plan = make_plan(of, candidates(of), compare=False)
    for low, high, faults in (
        (1.0, 2.0, []),
        (1.0 + 1e-6, 2.0 - 1e-6, []),
        (1.001, 2.0, ["1 to 1 at 1"]),
        (1.0, 1.999, ["2 to 1 at 0"]),
        (0.2, 0.5, ["2 to 1 at 0", "1 to 1 at 1"]),
    ):
        considered = tuple(
            replace(
                each,
                engine=replace(
                    each.engine, part=replace(each.engine.part, ratio=RatioBand(low, high))
                ),
            )
            if each.engine.part
            else each
            for each in plan.candidates
        )
        found = list(check_parts(PlanIndex(replace(plan, candidates=considered), 1.0)))
        assert found == [f"part_ratio: moe of w on l1: {fault}" for fault in faults]


def test_a_promise_is_broken_where_and_when_too_little_is_left() -> None:
    """One replica on a leaf at first, then one on another too; half of it is promised.

    The other workload has 4 GPUs of another type on either leaf and serves nothing for the first.
    """
    l40s = node_type("l40sx8", gpu="L40S")
    other = engine("other", role=Role.AGGREGATED, gpu="L40S", gpus=8)
    both = engine("both", role=Role.AGGREGATED, gpus=8)
    of = scenario(
        [
            workload("w", rps=[10.0, 20.0], engines=[both], affinity=Affinity.LEAF),
            workload("v", rps=[20.0, 20.0], engines=[other], affinity=Affinity.LEAF),
        ],
        in_fleet=fleet(
            {leaf: {"h100x8": 1, "l40sx8": 1} for leaf in ("l1", "l2")},
            node_types=(node_type(), l40s),
        ),
    )
    plan = make_plan(of, candidates(of), compare=False)
    (leaf,) = (
        pool.domain for pool in plan.pools if pool.workload == "w" and pool.replicas == (1, 1)
    )
    promised = with_workload(plan, "w", resilience=Resilience(Loss.LEAF, 0.5))
    assert list(check_resilience(PlanIndex(promised, 1.0))) == [
        f"resilience: without leaf {leaf} w serves 0.0 of 10.0 rps at 0"
    ]
    more = with_workload(plan, "w", resilience=Resilience(Loss.LEAF, 0.501))
    assert len(list(check_resilience(PlanIndex(more, 1.0)))) == 3


def test_what_is_left_serves_in_the_mix_of_classes_group_by_group() -> None:
    """3 short requests to 1 long one: a prefill replica serves 1 / (3/4 / 10 + 1/4 / 5) = 8 of
    them, decode 1 / (3/4 / 6 + 1/4 / 2) = 4 and an engine of both roles 2; in the second hour half.

    An engine that long requests do not fit on counts for nothing, nor does prefill without decode.
    """
    engines = (
        engine("prefill", role=Role.PREFILL),
        engine("decode"),
        engine("both", role=Role.AGGREGATED),
        engine("tiny", role=Role.AGGREGATED),
    )
    of = scenario(
        [workload(rps=[20.0, 20.0], classes=MIX, engines=engines)],
        in_fleet=one_node_leaves({"l1": "s1", "l2": "s2"}),
    )
    rates = {"prefill": (10.0, 5.0), "decode": (6.0, 2.0), "both": (3.0, 1.0), "tiny": (9.0, 0.0)}
    considered = [
        replace(
            each,
            points=tuple(
                tuple(OperatingPoint(rps / hour, Limit.GIVEN) for rps in rates[each.engine.name])
                for hour in (1, 2)
            ),
        )
        for each in candidates(of)
    ]
    pools = [
        pool((9, 9), of="w", role=each.role, engine_name=each.name, domain=spine)
        for spine in ("s1", "s2")
        for each in engines
    ]
    index = PlanIndex(hand_made(of, pools, considered=considered), 1.0)
    load = of.workloads[0]
    first = {0: 2, 1: 3, 2: 1, 3: 5}
    assert capacity_left(index, load, first, 0) == pytest.approx(min(16.0, 12.0) + 2.0)
    assert capacity_left(index, load, first | {1: 5}, 0) == pytest.approx(min(16.0, 20.0) + 2.0)
    assert capacity_left(index, load, first, 1) == pytest.approx((min(16.0, 12.0) + 2.0) / 2)
    second = {4: 1, 5: 1, 6: 2}
    assert capacity_left(index, load, first | second, 0) == pytest.approx(14.0 + 4.0 + 4.0)
    assert capacity_left(index, load, {0: 2, 5: 3}, 0) == 0.0


def test_halves_that_are_left_serve_together_leaf_by_leaf() -> None:
    """On l1 attention of 10 and ffn of 20, on l2 30 and 20: 10 + 20; prefill for 40 or for 10."""
    of = scenario(
        [workload(rps=[20.0], engines=HALVES)],
        in_fleet=one_node_leaves({"l1": "s1", "l2": "s1"}),
    )
    pools = [pool((9,), of="w", role=Role.PREFILL, engine_name="prefill", domain="s1")]
    for leaf in ("l1", "l2"):
        for name in ("moe/attention", "moe/ffn"):
            half = pool((9,), of="w", engine_name=name, domain=leaf)
            pools.append(replace(half, level=Affinity.LEAF, group="w@s1"))
    index = PlanIndex(hand_made(of, pools), 1.0)
    halves = {1: 1, 2: 1, 3: 3, 4: 1}
    for prefill, rps in ((4, 30.0), (1, 10.0)):
        assert capacity_left(index, of.workloads[0], {0: prefill} | halves, 0) == pytest.approx(rps)


def test_engines_of_a_role_are_counted_once_however_many_pools_they_have() -> None:
    """Two prefill engines, one of them in two groups, and one decode engine."""
    engines = (
        engine("p1", role=Role.PREFILL),
        engine("p2", role=Role.PREFILL),
        engine("decode", role=Role.DECODE),
    )
    of = scenario([workload(engines=engines)], in_fleet=one_node_leaves({"l1": "s1", "l2": "s2"}))
    pools = [
        pool([1], of="w", role=role, engine_name=name, domain=spine)
        for name, role, spine in (
            ("p1", Role.PREFILL, "s1"),
            ("p1", Role.PREFILL, "s2"),
            ("p2", Role.PREFILL, "s2"),
            ("decode", Role.DECODE, "s1"),
        )
    ]
    plan = hand_made(of, pools, considered=candidates(of))
    assert list(check_engines(PlanIndex(with_workload(plan, max_engines=2), 1.0))) == []
    assert list(check_engines(PlanIndex(with_workload(plan, max_engines=1), 1.0))) == [
        "engines: w has 2 of prefill, max_engines is 1"
    ]
