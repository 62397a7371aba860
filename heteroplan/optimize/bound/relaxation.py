"""The LP relaxation: least shortage by priority, a first bound, supply prices, a guide."""

from dataclasses import dataclass

from heteroplan.numerics.tolerances import OPTIMAL_GAP, SHORT_MARGIN, SOLVER_TOLERANCE
from heteroplan.optimize.model import (
    build_model,
    cap_shortage,
    minimise_cost,
    minimise_shortage,
    read_flow,
    read_prices,
    read_sizes,
    shortage_terms,
)
from heteroplan.optimize.program.prices import Prices
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.optimize.rules.mip import Model
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict, optimum

MIP_MARGIN = OPTIMAL_GAP / 10
"""Relative, taken off the bound of a MIP. Smaller than what is taken off an LP's optimum
(`SOLVER_TOLERANCE`), so that an optimal plan is still called optimal."""


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """What the LP says."""

    bound: float
    """On the cost of a plan that leaves no more unserved than `unserved`, margin taken off."""
    unserved: dict[int, float]
    """Least requests left unserved by priority class, each at the LP's least for the classes
    before; 0 where the LP serves everything."""
    sizes: Floats
    """[P, T] fractional replicas."""
    flow: tuple[Floats, ...]
    """For each pool [K, T]."""
    prices: Prices
    """Duals."""


def relax(problem: Problem, effort: Effort) -> Relaxation | None:
    """Solve the LP relaxation; None where the effort ran out.

    Tries to serve everything first; where that is impossible, shortage is minimised class by
    class and the cost is bounded at the least shortage.
    """
    model = build_model(problem, allow_short=False)
    unserved = dict.fromkeys(sorted({work.priority for work in problem.workloads}), 0.0)
    answer = solver.run(model.lp, effort, integer=False)
    if answer.verdict is Verdict.INFEASIBLE:
        model = build_model(problem, allow_short=True)
        least = _least_shortage(model, effort)
        if least is None:
            return None
        unserved = least
        minimise_cost(model)
        answer = solver.run(model.lp, effort, integer=False)
    if answer.verdict is not Verdict.OPTIMAL or answer.objective is None:
        return None
    return Relaxation(
        bound=_bound(model, answer.objective),
        unserved=unserved,
        sizes=read_sizes(model),
        flow=tuple(read_flow(model)),
        prices=read_prices(model),
    )


def _least_shortage(model: Model, effort: Effort) -> dict[int, float] | None:
    """Least unserved requests class by class; the model is left with those as caps."""
    found: dict[int, float] = {}
    for priority in sorted({work.priority for work in model.problem.workloads}):
        scale = minimise_shortage(model, priority)
        found_least = optimum(model.lp, effort)
        if found_least is None:
            return None
        asked = sum(weight for _, weight in shortage_terms(model, priority))
        least = max(0.0, found_least * scale)
        found[priority] = max(0.0, least - SHORT_MARGIN * asked)
        cap_shortage(model, {priority: least + SHORT_MARGIN * asked})
    return found


def bound_at_shortage(problem: Problem, unserved: dict[int, float], effort: Effort) -> float | None:
    """Bound on the cost of any plan that leaves no class more requests unserved than given."""
    model = build_model(problem, allow_short=True)
    cap_shortage(
        model, {p: lost * (1 + SOLVER_TOLERANCE) + SOLVER_TOLERANCE for p, lost in unserved.items()}
    )
    least = optimum(model.lp, effort)
    return None if least is None else _bound(model, least)


def _bound(model: Model, optimum: float) -> float:
    """On the cost of a plan, by the LP's optimum, what the solver may miss taken off."""
    value = model.problem.fixed_cost + optimum * model.cost_scale
    return value - SOLVER_TOLERANCE * abs(value)


def mip_bound(model: Model, bound: float) -> float:
    """On the cost of a plan, by what a MIP solver proved, what it may miss taken off."""
    value = bound * model.cost_scale
    return model.problem.fixed_cost + value - MIP_MARGIN * abs(value)
