"""HiGHS through PuLP: options, verdict as a type, interruption.

The only module that knows the solver's names. One thread, so that the same model gives the
same answer, and so that HiGHS's one global thread pool never meets two sizes.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from time import monotonic
from typing import Any

import highspy
import pulp
from pulp.constants import LpSolveStatus

type Stop = Callable[[], bool]
"""Asked now and then; true ends the work at hand."""


def never() -> bool:
    """Nothing ends the work."""
    return False


class Verdict(StrEnum):
    """How a solver call ended."""

    OPTIMAL = "optimal"
    """Within the gap asked for."""
    LIMIT = "limit"
    """Time, nodes or the user's wish ended it."""
    INFEASIBLE = "infeasible"
    FAILED = "failed"
    """Neither an answer nor a reason that the caller could act on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a solver call proved and found; the values stand in the model's variables."""

    verdict: Verdict
    has_solution: bool
    objective: float | None
    bound: float | None
    """Proven lower bound of a minimisation; for an LP its optimum."""


@dataclass(frozen=True, slots=True)
class Effort:
    """When a solver call may end. Nodes are counted and keep runs alike; seconds do not."""

    gap: float = 0.0
    """Relative."""
    nodes: int | None = None
    deadline: float | None = None
    """On the clock of time.monotonic [s]."""
    stop: Stop | None = None
    """Asked now and then; true ends the call."""


def run(problem: pulp.LpProblem, effort: Effort, *, integer: bool, warm: bool = False) -> Answer:
    """Minimise `problem`; with `integer` false its LP relaxation."""
    options: dict[str, Any] = {} if effort.nodes is None else {"mip_max_nodes": effort.nodes}
    if effort.deadline is not None:
        options["timeLimit"] = max(0.01, effort.deadline - monotonic())
    _print_banner_to_nowhere()
    stats = problem.solve(
        pulp.HiGHS(
            mip=integer,
            msg=False,
            threads=1,
            gapRel=effort.gap,
            warmStart=warm,
            callbackTuple=(_interrupt, effort.stop) if effort.stop else None,
            callbacksToActivate=_INTERRUPTS if effort.stop else None,
            **options,
        )
    )
    verdict = _VERDICTS.get(stats.status, Verdict.FAILED)
    objective = stats.objective if stats.has_solution else None
    bound = stats.best_bound
    if bound is None and verdict is Verdict.OPTIMAL:
        bound = objective
    return Answer(verdict, stats.has_solution, objective, bound)


_VERDICTS = {
    LpSolveStatus.Optimal: Verdict.OPTIMAL,
    LpSolveStatus.GapLimit: Verdict.OPTIMAL,
    LpSolveStatus.Infeasible: Verdict.INFEASIBLE,
    LpSolveStatus.TimeLimit: Verdict.LIMIT,
    LpSolveStatus.NodeLimit: Verdict.LIMIT,
    LpSolveStatus.SolutionLimit: Verdict.LIMIT,
    LpSolveStatus.IterationLimit: Verdict.LIMIT,
    LpSolveStatus.MemoryLimit: Verdict.LIMIT,
    LpSolveStatus.Interrupted: Verdict.LIMIT,
    LpSolveStatus.Stopped: Verdict.LIMIT,
}

_INTERRUPTS = [
    highspy.cb.HighsCallbackType.kCallbackSimplexInterrupt,
    highspy.cb.HighsCallbackType.kCallbackIpmInterrupt,
    highspy.cb.HighsCallbackType.kCallbackMipInterrupt,
]


def _interrupt(kind: object, message: str, seen: object, wish: Any, stop: Stop) -> None:
    wish.user_interrupt = stop()


@cache
def _print_banner_to_nowhere() -> None:
    """HiGHS writes two lines to the C-level stdout once a process, whatever it is told."""
    with _stdout_closed():
        highspy.Highs()  # type: ignore[no-untyped-call]


@contextmanager
def _stdout_closed() -> Iterator[None]:
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
