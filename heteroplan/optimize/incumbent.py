"""A plan of the program and its rank: what every search compares."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from heteroplan.optimize.program.mix import mix, mixed_flow, safe_share
from heteroplan.optimize.program.problem import (
    Floats,
    Ints,
    Problem,
    Solution,
    served_share,
    unserved_by_class,
    unserved_requests,
)
from heteroplan.optimize.program.sizes import overrun
from heteroplan.optimize.rules import broken_limits

NOISE, WHOLE = 1e-6, 0.01
"""Relative and absolute [requests] noise in a shortage that no rank depends on."""
LOST = 1e-6
"""Share of the demand: what a solver lets a row go."""


@dataclass(frozen=True, slots=True, eq=False)
class Incumbent:
    """A plan and its rank: first broken limits, then shortage by priority, then cost.

    Supply, capacity and balance always hold. Limits of users may be broken on the way; such a plan
    is never the answer.
    """

    solution: Solution
    broken: float
    """By how much limits are broken, each in its own unit, summed; 0 for an answer."""
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
    """Rank a feasible solution; flow that pools of its sizes cannot handle is changed first."""
    if problem.sized:
        solution = _within_sizes(problem, solution)
    return Incumbent(
        solution,
        broken_limits(problem, solution.replicas),
        unserved_requests(problem, solution.flow),
        problem.cost(solution.replicas),
    )


def of_sizes(problem: Problem, replicas: Ints) -> Incumbent:
    """The plan of pool sizes [P, T], its flow in the mix."""
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def resized(problem: Problem, plan: Incumbent, replicas: Ints) -> Incumbent:
    """The plan with other sizes [P, T]; the flow of workloads that they change is in the mix.

    Except where classes are served apart, no pool shrinks, and the mix would serve less.
    """
    flow = list(plan.solution.flow)
    changed = np.flatnonzero((replicas != plan.solution.replicas).any(axis=1))
    for w in sorted({problem.pools[p].workload for p in changed}):
        mix(problem, w, replicas, flow)
        if len(problem.workloads[w].rps) > 1:
            _keep_apart(problem, w, plan, replicas, flow)
    return incumbent(problem, Solution(replicas, tuple(flow)))


def _keep_apart(
    problem: Problem, w: int, plan: Incumbent, replicas: Ints, flow: list[Floats]
) -> None:
    """Write what `plan` has of workload w into `flow` where it still fits and serves more."""
    work, before = problem.workloads[w], plan.solution
    pools = list(work.pools)
    fits = (replicas[pools] >= before.replicas[pools]).all(axis=0)
    more = served_share(problem, work, before.flow) - served_share(problem, work, flow)
    kept = fits & ((more * work.rps).sum(axis=0) > 0.0)
    for p in pools:
        flow[p] = np.where(kept, before.flow[p], flow[p])


def _within_sizes(problem: Problem, solution: Solution) -> Solution:
    """The solution itself, but in the mix the flow of workloads whose pools would be overrun.

    Or would be after a loss that they should survive.
    """
    flow, replicas = list(solution.flow), solution.replicas
    for w, work in enumerate(problem.workloads):
        if all(problem.pools[p].by_size is None for p in work.pools):
            continue
        served = served_share(problem, work, flow)
        if overrun(problem, work.pools, replicas, flow) or (
            work.resilience is not None
            and (served * (work.rps > 0) > safe_share(problem, w, replicas) + LOST).any()
        ):
            mix(problem, w, replicas, flow)
    return Solution(replicas, tuple(flow))


def unserved_share(problem: Problem, w: int, plan: Incumbent) -> Floats:
    """[T] greatest share of a class of workload w that is left unserved."""
    return unserved_by_class(problem, problem.workloads[w], plan.solution.flow).max(axis=0)


def unserved_shares(problem: Problem, plan: Incumbent) -> Floats:
    """[W, T] greatest share of a class of each workload that is left unserved."""
    shares = [unserved_share(problem, w, plan) for w in range(len(problem.workloads))]
    return np.array(shares).reshape(-1, problem.intervals)
