"""The reference model solved in the plainest way: one MIP an objective, no start, no box.

Each pool has a flow of its own, unless a test asks for one a group where that would do.
"""

from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.model import (
    build_model,
    cap_shortage,
    minimise_cost,
    minimise_shortage,
    read_solution,
)
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules.mip import Model
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict


def optimum(problem: Problem, *, by_pool: bool = True) -> Incumbent:
    """Least shortage by priority class, then least cost."""
    found = minimised(build_model(problem, by_pool=by_pool))
    assert found is not None
    return found


def optimum_or_none(problem: Problem) -> Incumbent | None:
    """The optimum of the whole program; None where limits on replicas leave no plan."""
    return minimised(build_model(problem, by_pool=True))


def minimised(model: Model) -> Incumbent | None:
    """The optimum of a model, which keeps the caps on its shortages and the cost as objective."""
    for priority in sorted({work.priority for work in model.problem.workloads}):
        minimise_shortage(model, priority)
        found = solved(model)
        if found is None:
            return None
        cap_shortage(model, {priority: found.unserved[priority] * (1 + 1e-9) + 1e-6})
    minimise_cost(model)
    return solved(model)


def solved(model: Model) -> Incumbent | None:
    """The best plan by the model's own objective; None where there is no plan."""
    answer = solver.run(model.lp, Effort(), integer=True)
    if answer.verdict is Verdict.INFEASIBLE:
        return None
    assert answer.verdict is Verdict.OPTIMAL
    return incumbent(model.problem, read_solution(model))
