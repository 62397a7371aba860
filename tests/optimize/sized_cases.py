"""Candidates whose replicas serve more in larger pools, made of any others."""

from collections.abc import Sequence
from dataclasses import replace
from math import floor, sqrt

from heteroplan.entities.capacity import Candidate, PoolPoints
from heteroplan.entities.scenario import Scenario
from heteroplan.profiles.capacity.pools import between, least_pool

GRAIN = 8
"""Capacities are whole eighths, or none."""


def sized(
    of: Scenario, found: Sequence[Candidate], *, loss: float = 0.6, room: int = 24
) -> tuple[Candidate, ...]:
    """Replicas of a pool of n serve what they do alone, less the `loss`-th part over sqrt(n)."""
    workloads = {each.name: each for each in of.workloads}

    def with_sizes(each: Candidate) -> Candidate:
        tables = tuple(
            PoolPoints(
                tuple(range(1, room + 1)),
                tuple(
                    tuple(
                        replace(
                            point,
                            capacity_rps=_part(point.capacity_rps, 1.0 - loss / sqrt(size)),
                        )
                        for point in points
                    )
                    for size in range(1, room + 1)
                ),
            )
            for points in each.points
        )
        alone = tuple(
            least_pool(demand, table, most=room)
            for demand, table in zip(workloads[each.workload].demand, tables, strict=True)
        )
        points = tuple(map(between, tables, alone))
        return replace(each, points=points, by_size=tables, alone=alone)

    return tuple(map(with_sizes, found))


def _part(capacity_rps: float, part: float) -> float:
    return floor(capacity_rps * part * GRAIN) / GRAIN
