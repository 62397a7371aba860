"""HiGHS through PuLP: options, verdict as a type, interruption; another solver where one is named.

The only module that knows HiGHS's names; `other_solvers` has those of the others. One thread, so
that the same model gives the same answer, and so that HiGHS's one global thread pool never meets
two sizes.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from time import monotonic
from typing import Any, cast

import highspy
import pulp
from pulp.constants import LpSolveStatus

from heteroplan.clock import Stop
from heteroplan.optimize.solvers import other_solvers
from heteroplan.optimize.solvers.other_solvers import HIGHS, stdout_closed


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
    """Proven lower bound of a minimisation, None where it is not known; for an LP its optimum."""


@dataclass(frozen=True, slots=True)
class Effort:
    """When a solver call may end. Nodes are counted and keep runs alike; seconds do not."""

    gap: float = 0.0
    """Relative."""
    nodes: int | None = None
    """Of branch and bound."""
    deadline: float | None = None
    """On the clock of time.monotonic [s]."""
    stop: Stop | None = None
    """Asked now and then; true ends the call."""
    interior: bool = False
    """Whether LPs end inside their optimal face: much sooner on large ones, prices a little off.

    Without presolve, which would leave out columns and with them the inside of the face.
    """
    proves: bool = False
    """Whether a MIP is for its bound alone: no time goes into solutions then. Of HiGHS."""
    small: bool = False
    """Whether a MIP is over before the longest heuristics would be. Of HiGHS."""

    def over(self) -> bool:
        """Whether the clock or the user has ended it."""
        late = self.deadline is not None and monotonic() >= self.deadline
        return late or (self.stop is not None and self.stop())

    def seconds_left(self) -> float | None:
        """Until the deadline, if there is one; never 0, which some solvers take for no limit."""
        return None if self.deadline is None else max(0.01, self.deadline - monotonic())


def chosen() -> str:
    """PuLP's name of the solver that `run` uses."""
    return _CHOSEN.get()


@contextmanager
def using(name: str) -> Iterator[None]:
    """Inside, `run` uses the solver called `name`; elsewhere, HiGHS.

    Raises UsageError where there is none of that name. A thread, or a process that is no fork,
    starts with HiGHS: it enters `using(chosen())` of the one that starts it.
    """
    token = _CHOSEN.set(HIGHS if name == HIGHS else other_solvers.find(name))
    try:
        yield
    finally:
        _CHOSEN.reset(token)


_CHOSEN: ContextVar[str] = ContextVar("_CHOSEN", default=HIGHS)


def run(problem: pulp.LpProblem, effort: Effort, *, integer: bool, warm: bool = False) -> Answer:
    """Minimise `problem`; with `integer` false its LP relaxation.

    By the solver that is `chosen`; HiGHS solves LPs where that one may not relax, or gives no
    answer, as CBC does where presolve finds an LP infeasible. A solver beside HiGHS asks `stop`
    only before it begins.
    """
    name = chosen()
    if name != HIGHS and (integer or name in other_solvers.KNOWN):
        answer = _run_other(name, problem, effort, integer, warm)
        if integer or answer.verdict is not Verdict.FAILED:
            return answer
    return _run_highs(problem, effort, integer, warm)


def optimum(problem: pulp.LpProblem, effort: Effort) -> float | None:
    """Least objective of the LP relaxation; None where there is none, or the effort ran out."""
    answer = run(problem, effort, integer=False)
    return answer.objective if answer.verdict is Verdict.OPTIMAL else None


def _run_highs(problem: pulp.LpProblem, effort: Effort, integer: bool, warm: bool) -> Answer:
    _print_banner_to_nowhere()
    options: dict[str, object] = {
        "timeLimit": effort.seconds_left(),
        "mip_max_nodes": effort.nodes,
    }
    if effort.interior and not integer:
        options |= {"solver": "ipm", "run_crossover": "off", "presolve": "off"}
    if integer and effort.proves:
        options |= _PROVING
    elif integer and effort.small:
        options |= _SMALL
    stats = problem.solve(
        pulp.HiGHS(
            mip=integer,
            msg=False,
            threads=1,
            gapRel=effort.gap,
            warmStart=warm,
            callbackTuple=(_asked, effort),
            callbacksToActivate=_INTERRUPTS if effort.stop else [],
            **{name: value for name, value in options.items() if value is not None},
        )
    )
    return _answer(stats, integer, stats.best_bound)


def _run_other(
    name: str, problem: pulp.LpProblem, effort: Effort, integer: bool, warm: bool
) -> Answer:
    if effort.stop is not None and effort.stop():
        return Answer(Verdict.LIMIT, False, None, None)
    with other_solvers.at_work(name):
        made = other_solvers.make(
            name,
            gap=effort.gap,
            nodes=effort.nodes,
            seconds=effort.seconds_left(),
            integer=integer,
            warm=warm,
        )
        seen = other_solvers.Indexed(problem)
        stats = made.solve(cast(pulp.LpProblem, seen))
        answer = _answer(stats, integer, other_solvers.proven_bound(name, seen))
    if other_solvers.kept_ctrl_c(made, stats) and not (effort.stop and effort.stop()):
        signal.raise_signal(signal.SIGINT)
    if name in other_solvers.KNOWN:
        return answer
    verdict = Verdict.LIMIT if answer.has_solution else Verdict.FAILED
    return Answer(verdict, answer.has_solution, answer.objective, None)


def _answer(stats: pulp.LpSolveStats, integer: bool, mip_bound: float | None) -> Answer:
    """`mip_bound` is what was proved where it was a MIP; an LP's optimum is its own bound."""
    verdict = _VERDICTS.get(stats.status, Verdict.FAILED)
    objective = stats.objective if stats.has_solution else None
    bound = mip_bound
    if not (integer and stats.is_mip):
        bound = objective if verdict is Verdict.OPTIMAL else None
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


_WITHOUT_LONGEST: dict[str, object] = {
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_rins": False,
}
_SMALL = _WITHOUT_LONGEST | {"mip_heuristic_run_zi_round": True}
"""Options with which HiGHS leaves out heuristics that take long, and takes a quick one.

MIPs of one workload in one interval then take 1 to 24 ms, not 26 to 41 (three workloads of four
classes, 90 MIPs), and what they find costs no more.
"""
_PROVING = _WITHOUT_LONGEST | {
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_root_reduced_cost": False,
    "mip_allow_cut_separation_at_nodes": False,
}
"""Options with which HiGHS seeks no solutions.

It cuts at the root alone: MIPs of single intervals then take three quarters of the time (three
workloads of four classes: 36 ms, not 47), and prove as much.
"""


def _asked(kind: object, message: str, seen: Any, wish: Any, effort: Effort) -> None:
    """HiGHS asks whether to stop."""
    if effort.stop:
        wish.user_interrupt = effort.stop()


@cache
def _print_banner_to_nowhere() -> None:
    """HiGHS writes two lines to the C-level stdout once a process, whatever its options are."""
    with stdout_closed():
        highspy.Highs()  # type: ignore[no-untyped-call]
