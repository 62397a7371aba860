"""The reason given for a shortage."""

from dataclasses import replace

import pytest

from heteroplan.entities.capacity import Candidate, Limit, OperatingPoint
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Loss, RequestClass, Resilience, Role
from heteroplan.plan import make_plan
from heteroplan.plan.shortage import merged
from tests.builders import candidates, engine, fleet, node_type, scenario, workload

BOTH = engine("both", role=Role.AGGREGATED)


def reasons(of: Scenario, considered: tuple[Candidate, ...] | None = None) -> list[str]:
    plan = make_plan(of, considered if considered is not None else candidates(of), time_limit_s=5)
    return [shortage.limited_by for shortage in plan.shortages]


def test_full_domains_are_named_by_node_type() -> None:
    of = scenario(
        [workload(rps=[50.0], engines=(BOTH,))],
        in_fleet=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}),
    )
    assert reasons(of) == ["h100x8 full in l1-spine, l2-spine"]


def test_only_what_is_full_is_named() -> None:
    """Decode runs on L40S alone, one node; H100 has room for more prefill."""
    types = (node_type(), node_type("l40sx8", gpu="L40S"))
    of = scenario(
        [
            workload(
                rps=[50.0],
                engines=(engine("prefill", role=Role.PREFILL), engine("decode", gpu="L40S")),
            )
        ],
        in_fleet=fleet({"l1": {"h100x8": 9, "l40sx8": 1}}, node_types=types),
    )
    assert reasons(of) == ["l40sx8 full in l1-spine"]


def test_wider_domain_that_others_have_filled() -> None:
    """A leaf workload beside a spine workload that holds the spine's last GPUs."""
    of = scenario(
        [
            workload("wide", rps=[20.0], engines=(BOTH,)),
            workload("near", rps=[10.0], engines=(BOTH,), affinity=Affinity.LEAF, priority=2),
        ],
        in_fleet=fleet({"l1": {"h100x8": 1}}, spines={"l1": "s"}),
    )
    assert reasons(of) == ["h100x8 full in s"]


def test_room_for_one_half_only() -> None:
    """A node of 12 GPUs: one pair of 4 + 4 leaves room for a prefill or a decode replica."""
    of = scenario(
        [workload(rps=[50.0])],
        in_fleet=fleet({"l1": {"h100x12": 1}}, node_types=(node_type("h100x12", gpus=12),)),
    )
    assert reasons(of) == ["no room for prefill and decode together in l1-spine"]


def test_room_that_comes_too_late_for_a_start() -> None:
    """4 GPUs are free at 1, but a start at 0 finds none: two workloads of priority 1 and 2."""
    slow = engine("slow", role=Role.AGGREGATED, startup_s=3600.0)
    of = scenario(
        [
            workload("first", rps=[20.0, 0.0], engines=(BOTH,)),
            workload("second", rps=[0.0, 10.0], engines=(slow,), priority=2),
        ],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
        cyclic=False,
    )
    assert reasons(of) == [
        "h100x8 full in l1-spine at 00:00, when replicas would have to start",
    ]


def test_room_that_is_missing_twice_is_told_of_the_later_time() -> None:
    """A start of three hours would have to hold GPUs from 0 on; they are free from 2 on."""
    slow = engine("slow", role=Role.AGGREGATED, startup_s=3 * 3600.0)
    of = scenario(
        [
            workload("first", rps=[20.0, 20.0, 0.0, 0.0], engines=(BOTH,)),
            workload("second", rps=[0.0, 0.0, 0.0, 10.0], engines=(slow,), priority=2),
        ],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
        cyclic=False,
    )
    assert reasons(of) == [
        "h100x8 full in l1-spine at 01:00, when replicas would have to start",
    ]


def test_max_replicas() -> None:
    of = scenario([workload(rps=[50.0], engines=(BOTH,), max_replicas={Role.AGGREGATED: 2})])
    assert reasons(of) == ["max_replicas of aggregated"]


def test_a_second_group_that_is_not_allowed_is_told() -> None:
    """8 GPUs at each of two spines serve 20 requests/s each; the one group may use one of them."""
    of = scenario(
        [workload(rps=[30.0], engines=(BOTH,), max_groups=1)],
        in_fleet=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}),
    )
    (reason,) = reasons(of)
    rule, full = reason.split("; ")
    assert rule == "max_groups or anti_affinity"
    assert full in ("h100x8 full in l1-spine", "h100x8 full in l2-spine")


def test_a_neighbour_that_is_not_allowed_is_told() -> None:
    """The first holds 4 GPUs at either spine, so that the second, kept apart from it, has none."""
    first = workload("first", rps=[10.0], engines=(BOTH,), min_replicas={Role.AGGREGATED: 1})
    second = workload("second", rps=[10.0], engines=(BOTH,), priority=2, anti_affinity=["first"])
    of = scenario([first, second], in_fleet=fleet({"l1": {"h100x8": 1}}))
    assert reasons(of) == ["max_groups or anti_affinity"]


def test_a_promise_that_keeps_capacity_back_is_told() -> None:
    """Two spines of 20 requests/s each: 30 could be served, but 20 after the loss of one."""
    promise = Resilience(Loss.SPINE, 1.0)
    of = scenario(
        [workload(rps=[30.0], engines=(BOTH,), resilience=promise)],
        in_fleet=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}),
    )
    (reason,) = reasons(of)
    assert reason == (
        "the promise to survive the loss of a spine; h100x8 full in l1-spine, l2-spine"
    )


def test_a_promise_that_is_kept_is_no_reason() -> None:
    """Half of 30 requests/s after a loss: 20 are left; what all lack is GPUs for 50."""
    promise = Resilience(Loss.SPINE, 0.3)
    of = scenario(
        [workload(rps=[50.0], engines=(BOTH,), resilience=promise)],
        in_fleet=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}),
    )
    assert reasons(of) == ["h100x8 full in l1-spine, l2-spine"]


def test_no_engine_says_why() -> None:
    of = scenario([workload(rps=[5.0], engines=(BOTH,))])
    point = OperatingPoint(0.0, Limit.TTFT, "prefill alone takes 2,000 ms")
    (candidate,) = candidates(of)
    unusable = replace(candidate, points=((point,),))
    assert reasons(of, (unusable,)) == ["no engine: prefill alone takes 2,000 ms"]
    assert reasons(of, ()) == ["no engine: its model has none on the fleet's GPU types"]


def test_half_pairs_only() -> None:
    """Prefill on one leaf, decode on the other, affinity leaf."""
    types = (node_type(), node_type("l40sx8", gpu="L40S"))
    of = scenario(
        [
            workload(
                rps=[5.0],
                engines=(engine("prefill", role=Role.PREFILL), engine("decode", gpu="L40S")),
                affinity=Affinity.LEAF,
            )
        ],
        in_fleet=fleet({"l1": {"h100x8": 1}, "l2": {"l40sx8": 1}}, node_types=types),
    )
    assert reasons(of) == ["no engine for its requests in any leaf with GPUs for it"]


def test_one_class_without_an_engine() -> None:
    kinds = (RequestClass("short", 0.5, 500.0, 100.0), RequestClass("long", 0.5, 9000.0, 400.0))
    of = scenario([workload(rps=[10.0], engines=(BOTH,), classes=kinds)])
    considered = candidates(of, by_class={("both", "long"): 0.0})
    plan = make_plan(of, considered, time_limit_s=5)
    (short,) = plan.shortages
    assert short.limited_by == "no engine for its requests in any spine with GPUs for it"
    assert short.unserved_rps == pytest.approx(5.0)


def test_merged_reasons_name_each_node_type_once_with_all_domains() -> None:
    late = "when replicas would have to start"
    assert merged(["h full in s1, s2", "h full in s2, s3; l full in s1", "pd_ratio"]) == (
        "pd_ratio; h full in s1, s2, s3; l full in s1"
    )
    assert merged(["h full in s1", f"h full in s1 at 13:00, {late}"]) == (
        f"h full in s1, or at 13:00, {late}"
    )
    assert merged([f"h full in s1 at {at}, {late}" for at in ("13:30", "13:00")]) == (
        f"h full in s1 at 13:00 to 13:30, {late}"
    )


def test_merged_reasons_are_bounded() -> None:
    """Five domains and four node types: three and two are named."""
    places = ", ".join(f"s{i}" for i in range(5))
    parts = "; ".join(f"{shape} full in {places}" for shape in "abcd")
    assert merged([parts, "no engine: x; y"]) == (
        "no engine: x; y; a full in s0, s1, s2 and 2 more; b full in s0, s1, s2 and 2 more; "
        "and 2 more"
    )
