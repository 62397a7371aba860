"""placement.csv: one row a replica, node and interval that it serves.

An interval in which nothing runs has one row without a replica, so that it is not missing.
"""

import csv
from collections.abc import Iterator
from typing import Any

from heteroplan.entities.placement import Stay
from heteroplan.entities.plan import Plan

HEADER = (
    "interval_start", "workload", "role", "engine", "replica_id", "leaf", "node", "gpus", "plan",
)  # fmt: skip


def placement_csv(plan: Plan, plan_id: str) -> Iterator[str]:
    """The placement as CSV, a piece an interval, by pool and replica in each.

    `interval_start` is ISO 8601 with offset, `gpus` those of the replica on the node.
    """
    idle = [_line((*[""] * (len(HEADER) - 2), plan_id))]
    intervals = plan.scenario.horizon.intervals
    rows: list[list[str]] = [[] for _ in range(intervals)]
    for stay in sorted(plan.stays, key=_order):
        lines = _lines(plan, stay, plan_id)
        for t in range(stay.first, stay.first + stay.intervals):
            rows[t % intervals] += lines
    yield _line(HEADER)
    for moment, lines in zip(plan.scenario.horizon.boundaries()[:-1], rows, strict=True):
        start = moment.isoformat()
        yield "".join([f"{start},{line}" for line in lines or idle])


def _order(stay: Stay) -> tuple[int, int, str]:
    """Replicas of a pool differ in the number at the end: 2 comes before 10."""
    return stay.pool, len(stay.replica_id), stay.replica_id


def _lines(plan: Plan, stay: Stay, plan_id: str) -> list[str]:
    """The rows of an interval, one a node, without its start."""
    pool = plan.pools[stay.pool]
    names = (pool.workload, pool.role.value, pool.engine, stay.replica_id, stay.leaf)
    gpus = pool.gpus_per_replica // len(stay.nodes)
    return [_line((*names, node, gpus, plan_id)) for node in stay.nodes]


class _Echo:
    """A file that returns what is written to it."""

    def write(self, text: str) -> str:
        return text


_WRITER = csv.writer(_Echo(), lineterminator="\n")


def _line(cells: tuple[Any, ...]) -> str:
    text: str = _WRITER.writerow(cells)
    return text
