"""Scenario -> plan: the stages in order."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from time import monotonic
from typing import Self

from heteroplan.baselines.savings import baselines
from heteroplan.clock import Clock
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.plan import Plan, Termination
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError, UsageError
from heteroplan.optimize.construct.greedy import GreedyDay, greedy_topology
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.one_mip import solve_as_one_mip
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Ints, Problem, Solution
from heteroplan.optimize.search import Progress
from heteroplan.optimize.solve import Outcome, solve
from heteroplan.optimize.solvers.solver import Effort, Stop
from heteroplan.placement.settle import Settled, settle
from heteroplan.planning.assemble import assemble
from heteroplan.planning.minima import refuse_unmet_minima
from heteroplan.planning.pooling import favoured, plan_with_pools, shares_queues
from heteroplan.verify.plan import verify

METHODS = ("auto", "mip")
type Solving = Callable[..., Outcome]
"""`solve`, or another method with its arguments."""

COMPARE_SHARE, COMPARE_CPU_S = 0.15, 8e-6
"""Of the time limit, and CPU seconds a GPU and interval, kept for baselines: the greater."""
GREEDY_SHARE, GREEDY_CPU_S = 0.5, 2.0
"""Of the time of a plan, and in CPU seconds however little there is, for the greedy schedule."""
SETTLE_SHARE = 0.05
"""Of the time of a plan, kept for packing at least."""
PACK_CPU_S, LEAST_PACK_CPU_S, VERIFY_CPU_S = 2.5e-6, 1e-6, 3.2e-7
"""CPU seconds a GPU and interval to pack a plan on nodes, to do so in the quickest way, and to
write it down and verify it."""
MOST_PACKING = 0.4
"""Share of the time of a plan that is kept for the quickest packing at most."""
PACKING_SHARE = 0.1
"""Of the gap, kept for what packing adds to the cost of a large plan."""


def make_plan(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = lambda: False,
    progress: Progress = lambda cost, bound, seconds: None,
    compare: bool = True,
    method: str = "auto",
    without: frozenset[str] = frozenset(),
    slowness: float = 1.0,
) -> Plan:
    """The best plan found for a checked scenario, with its proof and, on `compare`, its baselines.

    More than one where prefill replicas share a queue (`pooling`). All of it, baselines included,
    ends within `time_limit_s`; solving ends at the relative `gap` or when `stop()` says so.
    `progress(cost of the best plan, bound, seconds)` is called as they improve, and last with
    those of the plan. `method` is one of `METHODS`: `mip`, one MIP, is there to compare with.
    `without` leaves ingredients of the search out (`optimize.search.INGREDIENTS`). `slowness` is
    the wall seconds that a CPU second takes here (`clock`).
    Raises NoPlanError where the solver found nothing, PlanViolationError where it was wrong.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}; known are {', '.join(METHODS)}")
    solving: Solving = solve_as_one_mip if method == "mip" else partial(solve, without=without)
    whole = Clock(time_limit_s)
    first = build_problem(scenario, candidates)
    shared = shares_queues(scenario, candidates)

    def one_clock(cost: float | None, bound: float, seconds: float) -> None:
        """No bound of one program is one of the plan that several are for."""
        progress(cost, 0.0, monotonic() - whole.began)

    told = one_clock if shared else progress
    comparing_s = _comparing_s(scenario, whole, slowness) if compare else 0.0
    programs: dict[int, tuple[Problem, Callable[[], GreedyDay]]] = {}

    def planning(given: Sequence[Candidate], seconds: float) -> Plan:
        """The best plan found for these capacities, without baselines."""
        clock = Clock(seconds)
        program = first if given is candidates else build_problem(scenario, given)
        refuse_unmet_minima(scenario, program, Effort(deadline=clock.end, stop=stop))

        @cache
        def greedy() -> GreedyDay:
            end = max(clock.at(GREEDY_SHARE), clock.began + GREEDY_CPU_S * slowness)
            late = partial(_over, stop, end)
            return greedy_topology(program, scenario, pairs=True, stop=late)

        programs[id(given)] = program, greedy
        spare_s = 0.0 if shared else comparing_s
        times = _Times.of(_gpu_intervals(scenario), clock, slowness, spare_s)
        outcome, settled = _solved(
            scenario, given, program, greedy, gap, stop, told, solving, times
        )
        made = assemble(scenario, given, program, outcome, settled.packing.stays)
        verify(made, gap=gap)
        return made

    found = plan_with_pools(
        scenario,
        candidates,
        planning,
        gap=gap,
        time_limit_s=whole.left_s() - comparing_s,
        stop=stop,
    )
    plan = found.plan
    progress(
        plan.report.objective if plan.covered else None,
        plan.report.bound,
        monotonic() - whole.began,
    )
    if not compare:
        return plan
    problem, greedy = programs[id(found.candidates)]
    savings = baselines(plan, problem, paired=greedy(), gap=gap, stop=stop, end=whole.end)
    if found.separate is not None:
        savings = tuple(favoured(each) for each in savings)
    return replace(plan, savings=(*savings, *found.gain()))


def _gpu_intervals(scenario: Scenario) -> int:
    """What packing and all after it take time by."""
    return scenario.fleet.gpus * scenario.horizon.intervals


def _comparing_s(scenario: Scenario, clock: Clock, slowness: float) -> float:
    """Time to keep for baselines [s]."""
    comparing_s = clock.reserve(COMPARE_CPU_S * _gpu_intervals(scenario), slowness)
    return max(COMPARE_SHARE * clock.seconds, comparing_s)


def _over(stop: Stop, end: float) -> bool:
    return stop() or monotonic() >= end


@dataclass(frozen=True, slots=True)
class _Times:
    """When the stages of one plan end, on the clock of time.monotonic [s]."""

    began: float
    solved: float
    settled: float

    @classmethod
    def of(cls, gpu_intervals: int, clock: Clock, slowness: float, spare_s: float) -> Self:
        """Time is kept for one packing, and for writing down and verifying the plan.

        Where packing leaves demand unserved it may take `spare_s` as well.
        """
        settled = clock.end - clock.reserve(VERIFY_CPU_S * gpu_intervals, slowness)
        packing_s = max(
            clock.reserve(PACK_CPU_S * gpu_intervals, slowness),
            clock.reserve(LEAST_PACK_CPU_S * gpu_intervals, slowness, MOST_PACKING),
        )
        solved = settled - max(packing_s, SETTLE_SHARE * clock.seconds)
        return cls(clock.began, solved, settled + spare_s)


def _solved(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    greedy: Callable[[], GreedyDay],
    gap: float,
    stop: Stop,
    progress: Progress,
    solving: Solving,
    times: _Times,
) -> tuple[Outcome, Settled]:
    """Sizes and where they stand.

    Solved again with less supply where replicas found no room on nodes, and closer where moves
    between nodes cost the gap. What is proved is proved of the program with all supply. The
    search begins with the greedy schedule, computed when it asks for it.
    """
    wanted = gap * (1 - PACKING_SHARE) if problem.large else gap
    starts: Iterable[Ints] = (greedy().replicas for _ in range(1))
    given: list[Incumbent] = []
    proof: Outcome | None = None
    found: tuple[Outcome, Settled] | None = None
    program = problem

    def told(cost: float | None, bound: float, seconds: float) -> None:
        """One clock for all solves; no bound of a program with less supply."""
        proved = bound if program is problem else 0.0
        if cost is not None and proof is not None and not any(proof.unserved.values()):
            proved = max(proved, proof.bound)
        progress(cost, proved, monotonic() - times.began)

    while True:
        left = times.solved - monotonic()
        try:
            outcome = solving(
                program, gap=wanted, time_limit_s=left, stop=stop, progress=told, starts=starts
            )
            plan = incumbent(problem, outcome.solution)
            first = greedy().replicas
            given = given or [incumbent(problem, Solution(first, mixed_flow(problem, first)))]
            settled = settle(
                scenario, candidates, problem, plan, given, gap, stop, deadline=times.settled
            )
        except NoPlanError:
            if found is None:
                raise
            return found
        proof = outcome if program is problem or proof is None else proof
        if found is not None and settled.plan.rank >= found[1].plan.rank:
            return found
        extra, seconds = settled.moves_cost(problem), monotonic() - times.began
        effort = Effort(deadline=times.settled, stop=stop)
        final = proof.of_plan(problem, settled.plan, extra, gap, seconds, effort)
        found = (final, settled)
        if monotonic() >= times.solved or stop():
            return found
        if settled.plan.rank[:-1] > plan.rank[:-1]:
            if settled.tighter is problem:
                return found
            program, starts = settled.tighter, (settled.plan.solution.replicas, first)
            continue
        starts = (settled.plan.solution.replicas, outcome.solution.replicas, first)
        missed = final.termination is Termination.TIME_LIMIT is not proof.termination
        added = final.objective - proof.objective
        if not missed or added <= 0.0 or wanted <= 0.0:
            return found
        wanted = max(0.0, wanted - 2 * added / final.objective)
