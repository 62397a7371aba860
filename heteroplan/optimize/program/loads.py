"""Capacities of candidates -> the replicas that a workload's demand keeps busy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from heteroplan.entities.capacity import Candidate, PoolPoints, busy
from heteroplan.entities.workload import Workload
from heteroplan.optimize.program.sizes import Floats, SizedLoad, reference_load

LEAST_LOAD = 1e-6
"""Replicas that any demand keeps busy: a solver that keeps its rows to 1e-6 sees no less."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate and the demand that it keeps its replicas busy with."""

    number: int
    queue: int
    """As PoolSpec has it."""
    candidate: Candidate
    load: Floats
    """[K, T] as PoolSpec has it."""
    by_size: SizedLoad | None

    @classmethod
    def of(cls, number: int, queue: int, workload: Workload, candidate: Candidate) -> Self:
        """The program's load is that of the pool which serves all demand alone."""
        if candidate.by_size is None or candidate.alone is None:
            rates = [[each.capacity_rps for each in row] for row in candidate.points]
            return cls(number, queue, candidate, _busy(workload, rates), None)
        by_size = _by_size(workload, candidate.by_size)
        load = reference_load(by_size, np.array(candidate.alone, dtype=np.int64))
        return cls(number, queue, candidate, load, by_size)


def _by_size(workload: Workload, tables: Sequence[PoolPoints]) -> SizedLoad:
    """Loads by the size of the pool, from a table an interval."""
    last = max(table.sizes[-1] for table in tables)
    rates = {
        id(table): [table.capacity_rps(size) for size in range(1, last + 1)] for table in tables
    }
    loads = [_busy(workload, [rates[id(table)][i] for table in tables]) for i in range(last)]
    return SizedLoad(np.array([loads[0], *loads]))


def _busy(workload: Workload, capacity_rps: Sequence[Sequence[float]]) -> Floats:
    """[K, T] replicas kept busy by each class; where there is demand, `LEAST_LOAD` in sum.

    By all classes together [1, T] where the router does not tell them apart.

    `capacity_rps` [T][K] is that of one replica.
    """
    load = np.array(
        [
            [
                busy(demand.rps * demand.classes[k].share, mine[k])
                for demand, mine in zip(workload.demand, capacity_rps, strict=True)
            ]
            for k in range(len(workload.demand[0].classes))
        ]
    )
    total = np.where(np.isfinite(load), load, 0.0).sum(axis=0)
    little = (total > 0) & (total < LEAST_LOAD)
    load = load * np.where(little, LEAST_LOAD / np.where(little, total, 1.0), 1.0)
    return np.asarray(load if workload.route_by_class else load.sum(axis=0, keepdims=True))
