"""A plan of the program and its rank: what every search compares."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.program.problem import (
    COVER_TOLERANCE,
    SERVED_TOLERANCE,
    Floats,
    Ints,
    Problem,
    Solution,
    served_share,
    unserved_requests,
)

NOISE, WHOLE = 1e-6, 0.01
"""Relative and absolute [requests] noise in a shortage that no rank depends on."""


@dataclass(frozen=True, slots=True, eq=False)
class Incumbent:
    """A plan and its rank: first broken replica limits, then shortage by priority, then cost.

    Supply, capacity and balance always hold. Limits on replicas (minimum, maximum, ratio band)
    may be broken on the way; such a plan is never the answer.
    """

    solution: Solution
    broken: float
    """Replicas missing or too many for the limits, summed over the horizon."""
    unserved: dict[int, float]
    """Requests by priority class."""
    cost: float

    @property
    def rank(self) -> tuple[float, ...]:
        """Less is better; shortage in whole requests, so that noise does not outrank cost."""
        lost = (
            float(max(0, ceil(self.unserved[p] * (1 - NOISE) - WHOLE)))
            for p in sorted(self.unserved)
        )
        return (self.broken, *lost, self.cost)

    @property
    def covered(self) -> bool:
        """Whether it is a plan that leaves nothing unserved."""
        return not self.broken and not any(self.unserved.values())


def incumbent(problem: Problem, solution: Solution) -> Incumbent:
    """Rank a feasible solution."""
    return Incumbent(
        solution,
        broken_limits(problem, solution.replicas),
        unserved_requests(problem, solution.flow),
        problem.cost(solution.replicas),
    )


def broken_limits(problem: Problem, replicas: Ints) -> float:
    """Replicas and groups by which limits are missed, summed over the horizon.

    Minima, maxima, ratio bands, the number of groups, and workloads that keep apart.
    """
    missed = 0.0
    for w, work in enumerate(problem.workloads):
        for role in Role:
            count = replicas[problem.members(w, role)].sum(axis=0)
            missed += np.maximum(0, work.min_replicas.get(role, 0) - count).sum()
            if role in work.max_replicas:
                missed += np.maximum(0, count - work.max_replicas[role]).sum()
        used = len(problem.used_groups(w, replicas))
        missed += max(0, used - (work.max_groups or used))
    for balance in problem.balances:
        if balance.band is not None:
            left = replicas[list(balance.left)].sum(axis=0)
            right = replicas[list(balance.right)].sum(axis=0)
            over = np.maximum(left - balance.band.high * right, 0)
            under = np.maximum(balance.band.low * right - left, 0)
            missed += np.where(over + under > COVER_TOLERANCE, over + under, 0.0).sum()
    missed += sum(
        group in problem.used_groups(one, replicas) and other in problem.used_groups(two, replicas)
        for one, group, two, other in problem.conflicts
    )
    return float(missed)


def unserved_share(problem: Problem, w: int, plan: Incumbent) -> Floats:
    """[T] greatest share of a class of workload w that is left unserved."""
    missing = 1.0 - served_share(problem, problem.workloads[w], plan.solution.flow)
    return np.where(missing > SERVED_TOLERANCE, missing, 0.0).max(axis=0)
