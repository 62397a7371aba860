"""What may be served so that a promise holds, by hand: replicas of 10 requests/s in the mix."""

import numpy as np
import pytest

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Engine, Loss, Part, Resilience, Role
from heteroplan.optimize.mix import group_cover, mixed_flow, role_cover, safe_share
from heteroplan.optimize.problem import Problem, served_share
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of

BOTH = engine("both", role=Role.AGGREGATED, gpus=8)


def promised(
    rps: float, promise: Resilience | None, *engines: Engine, on: Fleet | None = None
) -> Problem:
    """On two leaves, a spine each, unless `on` says otherwise."""
    two = fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")})
    load = workload(
        rps=[rps], engines=engines or [BOTH], affinity=Affinity.CLUSTER, resilience=promise
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
    assert served_share(problem, problem.works[0], flow) == pytest.approx(2 / 3)
    assert [float(each[0, 0]) for each in flow] == pytest.approx([1 / 3, 1 / 3])
