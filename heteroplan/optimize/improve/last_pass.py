"""The last pass: of plans that cost about the same, one whose pools change their sizes less often.

Changes get a price that rises step by step. At each price every workload is placed again in its
groups near the sizes it has (`one_workload`, exact in each block that is not large); at the first,
a workload of several groups may gather in fewer, or stay where it ran before, unless the program is
large. Of the first plan that costs too much, parts are taken, as many as fit. Service stays as it
is. Where workloads limit changes or ask for a shortest run (`stability`), each plan on the way is
made to keep that (`level`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from time import monotonic, process_time

import numpy as np

from heteroplan.clock import Late, Stop
from heteroplan.entities.plan import Calming, Calmness
from heteroplan.entities.workload import Role
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.construct.all_workloads import local_move, steered
from heteroplan.optimize.construct.one_workload import place
from heteroplan.optimize.construct.task import task_of
from heteroplan.optimize.improve.level import stable
from heteroplan.optimize.improve.polish import put_better_of_mip
from heteroplan.optimize.incumbent import Incumbent, incumbent, resized
from heteroplan.optimize.program.coarser import own_program
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.search import Search

PASS_SHARE, LEAST_PASS_CPU_S = 0.1, 2.0
"""Of the time that a search took, and CPU seconds at least, for the last pass of a large program;
that of a small one ends by itself soon, the same however fast the machine is."""
SMALL = 1_000
"""Pools times intervals up to which one MIP knows the rules of stability from the beginning."""
NODES_A_STEP = 25
"""Branch-and-bound nodes of that MIP for each step that a search may take, where these are counted:
so it ends alike on every machine."""
SPARE_GAP = 0.05
"""Share of the gap that is left for moves between nodes."""
REACH = 6
"""Intervals before and after whose sizes a pool may have."""
FIRST_PRICE, LAST_PRICE = 1 / 128, 256
"""Of a change, in what a replica costs to run for an interval: next to nothing, and the last one
of a whole frontier."""
SECOND_PRICE = 1 / 4
"""The price of the second sweep at least; it doubles from there."""
LARGE_PRICE = 1 / 2
"""The first one of large programs, where there may be time for no other: of 50 workloads on 20,000
GPUs a sweep takes 5 CPU seconds."""


def last_pass(search: Search, problem: Problem, *, frontier: bool = False) -> Calming | None:
    """Put the plan with the fewest changes in the place of the best one of a search.

    It costs no more than the gap that was asked for allows, or than the best plan where that is
    above. `problem` is the program with its rules of stability, which the search left out: they
    are kept whatever it costs. All the time may be taken where there are any, for a `frontier`, of
    small programs, and where steps are counted and not seconds.
    """
    if not search.uses("fewer changes") and not problem.has_stability:
        return None
    best, began_cpu = search.plan, process_time()
    cpu_s = max(LEAST_PASS_CPU_S, PASS_SHARE * (monotonic() - search.started))
    if frontier or problem.has_stability or not problem.large or search.steps is not None:
        cpu_s = inf

    def over() -> bool:
        return search.interrupted or search.stop() or process_time() - began_cpu >= cpu_s

    late = Late(over, search.end)
    gap = search.gap * (1 - SPARE_GAP)
    most = max(best.cost, search.bound / (1 - gap) if gap < 1 else 0.0)
    plan, seen = fewer_changes(problem, best, most, late, whole=frontier)
    if problem.has_stability and problem.cells <= SMALL:
        nodes = None if search.steps is None else NODES_A_STEP * search.steps
        put_better_of_mip(search, problem, plan, search.effort(gap=search.gap, nodes=nodes))
    else:
        search.put(plan)
    return Calming(
        before=calmness(problem, best),
        after=calmness(problem, search.plan),
        frontier=seen if frontier else (),
    )


def calmness(problem: Problem, plan: Incumbent) -> Calmness:
    """Changes, starts and cost of a plan, and what it leaves unserved."""
    replicas = plan.solution.replicas
    return Calmness(
        changes=int(problem.changes(replicas).sum()),
        starts=int(problem.starts(replicas).sum()),
        objective=problem.cost(replicas),
        unserved_requests=sum(plan.unserved.values()),
    )


def fewer_changes(
    problem: Problem, plan: Incumbent, most_cost: float, stop: Stop, *, whole: bool = False
) -> tuple[Incumbent, tuple[Calmness, ...]]:
    """The plan with the fewest changes that serves as much and costs `most_cost` at most.

    A plan that costs more only where none keeps the rules of stability for less. And the frontier:
    of all plans on the way that serve as much, those that none beats in changes and cost, the most
    changes first. With `whole` the price rises on beyond that cost for it; and where there are such
    rules.
    """
    found = _Pass(problem, plan, most_cost, stop, best=plan, gathered=problem.large)
    found.offer(plan, anew=True)
    unit = _replica_cost(problem, plan)
    whole = whole or problem.has_stability
    within, price = plan, LARGE_PRICE if problem.large else FIRST_PRICE
    while price <= LAST_PRICE and not stop():
        tried = found.swept(within, price * unit)
        if problem.has_stability:
            found.offer(tried, anew=True)
        over = problem.cost(tried.solution.replicas) > most_cost
        if over:
            found.take_parts(within, tried)
        if over and not whole:
            break
        if not problem.changes(tried.solution.replicas).any():
            break
        within, price = tried, max(SECOND_PRICE, 2 * price)
    return found.best, found.frontier()


@dataclass(slots=True)
class _Pass:
    """The best plan so far, and the frontier of all that were seen."""

    problem: Problem
    start: Incumbent
    most_cost: float
    stop: Stop
    best: Incumbent
    gathered: bool
    """Whether workloads have been tried in fewer groups; of large programs they are not."""
    key: tuple[float, ...] | None = None
    """Rank of the best plan in this pass."""
    seen: list[Calmness] = field(default_factory=list)

    def offer(self, tried: Incumbent, *, anew: bool = False) -> None:
        """Keep a plan that has fewer changes at a cost that is low enough, rules kept.

        If need be with workloads placed `anew`, which takes as long as placing all of them.
        """
        kept = stable(self.problem, tried, self.stop, anew=anew)
        calm = calmness(self.problem, kept)
        lost = kept.rank[:-1]
        if lost <= self.start.rank[:-1] or not self.seen:
            self.seen.append(calm)
        too_much = max(0.0, calm.objective - self.most_cost * (1 + ROUNDING))
        key = (*lost, too_much, calm.changes, calm.starts, calm.objective)
        if self.key is None or key < self.key:
            self.best, self.key = kept, key

    def take_parts(self, plan: Incumbent, over: Incumbent) -> None:
        """Put parts of a plan that costs too much into another, the cheapest for a change first."""
        problem = self.problem.without_stability()
        steps: list[tuple[float, _Part]] = []
        for part in _parts(problem, plan.solution.replicas, over.solution.replicas):
            spared, cost = self._spared(problem, plan, part)
            if spared > 0:
                steps.append((cost / spared, part))
        for _, part in sorted(steps, key=lambda step: step[0]):
            if self.stop():
                return
            spared, cost = self._spared(problem, plan, part)
            if spared <= 0 or problem.cost(plan.solution.replicas) + cost > self.most_cost:
                continue
            replicas = _put(plan.solution.replicas, part)
            tried = resized(problem, plan, replicas)
            if problem.fits(sorted(part), replicas) and tried.rank[:-1] <= plan.rank[:-1]:
                plan = tried
                self.offer(plan)

    @staticmethod
    def _spared(problem: Problem, plan: Incumbent, part: "_Part") -> tuple[int, float]:
        """Changes that a part spares, and what it costs more."""
        pools = sorted(part)
        before = plan.solution.replicas[pools]
        after = _put(plan.solution.replicas, part)[pools]
        spared = problem.changes_in(pools, before).sum() - problem.changes_in(pools, after).sum()
        return int(spared), problem.cost_of(pools, after) - problem.cost_of(pools, before)

    def frontier(self) -> tuple[Calmness, ...]:
        """Those seen that none beats, the most changes first."""
        left: list[Calmness] = []
        for each in sorted(self.seen, key=lambda calm: (calm.objective, calm.changes)):
            if not left or each.changes < left[-1].changes:
                left.append(each)
        return tuple(left)

    def swept(self, plan: Incumbent, price: float) -> Incumbent:
        """Each workload again at a price of changes, each plan on the way offered."""
        priced = replace(self.problem.without_stability(), change_price=price)
        plan = incumbent(priced, plan.solution)
        again = partial(local_move, slack=0, reach=REACH)
        for w in range(len(priced.workloads)):
            for move in (again,) if self.gathered else (_gathered, again):
                if self.stop():
                    return plan
                tried = move(priced, plan, w, stop=self.stop)
                if tried.rank < plan.rank:
                    plan = tried
                    self.offer(plan)
        self.gathered = True
        return plan


type _Part = dict[int, tuple[Ints, Ints]]
"""By pool the intervals and the sizes there."""


def _parts(problem: Problem, one: Ints, other: Ints) -> Iterator[_Part]:
    """What differs in plan `other` [P, T]: pools of a role in a group, over intervals in a row."""
    for w in range(len(problem.workloads)):
        for members in problem.groups(w).values():
            for role in Role:
                pools = [p for p in members if problem.pools[p].role is role]
                differs = (one[pools] != other[pools]).any(axis=0)
                ends = np.flatnonzero(np.diff(differs)) + 1
                for times in np.split(np.arange(len(differs)), ends):
                    if differs[times[0]]:
                        yield {p: (times, other[p, times]) for p in pools}


def _put(replicas: Ints, part: _Part) -> Ints:
    changed = replicas.copy()
    for p, (times, sizes) in part.items():
        changed[p, times] = sizes
    return changed


def _replica_cost(problem: Problem, plan: Incumbent) -> float:
    """Mean running cost of a replica for an interval."""
    used = plan.solution.replicas.sum(axis=1)
    cost = sum(pool.plain_cost * float(n) for pool, n in zip(problem.pools, used, strict=True))
    return cost / max(1.0, float(used.sum()))


def _gathered(problem: Problem, plan: Incumbent, w: int, stop: Stop) -> Incumbent:
    """Workload w anew in the groups that it uses or ran in before, where there are several."""
    replicas, program = plan.solution.replicas, own_program(problem, w)
    in_use = replicas[list(problem.workloads[w].pools)].any(axis=1)
    if program.before is not None:
        in_use |= program.before > 0
    used = [members for members in program.groups(w).values() if in_use[members].any()]
    if len(used) < 2:
        return plan
    task = task_of(problem, w, replicas, steered(problem), stop=stop)
    trial = replicas.copy()
    within = task.within(i for mine in used for i in mine)
    trial[task.pools] = place(within, program.no_replicas())
    return resized(problem, plan, trial)
