"""Other planners' problems cost in our terms what they cost in theirs."""

from itertools import product
from math import inf
from typing import Any

import pytest

from heteroplan.optimize.solve import solve
from tests.benchmarks.peer_cases import Peer, melange, melange_peer, sageserve, sageserve_peer
from tests.realdata import needs_data

TWO_GPUS: dict[str, Any] = {
    "request_share": [[0.5, 0.0], [0.3, 0.2]],
    "gpus": {
        "small": {"usd_per_hour": 1.0, "tputs_rps": [[3.0, 1.0], [2.0, 0.0]]},
        "large": {"usd_per_hour": 3.0, "tputs_rps": [[8.0, 4.0], [7.0, 4.0]]},
    },
}
"""Served by `large` alone: the bucket of 0.2."""
TWO_REGIONS: dict[str, Any] = {
    "gpu_cost": [10.0, 25.0],
    "demand": [[950.0, 120.0]],
    "tokens_per_instance": [[100.0, 300.0]],
    "startup_cost": [[4.0, 60.0]],
    "current_instances": [[[2, 1], [5, 0]]],
}


def cost(peer: Peer) -> float:
    found = solve(peer.problem, gap=0.0, time_limit_s=20.0)
    assert not any(found.unserved.values())
    return peer.peer_cost(found.objective)


def changes() -> float:
    """Cheapest change in each of `TWO_REGIONS`, by enumeration."""
    given, total = TWO_REGIONS, 0.0
    for region in (0, 1):
        best = inf
        for counts in product(range(11), range(5)):
            reach = sum(n * s for n, s in zip(counts, given["tokens_per_instance"][0], strict=True))
            if reach < given["demand"][0][region]:
                continue
            change = 0.0
            for g, (n, before) in enumerate(
                zip(counts, given["current_instances"][0][region], strict=True)
            ):
                change += given["gpu_cost"][g] * (n - before)
                change += given["startup_cost"][0][g] * max(0, n - before)
            best = min(best, change)
        total += best
    return total


def test_buckets_share_whole_gpus() -> None:
    """At 10 requests/s one bucket takes half of a large GPU, the others the rest and two small.

    The 3 requests/s of another take 3/7 of it; the 5 of the last take 5/3 small GPUs.
    """
    assert cost(melange_peer("two", TWO_GPUS, 10.0)) == pytest.approx(5.0)


def test_buckets_go_only_where_they_may() -> None:
    of = melange_peer("two", TWO_GPUS, 10.0)
    capacity = {
        (each.engine.name, kind.name): point.capacity_rps
        for each in of.candidates
        for kind, point in zip(
            of.scenario.workloads[0].demand[0].classes, each.points[0], strict=True
        )
    }
    assert capacity["small", "i1-o1"] == 0.0
    assert capacity["large", "i1-o1"] == 4.0
    assert ("small", "i0-o1") not in capacity


def test_instances_that_run_cost_no_start() -> None:
    peer = sageserve_peer("regions", TWO_REGIONS)
    assert peer.kept_usd == 2 * 10 + 25 + 5 * 10
    assert cost(peer) == pytest.approx(changes())


@needs_data
@pytest.mark.parametrize("rps", [4, 30, 32, 500])
def test_melange_costs_what_the_best_reference_does(rps: float) -> None:
    peer = melange("melange_example", rps)
    assert cost(peer) == pytest.approx(min(each.cost for each in peer.references))


@needs_data
@pytest.mark.parametrize("name", ["sageserve_small", "sageserve_4x3x1"])
def test_sageserve_costs_what_its_own_program_finds(name: str) -> None:
    peer = sageserve(name)
    assert cost(peer) == pytest.approx(peer.references[0].cost)
