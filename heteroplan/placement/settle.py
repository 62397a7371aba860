"""Sizes that can be packed: what finds no room is planned anew with less supply there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

import numpy as np

from heteroplan.clock import Late, Stop
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.optimize.improve.handover import starting_later
from heteroplan.optimize.improve.kept_sizes import keep_sizes
from heteroplan.optimize.improve.level import stable
from heteroplan.optimize.improve.repair import divided_again, repaired
from heteroplan.optimize.incumbent import Incumbent, resized, unserved_share
from heteroplan.optimize.program.before import has_handover, left_before
from heteroplan.optimize.program.problem import Problem
from heteroplan.placement.first_fit import Unplaced
from heteroplan.placement.pack import Known, Packing, pack
from heteroplan.placement.substitution.substitute import substituted

ROUNDS = 8
"""Times that a plan is packed before what finds no room is given up."""
AGAIN = 0.5
"""Share of the time of one packing that the next takes: parts that stay are not packed again."""
LAPS_SHARE = 0.2
"""Share of the time that is left after which the first packing begins no further lap."""
SERVE_SHARE, SERVE_S = 0.2, 1.0
"""Share of the time that is left, kept of a packing so that others serve what found no room, and
seconds that they have for it at least. Twelve workloads, tight, 20 s: packing took 4.5 s of 4,
others need 0.4."""
SERVED_AGAIN = 1.5
"""Multiple of the time that others took to serve what found no room, kept to do so again."""
LATE_S = 3.0
"""Seconds that a round may always take: it is only late where replica limits are still broken, or
where replicas that start before the horizon found no room."""


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A plan all of whose replicas stand somewhere."""

    plan: Incumbent
    packing: Packing
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
    For what finds no nodes others serve instead, or make room for it; what is short then is planned
    anew, in rounds until everything is served that `plan` serves, or until `deadline` (on the
    clock of time.monotonic [s]). The best of all rounds and of `others` counts. Raises NoPlanError
    where that never keeps replica limits.
    """
    return _Settling(scenario, candidates, problem, gap, Late(stop, deadline)).best(plan, others)


def without_unplaced(problem: Problem, plan: Incumbent, packing: Packing) -> Settled:
    """The plan without what found no room; what stands stays where it is."""
    replicas = plan.solution.replicas.copy()
    for each in packing.unplaced:
        replicas[each.pool, problem.times(each.first, each.intervals)] -= 1
    return Settled(resized(problem, plan, replicas), replace(packing, unplaced=()), problem)


@dataclass(slots=True, eq=False)
class _Settling:
    """What is packed, to which gap, and until when."""

    scenario: Scenario
    candidates: Sequence[Candidate]
    problem: Problem
    gap: float
    late: Late
    known: Known = field(default_factory=dict)
    """Parts of the fleet that were packed before."""

    def best(self, plan: Incumbent, others: Sequence[Incumbent]) -> Settled:
        """The best of rounds of packing and repair, and of `others`, on nodes and by all rules."""
        best, tighter = self._in_rounds(plan)
        for other in others:
            if other.rank < best.plan.rank and (not self.late() or best.plan.broken):
                kept = without_unplaced(self.problem, other, self._packed(other))
                best = min(best, kept, key=lambda settled: settled.plan.rank)
        best = self._stable(best)
        if best.plan.broken:
            limits = "min_replicas, pd_ratio and part_ratio"
            if self.problem.has_stability:
                limits = "min_replicas, pd_ratio, part_ratio, min_run and max_changes"
            raise NoPlanError(
                f"no plan that keeps {limits} was found whose replicas fit on the nodes; relax "
                "them, or use replica sizes that fill nodes"
            )
        return replace(best, tighter=tighter)

    def _packed(self, plan: Incumbent, longer: Stop | None = None) -> Packing:
        of, sizes = (self.scenario, self.candidates, self.problem), plan.solution.replicas
        return pack(*of, sizes, self._part_of_time(1.0 - SERVE_SHARE), self.known, longer)

    def _part_of_time(self, part: float) -> Late:
        """Until a part of the time that is left has passed, so that others have time to serve."""
        now = monotonic()
        return Late(self.late, now + part * (self.late.end - now))

    def _at_least(self, seconds: float) -> Late:
        """The time that is left, and so many seconds where it is less."""
        return Late(self.late.stop, max(self.late.end, monotonic() + seconds))

    def _served(self, plan: Incumbent, packing: Packing) -> tuple[Settled, Settled]:
        """The plan without what found no room; the best of that and of others serving instead."""
        late = self._at_least(SERVE_S)
        kept = stood = self._divided(without_unplaced(self.problem, plan, packing), late)
        if self.problem.has_stability:
            kept = self._stable(stood)
        if packing.unplaced:
            helped = self._substituted(plan, packing, late)
            if self.problem.has_stability:
                helped = self._stable(helped, kept)
            kept = min(kept, helped, key=lambda settled: settled.plan.rank)
        return stood, kept

    def _packed_longer(
        self, plan: Incumbent, packing: Packing, kept: Settled, took_s: float
    ) -> Settled:
        """`kept` of a packing, or the plan packed longer where time is left.

        To let others serve what found no room took `took_s`; more is kept to do so again.
        """
        longer = Late(self.late, self.late.end - SERVED_AGAIN * took_s)
        if not self.problem.cyclic or longer():
            return kept
        more = self._packed(plan, longer)
        if more == packing:
            return kept
        _, again = self._served(plan, more)
        return min(kept, again, key=lambda settled: settled.plan.rank)

    def _stable(self, found: Settled, beside: Settled | None = None) -> Settled:
        """Smaller where what found no room broke rules of stability, which then hold again.

        Or the rule that what starts before the horizon fits beside what ran then. Given up where
        that serves less than a plan `beside` that breaks nothing.
        """
        problem = self.problem
        for _ in range(ROUNDS if problem.has_stability or has_handover(problem) else 0):
            lost = found.plan.rank[1:-1]
            worse = beside and not beside.plan.broken and lost > beside.plan.rank[1:-1]
            if worse or not found.plan.broken:
                break
            plan = keep_sizes(problem, starting_later(problem, found.plan), grow=False)
            found = without_unplaced(problem, plan, self._packed(plan))
        return found

    def _in_rounds(self, plan: Incumbent) -> tuple[Settled, Problem]:
        """The best of rounds of packing and repair, and the program with the supply of the last."""
        problem, tighter, served = self.problem, self.problem, plan.rank[:-1]
        best: Settled | None = None
        for rounds in range(ROUNDS):
            began = monotonic()
            packing = self._packed(plan, self._part_of_time(LAPS_SHARE) if rounds == 0 else None)
            left_out = packing.unplaced
            early = any(each.first < problem.pools[each.pool].lead for each in left_out)
            if rounds == 0 and early and has_handover(problem):
                self.late = self._at_least(LATE_S)
            packed = monotonic()
            stood, kept = self._served(plan, packing)
            if left_out and kept.plan.rank[:-1] <= served:
                kept = self._packed_longer(plan, packing, kept, monotonic() - packed)
            if best is None or kept.plan.rank < best.plan.rank:
                best = kept
            elif not left_out:
                break
            until = self.late.end - AGAIN * (monotonic() - began)
            over = self.late() or monotonic() >= until
            if kept.plan.rank[:-1] <= served or (over and not best.plan.broken):
                break
            begin = stood.plan if problem.has_stability else kept.plan
            tighter = _tightened(tighter, plan, begin, left_out)
            those = {problem.pools[each.pool].workload for each in left_out}
            workloads = [
                w
                for w in those or range(len(problem.workloads))
                if begin.broken or unserved_share(problem, w, begin).any()
            ]
            if best.plan.broken:
                until = max(until, monotonic() + LATE_S)
            stop = self.late.stop
            plan = repaired(tighter, begin, workloads, self.gap, stop, until)
            if problem.has_stability and plan.rank[:-1] > served and not self.late():
                free = tighter.without_stability()
                again = repaired(free, begin, workloads, self.gap, stop, until)
                again = stable(tighter, again, self.late)
                plan = min(plan, again, key=lambda each: each.rank)
        assert best is not None
        return best, tighter

    def _substituted(self, plan: Incumbent, packing: Packing, late: Late) -> Settled:
        """The plan in which others of their groups serve instead of what found no nodes."""
        problem, sizes = self.problem, plan.solution.replicas
        sizes, full = substituted(self.scenario, self.candidates, problem, sizes, packing, late)
        return self._divided(Settled(resized(problem, plan, sizes), full, problem), late)

    def _divided(self, found: Settled, late: Late) -> Settled:
        """The same sizes, classes of what goes short divided anew among pools."""
        return replace(found, plan=divided_again(self.problem, found.plan, late.stop, late.end))


def _tightened(
    problem: Problem, plan: Incumbent, standing: Incumbent, unplaced: Sequence[Unplaced]
) -> Problem:
    """Less supply where and when replicas of a plan found no room than the plan holds there.

    Of the domains that a replica draws on the fullest gives: so much less that its GPUs stay
    free. Before the horizon as well, where it starts then. But no less than the plan `standing`
    holds, which fits on the nodes.
    """
    free_before = [row.free_before for row in problem.supplies]
    held_before = _held_before(problem, plan)
    residual = problem.residual(plan.solution.replicas)
    held = [row.gpus - left for row, left in zip(problem.supplies, residual, strict=True)]
    gpus = [row.gpus.copy() for row in problem.supplies]
    for each in unplaced:
        pool = problem.pools[each.pool]
        times = problem.times(each.first - pool.lead, each.intervals + pool.lead)
        fullest = min(problem.drawn[each.pool], key=lambda r: int(residual[r][times].min()))
        held[fullest][times] -= pool.gpus
        gpus[fullest][times] = np.maximum(0, np.minimum(gpus[fullest], held[fullest])[times])
        early = [r for r in problem.drawn[each.pool] if r in held_before]
        if early and each.first < pool.lead:
            fullest = min(early, key=lambda r: (free_before[r] or 0) - held_before[r])
            held_before[fullest] -= pool.gpus
            free_before[fullest] = max(0, min(free_before[fullest] or 0, held_before[fullest]))
    free_beside = problem.residual(standing.solution.replicas)
    for row, less, left in zip(problem.supplies, gpus, free_beside, strict=True):
        np.maximum(less, row.gpus - left, out=less)
    for r, stands in _held_before(problem, standing).items():
        free_before[r] = max(free_before[r] or 0, stands)
    return replace(
        problem,
        supplies=tuple(
            replace(row, gpus=left, free_before=free)
            for row, left, free in zip(problem.supplies, gpus, free_before, strict=True)
        ),
    )


def _held_before(problem: Problem, plan: Incumbent) -> dict[int, int]:
    """GPUs that starts of a plan hold before the horizon, of rows where that counts."""
    return {
        r: (problem.supplies[r].free_before or 0) - left
        for r, left in enumerate(left_before(problem, plan.solution.replicas))
        if left is not None
    }
