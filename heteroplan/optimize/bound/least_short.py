"""What no plan can serve: the least shortage of single intervals, each by a program of its own.

An interval alone knows nothing of what runs before and after it, so that its least shortage is at
most what any plan leaves unserved there. The sum over intervals is a bound; one above 0 proves that
demand cannot be covered.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from heteroplan.numerics.tolerances import SHORT_MARGIN
from heteroplan.optimize.incumbent import Incumbent, unserved_share
from heteroplan.optimize.model import build_model, minimise_shortage
from heteroplan.optimize.program.coarser import window
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.units import S_PER_HOUR

NODES = 2_000
"""Branch-and-bound nodes of an interval in which fractions of replicas serve everything."""


def least_unserved(
    problem: Problem, plan: Incumbent, effort: Effort, *, whole: bool = True
) -> Iterator[float]:
    """Requests that any plan leaves unserved at least, growing as intervals are added.

    Those intervals are tried in which `plan` goes short, the worst first: with fractions of
    replicas, then, on `whole`, with whole ones where fractions serve everything. Ends with the
    effort.
    """
    worst_first = _short_intervals(problem, plan)
    total = 0.0
    served: list[int] = []
    for integer, intervals in ((False, worst_first), *([(True, served)] if whole else [])):
        for t in intervals:
            if effort.over():
                return
            least = _least_of(window(problem, [t]), effort, integer=integer)
            if least > 0:
                total += least
                yield total
            elif not integer:
                served.append(t)


def _short_intervals(problem: Problem, plan: Incumbent) -> list[int]:
    """Intervals in which the plan leaves demand unserved, most requests first."""
    lost = np.zeros(problem.intervals)
    for w, work in enumerate(problem.workloads):
        lost += unserved_share(problem, w, plan) * work.rps.sum(axis=0)
    return [int(t) for t in np.argsort(-lost, kind="stable") if lost[t] > 0]


def _least_of(alone: Problem, effort: Effort, *, integer: bool) -> float:
    """Least unserved requests of a program of one interval, margin taken off; 0 if unknown."""
    model = build_model(alone, allow_short=True)
    scale = minimise_shortage(model, None)
    answer = solver.run(model.lp, replace(effort, nodes=NODES), integer=integer)
    proven = answer.bound is not None and answer.verdict in (Verdict.OPTIMAL, Verdict.LIMIT)
    asked = sum(float(work.rps.sum()) for work in alone.workloads) * alone.hours * S_PER_HOUR
    return max(0.0, (answer.bound or 0.0) * scale - SHORT_MARGIN * asked) if proven else 0.0
