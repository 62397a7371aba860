"""The reference model solved in the plainest way: one MIP an objective, no start, no box."""

from heteroplan.optimize import solver
from heteroplan.optimize.model import (
    Model,
    build_model,
    cap_shortage,
    minimise_cost,
    minimise_shortage,
    read_solution,
)
from heteroplan.optimize.primal import Incumbent, incumbent
from heteroplan.optimize.problem import Problem
from heteroplan.optimize.solver import Effort, Verdict


def optimum(problem: Problem) -> Incumbent:
    """Least shortage by priority class, then least cost."""
    model = build_model(problem)
    for priority in sorted({work.priority for work in problem.works}):
        minimise_shortage(model, priority)
        lost = _solved(model).unserved[priority]
        cap_shortage(model, {priority: lost * (1 + 1e-9) + 1e-6})
    minimise_cost(model)
    return _solved(model)


def _solved(model: Model) -> Incumbent:
    answer = solver.run(model.lp, Effort(), integer=True)
    assert answer.verdict is Verdict.OPTIMAL
    return incumbent(model.problem, read_solution(model))
