"""Solvers beside HiGHS that PuLP offers: found by name, and how far each is believed.

A solution is taken from any of them, since every plan is verified. Verdicts, LPs and bounds are
taken only through the interfaces in `KNOWN`: others solve the MIP when asked for its relaxation, or
call what the clock ended optimal or infeasible. PuLP's `stats.best_bound` proves nothing there, so
a bound is read from the solver's own model, or is unknown.
"""

import inspect
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pulp

from heteroplan.errors import UsageError

HIGHS = "HiGHS"
ALIASES = {"gurobi": "GUROBI", "copt": "COPT", "cplex": "CPLEX_PY", "cbc": "COIN_CMD"}
"""What users call them -> PuLP's name."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One of PuLP's interfaces: it relaxes, reports duals, and tells why it stopped."""

    threads: str
    nodes: str
    gap: str
    """Names of its options."""
    bound: Callable[[Any], float] | None
    """Reads what a MIP proved, in its objective's units, from the solver's model; None where the
    solver keeps that to itself."""


KNOWN = {
    "GUROBI": Interface("Threads", "NodeLimit", "gapRel", lambda model: model.ObjBound),
    # PuLP drops a gapRel of 0 on its way to COPT.
    "COPT": Interface("Threads", "NodeLimit", "RelGap", lambda model: model.BestBnd),
    "CPLEX_PY": Interface(
        "threads",
        "mip.limits.nodes",
        "gapRel",
        lambda model: model.solution.MIP.get_best_objective(),
    ),
    "COIN_CMD": Interface("threads", "maxNodes", "gapRel", None),
}


def find(name: str) -> str:
    """PuLP's name of the solver that users call `name`, in any case.

    Raises UsageError for one that PuLP does not know or that is not there, with those that are.
    """
    known = {each.lower(): each for each in (HIGHS, *_listed())}
    found = known.get(ALIASES.get(name.lower(), name).lower())
    if found is None:
        raise UsageError(f"--solver {name}: PuLP knows no such solver; {_choice()}")
    if found != HIGHS and found not in _listed(only_available=True):
        raise UsageError(f"--solver {name}: not installed here, or without a licence; {_choice()}")
    return found


def make(
    name: str, *, gap: float, nodes: int | None, seconds: float | None, integer: bool, warm: bool
) -> pulp.LpSolver:
    """A solver on one thread, with those of the limits that its interface takes."""
    interface = KNOWN.get(name) or Interface("threads", "maxNodes", "gapRel", None)
    options = {
        interface.threads: 1,
        interface.nodes: nodes,
        interface.gap: gap,
        "timeLimit": seconds,
        "warmStart": warm,
    }
    if name not in KNOWN:
        named = inspect.signature(type(pulp.getSolver(name, msg=False))).parameters
        options = {option: value for option, value in options.items() if option in named}
    given = {option: value for option, value in options.items() if value is not None}
    return pulp.getSolver(name, mip=integer, msg=False, **given)


@contextmanager
def stdout_closed() -> Iterator[None]:
    """Inside, what C libraries and Python write to standard output is lost.

    Solver libraries write there whatever their options are; data goes there.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        with open(os.devnull, "w") as lost, redirect_stdout(lost):  # noqa: PTH123
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


class Indexed:
    """A PuLP problem as its interfaces see it, with an objective that knows its coefficients.

    PuLP's own goes through all its terms for each that is asked for: half a minute for 10,000.
    """

    def __init__(self, problem: pulp.LpProblem) -> None:
        self._problem = problem

    @cached_property
    def objective(self) -> "_Objective":
        """Read once the solver has begun: PuLP gives it a term where it has none."""
        assert self._problem.objective is not None
        return _Objective(self._problem.objective)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._problem, name)


class _Objective:
    def __init__(self, expression: pulp.LpAffineExpression) -> None:
        self._expression = expression
        self._by_id = {variable.id: factor for variable, factor in expression.items()}

    def get(self, variable: pulp.LpVariable, default: float | None = None) -> float | None:
        return self._by_id.get(variable.id, default)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._expression, name)


def proven_bound(name: str, problem: Indexed) -> float | None:
    """What the last solve of the MIP proved; None where nothing was, or nobody can tell."""
    read = KNOWN[name].bound if name in KNOWN else None
    try:
        return None if read is None else float(read(problem.solverModel))
    except Exception:  # each library has its own error for a bound that is not there
        return None


def kept_ctrl_c(made: pulp.LpSolver, stats: pulp.LpSolveStats) -> bool:
    """Whether a library took a Ctrl-C for itself; a command's process is not the only one hit."""
    interrupted = stats.status == pulp.LpSolveStatus.Interrupted
    return interrupted and not isinstance(made, pulp.LpSolver_CMD)


@contextmanager
def at_work(name: str) -> Iterator[None]:
    """A solver library at its work: it prints nothing, and raises UsageError, as for its licence.

    Ctrl-C is Python's again afterwards: COPT leaves a handler behind that ends the process.
    """
    try:
        with stdout_closed():
            yield
    except Exception as error:
        raise UsageError(f"--solver {_spoken(name)}: {error}") from error
    finally:
        handler = signal.getsignal(signal.SIGINT)
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


def _listed(*, only_available: bool = False) -> list[str]:
    """PuLP's names. It makes one of each to list them; some talk about their licence."""
    with stdout_closed(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(dict.fromkeys(pulp.listSolvers(onlyAvailable=only_available)))


def _choice() -> str:
    return f"available are {', '.join(map(_spoken, _listed(only_available=True)))}"


def _spoken(name: str) -> str:
    return next((alias for alias, of in ALIASES.items() if of == name), name)
