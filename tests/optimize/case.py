"""A hand case of the program: what makes it, its optimum, and the families it is about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.construct.one_workload import place
from heteroplan.optimize.construct.task import task_of
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.solve import solve
from tests.builders import candidates
from tests.optimize.reference import optimum


@dataclass(frozen=True)
class Case:
    """A scenario, what its optimum costs and leaves unserved, and the families it is about."""

    make: Callable[[], Problem]
    cost: float
    unserved: Mapping[int, float]
    families: tuple[str, ...]


def problem_of(of: Scenario, by_class: Mapping[tuple[str, str], float] | None = None) -> Problem:
    return build_problem(of, candidates(of, by_class=by_class))


def served_at(of: Scenario | Problem) -> tuple[float, dict[int, float]]:
    """Cost and requests left unserved by priority, as the method and the reference find them."""
    problem = problem_of(of) if isinstance(of, Scenario) else of
    best, found = optimum(problem), solve(problem, gap=0.0, time_limit_s=20)
    assert found.objective == pytest.approx(best.cost, abs=1e-6)
    assert found.unserved == pytest.approx(best.unserved, abs=1e-2)
    return round(found.objective, 6), {p: round(lost) for p, lost in found.unserved.items()}


def batches(
    count: int, fast: int, size: int = 1, *, gate: int | None = None, wide: int = 0
) -> list[object]:
    """First of each batch; those beyond the first `fast` are slow, beyond the first `gate` long.

    With `--hypothesis-profile wide` up to `wide` instead of `count`.
    """
    if settings.get_current_profile_name() == "wide":
        count = max(count, wide)
    end = count if gate is None else gate

    def marks(first: int) -> list[pytest.MarkDecorator]:
        if first < fast:
            return []
        return [pytest.mark.slow if first < end else pytest.mark.long]

    return [pytest.param(first, marks=marks(first)) for first in range(0, count, size)]


def place_beside(
    problem: Problem,
    w: int,
    replicas: Ints,
    held_price: Floats | None = None,
    parts: dict[str, Floats] | None = None,
    **bounds: Any,
) -> None:
    """Place workload w into `replicas` [P, T], at no price of held GPUs unless one is given.

    Within `bounds`: fields of its task.
    """
    free = np.zeros(replicas.shape) if held_price is None else held_price
    task = replace(task_of(problem, w, replicas, free), **bounds)
    replicas[task.pools] = place(task, replicas[task.pools], parts)


def changed_by(
    change: Callable[..., Ints],
    problem: Problem,
    w: int,
    replicas: Ints,
    held_price: Floats,
    **how: Any,
) -> None:
    """Write what `refit` or `regroup` makes of workload w into `replicas` [P, T]."""
    task = task_of(problem, w, replicas, held_price)
    replicas[task.pools] = change(task, replicas[task.pools], **how)
