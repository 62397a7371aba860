"""Pools as lines of a table that stays readable however many there are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from heteroplan.outputs.plan.document.plan_document import PoolPart

MOST_POOL_LINES = 30


@dataclass(frozen=True, slots=True)
class PoolLine:
    """A pool, or the like pools of several domains together."""

    workload: str
    role: str
    engine: str
    domain: str
    replicas: tuple[int, ...]
    gpus_per_replica: int

    @property
    def sizes(self) -> str:
        """Fewest and most replicas."""
        low, high = min(self.replicas), max(self.replicas)
        return f"{low}" if low == high else f"{low}-{high}"


def shortest_pool_lines(pools: Sequence[PoolPart]) -> tuple[tuple[PoolLine, ...], int]:
    """At most `MOST_POOL_LINES`, and how many pools they leave out.

    Pools that differ in their domain alone share a line where there are too many; then those
    that serve with the fewest GPUs over time are left out.
    """
    lines = [_line([pool]) for pool in pools]
    members = [1] * len(lines)
    if len(lines) > MOST_POOL_LINES:
        groups: dict[tuple[str, str, str, str], list[PoolPart]] = {}
        for pool in pools:
            key = (pool.workload, pool.role, pool.engine, pool.node_type)
            groups.setdefault(key, []).append(pool)
        lines = [_line(group) for group in groups.values()]
        members = [len(group) for group in groups.values()]
    weights = [sum(line.replicas) * line.gpus_per_replica for line in lines]
    kept = sorted(sorted(range(len(lines)), key=lambda i: -weights[i])[:MOST_POOL_LINES])
    left_out = sum(members) - sum(members[i] for i in kept)
    return tuple(lines[i] for i in kept), left_out


def short_engines(lines: Sequence[PoolLine]) -> list[str]:
    """Engine names without the role that stands beside them, unless two would be alike."""
    short = [
        re.sub(rf"^{line.role}[-_.]|[-_.]{line.role}$", "", line.engine) or line.engine
        for line in lines
    ]
    whole = {(line.role, line.engine) for line in lines}
    alike = len({(line.role, name) for line, name in zip(lines, short, strict=True)}) < len(whole)
    return [line.engine for line in lines] if alike else short


def _line(pools: Sequence[PoolPart]) -> PoolLine:
    first = pools[0]
    return PoolLine(
        workload=first.workload,
        role=first.role.value,
        engine=first.engine,
        domain=first.domain if len(pools) == 1 else f"{len(pools)} domains",
        replicas=tuple(map(sum, zip(*(pool.replicas for pool in pools), strict=True))),
        gpus_per_replica=first.gpus_per_replica,
    )
