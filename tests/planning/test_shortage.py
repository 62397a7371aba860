"""The reason given for a shortage."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.capacity import Candidate, Limit, OperatingPoint
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import ShortageKind, ShortageReason
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Loss, Part, RatioBand, RequestClass, Resilience, Role
from heteroplan.optimize.program.build import build_problem
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import ReasonPart
from heteroplan.outputs.plan.document.reasons import reasons_text
from heteroplan.planning import make_plan, shortage
from tests.builders import SHAPE, candidates, engine, fleet, node_type, scenario, workload

BOTH = engine("both", role=Role.AGGREGATED)


def reasons(of: Scenario, considered: tuple[Candidate, ...] | None = None) -> list[str]:
    plan = make_plan(of, considered if considered is not None else candidates(of), time_limit_s=5)
    return [short.limited_by for short in document_of(plan).shortages]


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
    resilience = Resilience(Loss.SPINE, 1.0)
    of = scenario(
        [workload(rps=[30.0], engines=(BOTH,), resilience=resilience)],
        in_fleet=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}),
    )
    (reason,) = reasons(of)
    assert reason == ("resilience to the loss of a spine; h100x8 full in l1-spine, l2-spine")


def test_a_promise_that_is_kept_is_no_reason() -> None:
    """Half of 30 requests/s after a loss: 20 are left; what all lack is GPUs for 50."""
    resilience = Resilience(Loss.SPINE, 0.3)
    of = scenario(
        [workload(rps=[50.0], engines=(BOTH,), resilience=resilience)],
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
    plan = make_plan(of, considered, time_limit_s=5, compare=False)
    (short,) = plan.shortages
    assert short.reasons == (ShortageReason(ShortageKind.NO_GPUS, affinity=Affinity.SPINE),)
    assert short.unserved_rps == pytest.approx(5.0)


def told(
    of: Scenario,
    running: Mapping[tuple[str, str], Sequence[int]],
    t: int,
    *,
    name: str = "w",
    missing: Sequence[float] = (1.0,),
    by_class: Mapping[tuple[str, str], float] | None = None,
) -> str:
    """Why a workload is short at t where replicas [T] run by (engine, spine)."""
    considered = candidates(of, by_class=by_class)
    problem = build_problem(of, considered)
    replicas = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    for p, pool in enumerate(problem.pools):
        engine_name = considered[pool.candidate].engine.name
        replicas[p] = running.get((engine_name, pool.domain), 0)
    w = [work.name for work in problem.workloads].index(name)
    residual = problem.residual(replicas)
    found = shortage.reasons(of, considered, problem, w, t, replicas, residual, np.array(missing))
    during = HorizonPart.model_validate(of.horizon)
    return reasons_text(tuple(map(ReasonPart.model_validate, found)), during)


UNKNOWN = "no known cause: the search found no better plan"


def test_the_last_gpu_counts() -> None:
    """8 replicas of one GPU fill a node, 7 do not."""
    of = scenario(
        [workload(rps=[90.0], engines=[replace(BOTH, gpus=1)])],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
    )
    assert told(of, {("both", "l1-spine"): [8]}, 0) == "h100x8 full in l1-spine"
    assert told(of, {("both", "l1-spine"): [7]}, 0) == UNKNOWN


@pytest.mark.parametrize(
    ("cyclic", "taken", "t", "when"),
    [
        (True, [0, 0, 1, 1], 0, " at 03:00"),
        (True, [0, 0, 1, 0], 0, " at 02:00"),
        (True, [1, 0, 0, 1], 0, ""),
        (True, [0, 1, 0, 0], 0, None),
        (True, [0, 1, 1, 0], 3, " at 02:00"),
        (False, [0, 0, 1, 1], 0, None),
        (False, [1, 0, 0, 0], 1, " at 00:00"),
        (False, [1, 0, 0, 0], 3, None),
        (False, [0, 1, 0, 0], 3, " at 01:00"),
    ],
)
def test_a_start_is_late_for_the_nearest_time_before_at_which_it_finds_no_room(
    cyclic: bool, taken: list[int], t: int, when: str | None
) -> None:
    """A start of two hours; another workload takes the only node at times. Days go round or not."""
    slow = engine("slow", role=Role.AGGREGATED, gpus=8, startup_s=7200.0)
    other = engine("other", role=Role.AGGREGATED, gpus=8)
    of = scenario(
        [workload("v", rps=[10.0] * 4, engines=[other]), workload(rps=[10.0] * 4, engines=[slow])],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
        cyclic=cyclic,
    )
    late = ", when replicas would have to start" if when else ""
    expected = UNKNOWN if when is None else f"h100x8 full in l1-spine{when}{late}"
    assert told(of, {("other", "l1-spine"): taken}, t) == expected


@pytest.mark.parametrize(("hours", "when"), [(24, "02:00"), (25, "2026-11-23 02:00")])
def test_the_date_is_told_where_the_horizon_is_longer_than_a_day(hours: int, when: str) -> None:
    slow = engine("slow", role=Role.AGGREGATED, gpus=8, startup_s=3600.0)
    other = engine("other", role=Role.AGGREGATED, gpus=8)
    day = [10.0] * hours
    of = scenario(
        [workload("v", rps=day, engines=[other]), workload(rps=day, engines=[slow])],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
    )
    taken = [int(t == 2) for t in range(hours)]
    late = "when replicas would have to start"
    assert (
        told(of, {("other", "l1-spine"): taken}, 3) == f"h100x8 full in l1-spine at {when}, {late}"
    )


def test_full_places_are_told_with_their_own_times() -> None:
    """A start of an hour before 1: l1 is full at 0, l2 at 1, and l3 has room."""
    slow = engine("slow", role=Role.AGGREGATED, gpus=8, startup_s=3600.0)
    other = engine("other", role=Role.AGGREGATED, gpus=8)
    of = scenario(
        [workload("v", rps=[10.0] * 3, engines=[other]), workload(rps=[10.0] * 3, engines=[slow])],
        in_fleet=fleet({leaf: {"h100x8": 1} for leaf in ("l1", "l2", "l3")}),
    )
    taken = {("other", "l1-spine"): [1, 0, 0], ("other", "l2-spine"): [0, 1, 0]}
    assert told(of, taken, 1) == (
        "h100x8 full in l1-spine at 00:00, when replicas would have to start; "
        "h100x8 full in l2-spine"
    )


def test_the_greatest_number_of_a_role_is_told_where_and_when_it_is_reached() -> None:
    of = scenario([workload(rps=[90.0] * 2, max_replicas={Role.PREFILL: 3, Role.DECODE: 2})])
    running = {("prefill", "l1-spine"): [3, 2], ("decode", "l1-spine"): [1, 2]}
    assert told(of, running, 0) == "max_replicas of prefill"
    assert told(of, running, 1) == "max_replicas of decode"


def test_only_what_serves_the_missing_class_is_of_interest() -> None:
    """Long requests run on L40S alone, whose node is full, as H100 is for the others."""
    kinds = (RequestClass("short", 0.5, 500.0, 100.0), RequestClass("long", 0.5, 9000.0, 400.0))
    on_l40s = engine("small", role=Role.AGGREGATED, gpu="L40S")
    of = scenario(
        [workload(rps=[90.0], engines=[BOTH, on_l40s], classes=kinds)],
        in_fleet=fleet(
            {"l1": {"h100x8": 1, "l40sx8": 1}},
            node_types=(node_type(), node_type("l40sx8", gpu="L40S")),
        ),
    )
    running = {("both", "l1-spine"): [2], ("small", "l1-spine"): [2]}
    by_class = {("both", "long"): 0.0}
    full = "l40sx8 full in l1-spine"
    assert told(of, running, 0, missing=(0.0, 1.0), by_class=by_class) == full
    assert told(of, running, 0, missing=(1.0, 0.0), by_class=by_class) == (
        f"h100x8 full in l1-spine; {full}"
    )


def test_a_pair_that_finds_room_somewhere_is_not_cramped() -> None:
    """8 of 12 GPUs are left: for prefill of 4 and decode of 8 they do not do, for 4 and 4 they do.

    Where 2 and 2 prefill replicas run on either of two spines, no pair finds room.
    """
    engines = [engine("p", role=Role.PREFILL), engine("big", gpus=8), engine("small")]
    of = scenario(
        [workload(rps=[90.0], engines=engines)],
        in_fleet=fleet(
            {leaf: {"h100x12": 1} for leaf in ("l1", "l2")},
            node_types=(node_type("h100x12", gpus=12),),
        ),
    )
    assert told(of, {("p", "l1-spine"): [1], ("p", "l2-spine"): [1]}, 0) == UNKNOWN
    pairs = replace(of, workloads=(workload(rps=[90.0], engines=[engines[0], engines[2]]),))
    cramped = "no room for prefill and decode together in"
    assert told(pairs, {("p", "l1-spine"): [2], ("p", "l2-spine"): [1]}, 0) == f"{cramped} l1-spine"
    assert told(pairs, {("p", "l1-spine"): [2], ("p", "l2-spine"): [2]}, 0) == (
        f"{cramped} l1-spine, l2-spine"
    )


def test_room_for_two_of_one_half_is_none_for_a_pair() -> None:
    """8 of 12 GPUs are left: two decode replicas of 4 or a prefill one of 8 would fit, not both."""
    of = scenario(
        [workload(rps=[90.0], engines=[engine("p", role=Role.PREFILL, gpus=8), engine("d")])],
        in_fleet=fleet({"l1": {"h100x12": 1}}, node_types=(node_type("h100x12", gpus=12),)),
    )
    cramped = "no room for prefill and decode together in l1-spine"
    assert told(of, {("d", "l1-spine"): [1]}, 0) == cramped


@pytest.mark.parametrize(
    ("banded", "resilience", "reason"),
    [
        ("w", None, "pd_ratio or part_ratio"),
        ("v", None, UNKNOWN),
        (None, Resilience(Loss.LEAF, 0.5), "resilience to the loss of a leaf"),
        ("w", Resilience(Loss.LEAF, 0.5), "pd_ratio or part_ratio"),
    ],
)
def test_where_nothing_is_full_a_rule_of_the_workloads_own_is_the_reason(
    banded: str | None, resilience: Resilience | None, reason: str
) -> None:
    of = scenario(
        [
            workload(
                name,
                pd_ratio=RatioBand(1.0, 2.0) if name == banded else None,
                resilience=resilience if name == "w" else None,
            )
            for name in "wv"
        ],
        in_fleet=fleet({"l1": {"h100x8": 4}, "l2": {"h100x8": 4}}),
    )
    assert told(of, {}, 0) == reason


def test_a_band_is_a_reason_although_the_halves_of_an_engine_have_none() -> None:
    engines = [
        engine("p", role=Role.PREFILL),
        engine("moe/a", part=Part("moe", "a", 0, None)),
        engine("moe/f", part=Part("moe", "f", 1, None)),
    ]
    for band, reason in ((RatioBand(1.0, 2.0), "pd_ratio or part_ratio"), (None, UNKNOWN)):
        assert told(scenario([workload(engines=engines, pd_ratio=band)]), {}, 0) == reason


def test_a_promise_is_told_when_it_keeps_capacity_back() -> None:
    """All is to be left without either spine: one replica on each serve 5 of 5, not 15 of 15."""
    of = scenario(
        [workload(rps=[5.0, 15.0], engines=[BOTH], resilience=Resilience(Loss.SPINE, 1.0))],
        in_fleet=fleet({leaf: {"h100x8": 1} for leaf in ("l1", "l2")}),
    )
    running = {("both", "l1-spine"): [2, 1], ("both", "l2-spine"): [2, 1]}
    resilience, full = (
        "resilience to the loss of a spine",
        "h100x8 full in l1-spine, l2-spine",
    )
    assert told(of, running, 0) == full
    assert told(of, running, 1) == resilience


def test_the_reason_of_an_engine_that_does_not_run_is_the_workloads_own() -> None:
    of = scenario([workload("v", engines=(BOTH,)), workload("w", rps=[5.0], engines=(BOTH,))])
    points = [OperatingPoint(0.0, Limit.TTFT, reason) for reason in ("of v", "", "of w")]
    first, second = candidates(of)
    classes = [replace(SHAPE, name=name, share=0.5) for name in "ab"]
    of = replace(
        of,
        workloads=tuple(
            workload(each, rps=[5.0], engines=(BOTH,), classes=classes) for each in "vw"
        ),
    )
    unusable = (
        replace(first, points=((points[0], points[0]),)),
        replace(second, points=((points[1], points[2]),)),
    )
    assert reasons(of, unusable) == ["no engine: of v", "no engine: of w"]
