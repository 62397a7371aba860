"""Scenario -> plan: the stages in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from time import monotonic
from typing import Self

from heteroplan.baselines.promises import easier_promises
from heteroplan.baselines.savings import baselines
from heteroplan.clock import Clock, Late, Progress, Stop, never, silent
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError, PlanViolationError, UsageError
from heteroplan.numerics.tolerances import OPTIMAL_GAP
from heteroplan.optimize.bound.minima import refuse_unmet_minima
from heteroplan.optimize.construct.greedy import GreedyDay, greedy_topology
from heteroplan.optimize.incumbent import WHOLE, Incumbent, incumbent, of_sizes
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Ints, Problem, Solution
from heteroplan.optimize.solve import Outcome, Spare, solve, solve_as_one_mip
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.placement.pack import pack
from heteroplan.placement.settle import Settled, settle
from heteroplan.planning.assemble import assemble, sizes_of
from heteroplan.verify.plan import verify

METHODS = ("auto", "mip")
type Solving = Callable[..., Outcome]
"""`solve`, or another method with its arguments."""

COMPARE_SHARE, COMPARE_CPU_S = 0.15, 8e-6
"""Of the time limit, and CPU seconds a GPU and interval, kept for baselines: the greater."""
GREEDY_SHARE, GREEDY_CPU_S = 0.5, 2.0
"""Of the time of a plan, and in CPU seconds however little there is, for the greedy schedule."""
SETTLE_SHARE, LARGE_SETTLE_SHARE = 0.05, 0.2
"""Of the time of a plan, kept for packing at least: of a large program more, as it is not solved
again."""
PACK_CPU_S, LEAST_PACK_CPU_S, VERIFY_CPU_S = 6e-6, 1e-6, 2e-7
"""CPU seconds a GPU and interval to pack a plan on nodes, to do so in the quickest way, and to
write it down and verify it."""
MOST_PACKING = 0.35
"""Share of the time of a plan that is kept for packing at most."""
AGAIN_SHARE = 0.15
"""Of the time to solve, kept to solve a program that is not large again where replicas find no room
on nodes. For a large one it is too short to help."""
PROOF_S = 1.0
"""To bound the cost of a plan that serves less on its nodes, however late it is; not if large."""
PACKING_SHARE = 0.1
"""Of the gap, kept for what packing adds to the cost of a large plan."""


def make_plan(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = never,
    progress: Progress = silent,
    compare: bool = True,
    method: str = "auto",
    without: frozenset[str] = frozenset(),
    slowness: float = 1.0,
    frontier: bool = False,
    steps: int | None = None,
    starts: Sequence[Plan] = (),
) -> Plan:
    """The best plan found for a checked scenario, with its proof and, on `compare`, its baselines.

    All of it, baselines included, ends within `time_limit_s`; solving ends at the relative `gap` or
    when `stop()` says so. `progress(cost of the best plan, bound, seconds)` is called as they
    improve, and last with those of the plan. `method` is one of `METHODS`: `mip`, one MIP, is there
    to compare with. `without` leaves ingredients of the search out (`optimize.search.INGREDIENTS`).
    `slowness` is the wall seconds that a CPU second takes here (`clock`). `frontier` asks for what
    fewer changes cost. After so many `steps` of the search each solve ends, the same on every
    machine. `starts` are plans whose pool sizes the search may begin at, where the scenario has
    such pools. Thirteen parameters, as callers name the few that they change.
    Raises NoPlanError where the solver found nothing, PlanViolationError where it was wrong.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}; known are {', '.join(METHODS)}")
    clock = Clock(time_limit_s)
    comparing_s = _comparing_s(scenario, clock, slowness) if compare else 0.0
    solving = Clock(clock.left_s() - comparing_s)
    problem = build_problem(scenario, candidates)
    refuse_unmet_minima(scenario, problem, Effort(deadline=solving.end, stop=stop))

    @cache
    def greedy(*, by_class: bool = False) -> GreedyDay:
        most_s = max(GREEDY_SHARE * solving.seconds, GREEDY_CPU_S * slowness)
        late = Late(stop, monotonic() + most_s)
        return greedy_topology(problem, scenario, pairs=True, by_class=by_class, stop=late)

    stages = _Stages(
        scenario=scenario,
        candidates=candidates,
        gap=gap,
        stop=stop,
        progress=progress,
        solving=solve_as_one_mip
        if method == "mip"
        else partial(solve, without=without, frontier=frontier, steps=steps),
        problem=problem,
        greedy=greedy,
        starts=[sizes_of(problem, candidates, plan.pools) for plan in starts],
        times=_Times.of(scenario, problem, solving, slowness, comparing_s),
    )
    plan = stages.checked(*stages.best())
    progress(
        plan.report.objective if plan.covered else None,
        plan.report.bound,
        monotonic() - clock.began,
    )
    if not compare:
        return plan
    plan, savings = baselines(
        plan,
        problem,
        paired=greedy(),
        gap=gap,
        stop=stop,
        end=clock.end,
        better=partial(stages.better, end=clock.end, slowness=slowness),
    )
    return replace(plan, savings=savings, easier=easier_promises(plan, Late(stop, clock.end)))


def _rank(plan: Plan) -> tuple[float, ...]:
    """Less is better: requests left unserved, the most urgent first, then what it costs."""
    priority = {each.name: each.priority for each in plan.scenario.workloads}
    lost = dict.fromkeys(sorted(priority.values()), 0.0)
    for shortage in plan.shortages:
        requests = shortage.unserved_rps * plan.scenario.horizon.interval_s
        lost[priority[shortage.workload]] += requests
    return (*map(round, lost.values()), plan.report.objective)


def _found(plan: Plan) -> float:
    """Cost of the plan before some of it was given up for fewer changes."""
    calming = plan.report.calming
    given_up = 0.0 if calming is None else calming.after.objective - calming.before.objective
    return plan.report.objective - max(0.0, given_up)


def _gpu_intervals(scenario: Scenario) -> int:
    """What packing and all after it take time by."""
    return scenario.fleet.gpus * scenario.horizon.intervals


def _comparing_s(scenario: Scenario, clock: Clock, slowness: float) -> float:
    """Time to keep for baselines [s]."""
    comparing_s = clock.reserve(COMPARE_CPU_S * _gpu_intervals(scenario), slowness)
    return max(COMPARE_SHARE * clock.seconds, comparing_s)


@dataclass(frozen=True, slots=True)
class _Times:
    """When the stages of one plan end, on the clock of time.monotonic [s]."""

    began: float
    solved: float
    settled: float

    @classmethod
    def of(
        cls, scenario: Scenario, problem: Problem, clock: Clock, slowness: float, spare_s: float
    ) -> Self:
        """Time is kept for one packing, and for writing down and verifying the plan.

        Where packing leaves demand unserved it may take `spare_s` as well.
        """
        gpu_intervals = _gpu_intervals(scenario)
        settled = clock.end - clock.reserve(VERIFY_CPU_S * gpu_intervals, slowness)
        packing_s = clock.reserve(PACK_CPU_S * gpu_intervals, slowness, MOST_PACKING)
        share = LARGE_SETTLE_SHARE if problem.large else SETTLE_SHARE
        solved = settled - max(packing_s, share * clock.seconds)
        return cls(clock.began, solved, settled + spare_s)


@dataclass(kw_only=True)
class _Stages:
    """Sizes of one program and where they stand, solved again where packing asks for it.

    With less supply where replicas found no room on nodes, and closer where moves between nodes
    cost the gap. What is proved is proved of the program with all supply. The search begins with
    the greedy schedule, computed when it asks for it.
    """

    scenario: Scenario
    candidates: Sequence[Candidate]
    problem: Problem
    greedy: Callable[..., GreedyDay]
    gap: float
    stop: Stop
    progress: Progress
    solving: Solving
    times: _Times
    starts: Sequence[Ints] = ()
    """[P, T] sizes of other plans."""
    proof: Outcome | None = None
    """What was proved of the program with all supply."""
    stood: list[Incumbent] = field(default_factory=list)
    """Plans of the search, before its end, that stand on nodes."""

    def best(self) -> tuple[Outcome, Settled]:
        """The best plan of all rounds. Raises NoPlanError where the first round has none."""
        wanted, kept = self.gap, AGAIN_SHARE
        if self.problem.large:
            wanted, kept = self.gap * (1 - PACKING_SHARE), 0.0
        todo: _Round | None = _Round(self.problem, self._first_sizes(), wanted, kept)
        found: tuple[Outcome, Settled] | None = None
        while todo is not None:
            try:
                outcome, plan, settled = self._solved(todo)
            except NoPlanError:
                if found is None:
                    raise
                return found
            if todo.program is self.problem or self.proof is None:
                self.proof = outcome
            if found is not None and settled.plan.rank >= found[1].plan.rank:
                return found
            final = replace(self._proven(self.proof, settled), calming=outcome.calming)
            found = (final, settled)
            todo = self._next(todo, plan, settled, final)
        assert found is not None
        return found

    def _first_sizes(self) -> Iterator[Ints]:
        """Where the search begins, computed when it asks."""
        yield from self.starts
        yield self._greedy_plan.solution.replicas

    def checked(self, outcome: Outcome, settled: Settled) -> Plan:
        """The plan, verified."""
        stays = settled.packing.stays
        made = assemble(self.scenario, self.candidates, self.problem, outcome, stays)
        verify(made, gap=self.gap)
        return made

    def better(
        self, plan: Plan, schedules: Sequence[Solution], *, end: float, slowness: float
    ) -> Plan:
        """The best of the plan and those of `schedules` that stand on nodes and serve as much.

        What was proved of the plan's program holds for them as well. None is tried that costs
        more on paper, or for which no time is left before `end`.
        """
        assert self.proof is not None
        cpu_s = (LEAST_PACK_CPU_S + VERIFY_CPU_S) * _gpu_intervals(self.scenario)
        for schedule in schedules:
            rival = incumbent(self.problem, schedule)
            kept = self.problem.has_stability
            cost = (plan.report.objective if kept else _found(plan)) * (1 - OPTIMAL_GAP)
            more = sum(rival.unserved.values()) - plan.report.unserved_requests
            worse = more > WHOLE or (more >= -WHOLE and rival.cost >= cost)
            if worse or rival.broken or end - monotonic() < cpu_s * slowness:
                continue
            try:
                settled = self._settled(rival, end)
                proven = replace(self._proven(self.proof, settled), calming=None)
                made = self.checked(proven, settled)
            except (NoPlanError, PlanViolationError):
                continue
            plan = min(plan, made, key=_rank)
        return plan

    @cached_property
    def _greedy_plan(self) -> Incumbent:
        """Of the greedy schedule; where that goes short, of class after class if that is better."""
        plan = of_sizes(self.problem, self.greedy().replicas)
        if plan.covered or len({work.priority for work in self.problem.workloads}) < 2:
            return plan
        urgent = of_sizes(self.problem, self.greedy(by_class=True).replicas)
        return min(plan, urgent, key=lambda each: each.rank)

    def _solved(self, todo: "_Round") -> tuple[Outcome, Incumbent, Settled]:
        """What was proved, the plan, and the plan on nodes."""
        left_s = self.times.solved - monotonic()
        more: dict[str, Spare] = {}
        if todo.kept and self.solving is not solve_as_one_mip:
            more["spare"] = Spare(todo.kept * left_s, self._stands)
        outcome = self.solving(
            todo.program,
            gap=todo.gap,
            time_limit_s=(1.0 - todo.kept) * left_s,
            stop=self.stop,
            progress=partial(self._told, todo.program is self.problem),
            starts=todo.starts,
            **more,
        )
        plan = incumbent(self.problem, outcome.solution)
        others = (self._greedy_plan, *self.stood)
        return outcome, plan, self._settled(plan, self.times.settled, *others)

    def _stands(self, solution: Solution) -> bool:
        """Whether all replicas find room on nodes; the plan is kept then."""
        sizes, late = solution.replicas, Late(self.stop, self.times.solved)
        packing = pack(self.scenario, self.candidates, self.problem, sizes, late)
        if not packing.unplaced:
            self.stood.append(incumbent(self.problem, solution))
        return not packing.unplaced

    def _settled(self, plan: Incumbent, deadline: float, *others: Incumbent) -> Settled:
        return settle(
            self.scenario,
            self.candidates,
            self.problem,
            plan,
            others,
            self.gap,
            self.stop,
            deadline=deadline,
        )

    def _told(self, whole: bool, cost: float | None, bound: float, seconds: float) -> None:
        """One clock for all rounds; no bound of a program with less supply."""
        proved = bound if whole else 0.0
        if cost is not None and self.proof is not None and not any(self.proof.unserved.values()):
            proved = max(proved, self.proof.bound)
        self.progress(cost, proved, monotonic() - self.times.began)

    def _proven(self, proof: Outcome, settled: Settled) -> Outcome:
        """What is proved of the plan on its nodes."""
        extra, seconds = settled.moves_cost(self.problem), monotonic() - self.times.began
        late_s = 0.0 if self.problem.large else PROOF_S
        effort = Effort(deadline=max(self.times.settled, monotonic() + late_s), stop=self.stop)
        return proof.of_plan(self.problem, settled.plan, extra, self.gap, seconds, effort)

    def _next(
        self, done: "_Round", plan: Incumbent, settled: Settled, final: Outcome
    ) -> "_Round | None":
        """What to solve next; None where nothing more helps or the time is over."""
        assert self.proof is not None
        if monotonic() >= self.times.solved or self.stop():
            return None
        first, on_nodes = self._greedy_plan.solution.replicas, settled.plan.solution.replicas
        if settled.plan.rank[:-1] > plan.rank[:-1]:
            if settled.tighter is self.problem:
                return None
            return _Round(settled.tighter, (on_nodes, first), done.gap)
        missed = final.missed and not self.proof.missed
        added = final.objective - self.proof.objective
        if not missed or added <= 0.0 or done.gap <= 0.0:
            return None
        closer = max(0.0, done.gap - 2 * added / final.objective)
        return _Round(done.program, (on_nodes, plan.solution.replicas, first), closer)


@dataclass(frozen=True, slots=True)
class _Round:
    """One solve of a program, or of it with less supply, from some sizes [P, T] and to a gap."""

    program: Problem
    starts: Iterable[Ints]
    gap: float
    kept: float = 0.0
    """Share of the time left that is kept for another round."""
