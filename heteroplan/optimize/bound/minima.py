"""Minimum replicas that no plan can keep, whatever demand is left unserved."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pulp

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.errors import NoPlanError
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.coarser import window
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules.mip import INTEGER
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict

NODES = 2_000
"""Branch-and-bound nodes of an interval; where they do not decide, nothing is said."""


@dataclass(frozen=True, slots=True)
class UnmetMinimum:
    """Replicas of one role of a workload that are missing in some interval."""

    workload: int
    role: Role
    interval: int
    wanted: int
    missing: int
    missing_gpus: int
    """Of the engine that takes fewest."""


def refuse_unmet_minima(scenario: Scenario, problem: Problem, effort: Effort) -> None:
    """Raise NoPlanError where `min_replicas` cannot be kept: for whom, and by how many GPUs."""
    unmet = unmet_minima(problem, effort)
    if not unmet:
        return
    moment = scenario.horizon.boundaries()[unmet[0].interval]
    gpus = sum(each.missing_gpus for each in unmet)
    asked = "; ".join(
        f"{problem.workloads[each.workload].name} asks for {each.wanted} {each.role.value} "
        f"replicas, GPUs are missing for {each.missing} of them"
        for each in unmet
    )
    raise NoPlanError(
        f"min_replicas cannot be kept at {moment:%Y-%m-%d %H:%M}, whatever demand is left "
        f"unserved: {asked}. What is missing takes at least {gpus} GPUs; lower min_replicas, "
        "add nodes, or relax max_replicas, pd_ratio, max_groups or anti_affinity"
    )


def unmet_minima(problem: Problem, effort: Effort) -> tuple[UnmetMinimum, ...]:
    """What is missing of `min_replicas` in the interval that lacks most GPUs at the least.

    Demand asks for nothing here, so that supply, replica limits, ratio bands and groups alone
    decide, each interval for itself. Empty where all minima can be kept in each, or where the
    effort did not decide it.
    """
    if not any(work.min_replicas for work in problem.workloads):
        return ()
    free = replace(
        problem, workloads=tuple(replace(work, rps=0.0 * work.rps) for work in problem.workloads)
    )
    found = [_unmet_in(free, t, effort) for t in _unlike_intervals(problem)]
    return max(found, key=lambda unmet: sum(each.missing_gpus for each in unmet), default=())


def _unlike_intervals(problem: Problem) -> Iterator[int]:
    """One interval for each supply that there is; one where there is none."""
    limits = [row.gpus for row in problem.supplies] + [pool.most for pool in problem.pools]
    if not limits:
        yield 0
        return
    _, first = np.unique(np.array(limits), axis=1, return_index=True)
    yield from (int(t) for t in np.sort(first))


def _unmet_in(free: Problem, t: int, effort: Effort) -> tuple[UnmetMinimum, ...]:
    """Least GPUs missing in an interval, proven, and whose."""
    alone = window(free, [t])
    limitless = replace(
        alone,
        workloads=tuple(replace(work, min_replicas={}) for work in alone.workloads),
        before=None,
    )
    model = build_model(limitless)
    missing: list[tuple[int, Role, int, int, pulp.LpVariable]] = []
    for w, work in enumerate(alone.workloads):
        for role, least in work.min_replicas.items():
            members = alone.members(w, role)
            gpus = min((alone.pools[p].gpus for p in members), default=1)
            short = model.lp.add_variable(f"missing_{w}_{role.value}", 0, least, INTEGER)
            terms = [(model.n[p][0], 1.0) for p in members]
            model.add([*terms, (short, 1.0)], ">=", float(least), f"min_{w}_{role.value}")
            missing.append((w, role, least, gpus, short))
    gpu_terms = [(short, float(gpus)) for *_, gpus, short in missing]
    model.lp.setObjective(pulp.LpAffineExpression.from_list(gpu_terms))
    answer = solver.run(model.lp, replace(effort, nodes=NODES), integer=True)
    if answer.verdict is not Verdict.OPTIMAL:
        return ()
    return tuple(
        UnmetMinimum(w, role, t, least, lost, lost * gpus)
        for w, role, least, gpus, short in missing
        if (lost := round(short.varValue or 0.0)) > 0
    )
