"""Resilience in the program: the least that sizes must leave unserved so that a loss is survived.

Sizes are held still; the rows of the MIP then say how much of the demand may be served at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Engine, Loss, Part, Resilience, Role
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules import broken_limits, is_choosy
from heteroplan.optimize.rules.mip import TINY_LOAD, Box
from heteroplan.optimize.rules.resilience import load_of
from tests.builders import SHAPE, engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.reference import minimised
from tests.optimize.rules.rows import sized

BOTH = engine("both", role=Role.AGGREGATED)
FOUR_LEAVES = {f"l{i}": {"h100x8": 20} for i in range(1, 5)}
SPINES = {"l1": "s1", "l2": "s1", "l3": "s2", "l4": "s3"}


def promised(
    lose: Loss,
    serve: float,
    *engines: Engine,
    rps: Sequence[float] = (100.0,),
    affinity: Affinity = Affinity.SPINE,
) -> Problem:
    """Four leaves with 20 nodes of 8 GPUs, l1 and l2 below one spine."""
    load = workload(
        rps=rps, engines=engines or [BOTH], affinity=affinity, resilience=Resilience(lose, serve)
    )
    return problem_of(scenario([load], in_fleet=fleet(FOUR_LEAVES, spines=SPINES)))


def unserved_rps(problem: Problem, sizes: Ints) -> float:
    """Requests/s, all intervals added up, that plans of these sizes leave unserved at least."""
    found = minimised(build_model(problem, box=Box(sizes, sizes)))
    assert found is not None
    assert found.solution.replicas.tolist() == sizes.tolist()
    return sum(found.unserved.values()) / 3600


def short(problem: Problem, sizes: Mapping[tuple[str, str], int]) -> float:
    over_time = {key: [size] * problem.intervals for key, size in sizes.items()}
    return unserved_rps(problem, sized(problem, over_time))


@pytest.mark.parametrize(
    ("sizes", "serve", "served"),
    [
        ((6, 5, 4), 0.9, 100),
        ((6, 5, 4), 1.0, 90),
        ((5, 6, 4), 1.0, 90),
        ((4, 4, 9), 0.8, 100),
        ((3, 4, 9), 0.8, 70 / 0.8),
        ((10, 0, 0), 0.5, 0),
        ((2, 3, 1), 0.5, 60),
    ],
)
def test_what_the_worst_loss_leaves_must_serve_its_share(
    sizes: Sequence[int], serve: float, served: float
) -> None:
    """Of 100 requests/s, on three spines with replicas of 10: all but the best spine."""
    problem = promised(Loss.SPINE, serve)
    found = short(problem, {("both", f"s{i + 1}"): size for i, size in enumerate(sizes)})
    assert found == pytest.approx(100 - served, abs=1e-3)


@pytest.mark.parametrize(("lose", "left"), [(Loss.LEAF, 70), (Loss.SPINE, 40)])
def test_a_lost_spine_takes_both_of_its_leaves(lose: Loss, left: float) -> None:
    """Replicas of 10 on the leaves: 3, 3, 2 and 2; a leaf takes 30 with it, the spine 60."""
    problem = promised(lose, 1.0, affinity=Affinity.LEAF)
    sizes = {("both", f"l{i + 1}"): size for i, size in enumerate((3, 3, 2, 2))}
    assert short(problem, sizes) == pytest.approx(100 - left, abs=1e-3)


@pytest.mark.parametrize(
    ("prefill", "decode", "left"),
    [
        ({"l1": 3, "l2": 3}, {"l1": 3, "l2": 3}, 30),
        ({"l1": 5, "l2": 1}, {"l1": 1, "l2": 5}, 10),
        ({"l1": 3, "l2": 2}, {"l1": 3, "l2": 2, "l3": 9}, 20),
        ({"l1": 3, "l2": 2, "l3": 1}, {"l1": 3, "l2": 2, "l3": 4}, 30),
    ],
)
def test_of_a_group_that_loses_a_leaf_the_rest_pairs_anew(
    prefill: Mapping[str, int], decode: Mapping[str, int], left: float
) -> None:
    """Groups of a spine whose leaves may be lost; replicas take 10 of 100 requests/s.

    What is left of one role beyond the other serves nothing; groups that are not touched pair
    as ever, and lend no half of a pair.
    """
    problem = promised(Loss.LEAF, 1.0, engine("prefill", role=Role.PREFILL), engine("decode"))
    sizes = {("prefill", leaf): size for leaf, size in prefill.items()}
    sizes |= {("decode", leaf): size for leaf, size in decode.items()}
    assert short(problem, sizes) == pytest.approx(100 - left, abs=1e-3)


@pytest.mark.parametrize(
    ("sizes", "left"),
    [
        ({("both", "s1"): 5, ("both", "s2"): 3}, 60),
        ({("both", "s1"): 1, ("both", "s2"): 3}, 20),
        ({("both", "s1"): 1, ("both", "s2"): 1}, 10),
        ({("wide", "s1"): 3, ("both", "s2"): 1}, 55 - 15),
        ({("fast", "s1"): 2, ("both", "s1"): 5}, 74 - 34),
        ({("fast", "s1"): 5, ("both", "s1"): 5}, 110 - 48),
    ],
)
def test_a_lost_node_takes_the_densest_replicas_that_it_may_hold(
    sizes: Mapping[tuple[str, str], int], left: float
) -> None:
    """Nodes of 8 GPUs: replicas of 4 GPUs take 10 requests/s, of 16 GPUs 15, of 2 GPUs 12.

    Two of 4 GPUs are lost, or one of 16 with any node of its two. Of the densest there may be too
    few: 2 of 2 GPUs and 4 GPUs of others, 24 + 10.
    """
    problem = promised(
        Loss.NODE,
        1.0,
        BOTH,
        engine("wide", role=Role.AGGREGATED, gpus=16, capacity_rps=15.0),
        engine("fast", role=Role.AGGREGATED, gpus=2, capacity_rps=12.0),
    )
    assert short(problem, sizes) == pytest.approx(100 - left, abs=1e-3)


def contents(kinds: Sequence[tuple[int, float, int]], gpus: int) -> float:
    """Most requests/s on `gpus` GPUs by kinds of (GPUs, requests/s, replicas), densest first."""
    lost = 0.0
    for size, rps, count in sorted(kinds, key=lambda kind: -kind[1] / kind[0]):
        taken = min(count * size, gpus)
        lost += rps * taken / size
        gpus -= taken
    return lost


def test_node_loss_is_what_filling_a_node_with_the_densest_says() -> None:
    """Two node types and two groups at random; either role of a group may be hit."""
    shapes = (node_type("h", gpu="H", gpus=8), node_type("a", gpu="A", gpus=4))
    for seed in range(25):
        draw = np.random.default_rng(seed)
        engines = [
            engine(
                f"{role}-{gpu}-{gpus}",
                role=role,
                gpu=gpu,
                gpus=gpus,
                capacity_rps=float(draw.integers(5, 25)),
            )
            for role in (Role.PREFILL, Role.DECODE)
            for gpu, gpus in (("H", 2), ("H", 4), ("A", 1))
        ]
        serve = float(draw.choice((0.5, 0.75, 1.0)))
        load = workload(rps=[60.0], engines=engines, resilience=Resilience(Loss.NODE, serve))
        on = fleet({"l1": {"h": 9, "a": 9}, "l2": {"h": 9, "a": 9}}, node_types=shapes)
        problem = problem_of(scenario([load], in_fleet=on))
        sizes = draw.integers(0, 4, (len(problem.pools), 1))
        rps_of = {each.name: each.capacity_rps or 0.0 for each in engines}
        kinds: dict[tuple[str, Role, str], list[tuple[int, float, int]]] = {}
        for pool, (size,) in zip(problem.pools, sizes.tolist(), strict=True):
            key = (pool.group, pool.role, pool.node_type)
            kinds.setdefault(key, []).append((pool.gpus, rps_of[pool.engine], size))

        def capacity(
            group: str,
            role: Role,
            of: dict[tuple[str, Role, str], list[tuple[int, float, int]]] = kinds,
        ) -> float:
            return sum(rps * n for shape in "ha" for _, rps, n in of[group, role, shape])

        roles = (Role.PREFILL, Role.DECODE)
        groups = {group: min(capacity(group, role) for role in roles) for group, _, _ in kinds}
        total = sum(groups.values())
        left = min(
            total - served + min(served, capacity(group, role) - contents(kinds[group, role, h], n))
            for group, served in groups.items()
            for role in roles
            for h, n in (("h", 8), ("a", 4))
        )
        expected = 60 - min(60.0, total, left / serve)
        assert unserved_rps(problem, sizes) == pytest.approx(expected, abs=1e-3)


def test_each_interval_is_survived_with_what_it_has() -> None:
    """40, 0 and 20 requests/s; 3, 0 and 4 replicas of 10, of which a spine takes 2, 0 and 3."""
    problem = promised(Loss.SPINE, 0.5, rps=[40.0, 0.0, 20.0])
    sizes = sized(problem, {("both", "s1"): [2, 0, 3], ("both", "s3"): [1, 0, 1]})
    assert unserved_rps(problem, sizes) == pytest.approx(20.0, abs=1e-3)


def test_classes_are_served_in_their_mix_after_a_loss() -> None:
    """30 and 10 requests/s, of which a replica takes 10 or 5: a load of 3 + 2 replicas.

    Of 4 and 3 replicas 3 are left, for 3/5 of either class.
    """
    classes = (replace(SHAPE, name="x", share=0.75), replace(SHAPE, name="y", share=0.25))
    load = workload(
        rps=[40.0], engines=[BOTH], classes=classes, resilience=Resilience(Loss.SPINE, 1.0)
    )
    of = scenario([load], in_fleet=fleet(FOUR_LEAVES, spines=SPINES))
    problem = problem_of(of, by_class={("both", "x"): 10.0, ("both", "y"): 5.0})
    assert load_of(problem, 0, 0) == pytest.approx(5.0)
    assert short(problem, {("both", "s1"): 4, ("both", "s2"): 3}) == pytest.approx(16, abs=1e-3)
    unable = problem_of(of, by_class={("both", "x"): 10.0, ("both", "y"): 0.0})
    assert load_of(unable, 0, 0) == np.inf


def test_a_load_is_never_too_small_for_the_solver_to_see() -> None:
    problem = promised(Loss.SPINE, 1.0, rps=[0.005, 0.02, 0.0])
    assert [load_of(problem, 0, t) for t in range(3)] == pytest.approx(
        [TINY_LOAD, 2 * TINY_LOAD, TINY_LOAD]
    )


@pytest.mark.parametrize(
    ("halves", "gpus", "left"),
    [((6, 6), 4, 40), ((9, 6), 4, 40), ((5, 9), 4, 30), ((9, 6), 2, 20)],
)
def test_a_divided_group_loses_what_its_hardest_hit_part_does(
    halves: tuple[int, int], gpus: int, left: float
) -> None:
    """Parts take 10 of 100 requests/s; a node holds two of 4 GPUs, four of 2, or 15 of prefill.

    The program counts with the worst: what a node takes is lost of what the group serves, though
    one part may have more than the other needs.
    """
    parts = [
        engine(f"half-{i}", gpus=size, part=Part("moe", f"half-{i}", i, None))
        for i, size in enumerate((gpus, 4))
    ]
    prefill = engine("prefill", role=Role.PREFILL, gpus=8, capacity_rps=15.0)
    problem = promised(Loss.NODE, 1.0, prefill, *parts)
    sizes = {("prefill", "s2"): 7, ("moe/0", "l3"): halves[0], ("moe/1", "l3"): halves[1]}
    assert short(problem, sizes) == pytest.approx(100 - left, abs=1e-3)


def test_a_class_that_asks_for_nothing_needs_nothing_left() -> None:
    """Replicas of 10; of 3 and 2 on two spines 2 are left, for half of 40 requests/s."""
    classes = (replace(SHAPE, name="x", share=1.0), replace(SHAPE, name="y", share=0.0))
    load = workload(
        rps=[40.0], engines=[BOTH], classes=classes, resilience=Resilience(Loss.SPINE, 1.0)
    )
    problem = problem_of(scenario([load], in_fleet=fleet(FOUR_LEAVES, spines=SPINES)))
    assert short(problem, {("both", "s1"): 3, ("both", "s2"): 2}) == pytest.approx(20, abs=1e-3)


def test_a_group_loses_no_more_than_it_serves() -> None:
    """A node takes three first parts of 2 GPUs, 30 of 50 requests/s; with one second part, 10.

    Beside them are 50, of which a node takes 20: 40 are left after either loss.
    """
    parts = [engine(f"half-{i}", gpus=2, part=Part("moe", f"half-{i}", i, None)) for i in (0, 1)]
    prefill = engine("prefill", role=Role.PREFILL, gpus=1, capacity_rps=5.0)
    problem = promised(Loss.NODE, 1.0, prefill, *parts, BOTH, rps=[50.0])
    sizes = {("prefill", "s2"): 2, ("moe/0", "l3"): 3, ("moe/1", "l3"): 1, ("both", "s1"): 5}
    assert short(problem, sizes) == pytest.approx(10, abs=1e-3)


def test_sizes_alone_break_no_resilience_and_close_no_pool() -> None:
    """What is served follows the sizes, so that the promise always holds."""
    problem = promised(Loss.NODE, 1.0)
    assert broken_limits(problem, sized(problem, {("both", "s1"): [1]})) == 0
    assert not is_choosy(problem, 0)


def test_a_workload_without_resilience_may_stand_in_one_spine() -> None:
    plain = problem_of(
        scenario(
            [workload(rps=[100.0], engines=[BOTH])], in_fleet=fleet(FOUR_LEAVES, spines=SPINES)
        )
    )
    assert short(plain, {("both", "s1"): 9}) == pytest.approx(10, abs=1e-3)
