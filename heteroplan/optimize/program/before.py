"""The time before the horizon: what ran then, and what starts beside it."""

from dataclasses import replace

import numpy as np

from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.program.transitions import starts_of


def has_handover(problem: Problem) -> bool:
    """Whether what starts before the horizon must fit beside what ran then."""
    return any(row.free_before is not None for row in problem.supplies)


def without_handover(problem: Problem) -> Problem:
    """The program in which what ran before leaves its GPUs as soon as they are needed."""
    if not has_handover(problem):
        return problem
    free = tuple(replace(row, free_before=None) for row in problem.supplies)
    return replace(problem, supplies=free)


def starts_before(problem: Problem, replicas: Ints) -> Ints:
    """[P] replicas of sizes [P, T] that start before the horizon."""
    if problem.cyclic or problem.before is None:
        return np.zeros(len(problem.pools), dtype=np.int64)
    ahead = int(problem.leads.max(initial=1))
    starts = starts_of(replicas[:, :ahead], problem.before, cyclic=False)
    return np.asarray((starts * (np.arange(starts.shape[1]) < problem.leads[:, None])).sum(axis=1))


def left_before(problem: Problem, replicas: Ints) -> list[int | None]:
    """GPUs left on each supply row before the horizon when sizes [P, T] start then.

    None where the row says nothing of that time.
    """
    if not has_handover(problem):
        return [None] * len(problem.supplies)
    gpus = starts_before(problem, replicas) * problem.gpus
    return [
        None if row.free_before is None else row.free_before - int(gpus[list(row.pools)].sum())
        for row in problem.supplies
    ]
