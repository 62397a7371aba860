"""Loads by the size of the pool: the reference of the program, and what counts together."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Loss, Resilience, Role
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.mix import group_cover, safe_share
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.program.sizes import (
    SizedLoad,
    at_sizes,
    overrun,
    reference_load,
    together,
)
from tests.builders import candidates, engine, fleet, scenario, workload
from tests.optimize.sized_cases import sized


def test_the_reference_is_the_load_of_one_replica_less_than_serve_everything() -> None:
    """8 replicas alone would be kept busy, 5 in pairs, 3 by threes: three serve it all.

    Of pairs no more than two thirds of two may be used then; scaled to three in sum.
    """
    load = np.array([8.0, 8.0, 5.0, 3.0, 2.5])[:, None, None]
    assert reference_load(SizedLoad(load), np.array([3])) == pytest.approx(3.0)
    load[2] = 2.4
    assert reference_load(SizedLoad(load), np.array([3])) == pytest.approx(2.4)


def test_where_no_pool_serves_everything_the_largest_counts() -> None:
    load = np.array([8.0, 8.0, 5.0])[:, None, None]
    assert reference_load(SizedLoad(load), np.array([2])) == pytest.approx(5.0)


@pytest.mark.parametrize("seed", range(20))
def test_every_flow_that_a_pool_handles_meets_the_reference(seed: int) -> None:
    """Loads of two classes that fall with the size, at times of one of them for the other."""
    draw = np.random.default_rng(seed)
    classes, largest = 2, 12
    load = np.sort(draw.uniform(0.2, 9.0, (largest, classes)), axis=0)[::-1]
    if seed % 2:
        load[:, 0] = load[::-1, 0]
        load *= (np.sort(draw.uniform(0.1, 1.0, largest))[::-1] / 0.5)[:, None]
    table = SizedLoad(np.array([load[0], *load])[:, :, None])
    total = load.sum(axis=1)
    enough = np.flatnonzero(total <= np.arange(1, largest + 1))
    if not len(enough) or not (np.diff(total) <= 0).all():
        return
    found = reference_load(table, np.array([int(enough[0]) + 1]))[:, 0]
    for size in range(1, largest + 1):
        for flow in draw.random((200, classes)):
            if load[size - 1] @ flow <= size:
                assert found @ flow <= size * (1 + 1e-9)


def spread_out() -> Problem:
    """One engine a role on three leaves of a spine, of which one may be lost."""
    load = replace(
        workload(
            "a",
            rps=[6.0],
            engines=[
                engine("prefill", role=Role.PREFILL, gpus=4, capacity_rps=4.0),
                engine("decode", gpus=4, capacity_rps=4.0),
            ],
            affinity=Affinity.SPINE,
        ),
        resilience=Resilience(Loss.LEAF, 0.5),
    )
    nodes = {leaf: {"h100x8": 2} for leaf in ("x", "y", "z")}
    on = fleet(nodes, spines=dict.fromkeys(nodes, "s"))
    of = scenario([load], in_fleet=on)
    return build_problem(of, sized(of, candidates(of), loss=0.5))


def test_replicas_of_a_group_are_one_pool_on_whatever_leaves_they_stand() -> None:
    """Of 4 requests/s one in a pool of n serves 4 - 2 / sqrt(n), in eighths: 2, 2.5, 2.75, 3."""
    problem = spread_out()
    pools = list(problem.workloads[0].pools)
    replicas = np.ones((len(pools), 1), dtype=np.int64)
    assert together(problem, pools, replicas).ravel().tolist() == [3] * 6
    assert group_cover(problem, pools, replicas) == pytest.approx(3 * 2.75 / 6.0)


def test_after_a_loss_the_replicas_that_are_left_are_a_smaller_pool() -> None:
    """Two that are left serve 5 of 6 requests/s: all may be served, and of 11 would 10."""
    problem = spread_out()
    replicas = np.ones((6, 1), dtype=np.int64)
    assert safe_share(problem, 0, replicas) == pytest.approx(1.0)
    stricter = replace(
        problem,
        workloads=tuple(
            replace(work, resilience=replace(work.resilience, serve=1.0))
            for work in problem.workloads
            if work.resilience is not None
        ),
    )
    assert safe_share(stricter, 0, replicas) == pytest.approx(2 * 2.5 / 6.0)


def one_group(lose: Loss | None) -> Problem:
    load = replace(
        workload(
            "a",
            rps=[6.0],
            engines=[engine("both", role=Role.AGGREGATED, gpus=8, capacity_rps=4.0)],
        ),
        resilience=None if lose is None else Resilience(lose, 1.0),
    )
    of = scenario([load], in_fleet=fleet({"l": {"h100x8": 8}}))
    return build_problem(of, sized(of, candidates(of), loss=0.5))


def test_with_a_node_lost_what_is_left_counts_at_its_own_size() -> None:
    """A node holds one of three: two serve 5 requests/s."""
    problem = one_group(Loss.NODE)
    assert safe_share(problem, 0, np.array([[3]])) == pytest.approx(5.0 / 6.0)
    assert safe_share(problem, 0, np.array([[4]])) == pytest.approx(1.0)


def test_flow_is_more_than_pools_handle_by_their_sizes() -> None:
    """Two serve 5 of 6 requests/s; the program would let them serve all."""
    problem = one_group(None)
    assert problem.pools[0].load[0, 0] == pytest.approx(2.4)
    assert not overrun(problem, [0], np.array([[2]]), [np.array([[5.0 / 6.0]])])
    assert overrun(problem, [0], np.array([[2]]), [np.array([[0.84]])])
    assert not overrun(problem, [0], np.array([[3]]), [np.array([[1.0]])])


def test_a_program_at_sizes_has_the_loads_of_those_pools() -> None:
    problem = one_group(None)
    near = at_sizes(problem, np.array([[2]]))
    assert near.pools[0].load[0, 0] == pytest.approx(6.0 / 2.5)
    assert not near.sized
    assert at_sizes(problem, np.array([[0]])).pools[0].load[0, 0] == pytest.approx(6.0 / 2.0)
