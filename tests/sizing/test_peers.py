"""Other planners' problems of what to rent: the same cost or less, proven.

Mélange: one hour, nodes of one GPU, requests in buckets of lengths. SageServe: each model in each
region has instances that cost to keep; new ones cost a start as well.
"""

import pytest

from tests.benchmarks.peer_cases import melange, read, sageserve
from tests.benchmarks.peer_sizes import melange_size, sageserve_size
from tests.realdata import needs_data


@needs_data
@pytest.mark.parametrize(
    ("name", "rps"),
    [
        ("melange_example", 30),
        ("melange_example", 5000),
        ("aibrix_a100_a40_azure_conv", 32),
        ("melange_grid_synthetic", 32),
    ],
)
def test_melange_costs_no_more_than_its_own_program_finds(name: str, rps: float) -> None:
    peer = melange(name, rps)
    found = melange_size(peer)
    least = min(each.cost for each in peer.references)
    assert found.covered
    assert found.cost <= least * (1 + 1e-6)
    assert found.bound >= found.cost * (1 - 1e-4)


@needs_data
def test_sageserve_costs_what_the_best_program_proves() -> None:
    """12 pools of a model in a region, each sized on its own."""
    found = sageserve_size(read("sageserve_4x3x1"))
    least = min(each.cost for each in sageserve("sageserve_4x3x1").references)
    assert found.covered
    assert found.cost == pytest.approx(least, rel=1e-6)
    assert found.bound == pytest.approx(least, rel=1e-3)
