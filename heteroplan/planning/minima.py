"""Minimum replicas that cannot be kept, in the user's words."""

from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.optimize.bound.minima import UnmetMinimum, unmet_minima
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers.solver import Effort


def refuse_unmet_minima(scenario: Scenario, problem: Problem, effort: Effort) -> None:
    """Raise NoPlanError where `min_replicas` cannot be kept: for whom, and by how many GPUs."""
    unmet = unmet_minima(problem, effort)
    if not unmet:
        return
    moment = scenario.horizon.boundaries()[unmet[0].interval]
    gpus = sum(each.missing_gpus for each in unmet)
    raise NoPlanError(
        f"min_replicas cannot be kept at {moment:%Y-%m-%d %H:%M}, whatever demand is left "
        f"unserved: {'; '.join(_text(problem, each) for each in unmet)}. "
        f"What is missing takes at least {gpus} GPUs; lower min_replicas, add nodes, "
        "or relax max_replicas, pd_ratio, max_groups or anti_affinity"
    )


def _text(problem: Problem, unmet: UnmetMinimum) -> str:
    work = problem.workloads[unmet.workload]
    return (
        f"{work.name} asks for {unmet.wanted} {unmet.role.value} replicas, GPUs are missing for "
        f"{unmet.missing} of them"
    )
