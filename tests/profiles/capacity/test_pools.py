"""Operating points by the size of the pool."""

from dataclasses import replace

import pytest

from heteroplan.entities.capacity import Limit, OperatingPoint, PoolPoints, queues
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    IntervalDemand,
    PrefillCoefficients,
    Role,
    Routing,
    Span,
    Workload,
)
from heteroplan.profiles.capacity.candidates import candidates
from heteroplan.profiles.capacity.pools import between, least_pool, pool_points
from heteroplan.profiles.capacity.setting import Points
from tests.builders import SHAPE, engine, fleet, node_type, workload

MIX = (SHAPE,)


def point(capacity_rps: float) -> OperatingPoint:
    return OperatingPoint(capacity_rps, Limit.TTFT)


def points(size: int) -> Points:
    """1.5, 1.75, 1.83..., and no more than 1.9."""
    return (point(min(1.9, 2.0 - 0.5 / size)),)


def test_sizes_grow_by_half_and_end_where_nothing_changes() -> None:
    assert pool_points(MIX, points, 100, 0.0).sizes == (1, 2, 3, 4, 6)


def test_sizes_end_with_the_widest_group() -> None:
    assert pool_points(MIX, points, 5, 0.0).sizes == (1, 2, 3, 4, 5)


def test_sizes_end_where_all_demand_is_served() -> None:
    """Three serve 5.5 requests/s."""
    assert pool_points(MIX, points, 100, 5.4).sizes == (1, 2, 3)


def test_no_larger_pool_is_looked_at_than_serves_all_demand_if_each_is_alone() -> None:
    """5.4 requests/s take 4 replicas at 1.5 each."""
    asked = []

    def counted(size: int) -> Points:
        asked.append(size)
        return points(size)

    pool_points(MIX, counted, 100, 5.4)
    assert max(asked) == 4


def test_no_size_serves_less_than_a_smaller_one() -> None:
    found = pool_points(MIX, lambda size: (point(1.0 if size == 2 else 1.0 + 0.1 * size),), 4, 0.0)
    assert [row[0].capacity_rps for row in found.points] == pytest.approx([1.1, 1.1, 1.3, 1.4])


TABLE = PoolPoints((1, 2, 4), ((point(0.0),), (point(1.0),), (point(2.0),)))


@pytest.mark.parametrize(
    ("size", "capacity_rps"), [(0, 0.0), (1, 0.0), (2, 1.0), (3, 4 / 3), (4, 2.0), (9, 2.0)]
)
def test_between_sizes_the_inverse_is_straight(size: int, capacity_rps: float) -> None:
    assert TABLE.capacity_rps(size) == pytest.approx((capacity_rps,))
    assert between(TABLE, max(1, size))[0].capacity_rps == pytest.approx(capacity_rps)


@pytest.mark.parametrize(("rps", "size"), [(0.0, 1), (1.0, 2), (2.1, 3), (4.1, 4), (30.0, 7)])
def test_the_least_pool_serves_all_demand_and_at_most_all_replicas(rps: float, size: int) -> None:
    assert least_pool(IntervalDemand(rps, MIX), TABLE, most=7) == size


def load(routing: Routing) -> Workload:
    prefill = replace(
        engine("prefill", role=Role.PREFILL, gpus=1),
        capacity_rps=None,
        prefill=PrefillCoefficients(0.0, 0.1, 0.0),
        batch_tokens_range=Span(1.0, 8000.0),
    )
    return replace(
        workload("a", rps=[3.0, 20.0], engines=[prefill, engine("decode", gpus=1)]),
        slo=Slo(ttft_ms=360.0, itl_ms=60.0, percentile=0.95),
        routing=dict.fromkeys(Role, routing),
    )


ON = fleet({"l1": {"h100x8": 8}})
ONE_GPU = node_type("one", gpus=1)


def test_capacity_depends_on_the_size_unless_routing_is_random_or_it_is_given() -> None:
    prefill, decode = candidates(load(Routing.LEAST_LOADED), ON)
    assert prefill.by_size is not None
    assert decode.by_size is None
    assert decode.capacity_rps(0, 5) == (10.0,)
    alone, _ = candidates(load(Routing.RANDOM), ON)
    assert alone.by_size is None
    assert alone.capacity_rps(0, 5) == pytest.approx(prefill.capacity_rps(0, 1))


def test_points_are_those_of_the_pool_that_serves_all_demand_of_the_interval() -> None:
    prefill, _ = candidates(load(Routing.LEAST_LOADED), ON)
    assert prefill.alone is not None
    for t, (rps, size) in enumerate(zip((3.0, 20.0), prefill.alone, strict=True)):
        (capacity_rps,) = prefill.capacity_rps(t, size)
        assert prefill.points[t][0].capacity_rps == pytest.approx(capacity_rps)
        assert size * capacity_rps >= rps
        assert size == 1 or (size - 1) * prefill.capacity_rps(t, size - 1)[0] < rps


def test_capacity_between_sizes_is_never_more_than_that_of_the_size() -> None:
    """With room for just so many replicas their own capacity is computed."""
    of = replace(load(Routing.LEAST_LOADED), demand=(IntervalDemand(500.0, MIX),))
    [wide, _] = candidates(of, ON)
    assert wide.by_size is not None
    for size in (5, 7, 10, 11, 14):
        [exact, _] = candidates(of, fleet({"l1": {"one": size}}, node_types=[ONE_GPU]))
        assert wide.capacity_rps(0, size)[0] <= exact.capacity_rps(0, size)[0] * (1 + 1e-9)


def test_node_types_of_one_hardware_have_the_pools_of_both() -> None:
    """Four and three nodes of one GPU hold seven replicas of one queue; with a slower network card
    prefill replicas send their KV cache later, and each type has its own."""
    of = replace(load(Routing.LEAST_LOADED), demand=(IntervalDemand(500.0, MIX),))
    nodes = {"l1": {"one": 4, "other": 3}}
    other = replace(ONE_GPU, name="other", usd_per_gpu_hour=9.0)
    found = candidates(of, fleet(nodes, node_types=[ONE_GPU, other]))
    assert [each.node_type for each in found] == ["one", "other"] * 2
    assert queues(found) == (0, 0, 2, 2)
    assert found[0].by_size is not None
    assert found[0].by_size[0].sizes[-1] == 7
    moving = replace(of, profile=replace(of.profile, kv_bytes_per_token=2e5))
    slower = replace(other, nic_gbit_per_s=1.0)
    unlike = candidates(moving, fleet(nodes, node_types=[ONE_GPU, slower]))
    assert len(set(queues(unlike))) == len(unlike)
