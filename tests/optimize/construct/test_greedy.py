"""The greedy scheduler does what Algorithm 4 says, faults included; the repaired one pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.fleet import Fleet, Outage
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.workload import Engine, Part, Role, Workload
from heteroplan.optimize.construct.greedy import GreedyDay, greedy_topology, group_priority
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import unserved_requests
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.random_cases import random_case

H100 = node_type()
L40S = node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=0.5)
VARIANTS = pytest.mark.parametrize("pairs", [False, True], ids=["halves", "pairs"])


def replay(of: Scenario, *, pairs: bool) -> GreedyDay:
    return greedy_topology(build_problem(of, candidates(of)), of, pairs=pairs)


def sizes(of: Scenario, *, pairs: bool) -> dict[str, list[int]]:
    """`workload engine domain` -> replicas over time, of pools that are ever used."""
    considered = candidates(of)
    pools = build_problem(of, considered).pools
    return {
        f"{of.workloads[pool.workload].name} {considered[pool.candidate].engine.name} "
        f"{pool.domain}": counts.tolist()
        for pool, counts in zip(pools, replay(of, pairs=pairs).replicas, strict=True)
        if counts.any()
    }


def unserved(of: Scenario, *, pairs: bool) -> float:
    """Requests over the horizon."""
    problem = build_problem(of, candidates(of))
    replicas = replay(of, pairs=pairs).replicas
    return sum(unserved_requests(problem, mixed_flow(problem, replicas)).values())


def halves(
    *, prefill_gpus: int = 4, decode_gpus: int = 4, decode_rps: float = 10.0, startup_s: float = 0.0
) -> tuple[Engine, Engine]:
    """Prefill and decode on H100, prefill for 10 requests/s."""
    return (
        engine("prefill", role=Role.PREFILL, gpus=prefill_gpus, startup_s=startup_s),
        engine("decode", gpus=decode_gpus, capacity_rps=decode_rps, startup_s=startup_s),
    )


def three_priorities() -> Fleet:
    """Spines x (high), m (medium) and l (low), each with an H100 node: one pair of 4 + 4 GPUs."""
    return fleet(
        {"x1": {"h100x8": 1, "l40sx8": 1}, "m1": {"h100x8": 1}, "m2": {"l40sx8": 1}}
        | {"l1": {"h100x8": 1}},
        node_types=(H100, L40S),
        spines={"x1": "x", "m1": "m", "m2": "m", "l1": "l"},
    )


def away(leaf: str, node_type: str = "h100x8", nodes: int = 1) -> Outage:
    """Nodes are away in the second hour."""
    start, end = (datetime(2026, 11, 23, hour, tzinfo=ZoneInfo("UTC")) for hour in (1, 2))
    return Outage(leaf=leaf, node_type=node_type, nodes=nodes, start=start, end=end)


def one_node() -> Fleet:
    """8 GPUs: one pair."""
    return fleet({"l1": {"h100x8": 1}})


@VARIANTS
def test_low_priority_fills_first_and_high_is_given_back_first(pairs: bool) -> None:
    """10, 20, 30, 20, 10 requests/s are 1, 2, 3, 2, 1 pairs; each spine has room for one."""
    of = scenario([workload(rps=[10, 20, 30, 20, 10])], in_fleet=three_priorities(), cyclic=False)
    assert sizes(of, pairs=pairs) == {
        f"w {role} {spine}": counts
        for spine, counts in (
            ("l", [1, 1, 1, 1, 1]),
            ("m", [0, 1, 1, 1, 0]),
            ("x", [0, 0, 1, 0, 0]),
        )
        for role in ("prefill", "decode")
    }


def urgent_later(**others: Any) -> Scenario:
    """One pair: of `batch` (priority 2) in both hours, of `urgent` (1) in the second, after starts
    of an hour."""
    slow = halves(startup_s=3600.0)
    loads = [
        workload("batch", rps=[10.0, 10.0], engines=slow, priority=2),
        workload("urgent", rps=[0.0, 10.0], engines=slow, **others),
    ]
    return scenario(loads, in_fleet=one_node(), cyclic=False)


def test_the_scheduler_takes_nothing_from_what_runs_already() -> None:
    """Also not for a workload that is more urgent: 10 requests/s of an hour."""
    problem = build_problem(urgent_later(), candidates(urgent_later()))
    for by_class, lost in ((False, {1: 36_000.0, 2: 0.0}), (True, {1: 0.0, 2: 72_000.0})):
        day = greedy_topology(problem, urgent_later(), pairs=True, by_class=by_class)
        assert unserved_requests(problem, mixed_flow(problem, day.replicas)) == lost


def test_a_later_class_keeps_apart_from_what_stands_of_those_before_it() -> None:
    """Two nodes of one spine would hold both pairs."""
    of = urgent_later(anti_affinity=("batch",))
    of = replace(of, fleet=fleet({"l1": {"h100x8": 2}}))
    problem = build_problem(of, candidates(of))
    day = greedy_topology(problem, of, pairs=True, by_class=True)
    assert unserved_requests(problem, mixed_flow(problem, day.replicas)) == {1: 0.0, 2: 72_000.0}


@pytest.mark.parametrize("seed", range(40))
def test_class_by_class_none_goes_shorter_than_without_those_after_it(seed: int) -> None:
    of = random_case(seed, "scarce_priorities" if seed % 2 else "nested_supply")[0]
    alone = replace(of, workloads=tuple(w for w in of.workloads if w.priority == 1))
    lost = []
    for each in (of, alone) if alone.workloads else ():
        problem = build_problem(each, candidates(each))
        day = greedy_topology(problem, each, pairs=True, by_class=True)
        assert all((left >= 0).all() for left in problem.residual(day.replicas))
        lost.append(unserved_requests(problem, mixed_flow(problem, day.replicas))[1])
    assert lost == [] or lost[0] == pytest.approx(lost[1])


@VARIANTS
def test_groups_of_one_priority_fill_in_file_order(pairs: bool) -> None:
    of = scenario(
        [workload(rps=[10, 20, 10])],
        in_fleet=fleet({"b": {"h100x8": 1}, "a": {"h100x8": 1}}),
        cyclic=False,
    )
    found = sizes(of, pairs=pairs)
    assert found["w decode b-spine"] == [1, 1, 1]
    assert found["w decode a-spine"] == [0, 1, 0]


def test_priority_of_a_group_at_each_level() -> None:
    """Leaf m1 is of one type in a spine of two; the cluster counts as its scarcest spine."""
    of = three_priorities()
    assert group_priority(of, Affinity.LEAF, "x1") is SubgroupPriority.HIGH
    assert group_priority(of, Affinity.LEAF, "m1") is SubgroupPriority.MEDIUM
    assert group_priority(of, Affinity.SPINE, "m") is SubgroupPriority.MEDIUM
    assert group_priority(of, Affinity.SPINE, "l") is SubgroupPriority.LOW
    assert group_priority(of, Affinity.CLUSTER, "c1") is SubgroupPriority.HIGH


def test_half_a_pair_stays_where_the_other_half_finds_no_room() -> None:
    """8 GPUs: prefill takes 4 and decode needs 8. Stranded: the prefill replica, for an hour."""
    of = scenario([workload(engines=halves(decode_gpus=8))], in_fleet=one_node())
    assert sizes(of, pairs=False) == {"w prefill l1-spine": [1]}
    assert replay(of, pairs=False).stranded_replica_hours == 1.0
    assert sizes(of, pairs=True) == {}
    assert replay(of, pairs=True).stranded_replica_hours == 0.0


def test_pairs_roll_back_and_try_the_next_group() -> None:
    """Spine a has 8 GPUs, b 16; a pair takes 4 + 8.

    Halves: prefill on a, decode on b, nothing is served and both are stranded.
    """
    of = scenario(
        [workload(engines=halves(decode_gpus=8))],
        in_fleet=fleet({"a": {"h100x8": 1}, "b": {"h100x8": 2}}),
    )
    assert sizes(of, pairs=False) == {"w prefill a-spine": [1], "w decode b-spine": [1]}
    assert replay(of, pairs=False).stranded_replica_hours == 2.0
    assert unserved(of, pairs=False) == 10.0 * 3600
    assert sizes(of, pairs=True) == {"w prefill b-spine": [1], "w decode b-spine": [1]}
    assert unserved(of, pairs=True) == 0.0


def test_pairs_fill_a_group_as_far_as_both_halves_fit() -> None:
    """4 replicas fit; 30 requests/s are 3 prefill and 6 decode replicas of 5 requests/s.

    Pairs: 1 + 2 serve 10, a fourth replica would not help. Halves: 3 + 1 serve 5; of 3
    prefill replicas floor(3 (1 - 5/30)) = 2 are stranded.
    """
    of = scenario(
        [workload(rps=[30], engines=halves(decode_rps=5.0))],
        in_fleet=fleet({"l1": {"h100x8": 2}}),
    )
    assert sizes(of, pairs=True) == {"w prefill l1-spine": [1], "w decode l1-spine": [2]}
    assert replay(of, pairs=True).stranded_replica_hours == 0.0
    assert sizes(of, pairs=False) == {"w prefill l1-spine": [3], "w decode l1-spine": [1]}
    assert replay(of, pairs=False).stranded_replica_hours == 2.0


@VARIANTS
def test_sizes_follow_demand_and_keep_what_it_needs(pairs: bool) -> None:
    """Decode serves 5 requests/s: 30, 15, 0, 6 need 3, 2, 0, 1 and 6, 3, 0, 2 replicas."""
    of = scenario(
        [workload(rps=[30, 15, 0, 6], engines=halves(decode_rps=5.0))],
        in_fleet=fleet({"l1": {"h100x8": 9}}),
        cyclic=False,
    )
    assert sizes(of, pairs=pairs) == {
        "w prefill l1-spine": [3, 2, 0, 1],
        "w decode l1-spine": [6, 3, 0, 2],
    }


@VARIANTS
@pytest.mark.parametrize(("second", "first_served"), [(1, "b"), (2, "a")])
def test_priority_then_file_order_decides_who_is_placed(
    pairs: bool, second: int, first_served: str
) -> None:
    """Room for one pair; a has priority 2, and b 1, or 2 as well."""
    of = scenario([workload("a", priority=2), workload("b", priority=second)], in_fleet=one_node())
    assert set(sizes(of, pairs=pairs)) == {
        f"{first_served} prefill l1-spine",
        f"{first_served} decode l1-spine",
    }


def two_decodes(rps: Sequence[float], name: str = "w") -> Workload:
    """Decode of 8 GPUs on L40S at $4 an hour for 10 requests/s, of 4 on H100 at $8."""
    cheap = engine("cheap", gpu="L40S", gpus=8)
    return workload(name, rps=rps, engines=(*halves(), cheap))


@VARIANTS
def test_next_cheapest_engine_when_the_cheapest_is_out_of_gpus(pairs: bool) -> None:
    """One L40S node: the first 10 requests/s decode there, the second on H100."""
    of = scenario(
        [two_decodes([10, 20])],
        in_fleet=fleet({"l1": {"h100x8": 2, "l40sx8": 1}}, node_types=(H100, L40S)),
        cyclic=False,
    )
    assert sizes(of, pairs=pairs) == {
        "w prefill l1-spine": [1, 2],
        "w cheap l1-spine": [1, 1],
        "w decode l1-spine": [0, 1],
    }


@VARIANTS
def test_cheapest_is_by_demand_served(pairs: bool) -> None:
    """10 requests/s: $8 an hour on H100; on L40S 4 requests/s per replica of $4, so $10."""
    slow = engine("slow", gpu="L40S", gpus=8, capacity_rps=4.0)
    of = scenario(
        [workload(engines=(*halves(), slow))],
        in_fleet=fleet({"l1": {"h100x8": 1, "l40sx8": 4}}, node_types=(H100, L40S)),
    )
    assert set(sizes(of, pairs=pairs)) == {"w prefill l1-spine", "w decode l1-spine"}


@VARIANTS
def test_cheapest_engine_in_all_groups_before_the_next_one(pairs: bool) -> None:
    """20 requests/s: a second L40S decode on spine b comes before an H100 one on a."""
    of = scenario(
        [two_decodes([20])],
        in_fleet=fleet(
            {leaf: {"h100x8": 1, "l40sx8": 1} for leaf in ("a", "b")}, node_types=(H100, L40S)
        ),
    )
    assert {name for name in sizes(of, pairs=pairs) if "decode" in name} == set()
    assert sizes(of, pairs=pairs)["w cheap b-spine"] == [1]


@VARIANTS
def test_groups_count_that_have_both_of_the_cheapest_engines(pairs: bool) -> None:
    """Prefill on H100 and decode on L40S: spine l is of low priority, but has no L40S."""
    of = scenario([two_decodes([10])], in_fleet=three_priorities())
    assert set(sizes(of, pairs=pairs)) == {"w prefill m", "w cheap m"}


@VARIANTS
def test_aggregated_engines_serve_alone_where_that_is_cheapest(pairs: bool) -> None:
    """10 requests/s aggregated: $4 on L40S, a pair: $16. One L40S node, so the rest is a pair."""
    both = engine("both", role=Role.AGGREGATED, gpu="L40S", gpus=8)
    of = scenario(
        [workload(rps=[10, 20, 10], engines=(*halves(), both))],
        in_fleet=fleet({"l1": {"h100x8": 1, "l40sx8": 1}}, node_types=(H100, L40S)),
        cyclic=False,
    )
    assert sizes(of, pairs=pairs) == {
        "w both l1-spine": [1, 1, 1],
        "w prefill l1-spine": [0, 1, 0],
        "w decode l1-spine": [0, 1, 0],
    }


@VARIANTS
@pytest.mark.parametrize(("startup_s", "served"), [(0.0, [0, 1, 1]), (3600.0, [0, 0, 1])])
def test_a_start_needs_its_gpus_an_interval_before(
    pairs: bool, startup_s: float, served: list[int]
) -> None:
    """One pair fits. a leaves when b comes: b's GPUs are taken in the hour in which it starts."""
    of = scenario(
        [
            workload("a", rps=[10, 0, 0]),
            workload("b", rps=[0, 10, 10], engines=halves(startup_s=startup_s)),
        ],
        in_fleet=one_node(),
        cyclic=False,
    )
    assert sizes(of, pairs=pairs)["b decode l1-spine"] == served


@VARIANTS
def test_minimum_replicas_stay_without_demand(pairs: bool) -> None:
    """10 requests/s need 1 + 1; at least 2 decode replicas run, at 20 a third is not needed."""
    of = scenario(
        [workload(rps=[10, 0, 20], min_replicas={Role.PREFILL: 1, Role.DECODE: 2})], cyclic=False
    )
    assert sizes(of, pairs=pairs) == {
        "w prefill l1-spine": [1, 1, 2],
        "w decode l1-spine": [2, 2, 2],
    }


@VARIANTS
def test_minimum_replicas_stay_where_they_run(pairs: bool) -> None:
    """a takes the only L40S node, so b decodes on H100, and does so still when a is gone."""
    minima = {Role.PREFILL: 1, Role.DECODE: 1}
    of = scenario(
        [two_decodes([10, 0], "a"), replace(two_decodes([10, 0], "b"), min_replicas=minima)],
        in_fleet=fleet({"l1": {"h100x8": 2, "l40sx8": 1}}, node_types=(H100, L40S)),
        cyclic=False,
    )
    assert sizes(of, pairs=pairs) == {
        "a prefill l1-spine": [1, 0],
        "a cheap l1-spine": [1, 0],
        "b prefill l1-spine": [1, 1],
        "b decode l1-spine": [1, 1],
    }


def test_maximum_replicas_hold_decode_back_and_with_it_only_whole_pairs() -> None:
    """30 requests/s, one decode replica: pairs stop at 1 + 1; halves leave 2 of 3 stranded."""
    of = scenario([workload(rps=[30], max_replicas={Role.DECODE: 1})])
    assert sizes(of, pairs=True) == {"w prefill l1-spine": [1], "w decode l1-spine": [1]}
    assert sizes(of, pairs=False) == {"w prefill l1-spine": [3], "w decode l1-spine": [1]}
    assert replay(of, pairs=False).stranded_replica_hours == 2.0


@VARIANTS
def test_no_more_groups_than_allowed(pairs: bool) -> None:
    """A pair fits each of two spines, and one may be used."""
    of = scenario(
        [workload(rps=[10, 20], max_groups=1)],
        in_fleet=fleet({"a": {"h100x8": 1}, "b": {"h100x8": 1}}),
        cyclic=False,
    )
    assert sizes(of, pairs=pairs) == {"w prefill a-spine": [1, 1], "w decode a-spine": [1, 1]}


@VARIANTS
@pytest.mark.parametrize(("cyclic", "on_a"), [(False, [1, 0]), (True, [0, 0])])
def test_a_cyclic_day_follows_a_day_like_itself(pairs: bool, cyclic: bool, on_a: list[int]) -> None:
    """a is away in the second hour: what stood there moves to b, and never moves back."""
    of = scenario(
        [workload(rps=[10, 10])],
        in_fleet=fleet({"a": {"h100x8": 1}, "b": {"h100x8": 1}}, outages=[away("a")]),
        cyclic=cyclic,
    )
    found = sizes(of, pairs=pairs)
    assert found.get("w decode a-spine", [0, 0]) == on_a
    assert found["w decode b-spine"] == [1 - n for n in on_a]


def test_maintenance_stops_low_priority_workloads_first() -> None:
    """Four pairs run on four nodes, three of which are away in the second hour."""
    of = scenario(
        [workload("a", rps=[30, 30], priority=2), workload("b", rps=[10, 10])],
        in_fleet=fleet({"l1": {"h100x8": 4}}, outages=[away("l1", nodes=3)]),
        cyclic=False,
    )
    assert sizes(of, pairs=True) == {
        "a prefill l1-spine": [3, 0],
        "a decode l1-spine": [3, 0],
        "b prefill l1-spine": [1, 1],
        "b decode l1-spine": [1, 1],
    }


@pytest.mark.parametrize(("pairs", "prefill"), [(False, [1, 1]), (True, [1, 0])])
def test_maintenance_of_one_half(pairs: bool, prefill: list[int]) -> None:
    """No L40S in the second hour: prefill is still sized for the demand, or goes as well."""
    cheap = engine("cheap", gpu="L40S", gpus=8)
    of = scenario(
        [workload(rps=[10, 10], engines=(halves()[0], cheap))],
        in_fleet=fleet(
            {"l1": {"h100x8": 1, "l40sx8": 1}},
            node_types=(H100, L40S),
            outages=[away("l1", "l40sx8")],
        ),
        cyclic=False,
    )
    assert sizes(of, pairs=pairs) == {
        "w prefill l1-spine": prefill,
        "w cheap l1-spine": [1, 0],
    }


@pytest.mark.parametrize(("pairs", "small"), [(False, [1, 1, 0]), (True, [1, 0, 0])])
def test_a_large_replica_makes_a_small_one_needless(pairs: bool, small: list[int]) -> None:
    """x leaves room on H100 in the second hour; 12 requests/s of decode are 2 more than asked.

    Pairs give the small replica back at once, halves when they scale in next.
    """
    made = engine("small", gpu="L40S", gpus=8, capacity_rps=2.0)
    of = scenario(
        [
            workload("x", rps=[10, 0, 0], engines=[engine("both", role=Role.AGGREGATED)]),
            workload(rps=[2, 10, 10], engines=(*halves(), made)),
        ],
        in_fleet=fleet({"l1": {"h100x8": 1, "l40sx8": 1}}, node_types=(H100, L40S)),
        cyclic=False,
    )
    found = sizes(of, pairs=pairs)
    assert found["w small l1-spine"] == small
    assert found["w decode l1-spine"] == [0, 1, 1]


def test_what_is_given_back_and_taken_again_was_never_stopped() -> None:
    """Requests turn twice as long for decode: 2 of 4 replicas' worth, so one of 2 prefill
    replicas is spare until x leaves and decode grows. No H100 was free for it to start on."""
    both = engine("both", role=Role.AGGREGATED, gpus=8)
    prefill, decode = halves()
    engines = (replace(prefill, startup_s=3600.0), decode)
    of = scenario(
        [workload("x", rps=[10, 0], engines=[both]), workload(rps=[20, 20], engines=engines)],
        in_fleet=fleet({"l1": {"h100x8": 3}}),
        cyclic=False,
    )
    problem = build_problem(of, candidates(of))
    pools = [
        replace(pool, load=pool.load * [1, 2]) if pool.role is Role.DECODE else pool
        for pool in problem.pools
    ]
    found = greedy_topology(replace(problem, pools=tuple(pools)), of, pairs=True)
    assert found.replicas.tolist() == [[1, 0], [2, 2], [2, 4]]


def test_halves_hold_no_role_back() -> None:
    """One decode replica at most: both prefill replicas stay, though L40S would be cheaper now."""
    cheap = engine("cheap", role=Role.PREFILL, gpu="L40S", gpus=8)
    both = engine("both", role=Role.AGGREGATED, gpu="L40S", gpus=8)
    of = scenario(
        [
            workload("x", rps=[10, 0], engines=[both]),
            workload(rps=[20, 20], engines=(*halves(), cheap), max_replicas={Role.DECODE: 1}),
        ],
        in_fleet=fleet({"l1": {"h100x8": 2, "l40sx8": 1}}, node_types=(H100, L40S)),
        cyclic=False,
    )
    assert sizes(of, pairs=False)["w prefill l1-spine"] == [2, 2]


@VARIANTS
def test_what_runs_when_the_horizon_starts_stays(pairs: bool) -> None:
    """A pair on the high-priority spine is no reason to start one on the low one."""
    of = scenario([workload(rps=[10, 20])], in_fleet=three_priorities(), cyclic=False)
    running = tuple(Running("w", name, "h100x8", "x1", ()) for name in ("prefill", "decode"))
    found = sizes(replace(of, current=running), pairs=pairs)
    assert found["w decode x"] == [1, 1]
    assert found["w decode l"] == [0, 1]


def divided(nodes: Mapping[str, int]) -> Scenario:
    """10 requests/s; attention of 4 GPUs and FFN of 8 on one leaf, prefill of 4 on the spine."""
    engines = (
        engine("prefill", role=Role.PREFILL),
        engine("attention", part=Part("moe", "attention", 0, None)),
        engine("ffn", gpus=8, part=Part("moe", "ffn", 1, None)),
    )
    return scenario(
        [workload(engines=engines)],
        in_fleet=fleet(
            {leaf: {"h100x8": n} for leaf, n in nodes.items()}, spines=dict.fromkeys(nodes, "s")
        ),
    )


def test_parts_of_a_divided_engine_stand_on_one_leaf_only_as_pairs() -> None:
    """Leaf a has 8 GPUs, b 16. Halves: attention on a leaves no room for the FFN, which goes
    to b; all three replicas are stranded. Pairs: 12 GPUs on b."""
    of = divided({"a": 1, "b": 2})
    assert sizes(of, pairs=False) == {"w prefill s": [1], "w attention a": [1], "w ffn b": [1]}
    assert replay(of, pairs=False).stranded_replica_hours == 3.0
    assert unserved(of, pairs=False) == 10.0 * 3600
    assert sizes(of, pairs=True) == {"w prefill s": [1], "w attention b": [1], "w ffn b": [1]}
    assert replay(of, pairs=True).stranded_replica_hours == 0.0
    assert unserved(of, pairs=True) == 0.0


def test_parts_without_enough_of_the_other_are_stranded() -> None:
    """20 requests/s on 24 GPUs: prefill 2 x 4, attention 2 x 4, FFN 1 x 8 for 10 requests/s.

    Stranded: one of the two prefill replicas and one of the two for attention.
    """
    made = divided({"a": 3})
    of = replace(made, workloads=(workload(rps=[20], engines=made.workloads[0].profile.engines),))
    assert sizes(of, pairs=False) == {"w prefill s": [2], "w attention a": [2], "w ffn a": [1]}
    assert replay(of, pairs=False).stranded_replica_hours == 2.0


@VARIANTS
def test_parts_of_a_divided_engine_in_the_ratio_of_their_capacities(pairs: bool) -> None:
    """40 requests/s at 10 an attention replica and 20 an FFN one: 4 and 2; 20 keep 2 and 1."""
    made = divided({"a": 8})
    prefill, attention, ffn = made.workloads[0].profile.engines
    engines = (prefill, attention, replace(ffn, capacity_rps=20.0))
    of = scenario([workload(rps=[40, 20], engines=engines)], in_fleet=made.fleet, cyclic=False)
    assert sizes(of, pairs=pairs) == {
        "w prefill s": [4, 2],
        "w attention a": [4, 2],
        "w ffn a": [2, 1],
    }


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Two or three workloads on three small spines of two GPU types, four hours."""
    loads = []
    for name in draw(st.sampled_from(["ab", "abc"])):
        engines = [
            engine(
                f"{role}-{i}",
                role=role,
                gpu=f"G{i}",
                gpus=draw(st.sampled_from([2, 4, 8])),
                capacity_rps=draw(st.sampled_from([2.0, 3.0, 5.0])),
                startup_s=draw(st.sampled_from([0, 600, 5400])),
            )
            for i in (0, 1)
            for role in Role
            if role is not Role.AGGREGATED or draw(st.booleans())
        ]
        loads.append(
            workload(
                name,
                rps=draw(st.lists(st.sampled_from([0.0, 1.0, 7.5, 20.0]), min_size=4, max_size=4)),
                engines=engines,
                priority=draw(st.sampled_from([1, 2])),
                max_replicas=draw(st.sampled_from([{}, {Role.DECODE: 2}])),
                affinity=draw(st.sampled_from([Affinity.LEAF, Affinity.SPINE, Affinity.CLUSTER])),
            )
        )
    nodes = {
        leaf: {f"t{i}": draw(st.integers(0, 2)) for i in (0, 1)} for leaf in ("l1", "l2", "l3")
    }
    types = [node_type(f"t{i}", gpu=f"G{i}", usd_per_gpu_hour=i + 1.0) for i in (0, 1)]
    return scenario(
        loads,
        in_fleet=fleet(nodes, node_types=types, spines={"l1": "s1", "l2": "s1", "l3": "s2"}),
        cyclic=draw(st.booleans()),
    )


@VARIANTS
@given(of=scenarios())
@settings(max_examples=60, deadline=None)
def test_supply_and_maxima_always_hold(pairs: bool, of: Scenario) -> None:
    problem = build_problem(of, candidates(of))
    replicas = greedy_topology(problem, of, pairs=pairs).replicas
    assert (replicas >= 0).all()
    assert all((left >= 0).all() for left in problem.residual(replicas))
    for w, work in enumerate(problem.workloads):
        for role, most in work.max_replicas.items():
            assert (replicas[problem.members(w, role)].sum(axis=0) <= most).all()


@given(scenarios())
@settings(max_examples=60, deadline=None)
def test_pairs_strand_nothing(of: Scenario) -> None:
    """But for starts that wait at the turn of a cyclic day."""
    one_day = replace(of, horizon=replace(of.horizon, cyclic=False))
    assert replay(one_day, pairs=True).stranded_replica_hours == 0.0


@given(
    nodes=st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any),
    gpus=st.tuples(*[st.sampled_from([2, 4, 8])] * 2),
    capacity_rps=st.sampled_from([3.0, 10.0, 17.0]),
    rps=st.floats(1.0, 100.0),
)
@settings(max_examples=60, deadline=None)
def test_pairs_serve_at_least_as_much_for_one_workload_of_two_engines(
    nodes: list[int], gpus: tuple[int, int], capacity_rps: float, rps: float
) -> None:
    """One interval: every group serves as much of what is left as it can hold."""
    made = halves(prefill_gpus=gpus[0], decode_gpus=gpus[1], decode_rps=capacity_rps)
    of = scenario(
        [workload(rps=[rps], engines=made)],
        in_fleet=fleet({f"l{i}": {"h100x8": n} for i, n in enumerate(nodes)}),
    )
    assert unserved(of, pairs=True) <= unserved(of, pairs=False) + 1e-3


@VARIANTS
@given(rps=st.lists(st.floats(0.1, 100.0), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_with_room_in_one_group_each_role_is_demand_over_capacity(
    pairs: bool, rps: list[float]
) -> None:
    of = scenario(
        [workload(rps=rps, engines=halves(decode_rps=3.0))],
        in_fleet=fleet({"l1": {"h100x8": 30}}),
    )
    assert replay(of, pairs=pairs).replicas.tolist() == [
        [ceil(rate / 10.0 - 1e-9) for rate in rps],
        [ceil(rate / 3.0 - 1e-9) for rate in rps],
    ]


def test_the_same_input_gives_the_same_day() -> None:
    of = scenario([workload(rps=[10, 20, 30, 20, 10])], in_fleet=three_priorities())
    one, other = (replay(of, pairs=True).replicas for _ in range(2))
    assert np.array_equal(one, other)


@VARIANTS
@pytest.mark.parametrize("calls", range(0, 9))
def test_a_replay_that_is_stopped_keeps_supply(pairs: bool, calls: int) -> None:
    """At any interval of either day: starts hold GPUs an hour ahead, and a node is away."""
    of = scenario(
        [workload(rps=[10.0, 20.0, 5.0, 20.0], engines=halves(startup_s=3600.0))],
        in_fleet=fleet({"l1": {"h100x8": 4}}, outages=[away("l1")]),
    )
    problem = build_problem(of, candidates(of))
    left = iter(range(calls))
    day = greedy_topology(problem, of, pairs=pairs, stop=lambda: next(left, None) is None)
    assert day.whole == (calls == 8)
    assert all((free >= 0).all() for free in problem.residual(day.replicas))
