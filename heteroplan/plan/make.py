"""Scenario -> plan: the stages in order."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.plan import Plan, Termination
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError, UsageError
from heteroplan.optimize.build import build_problem
from heteroplan.optimize.mix import mixed_flow
from heteroplan.optimize.one_mip import solve_as_one_mip
from heteroplan.optimize.primal import incumbent
from heteroplan.optimize.problem import Ints, Problem, Solution
from heteroplan.optimize.search import Progress
from heteroplan.optimize.solve import Outcome, solve
from heteroplan.optimize.solver import Stop
from heteroplan.placement.settle import Settled, settle
from heteroplan.plan.assemble import assemble
from heteroplan.plan.greedy_topology import GreedyDay, greedy_topology
from heteroplan.plan.pooling import favoured, plan_with_pools, shares_queues
from heteroplan.plan.savings import baselines
from heteroplan.plan.verify import verify

METHODS = ("auto", "mip")
type Solving = Callable[..., Outcome]
"""`solve`, or another method with its arguments."""

SETTLE_SHARE, LARGE_SETTLE_SHARE = 0.05, 0.15
"""Of the time limit, kept for packing; the first share may be taken beyond it as well."""
PACKING_SHARE = 0.1
"""Of the gap, kept for what packing adds to the cost of a large plan."""
SETTLE_S = 2.0
"""That may be taken beyond the time limit besides."""


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
) -> Plan:
    """The best plan found for a checked scenario, with its proof and, on `compare`, its baselines.

    More than one where prefill replicas share a queue (`pooling`), all of them in the time limit.
    Solving ends at the relative `gap`, after `time_limit_s`, or when `stop()` says so.
    `progress(cost of the best plan, bound, seconds)` is called as they improve, and last with
    those of the plan. `method` is one of `METHODS`: `mip`, one MIP, is there to compare with.
    `without` leaves ingredients of the search out (`optimize.search.INGREDIENTS`).
    On large programs the greedy schedule is no start, only a baseline.
    Raises NoPlanError where the solver found nothing, PlanViolationError where it was wrong.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}; known are {', '.join(METHODS)}")
    solving: Solving = solve_as_one_mip if method == "mip" else partial(solve, without=without)
    began = monotonic()
    shared = shares_queues(scenario, candidates)

    def one_clock(cost: float | None, bound: float, seconds: float) -> None:
        """No bound of one program is one of the plan that several are for."""
        progress(cost, 0.0, monotonic() - began)

    told = one_clock if shared else progress
    programs: dict[int, tuple[Problem, GreedyDay | None]] = {}

    def planning(given: Sequence[Candidate], seconds: float) -> Plan:
        """The best plan found for these capacities, without baselines."""
        clock = monotonic()
        program = build_problem(scenario, given)
        start = None if program.large else greedy_topology(program, scenario, pairs=True)
        programs[id(given)] = program, start
        starts = () if start is None else (start.replicas,)
        outcome, settled = _solved(
            scenario, given, program, starts, gap, seconds, stop, told, solving, clock
        )
        made = assemble(scenario, given, program, outcome, settled.packing.stays)
        verify(made, gap=gap)
        return made

    found = plan_with_pools(
        scenario, candidates, planning, gap=gap, time_limit_s=time_limit_s, stop=stop
    )
    plan = found.plan
    progress(
        plan.report.objective if plan.covered else None,
        plan.report.bound,
        monotonic() - began,
    )
    if not compare:
        return plan
    problem, paired = programs[id(found.candidates)]
    paired = paired or greedy_topology(problem, scenario, pairs=True)
    savings = baselines(plan, problem, paired=paired, gap=gap, stop=stop, time_limit_s=time_limit_s)
    if found.separate is not None:
        savings = tuple(favoured(each) for each in savings)
    return replace(plan, savings=(*savings, *found.gain()))


def _solved(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    starts: tuple[Ints, ...],
    gap: float,
    time_limit_s: float,
    stop: Stop,
    progress: Progress,
    solving: Solving,
    began: float,
) -> tuple[Outcome, Settled]:
    """Sizes and where they stand.

    Solved again with less supply where replicas found no room on nodes, and closer where moves
    between nodes cost the gap. What is proved is proved of the program with all supply. Some of
    the time limit is kept for nodes, and a little may be taken beyond it.
    """
    wanted = gap * (1 - PACKING_SHARE) if problem.large else gap
    given = [incumbent(problem, Solution(each, mixed_flow(problem, each))) for each in starts]
    proof: Outcome | None = None
    found: tuple[Outcome, Settled] | None = None
    program = problem

    def told(cost: float | None, bound: float, seconds: float) -> None:
        """One clock for all solves; no bound of a program with less supply."""
        proved = bound if program is problem else 0.0
        if cost is not None and proof is not None and not any(proof.unserved.values()):
            proved = max(proved, proof.bound)
        progress(cost, proved, monotonic() - began)

    solving_s = time_limit_s * (1 - (LARGE_SETTLE_SHARE if problem.large else SETTLE_SHARE))
    until = began + time_limit_s * (1 + SETTLE_SHARE) + SETTLE_S
    while True:
        left = solving_s - (monotonic() - began)
        try:
            outcome = solving(
                program, gap=wanted, time_limit_s=left, stop=stop, progress=told, starts=starts
            )
            plan = incumbent(problem, outcome.solution)
            settled = settle(scenario, candidates, problem, plan, given, gap, stop, deadline=until)
        except NoPlanError:
            if found is None:
                raise
            return found
        proof = outcome if program is problem or proof is None else proof
        if found is not None and settled.plan.rank >= found[1].plan.rank:
            return found
        extra, seconds = settled.moves_cost(problem), monotonic() - began
        final = proof.of_plan(problem, settled.plan, extra, gap, seconds)
        found = (final, settled)
        if seconds >= solving_s or stop():
            return found
        if settled.plan.rank[:-1] > plan.rank[:-1]:
            if settled.tighter is problem:
                return found
            program, starts = settled.tighter, (settled.plan.solution.replicas, *starts)
            continue
        starts = (settled.plan.solution.replicas, outcome.solution.replicas, *starts)
        missed = final.termination is Termination.TIME_LIMIT is not proof.termination
        added = final.objective - proof.objective
        if not missed or added <= 0.0 or wanted <= 0.0:
            return found
        wanted = max(0.0, wanted - 2 * added / final.objective)
