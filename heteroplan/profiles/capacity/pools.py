"""What a replica serves in pools of any size: the larger the pool, the busier each may be.

A pool is the replicas of an engine in one group that serve alike, whatever the names and prices of
their node types (`Candidate.alike`). Points are computed at sizes that grow about
by half, as far as they make a difference; `PoolPoints` has what lies between.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import ceil

from heteroplan.entities.capacity import OperatingPoint, PoolPoints, mix_rps
from heteroplan.entities.workload import Engine, IntervalDemand, RequestClass, Routing, Workload
from heteroplan.profiles.capacity.setting import Points

MOST_SIZE = 2048
"""Larger pools are taken to be of this size."""
SAME = 1e-9
"""Relative difference of capacities that is none."""
COVERED = 1e-9
"""Share of the demand that a pool may leave."""


def depends_on_size(workload: Workload, engine: Engine) -> bool:
    """Whether replicas in larger pools may serve more.

    Not where each has Poisson arrivals of its own, nor where the capacity is given.
    """
    if engine.capacity_rps is not None:
        return False
    return workload.routing[engine.role] is not Routing.RANDOM or bool(workload.arrivals.points)


def pool_points(
    mix: tuple[RequestClass, ...], points: Callable[[int], Points], room: int, wanted_rps: float
) -> PoolPoints:
    """Operating points by size, from `points(size)`; no pool has more than `room` replicas.

    A size that serves less of the mix than a smaller one has the points of that one. The last size
    is the first whose replicas serve as much as those of the largest, or all that is ever wanted;
    no more are looked at than serve that if each is alone.
    """
    alone = points(1)
    if wanted_rps > 0.0 and all(each.capacity_rps > 0.0 for each in alone):
        room = min(room, ceil(wanted_rps / _rate_rps(mix, alone, alone)))
    last = points(min(room, MOST_SIZE))
    most = _rate_rps(mix, last, last)
    sizes: list[int] = []
    found: list[Points] = []
    best = -1.0
    for size in _sizes(min(room, MOST_SIZE)):
        here = points(size)
        rate = _rate_rps(mix, here, last)
        if rate < best:
            here, rate = found[-1], best
        sizes.append(size)
        found.append(here)
        best = rate
        if rate >= most * (1.0 - SAME) or size * rate >= wanted_rps > 0.0:
            break
    return PoolPoints(tuple(sizes), tuple(found))


def _sizes(most: int) -> Iterator[int]:
    """1, 2, 3, 4, 6, 8, 12, ... and `most` at last."""
    size = 1
    while size < most:
        yield size
        size += max(1, size // 2 if size & (size - 1) == 0 else size // 3)
    yield most


def _rate_rps(mix: tuple[RequestClass, ...], points: Points, last: Points) -> float:
    """Greatest rate of the mix of which the classes come that the largest pool serves; 0 without
    any."""
    served = [
        (shape.share, point.capacity_rps)
        for shape, point, largest in zip(mix, points, last, strict=True)
        if largest.capacity_rps > 0.0
    ]
    share = sum(share for share, _ in served)
    return mix_rps(served) / share if share > 0.0 else 0.0


def least_pool(demand: IntervalDemand, table: PoolPoints, *, most: int) -> int:
    """Replicas of the smallest pool that serves all demand that any could, `most` where none does.

    Larger ones serve no less, so that it is found by bisection.
    """

    def serves(size: int) -> bool:
        return _busy(demand, table, size) <= size * (1.0 + COVERED)

    return 1 + bisect_left(range(1, most), True, key=serves)


def _busy(demand: IntervalDemand, table: PoolPoints, size: int) -> float:
    """Replicas that all demand keeps busy in a pool of `size`, of the classes it can serve."""
    busy = 0.0
    for shape, last, capacity_rps in zip(
        demand.classes, table.points[-1], table.capacity_rps(size), strict=True
    ):
        if last.capacity_rps > 0.0 and demand.rps > 0.0:
            if capacity_rps <= 0.0:
                return float("inf")
            busy += demand.rps * shape.share / capacity_rps
    return busy


def between(table: PoolPoints, size: int) -> tuple[OperatingPoint, ...]:
    """[class] the point of the next smaller size in the table, with the capacity of `size`."""
    low = [each for each, of in zip(table.points, table.sizes, strict=True) if of <= size][-1]
    return tuple(
        replace(point, capacity_rps=capacity_rps)
        for point, capacity_rps in zip(low, table.capacity_rps(size), strict=True)
    )
