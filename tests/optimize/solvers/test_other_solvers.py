"""Solvers beside HiGHS: found by name, and believed no further than they are known.

`Rival` is none of those that heteroplan knows. It says what a test wants it to say, and ignores
`mip=False` as several of PuLP's interfaces do. Gurobi, COPT, CPLEX and CBC themselves are tried
where they are installed.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pulp
import pytest

from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers import other_solvers, solver
from heteroplan.optimize.solvers.other_solvers import ALIASES, KNOWN, Interface
from heteroplan.optimize.solvers.solver import Answer, Effort, Verdict
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of

Model = pulp.LpProblem


class Rival(pulp.LpSolver):
    """HiGHS, as a solver of another name would be."""

    name = "Rival"
    there: ClassVar[bool] = True
    says: ClassVar[dict[str, Any]] = {}
    """Fields of its `LpSolveStats` that are not HiGHS's."""
    raises: ClassVar[Exception | None] = None
    given: ClassVar[dict[str, Any]] = {}
    """Options of the last that began; none where none did."""

    def __init__(
        self,
        mip: bool = True,
        msg: bool = True,
        timeLimit: float | None = None,  # noqa: N803
        gapRel: float | None = None,  # noqa: N803
        threads: int | None = None,
        maxNodes: int | None = None,  # noqa: N803
        warmStart: bool | None = None,  # noqa: N803
    ) -> None:
        super().__init__(mip=mip, msg=msg, timeLimit=timeLimit)
        named = {"gap": gapRel, "threads": threads, "nodes": maxNodes, "warm": warmStart}
        self.named = {option: value for option, value in named.items() if value is not None}

    def available(self) -> bool:
        return type(self).there

    def actualSolve(self, lp: Model, **kwargs: Any) -> pulp.LpSolveStats:  # noqa: N802
        type(self).given = self.named
        os.write(1, b"Licensed to a rival\n")
        print("Licensed to a rival")
        if (fault := type(self).raises) is not None:
            raise fault
        found: pulp.LpSolveStats = pulp.HiGHS(msg=False, threads=1).actualSolve(lp)
        return replace(found, **type(self).says)


class Bare(Rival):
    """Takes a time limit and no other option."""

    name = "Bare"

    def __init__(
        self,
        mip: bool = True,
        msg: bool = True,
        timeLimit: float | None = None,  # noqa: N803
    ) -> None:
        super().__init__(mip, msg, timeLimit)


@pytest.fixture(autouse=True)
def rival(monkeypatch: pytest.MonkeyPatch) -> type[Rival]:
    """PuLP offers it too."""
    monkeypatch.setattr("pulp.apis._all_solvers", [pulp.HiGHS, Rival, Bare, pulp.GUROBI_CMD])
    for field, value in (("there", True), ("says", {}), ("raises", None), ("given", {})):
        monkeypatch.setattr(Rival, field, value)
        monkeypatch.setattr(Bare, field, value)
    return Rival


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that relaxes, tells why it stopped, and has proved 1.5."""
    told = Interface("threads", "maxNodes", "gapRel", lambda model: 1.5)
    monkeypatch.setattr(other_solvers, "KNOWN", {"Rival": told})


def halves() -> Model:
    """n integer, 2·n >= 3: at least 2; 1.5 without integers."""
    model = pulp.LpProblem("halves", pulp.LpMinimize)
    n = model.add_variable("n", 0, 9, "Integer")
    model.setObjective(pulp.LpAffineExpression.from_list([(n, 1.0)]))
    model.addConstraint(pulp.LpAffineExpression.from_list([(n, 2.0)]) >= 3.0, "row")
    return model


def answer(*, integer: bool = True, **effort: Any) -> Answer:
    with solver.using("rival"):
        return solver.run(halves(), Effort(**effort), integer=integer)


@pytest.mark.parametrize("name", ["HiGHS", "highs", "Rival", "rival", "RIVAL"])
def test_a_solver_is_named_in_any_case(name: str) -> None:
    assert other_solvers.find(name).lower() == name.lower()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rivals", "--solver rivals: PuLP knows no such solver; available are HiGHS, Rival, Bare"),
        ("", "--solver : PuLP knows no such solver; available are HiGHS, Rival, Bare"),
        ("gurobi_cmd", "--solver gurobi_cmd: not installed here, or without a licence; available"),
    ],
)
def test_a_solver_that_is_not_there_is_told_with_those_that_are(name: str, message: str) -> None:
    with pytest.raises(UsageError) as told, solver.using(name):
        pass
    assert str(told.value).startswith(message)
    assert solver.chosen() == "HiGHS"


def test_a_solver_is_used_inside_using_alone() -> None:
    assert answer().has_solution
    assert Rival.given
    Rival.given = {}
    solver.run(halves(), Effort(), integer=True)
    assert not Rival.given


def test_a_solver_gets_the_limits_that_its_interface_takes() -> None:
    """And no option that it does not have."""
    for name in ("rival", "bare"):
        with solver.using(name):
            assert solver.run(halves(), Effort(gap=0.05, nodes=7), integer=True).has_solution
    assert Rival.given == {"gap": 0.05, "threads": 1, "nodes": 7, "warm": False}
    assert Bare.given == {}


def test_an_unknown_solver_proves_nothing() -> None:
    """Its solution of 2 is taken; 'optimal' and a bound of 2 are not."""
    assert answer() == Answer(Verdict.LIMIT, True, 2.0, None)


@pytest.mark.parametrize("status", [pulp.LpSolveStatus.Infeasible, pulp.LpSolveStatus.NotSolved])
def test_an_unknown_solver_without_a_solution_proves_nothing(status: int) -> None:
    """Some call what the clock ended infeasible."""
    Rival.says = {"status": status, "has_solution": False}
    assert answer() == Answer(Verdict.FAILED, False, None, None)


def test_an_unknown_solver_gets_no_lp() -> None:
    """It would give 2; HiGHS gives the LP's 1.5."""
    assert answer(integer=False) == Answer(Verdict.OPTIMAL, True, 1.5, 1.5)
    assert not Rival.given


@pytest.mark.usefixtures("known")
def test_an_lp_that_a_known_solver_does_not_answer_goes_to_highs() -> None:
    Rival.says = {"status": pulp.LpSolveStatus.Undefined, "has_solution": False}
    assert answer(integer=False) == Answer(Verdict.OPTIMAL, True, 1.5, 1.5)
    assert Rival.given


@pytest.mark.usefixtures("known")
def test_a_known_solver_is_asked_for_its_bound() -> None:
    """What PuLP has of it, here 2, may come from a log that takes the solution for its bound."""
    Rival.says = {"best_bound": 2.0}
    assert answer(nodes=7) == Answer(Verdict.OPTIMAL, True, 2.0, 1.5)
    assert Rival.given["nodes"] == 7


@pytest.mark.parametrize("read", [None, lambda model: model.no_such_thing])
def test_a_bound_that_cannot_be_had_is_unknown(monkeypatch: pytest.MonkeyPatch, read: Any) -> None:
    """Even where the solver calls its solution optimal."""
    interface = Interface("threads", "maxNodes", "gapRel", read)
    monkeypatch.setattr(other_solvers, "KNOWN", {"Rival": interface})
    assert answer() == Answer(Verdict.OPTIMAL, True, 2.0, None)


def test_what_a_library_raises_is_one_message() -> None:
    Rival.raises = RuntimeError("model too large for this licence")
    with pytest.raises(UsageError, match=r"--solver Rival: model too large for this licence"):
        answer()


def test_what_a_library_prints_is_lost(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output is the plan's."""
    answer()
    assert capfd.readouterr() == ("", "")


def test_a_solver_is_not_begun_once_the_user_wishes_to_stop() -> None:
    assert answer(stop=lambda: True) == Answer(Verdict.LIMIT, False, None, None)
    assert not Rival.given


@pytest.fixture
def pressed() -> Iterator[list[int]]:
    """Ctrl-C noted as the command does."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    yield noted
    signal.signal(signal.SIGINT, before)


def test_a_ctrl_c_that_a_library_took_for_itself_is_passed_on(pressed: list[int]) -> None:
    Rival.says = {"status": pulp.LpSolveStatus.Interrupted}
    assert answer(stop=lambda: bool(pressed)).has_solution
    assert pressed == [signal.SIGINT]


def test_a_ctrl_c_that_everybody_heard_is_not_pressed_twice(pressed: list[int]) -> None:
    """The second would end the process."""
    Rival.says = {"status": pulp.LpSolveStatus.Interrupted}
    calls = iter([False, True])
    answer(stop=lambda: next(calls))
    assert pressed == []


def test_an_objective_is_looked_up_by_variable() -> None:
    model = halves()
    absent = model.add_variable("absent", 0)
    seen = other_solvers.Indexed(model)
    (n, _) = model.variables()
    assert [seen.objective.get(each, 0.0) for each in (n, absent)] == [1.0, 0.0]
    assert seen.objective.constant == 0.0
    assert seen.sense == pulp.LpMinimize


@dataclass(frozen=True)
class Real:
    """A solver that is installed."""

    name: str
    sees_bounds: bool


@pytest.fixture(params=ALIASES)
def real(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Real]:
    """Each solver that users have a name for, where it is installed."""
    monkeypatch.setattr("pulp.apis._all_solvers", ALL)
    try:
        other_solvers.find(request.param)
    except UsageError:
        pytest.skip(f"{request.param} is not installed")
    with solver.using(request.param):
        yield Real(request.param, KNOWN[ALIASES[request.param]].bound is not None)


ALL = list(pulp.apis._all_solvers)


def ten_hours() -> Problem:
    """Two kinds of replicas of 4 and 8 GPUs for 7 and 15 requests/s, so that rounding matters."""
    kinds = [
        engine(f"{role}-{gpus}", role=role, gpus=gpus, capacity_rps=rps, startup_s=900)
        for role in (Role.PREFILL, Role.DECODE)
        for gpus, rps in ((4, 7.0), (8, 15.0))
    ]
    rps = [5.0 + 9.7 * hour for hour in range(10)]
    return problem_of(
        scenario([workload(rps=rps, engines=kinds)], in_fleet=fleet({"l1": {"h100x8": 40}}))
    )


def minimised(integer: bool, gap: float = 0.0) -> Answer:
    return solver.run(build_model(ten_hours()).lp, Effort(gap=gap), integer=integer)


def test_a_real_solver_agrees_with_highs(real: Real) -> None:
    """Optimum and LP; a bound, where there is one, never above the optimum."""
    mip, loose, relaxed = minimised(True), minimised(True, gap=0.2), minimised(False)
    with solver.using("HiGHS"):
        best, least = minimised(True), minimised(False)
    assert best.objective is not None
    assert mip.verdict is relaxed.verdict is Verdict.OPTIMAL
    assert mip.objective == pytest.approx(best.objective, rel=1e-6)
    assert relaxed.bound == pytest.approx(least.bound, rel=1e-6)
    for each in (mip, loose):
        assert (each.bound is not None) is real.sees_bounds
        assert each.bound is None or each.bound <= best.objective * (1 + 1e-7)


def test_a_real_solver_says_what_is_infeasible(real: Real) -> None:
    model = halves()
    model.addConstraint(pulp.LpAffineExpression.from_list([(model.variables()[0], 1.0)]) <= 1.0)
    assert solver.run(model, Effort(), integer=True).verdict is Verdict.INFEASIBLE
    assert solver.run(model, Effort(), integer=False).verdict is Verdict.INFEASIBLE
