"""The groups of a workload again, one after another, each beside what the others serve."""

import numpy as np

from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.construct.one_domain import place_on_site
from heteroplan.optimize.construct.task import less, task_of, without
from heteroplan.optimize.program.mix import group_cover, part_pairs
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.rules import is_choosy

SLACK = 2
"""Replicas up and down from the sizes that a pool has at a time and right before and after."""


def is_plain(problem: Problem, w: int) -> bool:
    """Whether nothing but demand and supply ties the sizes of a workload's pools."""
    work = problem.workloads[w]
    limited = work.min_replicas or work.max_replicas or problem.band(w) or work.resilience
    return not limited and not is_choosy(problem, w) and not part_pairs(problem, work.pools)


def refit(problem: Problem, w: int, replicas: Ints, held_price: Floats) -> None:
    """Write cheaper sizes for the groups that workload w uses into `replicas` [P, T]."""
    if not is_plain(problem, w):
        return
    asked = (problem.workloads[w].rps.sum(axis=0) > 0).astype(np.float64)
    groups = {name: m for name, m in problem.groups(w).items() if replicas[m].any()}
    served = {name: group_cover(problem, m, replicas) for name, m in groups.items()}
    for name, members in groups.items():
        others = sum((served[other] for other in groups if other != name), 0.0 * asked)
        _refit_group(problem, w, members, replicas, held_price, less(asked, others))
        served[name] = group_cover(problem, members, replicas)


def _refit_group(
    problem: Problem, w: int, pools: list[int], replicas: Ints, held_price: Floats, need: Floats
) -> None:
    """One group near its sizes, kept where it serves no less of `need` [T] for less."""
    beside = without(pools, replicas)
    task = task_of(problem, w, beside, held_price).near(replicas.astype(np.float64), SLACK)
    placed = place_on_site(task, pools, beside, need)
    if placed is None:
        return
    lacking = float(np.maximum(0.0, need - group_cover(problem, pools, replicas)).sum())
    here = (lacking, task.cost(pools, replicas))
    (left, cost), counts, _ = placed
    if (left, cost) < here and left <= lacking + COVER_TOLERANCE:
        replicas[pools] = counts
