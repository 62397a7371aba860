"""Groups, nested supply, promises and what runs before, by hand.

A pair is a prefill and a decode replica of 4 GPUs each; it serves 10 requests/s for 16 USD an hour.
Every case is solved by the method and by the reference model.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Running
from heteroplan.entities.workload import Loss, Resilience, Role
from heteroplan.optimize.program.problem import Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of, served_at
from tests.optimize.group_cases import GROUP_CASES
from tests.optimize.reference import optimum

CHEAP = node_type("cheap", usd_per_gpu_hour=1.0)
DEAR = node_type("dear", usd_per_gpu_hour=2.0)
L40S = node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=1.0)
BOTH = engine("both", role=Role.AGGREGATED)


@pytest.mark.parametrize("name", GROUP_CASES)
def test_method_finds_what_hand_arithmetic_says_of_groups(name: str) -> None:
    case = GROUP_CASES[name]
    assert served_at(case.make()) == (case.cost, case.unserved)


@pytest.mark.parametrize(
    ("affinity", "spines", "served"),
    [
        (Affinity.LEAF, ("s", "s"), False),
        (Affinity.SPINE, ("s", "s"), True),
        (Affinity.SPINE, ("s1", "s2"), False),
        (Affinity.CLUSTER, ("s1", "s2"), True),
    ],
)
def test_a_pair_splits_over_leaves_and_spines_as_far_as_its_affinity_goes(
    affinity: Affinity, spines: tuple[str, str], served: bool
) -> None:
    """Prefill has its GPUs on l1 alone, decode on l2 alone: 8·2 + 8·1 = 24 USD or nothing."""
    engines = (engine("prefill", role=Role.PREFILL, gpus=8), engine("decode", gpu="L40S", gpus=8))
    of = scenario(
        [workload(engines=engines, affinity=affinity)],
        in_fleet=fleet(
            {"l1": {"h100x8": 1}, "l2": {"l40sx8": 1}},
            node_types=(node_type(), L40S),
            spines=dict(zip(("l1", "l2"), spines, strict=True)),
        ),
    )
    assert served_at(of) == ((24.0, {1: 0}) if served else (0.0, {1: 36000}))


def three_levels() -> Problem:
    """One fleet of 40 GPUs, l1 with 8 and l2 with 16 below s1, l3 with 16 below s2.

    near: 30 requests/s, pairs of 8 + 4 GPUs on a leaf: one on l2 and one on l3, 10 go short.
    wide: 20 requests/s, pairs of 4 + 4 below a spine: s1 has 12 GPUs left, s2 has 4: one pair.
    any: 20 requests/s, pairs of 4 + 4 wherever: 8 GPUs are left: one pair.
    (24 + 8 + 8)·2 = 80 USD.
    """
    large = (engine("prefill", role=Role.PREFILL, gpus=8), engine("decode"))
    return problem_of(
        scenario(
            [
                workload("near", rps=[30.0], engines=large, affinity=Affinity.LEAF),
                workload("wide", rps=[20.0], affinity=Affinity.SPINE, priority=2),
                workload("any", rps=[20.0], affinity=Affinity.CLUSTER, priority=3),
            ],
            in_fleet=fleet(
                {"l1": {"h100x8": 1}, "l2": {"h100x8": 2}, "l3": {"h100x8": 2}},
                spines={"l1": "s1", "l2": "s1", "l3": "s2"},
            ),
        )
    )


def test_supply_is_nested_over_three_levels() -> None:
    assert served_at(three_levels()) == (80.0, {1: 36000, 2: 36000, 3: 36000})


@pytest.mark.parametrize("level", Affinity)
def test_every_level_of_supply_is_needed(level: Affinity) -> None:
    """The rows of any one level left out, some workload of `three_levels` gets what is not there.

    Without leaves `near` crosses them for a third pair: 36 GPUs. Without spines `wide` has a
    second pair out of what s1 and s2 have left, without the cluster `any` has one out of nothing.
    """
    whole = three_levels()
    rows = tuple(row for row in whole.supplies if row.level is not level)
    lacking = {Affinity.LEAF: 1, Affinity.SPINE: 2, Affinity.CLUSTER: 3}[level]
    assert optimum(replace(whole, supplies=rows)).unserved[lacking] == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize(("max_groups", "unserved"), [(None, 0), (2, 0), (1, 36000)])
def test_groups_count_over_the_whole_horizon(max_groups: int | None, unserved: int) -> None:
    """10 requests/s twice; the node of l1 is away in the second hour, that of l2 in the first.

    One group at a time serves all for 2·16 USD, but two over the day; one serves an hour.
    """
    of = scenario([workload(rps=[10.0, 10.0], affinity=Affinity.LEAF, max_groups=max_groups)])
    moments = of.horizon.boundaries()
    away = [
        Outage("l1", "h100x8", 1, moments[1], moments[2]),
        Outage("l2", "h100x8", 1, moments[0], moments[1]),
    ]
    of = replace(of, fleet=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}, outages=away))
    assert served_at(of) == (32.0 - 16 * unserved / 36000, {1: unserved})


@pytest.mark.parametrize(
    ("rule", "cost", "unserved"),
    [
        ({}, 32.0, 0),
        ({"pin": ["s2"]}, 32.0, 36000),
        ({"exclude": ["s1"]}, 32.0, 36000),
        ({"pin": ["l3"]}, 16.0, 72000),
        ({"exclude": ["s1", "l3"]}, 16.0, 72000),
        ({"pin": ["l1"]}, 16.0, 36000),
        ({"pin": ["s2"], "exclude": ["l2"]}, 16.0, 72000),
    ],
)
def test_groups_live_in_pinned_domains_that_are_not_excluded(
    rule: dict[str, Any], cost: float, unserved: int
) -> None:
    """30 requests/s at leaf affinity: l1 (s1) holds two pairs at 8 USD, l2 and l3 (s2) one at 16.

    Two on l1 and one on a dear leaf, 32 USD, where the rule lets them. Spines stand for their
    leaves.
    """
    of = scenario(
        [workload(rps=[30.0], affinity=Affinity.LEAF, **rule)],
        in_fleet=fleet(
            {"l1": {"cheap": 2}, "l2": {"dear": 1}, "l3": {"dear": 1}},
            node_types=(CHEAP, DEAR),
            spines={"l1": "s1", "l2": "s2", "l3": "s2"},
        ),
    )
    assert served_at(of) == (cost, {1: unserved})


@pytest.mark.parametrize(
    ("one", "two", "cost"), [((), (), 16.0), (("b",), (), 24.0), ((), ("a",), 24.0)]
)
@pytest.mark.parametrize("affinity", [Affinity.LEAF, Affinity.SPINE])
def test_anti_affinity_keeps_overlapping_groups_apart(
    one: Sequence[str], two: Sequence[str], cost: float, affinity: Affinity
) -> None:
    """Two pairs fit s1 at 8 USD each, on a leaf each; another spine has room at 16 USD.

    Whoever says it, b (below a spine) shares s1 with no group of a, be that a leaf inside.
    """
    of = scenario(
        [workload("a", affinity=affinity, anti_affinity=one), workload("b", anti_affinity=two)],
        in_fleet=fleet(
            {"l1": {"cheap": 1}, "l2": {"cheap": 1}, "l3": {"dear": 1}},
            node_types=(CHEAP, DEAR),
            spines={"l1": "s1", "l2": "s1", "l3": "s2"},
        ),
    )
    assert served_at(of) == (cost, {1: 0})


@pytest.mark.parametrize(("leaf_of_b", "cost"), [("l2", 16.0), ("l1", 24.0)])
def test_anti_affinity_lets_neighbours_be(leaf_of_b: str, cost: float) -> None:
    """At leaf affinity two leaves of a spine are apart; pinned to the same leaf one must move.

    a is free to use l1 (two nodes at 8 USD a pair) or l3 at 16 USD.
    """
    of = scenario(
        [
            workload("a", affinity=Affinity.LEAF, anti_affinity=["b"], exclude=["l2"]),
            workload("b", affinity=Affinity.LEAF, pin=[leaf_of_b]),
        ],
        in_fleet=fleet(
            {"l1": {"cheap": 2}, "l2": {"cheap": 1}, "l3": {"dear": 1}},
            node_types=(CHEAP, DEAR),
            spines={"l1": "s1", "l2": "s1", "l3": "s2"},
        ),
    )
    assert served_at(of) == (cost, {1: 0})


@pytest.mark.parametrize(("serve", "cost"), [(None, 96.0), (0.5, 96.0), (1.0, 128.0)])
def test_losing_one_of_four_spines_costs_a_third_more(serve: float | None, cost: float) -> None:
    """30 requests/s in both hours of a flat day: 3 pairs, or 4 so that any 3 serve all: 4/3.

    3 pairs on 3 spines have 2 left for the half.
    """
    resilience = None if serve is None else Resilience(Loss.SPINE, serve)
    of = scenario(
        [workload(rps=[30.0, 30.0], resilience=resilience)],
        in_fleet=fleet({f"l{i}": {"h100x8": 1} for i in range(4)}),
    )
    assert served_at(of) == (cost, {1: 0})


@pytest.mark.parametrize(
    ("affinity", "lose"), [(Affinity.SPINE, Loss.SPINE), (Affinity.LEAF, Loss.LEAF)]
)
@pytest.mark.parametrize(("serve", "cost"), [(None, 16.0), (0.5, 24.0), (0.75, 48.0), (1.0, 48.0)])
def test_a_promise_takes_replicas_off_the_cheapest_domain(
    affinity: Affinity, lose: Loss, serve: float | None, cost: float
) -> None:
    """20 requests/s; a pair is 8 USD on l1 and 16 USD on l2, each the only leaf of its spine.

    2 pairs on l1; one on each so that half is left; two on each for all, or for 15.
    """
    resilience = None if serve is None else Resilience(lose, serve)
    of = scenario(
        [workload(rps=[20.0], affinity=affinity, resilience=resilience)],
        in_fleet=fleet({"l1": {"cheap": 2}, "l2": {"dear": 2}}, node_types=(CHEAP, DEAR)),
    )
    assert served_at(of) == (cost, {1: 0})


@pytest.mark.parametrize(
    ("gpus", "serve", "prefill", "decode"), [(8, 1.0, 2, 2), (4, 1.0, 3, 3), (4, 0.5, 3, 3)]
)
def test_as_many_replicas_may_be_lost_as_a_node_holds(
    gpus: int, serve: float, prefill: int, decode: int
) -> None:
    """10 requests/s; a node of 8 GPUs holds one replica of 8 or two of 4, so one more or two.

    Half of 10 needs a whole replica as well.
    """
    engines = (engine("prefill", role=Role.PREFILL, gpus=gpus), engine("decode", gpus=gpus))
    load = workload(engines=engines, resilience=Resilience(Loss.NODE, serve))
    of = scenario([load], in_fleet=fleet({"l1": {"h100x8": 6}}))
    assert served_at(of) == (2.0 * gpus * (prefill + decode), {1: 0})


@pytest.mark.parametrize(("others", "unserved"), [(0.0, 0), (30.0, 36000)])
def test_replicas_of_two_nodes_stand_on_one_leaf(others: float, unserved: int) -> None:
    """Two leaves of 3 nodes; three replicas of 2 nodes wanted by two workloads: two, not three.

    What is over, a node a leaf, is room for replicas of 8 GPUs, here 20 of 30 requests/s.
    """
    large = (engine("large", role=Role.AGGREGATED, gpus=16),)
    small = (engine("small", role=Role.AGGREGATED, gpus=8),)
    of = scenario(
        [
            workload("first", rps=[20.0], engines=large),
            workload("second", rps=[10.0], engines=large, priority=2),
            workload("third", rps=[others], engines=small, priority=3),
        ],
        in_fleet=fleet({"l1": {"h100x8": 3}, "l2": {"h100x8": 3}}, spines={"l1": "s", "l2": "s"}),
    )
    cost = 64.0 + (32.0 if others else 0.0)
    assert served_at(of) == (cost, {1: 0, 2: 36000, 3: unserved})


def running(count: int, leaf: str = "l1") -> tuple[Running, ...]:
    return (Running("w", "both", "h100x8", leaf, ()),) * count


@pytest.mark.parametrize(
    ("current", "cost"),
    [
        (None, 32.0),
        ((), 40.0),
        (running(1), 36.0),
        (running(2), 32.0),
        (running(3), 34.0),
        (running(2) + running(1, "l2"), 34.0),
    ],
)
def test_plans_start_from_what_runs(current: tuple[Running, ...] | None, cost: float) -> None:
    """Two replicas of 8 USD an hour for two hours, 32 USD; a start is 4 USD, a drain 2 USD.

    What is lacking starts; what is too much drains, also where no group may live (l2).
    """
    both = replace(BOTH, startup_s=1800.0, drain_s=900.0)
    of = scenario(
        [workload(rps=[20.0, 20.0], engines=(both,), exclude=["l2-spine"])],
        in_fleet=fleet({"l1": {"h100x8": 4}, "l2": {"h100x8": 1}}),
        cyclic=False,
    )
    assert served_at(replace(of, current=current)) == (cost, {1: 0})


def test_what_runs_is_kept_where_that_is_cheaper_than_to_move() -> None:
    """A replica on l2 at 2 USD a GPU runs; l1 has room at 1 USD. An hour there is 8 instead of 4.

    To move costs a start of 2 USD and a drain of 4 USD: 4 + 2 + 4 > 8 USD.
    """
    both = replace(BOTH, startup_s=1800.0, drain_s=1800.0)
    of = scenario(
        [workload(engines=(both,))],
        in_fleet=fleet({"l1": {"cheap": 1}, "l2": {"dear": 1}}, node_types=(CHEAP, DEAR)),
        cyclic=False,
    )
    kept = replace(of, current=(Running("w", "both", "dear", "l2", ()),))
    assert served_at(kept) == (8.0, {1: 0})
    assert served_at(of) == (4.0, {1: 0})


def test_prefill_is_lost_with_its_leaf_too() -> None:
    """10 requests/s, two leaves of a spine, prefill serves 20: a pair on each leaf, 32 USD.

    One prefill replica on l2 with decode on both, 24 USD, has no prefill left without l2.
    """
    engines = (engine("prefill", role=Role.PREFILL, capacity_rps=20.0), engine("decode"))
    of = scenario(
        [workload(engines=engines, resilience=Resilience(Loss.LEAF, 1.0))],
        in_fleet=fleet({"l1": {"h100x8": 2}, "l2": {"h100x8": 2}}, spines={"l1": "s", "l2": "s"}),
    )
    assert served_at(of) == (32.0, {1: 0})


def test_a_replica_of_two_nodes_is_lost_whole_with_one_of_them() -> None:
    """15 requests/s, replicas of 16 GPUs for 10 on nodes of 8: 3, so that 2 are left: 96 USD."""
    both = engine("both", role=Role.AGGREGATED, gpus=16)
    of = scenario(
        [workload(rps=[15.0], engines=(both,), resilience=Resilience(Loss.NODE, 1.0))],
        in_fleet=fleet({"l1": {"h100x8": 12}}),
    )
    assert served_at(of) == (96.0, {1: 0})
