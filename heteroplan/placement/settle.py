"""Sizes that can be packed: what finds no room is planned anew with less supply there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.optimize.mend import mend
from heteroplan.optimize.mix import mixed_flow
from heteroplan.optimize.primal import Incumbent, incumbent
from heteroplan.optimize.problem import Ints, Problem, Solution
from heteroplan.optimize.solver import Stop
from heteroplan.placement.pack import Homeless, Packing, pack

SPARE = 1
"""GPUs that others give up for each GPU of a replica that found no room."""
ROUNDS = 8
"""Times that a plan is packed before what finds no room is given up."""
LATE_S = 3.0
"""Seconds that a round may always take: it is only late where replica limits are still broken."""


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A plan all of whose replicas stand somewhere."""

    plan: Incumbent
    packing: Packing
    rounds: int
    """Of repair that it took."""
    tighter: Problem
    """The program with less supply where and when something found no room."""

    def moves_cost(self, problem: Problem) -> float:
        """Of replicas that go on elsewhere, each a start and a drain; objective units."""
        return sum(problem.pools[stay.pool].start_cost for stay in self.packing.stays if stay.moved)


def settle(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    plan: Incumbent,
    others: Sequence[Incumbent],
    gap: float,
    stop: Stop,
    *,
    deadline: float,
) -> Settled:
    """The plan packed on leaves and nodes, changed as little as that takes.

    GPU counts in domains do not see that a replica stands on one node, or on nodes of one leaf.
    What finds no room is planned anew, in rounds until everything is packed, or until `deadline`
    (on the clock of time.monotonic [s]); of all rounds, and of the `others` there are, the plan
    counts that serves best when what found no room is left out. Raises NoPlanError where that
    never keeps replica limits.
    """
    best: Settled | None = None
    tighter = problem
    for rounds in range(ROUNDS):
        packing = pack(scenario, candidates, problem, plan.solution.replicas)
        left_out = packing.homeless
        kept = standing(problem, plan, packing, rounds)
        if best is None or kept.plan.rank < best.plan.rank:
            best = kept
        over = stop() or monotonic() >= deadline
        if not left_out or (over and not best.plan.broken):
            break
        tighter = _tightened(tighter, plan.solution.replicas, left_out)
        works = list(dict.fromkeys(problem.pools[each.pool].workload for each in left_out))
        without = _without(problem, plan.solution.replicas, left_out)
        plan = mend(
            tighter,
            plan.solution.replicas,
            without,
            works,
            gap,
            stop,
            max(deadline, monotonic() + LATE_S),
        )
    assert best is not None
    for other in others if best.rounds > 0 or best.plan.rank > plan.rank else ():
        packing = pack(scenario, candidates, problem, other.solution.replicas)
        kept = standing(problem, other, packing, 0)
        if kept.plan.rank < best.plan.rank:
            best = kept
    if best.plan.broken:
        raise NoPlanError(
            "no plan that keeps min_replicas, pd_ratio and part_ratio was found whose replicas fit "
            "on the nodes; relax them, or use replica sizes that fill nodes"
        )
    return replace(best, tighter=tighter)


def standing(problem: Problem, plan: Incumbent, packing: Packing, rounds: int) -> Settled:
    """The plan without what found no room; what stands stays where it is."""
    replicas = _without(problem, plan.solution.replicas, packing.homeless)
    flow = plan.solution.flow if not packing.homeless else mixed_flow(problem, replicas)
    kept = incumbent(problem, Solution(replicas, flow))
    return Settled(kept, replace(packing, homeless=()), rounds, problem)


def _times(problem: Problem, first: int, count: int) -> list[int]:
    times = range(first, first + count)
    if problem.cyclic:
        return [t % problem.intervals for t in times]
    return [t for t in times if 0 <= t < problem.intervals]


def _without(problem: Problem, replicas: Ints, homeless: Sequence[Homeless]) -> Ints:
    left = replicas.copy()
    for each in homeless:
        left[each.pool, _times(problem, each.first, each.intervals)] -= 1
    return left


def _tightened(problem: Problem, replicas: Ints, homeless: Sequence[Homeless]) -> Problem:
    """Less supply where and when replicas found no room than `replicas` [P, T] hold there.

    Of the domains that a replica draws on the fullest gives: so much less that its GPUs stay
    free `SPARE` times over.
    """
    residual = problem.residual(replicas)
    held = [row.gpus - left for row, left in zip(problem.supplies, residual, strict=True)]
    gpus = [row.gpus.copy() for row in problem.supplies]
    for each in homeless:
        pool = problem.pools[each.pool]
        times = _times(problem, each.first - pool.lead, each.intervals + pool.lead)
        fullest = min(problem.drawn[each.pool], key=lambda r: int(residual[r][times].min()))
        held[fullest][times] -= SPARE * pool.gpus
        gpus[fullest][times] = np.maximum(0, np.minimum(gpus[fullest], held[fullest])[times])
    return replace(
        problem,
        supplies=tuple(
            replace(row, gpus=left) for row, left in zip(problem.supplies, gpus, strict=True)
        ),
    )
