"""GPUs of domains over time against nodes counted one by one, and rows of pools by hand."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity, Leaf
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.optimize.program.problem import HardwareSpec, Problem, SupplySpec
from heteroplan.optimize.program.supply import Places
from tests.builders import engine, fleet, horizon, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import random_scenario

L40S = node_type("l40sx3", gpu="L40S", gpus=3)
SPINES = {"l1": "s1", "l2": "s1", "l3": "s2"}
HOUR = timedelta(hours=1)


def three_leaves(*outages: Outage, intervals: int = 3, affinity: str = "spine") -> Scenario:
    """H100: 3 and 5 nodes of 8 GPUs below s1, 2 below s2; 7 of L40S on l1. 4 and 16 GPUs."""
    engines = [engine("both", role=Role.AGGREGATED), engine("big", role=Role.AGGREGATED, gpus=16)]
    loads = [
        workload("near", rps=[9.0] * intervals, engines=engines, affinity=Affinity.LEAF),
        workload("wide", rps=[9.0] * intervals, engines=engines[:1], affinity=Affinity(affinity)),
    ]
    on = fleet(
        {"l1": {"h100x8": 3, "l40sx3": 7}, "l2": {"h100x8": 5}, "l3": {"h100x8": 2}},
        node_types=(node_type(), L40S),
        spines=SPINES,
        outages=outages,
    )
    return scenario(loads, in_fleet=on)


def away(leaf: str, nodes: int, start_h: float, end_h: float, name: str = "h100x8") -> Outage:
    begin = horizon().start
    return Outage(leaf, name, nodes, begin + start_h * HOUR, begin + end_h * HOUR)


def test_gpus_of_a_domain_are_those_of_its_leaves() -> None:
    """An outage of the second hour ends where the third begins; a half hour counts as a whole."""
    of = three_leaves(away("l2", 2, 1, 2), away("l1", 1, 1.5, 2.5), away("l1", 3, 0, 1, "l40sx3"))
    place = Places(of)
    assert place.gpus(Affinity.LEAF, "l2", "h100x8").tolist() == [40, 24, 40]
    assert place.gpus(Affinity.SPINE, "s1", "h100x8").tolist() == [64, 40, 56]
    assert place.gpus(Affinity.CLUSTER, "c1", "h100x8").tolist() == [80, 56, 72]
    assert place.gpus(Affinity.SPINE, "s1", "l40sx3").tolist() == [12, 21, 21]
    assert place.gpus(Affinity.SPINE, "s2", "l40sx3").tolist() == [0, 0, 0]


def test_gpus_that_stand_together_do_so_on_one_leaf() -> None:
    """16 of 24, 40 and 16 GPUs: 16 + 32 + 16; with a node of l2 away 16 + 32, of l3 none."""
    of = three_leaves(away("l2", 1, 1, 3), away("l3", 1, 2, 3))
    place = Places(of)
    assert place.gpus(Affinity.CLUSTER, "c1", "h100x8", 16).tolist() == [64, 64, 48]
    assert place.gpus(Affinity.CLUSTER, "c1", "h100x8", 24).tolist() == [48, 48, 48]
    assert place.gpus(Affinity.LEAF, "l2", "h100x8", 32).tolist() == [32, 32, 32]
    assert place.gpus(Affinity.LEAF, "l3", "h100x8", 16).tolist() == [16, 16, 0]


def test_scarcity_is_the_mean_rank_of_gpus_on_leaves_of_low_medium_and_high_priority() -> None:
    """l1 is high as it mixes GPU types, l2 medium as its spine does, l3 low."""
    place = Places(three_leaves(away("l1", 1, 0, 1), intervals=2))
    found = place.by_priority(Affinity.CLUSTER, "c1", "h100x8")
    assert found.tolist() == [[16, 16], [40, 40], [16, 24]]
    assert place.scarcity(Affinity.CLUSTER, "c1", "h100x8") == pytest.approx((80 + 2 * 40) / 152)
    assert place.scarcity(Affinity.LEAF, "l1", "h100x8") == 2
    assert place.scarcity(Affinity.LEAF, "l2", "h100x8") == 1
    assert place.scarcity(Affinity.SPINE, "s2", "h100x8") == 0
    assert place.scarcity(Affinity.SPINE, "s2", "l40sx3") == 0


def rows_of(problem: Problem) -> dict[tuple[str, int], tuple[list[int], set[tuple[int, int, str]]]]:
    """(domain, unit) -> GPUs over time, and (workload, GPUs a replica, domain) of its pools."""
    return {
        (row.domain, row.unit): (
            row.gpus.tolist(),
            {
                (pool.workload, pool.gpus, pool.domain)
                for pool in (problem.pools[p] for p in row.pools)
            },
        )
        for row in problem.supplies
    }


def test_a_row_for_each_domain_with_pools_of_its_own_counts_those_below() -> None:
    """Pairs of nodes have a row of their own where a node is left over, on l3 in one hour.

    Only the larger replicas draw on it.
    """
    rows = rows_of(problem_of(three_leaves(away("l3", 1, 1, 2))))
    near = {leaf: {(0, 4, leaf), (0, 16, leaf)} for leaf in SPINES}
    assert rows == {
        ("l1", 1): ([24] * 3, near["l1"]),
        ("l1", 16): ([16] * 3, {(0, 16, "l1")}),
        ("l2", 1): ([40] * 3, near["l2"]),
        ("l2", 16): ([32] * 3, {(0, 16, "l2")}),
        ("l3", 1): ([16, 8, 16], near["l3"]),
        ("l3", 16): ([16, 0, 16], {(0, 16, "l3")}),
        ("s1", 1): ([64] * 3, {*near["l1"], *near["l2"], (1, 4, "s1")}),
        ("s1", 16): ([48] * 3, {(0, 16, "l1"), (0, 16, "l2")}),
        ("s2", 1): ([16, 8, 16], {*near["l3"], (1, 4, "s2")}),
        ("s2", 16): ([16, 0, 16], {(0, 16, "l3")}),
    }


def test_a_domain_that_fits_large_replicas_whole_needs_no_further_row() -> None:
    rows = rows_of(problem_of(three_leaves(affinity="cluster")))
    assert ("l3", 1) in rows
    assert ("l3", 16) not in rows
    assert rows["c1", 16][0] == [64] * 3
    assert {domain for domain, _ in rows} == {"l1", "l2", "l3", "c1"}


def nodes_there(of: Scenario, leaf: Leaf, name: str, t: int) -> int:
    """Nodes that no outage takes at any time of an interval, all that touch it added up."""
    begin = of.horizon.start + t * timedelta(seconds=of.horizon.interval_s)
    end = begin + timedelta(seconds=of.horizon.interval_s)
    gone = sum(
        each.nodes
        for each in of.fleet.outages
        if (each.leaf, each.node_type) == (leaf.name, name)
        and not (each.end <= begin or each.start >= end)
    )
    return max(0, leaf.nodes.get(name, 0) - gone)


def gpus_there(of: Scenario, row: SupplySpec) -> list[int]:
    size = of.fleet.node_type(row.node_type).gpus
    apart = max(1, row.unit // size)
    return [
        sum(
            nodes_there(of, leaf, row.node_type, t) // apart * apart * size
            for leaf in of.fleet.network.leaves
            if leaf.domain(row.level) == row.domain
        )
        for t in range(of.horizon.intervals)
    ]


def cases() -> Iterator[Scenario]:
    """Leaves below spines; outages begin at any time, before the day too, and last half a step."""
    for seed in range(40):
        made = random_scenario(seed, "nested_supply")
        draw = np.random.default_rng([seed, 7])
        hours = made.horizon.interval_hours
        outages = [
            away(leaf.name, int(draw.integers(1, nodes + 1)), start, start + hours / 2, name)
            for leaf in made.fleet.network.leaves
            for name, nodes in leaf.nodes.items()
            for start in draw.uniform(-hours, hours * made.horizon.intervals, 2)
            if nodes and draw.random() < 0.5
        ]
        leaves = {leaf.name: leaf.nodes for leaf in made.fleet.network.leaves}
        spines = {leaf.name: leaf.spine for leaf in made.fleet.network.leaves}
        on = fleet(leaves, node_types=made.fleet.node_types, spines=spines, outages=outages)
        yield scenario(made.workloads, in_fleet=on, interval_s=made.horizon.interval_s)


def test_rows_hold_what_leaves_have_outside_outages_and_all_pools_of_their_domains() -> None:
    for of in cases():
        problem = problem_of(of)
        below = {
            (level, name): {leaf.name for leaf in leaves}
            for level in Affinity
            for name, leaves in of.fleet.network.domains(level).items()
        }
        for row in problem.supplies:
            assert row.gpus.tolist() == gpus_there(of, row)
            inside = {
                p
                for p, pool in enumerate(problem.pools)
                if pool.node_type == row.node_type
                and below[pool.level, pool.domain] <= below[row.level, row.domain]
                and list(Affinity).index(pool.level) <= list(Affinity).index(row.level)
                and pool.gpus % row.unit == 0
            }
            assert set(row.pools) == inside
            assert len(row.pools) == len(inside)
        own = [(row.level, row.domain, row.node_type) for row in problem.supplies if row.unit == 1]
        assert len(own) == len(set(own))
        assert set(own) == {(pool.level, pool.domain, pool.node_type) for pool in problem.pools}


def test_hardware_is_a_tree_that_counts_what_stands_below() -> None:
    """A node's GPUs by priority are those of its children; one without children is a leaf."""
    mixed = 0
    for of in cases():
        problem = problem_of(of)
        names = {of.fleet.leaf_priority(leaf) for leaf in of.fleet.network.leaves}
        assert bool(problem.hardware) == (len(names) > 1)
        mixed += bool(problem.hardware)
        children: dict[int, list[HardwareSpec]] = {}
        for i, each in enumerate(problem.hardware):
            if each.parent is not None:
                assert each.parent < i
                assert problem.hardware[each.parent].node_type == each.node_type
                children.setdefault(each.parent, []).append(each)
        for i, below in children.items():
            assert problem.hardware[i].gpus.tolist() == (
                np.sum([each.gpus for each in below], axis=0).tolist()
            )
        leaves = [each for i, each in enumerate(problem.hardware) if i not in children]
        assert len(leaves) == len(of.fleet.network.leaves) * len(of.fleet.node_types) * bool(
            problem.hardware
        )
        standing = sorted(p for each in problem.hardware for p in each.pools)
        assert standing == (list(range(len(problem.pools))) if problem.hardware else [])
        for each in problem.hardware:
            assert {problem.pools[p].node_type for p in each.pools} <= {each.node_type}
    assert mixed > 5
