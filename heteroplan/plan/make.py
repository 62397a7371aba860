"""Scenario -> plan: the stages in order."""

from collections.abc import Sequence
from dataclasses import replace

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.build import build_problem
from heteroplan.optimize.search import Progress
from heteroplan.optimize.solve import solve
from heteroplan.optimize.solver import Stop
from heteroplan.plan.assemble import assemble
from heteroplan.plan.savings import baselines
from heteroplan.plan.verify import verify


def make_plan(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = lambda: False,
    progress: Progress = lambda cost, bound, seconds: None,
) -> Plan:
    """The best plan found for a checked scenario, with its proof and its baselines.

    Solving ends at the relative `gap`, after `time_limit_s`, or when `stop()` says so.
    `progress(cost of the best plan, bound, seconds)` is called as they improve. Raises
    NoPlanError where the solver found nothing, PlanViolationError where it was wrong.
    """
    problem = build_problem(scenario, candidates)
    outcome = solve(problem, gap=gap, time_limit_s=time_limit_s, stop=stop, progress=progress)
    plan = assemble(scenario, candidates, problem, outcome)
    verify(plan, gap=gap)
    return replace(plan, savings=baselines(plan, problem, stop=stop, time_limit_s=time_limit_s))
