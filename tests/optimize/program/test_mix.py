"""Capacity, what of it a promise lets serve, and flow, by hand: replicas of 10 requests/s."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Engine, Loss, Part, Resilience, Role
from heteroplan.optimize.program.mix import (
    cover_of,
    group_cover,
    mixed_flow,
    role_cover,
    safe_share,
)
from heteroplan.optimize.program.problem import Ints, PoolSpec, Problem, served_share
from tests.builders import SHAPE, engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of

BOTH = engine("both", role=Role.AGGREGATED, gpus=8)


def promised(
    rps: float, resilience: Resilience | None, *engines: Engine, on: Fleet | None = None
) -> Problem:
    """On two leaves, a spine each, unless `on` says otherwise."""
    two = fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")})
    load = workload(
        rps=[rps], engines=engines or [BOTH], affinity=Affinity.CLUSTER, resilience=resilience
    )
    return problem_of(scenario([load], in_fleet=on or two))


def safe(problem: Problem, *sizes: int) -> float:
    return float(safe_share(problem, 0, np.array(sizes)[:, None])[0])


def test_without_a_promise_all_may_be_served() -> None:
    assert safe(promised(20.0, None), 1) == 1.0


@pytest.mark.parametrize(
    ("rps", "serve", "share"),
    [(20.0, 1.0, 0.5), (20.0, 0.75, 2 / 3), (20.0, 0.5, 1.0), (20.0, 0.25, 1.0), (5.0, 1.0, 1.0)],
)
def test_what_is_left_is_the_promised_share_of_what_is_served(
    rps: float, serve: float, share: float
) -> None:
    """A replica on either spine: 10 requests/s are left without one.

    So 10 / serve may be served of 20, at most all of them; of 5 all.
    """
    assert safe(promised(rps, Resilience(Loss.SPINE, serve)), 1, 1) == pytest.approx(share)


@pytest.mark.parametrize(("serve", "share"), [(1.0, 2 / 3), (0.9, 20 / 27), (0.5, 1.0)])
def test_a_node_takes_what_stands_on_it(serve: float, share: float) -> None:
    """Three replicas of a node each, 30 requests/s: 20 are left without one."""
    assert safe(promised(30.0, Resilience(Loss.NODE, serve)), 3) == pytest.approx(share)


def test_a_node_takes_nothing_of_other_groups() -> None:
    """A replica at one spine and two at the other, a node each: 20 of 30 are left without one."""
    load = workload(rps=[30.0], engines=[BOTH], resilience=Resilience(Loss.NODE, 1.0))
    on = fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")})
    problem = problem_of(scenario([load], in_fleet=on))
    assert len(problem.groups(0)) == 2
    assert safe(problem, 1, 2) == pytest.approx(2 / 3)


def test_a_replica_of_several_nodes_is_lost_with_any_of_them() -> None:
    """Two of 16 GPUs on two nodes each, 20 requests/s: 10 are left."""
    wide = engine("wide", role=Role.AGGREGATED, gpus=16)
    problem = promised(20.0, Resilience(Loss.NODE, 1.0), wide)
    assert safe(problem, 2) == pytest.approx(0.5)


def divided_on_two_leaves(serve: float) -> tuple[Problem, list[int]]:
    """20 requests/s on one spine, and sizes of its pools; every replica fills a node.

    Prefill 10 replicas of 2. Of decode the first halves are 1 and 3 of 10 on its two leaves, the
    second 5 and 5 of 2: 10 + 10.
    """
    engines = [
        engine("prefill", role=Role.PREFILL, gpus=8, capacity_rps=2.0),
        engine("first", gpus=8, capacity_rps=10.0, part=Part("moe", "first", 0, None)),
        engine("second", gpus=8, capacity_rps=2.0, part=Part("moe", "second", 1, None)),
    ]
    on = fleet({leaf: {"h100x8": 15} for leaf in ("l1", "l2")}, spines={"l1": "s", "l2": "s"})
    problem = promised(20.0, Resilience(Loss.NODE, serve), *engines, on=on)
    halves = {(0, "l1"): 1, (0, "l2"): 3, (1, "l1"): 5, (1, "l2"): 5}
    return problem, [
        10 if pool.part is None else halves[pool.part, pool.domain] for pool in problem.pools
    ]


@pytest.mark.parametrize(("serve", "share"), [(1.0, 0.5), (0.5, 1.0), (0.25, 1.0)])
def test_a_lost_half_takes_its_partner_with_it(serve: float, share: float) -> None:
    """Without the one first half of l1 that leaf serves nothing: 10 of 20 are left.

    First halves of 30 are left, and 18 where any other node is lost.
    """
    problem, sizes = divided_on_two_leaves(serve)
    cover = group_cover(problem, range(len(sizes)), np.array(sizes)[:, None])
    assert cover == pytest.approx([1.0])
    decoded = role_cover(problem, range(len(sizes)), np.array(sizes)[:, None], Role.DECODE)
    assert decoded == pytest.approx([1.0])
    assert safe(problem, *sizes) == pytest.approx(share)


def test_halves_on_different_leaves_serve_nothing() -> None:
    problem, _ = divided_on_two_leaves(1.0)
    halves = {(0, "l1"): 2, (1, "l2"): 10}
    sizes = [
        10 if pool.part is None else halves.get((pool.part, pool.domain), 0)
        for pool in problem.pools
    ]
    pools = range(len(sizes))
    assert role_cover(problem, pools, np.array(sizes)[:, None], Role.DECODE).tolist() == [0.0]


def test_flow_in_the_mix_serves_what_is_safe() -> None:
    """Of 20 requests/s 10 / 0.75 = 13.3, as much of it on either spine."""
    problem = promised(20.0, Resilience(Loss.SPINE, 0.75))
    flow = mixed_flow(problem, np.array([[1], [1]]))
    assert served_share(problem, problem.workloads[0], flow) == pytest.approx(2 / 3)
    assert [float(each[0, 0]) for each in flow] == pytest.approx([1 / 3, 1 / 3])


def of_sizes(problem: Problem, sizes: Mapping[tuple[str, str], Sequence[int]]) -> Ints:
    """[P, T] replicas by engine and domain; a half is called `engine/part`."""
    return np.array(
        [sizes.get((called(pool), pool.domain), [0] * problem.intervals) for pool in problem.pools]
    )


def called(pool: PoolSpec) -> str:
    return pool.engine if pool.part is None else f"{pool.engine}/{pool.part}"


def safe_of(problem: Problem, sizes: Mapping[tuple[str, str], int]) -> float:
    over_time = {key: [size] * problem.intervals for key, size in sizes.items()}
    return float(safe_share(problem, 0, of_sizes(problem, over_time))[0])


def test_capacity_is_counted_interval_by_interval() -> None:
    """Replicas of 10 requests/s: 1 and 3 of 40 and of 20 asked for, 2 more on another leaf."""
    load = workload(rps=[40.0, 20.0], engines=[BOTH], affinity=Affinity.LEAF)
    on = fleet({"l1": {"h100x8": 4}, "l2": {"h100x8": 4}})
    problem = problem_of(scenario([load], in_fleet=on))
    replicas = of_sizes(problem, {("both", "l1"): [1, 3], ("both", "l2"): [2, 0]})
    assert cover_of(problem, [0, 1], replicas).tolist() == pytest.approx([0.75, 1.5])
    assert cover_of(problem, [1], replicas[[1]]).tolist() == pytest.approx([0.5, 0.0])


@pytest.mark.parametrize(
    ("prefill", "decode", "alone", "cover"),
    [(1, 3, 0, 0.5), (3, 1, 0, 0.5), (2, 3, 1, 1.5), (0, 3, 1, 0.5), (3, 0, 2, 1.0)],
)
def test_pairs_serve_what_their_smaller_role_does_and_others_serve_beside(
    prefill: int, decode: int, alone: int, cover: float
) -> None:
    """Of 20 requests/s; every replica takes 10."""
    engines = [engine(role.value, role=role) for role in Role]
    problem = problem_of(scenario([workload(rps=[20.0], engines=engines)]))
    sizes = {Role.PREFILL: prefill, Role.DECODE: decode, Role.AGGREGATED: alone}
    replicas = np.array([[sizes[pool.role]] for pool in problem.pools])
    assert group_cover(problem, range(3), replicas).tolist() == pytest.approx([cover])


def two_divided(resilience: Resilience | None = None) -> Problem:
    """20 requests/s; two divided engines and a whole one decode on either of two leaves."""
    halves = [
        engine(
            f"{moe}-{index}",
            gpus=1,
            capacity_rps=2.0,
            part=Part(moe, f"{moe}-{index}", index, None),
        )
        for moe in ("one", "two")
        for index in (0, 1)
    ]
    engines = [engine("prefill", role=Role.PREFILL), engine("whole", gpus=1), *halves]
    on = fleet({leaf: {"h100x8": 8} for leaf in ("l1", "l2")}, spines={"l1": "s", "l2": "s"})
    load = workload(rps=[20.0], engines=engines, resilience=resilience)
    return problem_of(scenario([load], in_fleet=on))


@pytest.mark.parametrize(
    ("sizes", "cover"),
    [
        ({"one/0": 4, "one/1": 3}, 0.3),
        ({"one/0": 2, "one/1": 5}, 0.2),
        ({"one/0": 3, "two/1": 3}, 0.0),
        ({"one/0": 3, "one/1": 2, "two/0": 1, "two/1": 4}, 0.3),
    ],
)
def test_halves_pair_with_those_of_their_own_engine(sizes: Mapping[str, int], cover: float) -> None:
    """A half takes 2 of the 20 requests/s; a whole replica beside them takes 10."""
    problem = two_divided()
    on_leaf = {(name, "l1"): [size] for name, size in sizes.items()}
    pools = range(len(problem.pools))
    for whole in (0, 1):
        replicas = of_sizes(problem, on_leaf | {("whole", "s"): [whole]})
        found = role_cover(problem, pools, replicas, Role.DECODE)
        assert found.tolist() == pytest.approx([cover + 0.5 * whole])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_node_takes_the_densest_of_what_it_may_hold(order: tuple[int, ...]) -> None:
    """Of replicas of 1, 2 and 4 GPUs with 4, 3 and 2.5 requests/s a GPU: 2, 4 and 2 of them.

    On 8 GPUs stand both of 1 and three of 2: 8 + 18 of all 52 requests/s.
    """
    kinds = [(1, 4.0, 2), (2, 6.0, 4), (4, 10.0, 2)]
    engines = [
        engine(f"of-{gpus}", role=Role.AGGREGATED, gpus=gpus, capacity_rps=rps)
        for gpus, rps, _ in (kinds[i] for i in order)
    ]
    problem = promised(100.0, Resilience(Loss.NODE, 1.0), *engines)
    sizes = {(f"of-{gpus}", "c1"): count for gpus, _, count in kinds}
    assert safe_of(problem, sizes) == pytest.approx(0.26)


@pytest.mark.parametrize(("rps_of_2", "left"), [(4.0, 22.0), (7.0, 27.0)])
def test_the_node_type_that_takes_most_counts(rps_of_2: float, left: float) -> None:
    """Two replicas of a node of 8 GPUs, 10 requests/s each; three of 2 GPUs on nodes of 4.

    A small node takes two: 8 of 32 requests/s, less than the 10 of a large one; or 14 of 41.
    """
    engines = [
        engine("large", role=Role.AGGREGATED, gpus=8),
        engine("small", role=Role.AGGREGATED, gpu="A100", gpus=2, capacity_rps=rps_of_2),
    ]
    shapes = [node_type(), node_type("a100x4", gpu="A100", gpus=4)]
    on = fleet({"l1": {"h100x8": 4, "a100x4": 4}}, node_types=shapes)
    load = workload(rps=[100.0], engines=engines, resilience=Resilience(Loss.NODE, 1.0))
    problem = problem_of(scenario([load], in_fleet=on))
    (domain,) = {pool.domain for pool in problem.pools}
    sizes = {("large", domain): 2, ("small", domain): 3}
    assert safe_of(problem, sizes) == pytest.approx(left / 100)


@pytest.mark.parametrize(
    ("prefill", "decode", "alone", "left"),
    [(8, 6, 0, 30), (8, 8, 0, 30), (20, 4, 0, 20), (8, 6, 1, 40)],
)
def test_a_lost_node_takes_replicas_of_one_role(
    prefill: int, decode: int, alone: int, left: int
) -> None:
    """Two of 4 GPUs: 10 requests/s of prefill or 20 of decode; or one that does both, 10.

    What the other role has beyond its need is of no use, nor missed.
    """
    engines = [
        engine("prefill", role=Role.PREFILL, capacity_rps=5.0),
        engine("decode", capacity_rps=10.0),
        BOTH,
    ]
    load = workload(rps=[100.0], engines=engines, resilience=Resilience(Loss.NODE, 1.0))
    on = fleet({"l1": {"h100x8": 20}})
    problem = problem_of(scenario([load], in_fleet=on))
    (domain,) = {pool.domain for pool in problem.pools}
    sizes = {("prefill", domain): prefill, ("decode", domain): decode, ("both", domain): alone}
    assert safe_of(problem, sizes) == pytest.approx(left / 100)


@pytest.mark.parametrize(
    ("sizes", "left"), [((1, 1, 2), 20), ((1, 2, 2), 20), ((1, 1, 3), 20), ((3, 2, 1), 10)]
)
def test_a_lost_spine_takes_all_groups_below_it(sizes: tuple[int, ...], left: int) -> None:
    """Groups of a leaf each, two of them below s1: what the better spine has is at risk."""
    load = workload(
        rps=[100.0],
        engines=[BOTH],
        affinity=Affinity.LEAF,
        resilience=Resilience(Loss.SPINE, 1.0),
    )
    leaves = ("l1", "l2", "l3")
    on = fleet(
        {leaf: {"h100x8": 4} for leaf in leaves}, spines={"l1": "s1", "l2": "s1", "l3": "s2"}
    )
    problem = problem_of(scenario([load], in_fleet=on))
    held = {("both", leaf): size for leaf, size in zip(leaves, sizes, strict=True)}
    assert safe_of(problem, held) == pytest.approx(left / 100)


@pytest.mark.parametrize(
    ("first", "second", "left"), [((3, 3), (1, 2), 10), ((1, 2), (3, 1), 10), ((2, 3), (3, 2), 20)]
)
def test_a_lost_leaf_leaves_what_the_rest_of_its_group_pairs_up(
    first: tuple[int, int], second: tuple[int, int], left: int
) -> None:
    """Prefill and decode replicas of 10 requests/s on two leaves of one spine."""
    load = workload(rps=[100.0], resilience=Resilience(Loss.LEAF, 1.0))
    on = fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")}, spines={"l1": "s", "l2": "s"})
    problem = problem_of(scenario([load], in_fleet=on))
    held = {
        (role, leaf): size
        for leaf, sizes in (("l1", first), ("l2", second))
        for role, size in zip(("prefill", "decode"), sizes, strict=True)
    }
    before = of_sizes(problem, {key: [size] for key, size in held.items()})
    given = before.copy()
    assert safe_share(problem, 0, given).tolist() == pytest.approx([left / 100])
    assert given.tolist() == before.tolist()


def test_without_pools_nothing_is_safe() -> None:
    """Its engine runs on a GPU that the fleet has not."""
    lost = engine("lost", role=Role.AGGREGATED, gpu="A100")
    problem = promised(20.0, Resilience(Loss.SPINE, 0.5), lost)
    assert problem.pools == ()
    assert safe(problem) == 0.0


def pair_flow(
    problem: Problem, sizes: Mapping[tuple[str, str], Sequence[int]]
) -> list[list[float]]:
    """[P][T] flow of the first class."""
    return [each[0].tolist() for each in mixed_flow(problem, of_sizes(problem, sizes))]


def test_what_one_group_serves_is_not_served_again() -> None:
    """25 requests/s, on each of three leaves a pair of 10 in the first hour, the third idle then.

    In the second hour nothing is asked for, in the third one group can serve it all.
    """
    load = workload(rps=[25.0, 0.0, 5.0], affinity=Affinity.LEAF)
    leaves = ("l1", "l2", "l3")
    problem = problem_of(scenario([load], in_fleet=fleet({leaf: {"h100x8": 4} for leaf in leaves})))
    sizes = {(role, leaf): [1, 1, 1] for role in ("prefill", "decode") for leaf in leaves}
    expected = {"l1": [0.4, 0.0, 1.0], "l2": [0.4, 0.0, 0.0], "l3": [0.2, 0.0, 0.0]}
    found = pair_flow(problem, sizes)
    for pool, flow in zip(problem.pools, found, strict=True):
        assert flow == pytest.approx(expected[pool.domain])


@pytest.mark.parametrize(
    ("prefill", "decode", "alone", "flows"),
    [
        (1, 1, 1, (0.5, 0.5, 0.5)),
        (2, 2, 1, (0.5, 0.5, 0.5)),
        (1, 1, 3, (0.0, 0.0, 1.0)),
        (2, 1, 0, (0.5, 0.5, 0.0)),
        (1, 2, 0, (0.5, 0.5, 0.0)),
    ],
)
def test_aggregated_replicas_are_used_before_pairs(
    prefill: int, decode: int, alone: int, flows: tuple[float, ...]
) -> None:
    """Of 20 requests/s; every replica takes 10."""
    engines = [engine(role.value, role=role) for role in Role]
    problem = problem_of(scenario([workload(rps=[20.0], engines=engines)]))
    domain = problem.pools[0].domain
    sizes = {Role.PREFILL: prefill, Role.DECODE: decode, Role.AGGREGATED: alone}
    found = pair_flow(problem, {(role.value, domain): [size] for role, size in sizes.items()})
    expected = dict(zip(Role, flows, strict=True))
    for pool, flow in zip(problem.pools, found, strict=True):
        assert flow == pytest.approx([expected[pool.role]])


def test_pools_of_a_role_share_its_flow_by_what_they_serve() -> None:
    """10 of prefill serve 20 requests/s of 40; decode has 1 of 10 and 3 of 5 requests/s."""
    engines = [
        engine("prefill", role=Role.PREFILL, gpus=1, capacity_rps=2.0),
        engine("fast", gpus=1, capacity_rps=10.0),
        engine("slow", gpus=1, capacity_rps=5.0),
    ]
    problem = problem_of(scenario([workload(rps=[40.0], engines=engines)]))
    domain = problem.pools[0].domain
    sizes = {("prefill", domain): [10], ("fast", domain): [1], ("slow", domain): [3]}
    assert pair_flow(problem, sizes) == [
        pytest.approx([share]) for share in (0.5, 0.5 * 10 / 25, 0.5 * 15 / 25)
    ]


def test_halves_pass_on_as_much_as_their_partners_take() -> None:
    """20 requests/s, 2 a half: on l1 3 against 2, on l2 1 against 4, beside a whole one of 10."""
    problem = two_divided()
    sizes = {
        ("prefill", "s"): [2],
        ("whole", "s"): [1],
        ("one/0", "l1"): [3],
        ("one/1", "l1"): [2],
        ("two/0", "l2"): [1],
        ("two/1", "l2"): [4],
    }
    expected = {("prefill", "s"): 0.8, ("whole", "s"): 0.5} | {
        ("one/0", "l1"): 0.2,
        ("one/1", "l1"): 0.2,
        ("two/0", "l2"): 0.1,
        ("two/1", "l2"): 0.1,
    }
    found = pair_flow(problem, sizes)
    for pool, flow in zip(problem.pools, found, strict=True):
        assert flow == pytest.approx([expected.get((called(pool), pool.domain), 0.0)])


def test_every_workload_has_its_own_flow_and_every_class_that_asks() -> None:
    """The second workload can serve half; a class that nobody asks for flows nowhere."""
    classes = [replace(SHAPE, name="some", share=1.0), replace(SHAPE, name="none", share=0.0)]
    loads = [
        workload("a", rps=[10.0], engines=[BOTH]),
        workload("b", rps=[20.0], engines=[BOTH], classes=classes),
    ]
    problem = problem_of(scenario(loads))
    flow = mixed_flow(problem, np.array([[1], [1]]))
    assert [each.tolist() for each in flow] == [[[1.0]], [[0.5], [0.0]]]


def test_a_node_takes_no_more_than_there_is() -> None:
    """It holds both prefill replicas, 20 requests/s; halves decode 2 of them."""
    problem = two_divided(Resilience(Loss.NODE, 1.0))
    assert safe_of(problem, {("prefill", "s"): 2, ("one/0", "l1"): 1, ("one/1", "l1"): 1}) == 0.0


def test_sizes_of_other_pools_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        cover_of(promised(20.0, None), [0], np.array([[1], [1]]))


def test_a_node_takes_no_more_than_stands_on_its_type() -> None:
    """Half a node of one type, 10 requests/s, and a whole one of another, 5: 5 are left of 20."""
    engines = [
        engine("half", role=Role.AGGREGATED, gpus=4),
        engine("whole", role=Role.AGGREGATED, gpu="A100", gpus=8, capacity_rps=5.0),
    ]
    on = fleet(
        {"l1": {"h100x8": 1, "a100x8": 1}},
        node_types=[node_type(), node_type("a100x8", gpu="A100")],
    )
    load = workload(rps=[20.0], engines=engines, resilience=Resilience(Loss.NODE, 1.0))
    problem = problem_of(scenario([load], in_fleet=on))
    domain = problem.pools[0].domain
    assert safe_of(problem, {("half", domain): 1, ("whole", domain): 1}) == pytest.approx(0.25)
