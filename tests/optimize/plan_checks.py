"""A plan of the program against its rows, in plain loops, and against the reference model."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest

from heteroplan.optimize.incumbent import Incumbent
from heteroplan.optimize.model import build_model, cap_shortage
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules.mip import Box
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict

NEAR = 2e-6
"""Share of a replica or of a demand that a solver's tolerance may take."""
HALF_A_REQUEST = 0.5


def faults_of(problem: Problem, plan: Incumbent) -> list[str]:
    """Every row that the plan breaks and every figure that it states wrongly.

    Limits on replicas and groups, and promises, are left to the reference model: it must have a
    solution with these very sizes and no larger shortage. A plan that says that it breaks them is
    only held to the other rows.
    """
    found = [*_sizes(problem, plan), *_flows(problem, plan), *_figures(problem, plan)]
    if not found and not plan.broken and not _reference_accepts(problem, plan):
        found.append("the reference model has no solution with these sizes")
    return found


def _sizes(problem: Problem, plan: Incumbent) -> Iterator[str]:
    """Whole replicas, and GPUs of running and of starting ones <= supply in each row."""
    replicas = plan.solution.replicas
    if not np.issubdtype(replicas.dtype, np.integer) or (replicas < 0).any():
        yield "sizes are not all integers of at least 0"
    held = [_held_gpus(problem, p, replicas[p].tolist()) for p in range(len(problem.pools))]
    for row in problem.supplies:
        for t in range(problem.intervals):
            used = sum(held[p][t] for p in row.pools)
            if used > row.gpus[t]:
                yield f"{used} of {row.gpus[t]} GPUs of {row.node_type} in {row.domain} at {t}"


def _changes(problem: Problem, p: int, counts: list[int]) -> int:
    """Times that pool p has another size than before."""
    inside = sum(a != b for a, b in pairwise(counts))
    if problem.cyclic:
        return inside + (counts[0] != counts[-1])
    return inside + (problem.before is not None and counts[0] != problem.before[p])


def _starts(problem: Problem, p: int, counts: Sequence[int]) -> list[int]:
    """[T] replicas more than an interval before."""
    first = counts[0] if problem.before is None else int(problem.before[p])
    earlier = [counts[-1] if problem.cyclic else first, *counts[:-1]]
    return [max(0, now - then) for now, then in zip(counts, earlier, strict=True)]


def _held_gpus(problem: Problem, p: int, counts: Sequence[int]) -> list[int]:
    """[T] GPUs of replicas that serve, and of those that will within `lead` intervals."""
    held = list(counts)
    for t, started in enumerate(_starts(problem, p, counts)):
        for ahead in range(1, problem.pools[p].lead + 1):
            if problem.cyclic or t >= ahead:
                held[(t - ahead) % problem.intervals] += started
    return [replicas * problem.pools[p].gpus for replicas in held]


def _flows(problem: Problem, plan: Incumbent) -> Iterator[str]:
    """Flow fits into the replicas, and as much leaves each group's one side as its other."""
    flow = plan.solution.flow
    for p, pool in enumerate(problem.pools):
        for t in range(problem.intervals):
            pairs = [(x, y) for x, y in zip(flow[p][:, t], pool.load[:, t], strict=True) if x > 0]
            size = int(plan.solution.replicas[p, t])
            if sum(x * y for x, y in pairs) > size + NEAR * max(1, size):
                yield f"pool {p} is given more than its {size} replicas serve at {t}"
    for balance in problem.balances:
        left, right = (sum(flow[p] for p in pools) for pools in (balance.left, balance.right))
        if not np.allclose(left, right, rtol=0.0, atol=NEAR):
            yield f"the two sides {balance.left}, {balance.right} serve {left} and {right}"


def _figures(problem: Problem, plan: Incumbent) -> Iterator[str]:
    """Shortage and cost are what sizes and flow say; `plan.flow` cuts what is served too much."""
    lost = dict.fromkeys(plan.unserved, 0.0)
    for w, work in enumerate(problem.workloads):
        served = sum((plan.solution.flow[p] for p in problem.finishing(w)), np.zeros_like(work.rps))
        missing = np.maximum(0.0, 1.0 - served) * work.rps
        lost[work.priority] += float(missing.sum()) * problem.hours * 3600
    if plan.unserved != pytest.approx(lost, rel=1e-3, abs=HALF_A_REQUEST):
        yield f"leaves {lost} unserved and says {plan.unserved}"
    cost = problem.fixed_cost
    for p, pool in enumerate(problem.pools):
        counts = plan.solution.replicas[p].tolist()
        cost += sum(n * run for n, run in zip(counts, pool.run_cost.tolist(), strict=True))
        cost += pool.start_cost * sum(_starts(problem, p, counts))
        cost += pool.change_cost * _changes(problem, p, counts)
    if plan.cost != pytest.approx(cost, rel=1e-9, abs=1e-9):
        yield f"costs {cost} and says {plan.cost}"


def _reference_accepts(problem: Problem, plan: Incumbent) -> bool:
    sizes = plan.solution.replicas
    model = build_model(problem, box=Box(sizes, sizes))
    cap_shortage(
        model, {p: lost * (1 + NEAR) + HALF_A_REQUEST for p, lost in plan.unserved.items()}
    )
    return solver.run(model.lp, Effort(), integer=True).verdict is Verdict.OPTIMAL
