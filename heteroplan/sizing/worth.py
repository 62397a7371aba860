"""What one more node of each type is worth: by how much the bill falls if it costs nothing.

Of the program of nodes (`program`), whose nodes and replicas may be fractional here: so a type of
which some are bought is worth about what it costs, and one of which none are is worth less.
"""

from dataclasses import replace

from heteroplan.entities.purchasing import Purchasing
from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.sizing.offered import Offered
from heteroplan.sizing.potential import Potential
from heteroplan.sizing.program import NodeModel, node_model
from heteroplan.sizing.terms import as_searched


def node_worth(scenario: Scenario, terms: Purchasing, effort: Effort) -> dict[str, float]:
    """Node type on offer -> USD in the horizon; those that there was time for.

    What is paid in any case is no part of the bill.
    """
    offered = Offered.of(replace(scenario, fleet=terms.fleet), as_searched(terms))
    potential = Potential.of(offered)
    if not potential.servable:
        return {}
    every = list(range(potential.program.intervals))
    model = node_model(potential, every if offered.hourly else potential.busiest())
    found: dict[str, float] = {}
    whole_usd = _least_usd(model, effort)
    for j, node_type in enumerate(offered.node_types):
        rows = [*model.rows[j], *(each[node_type] for each in model.beside if node_type in each)]
        for row in rows:
            row.changeRHS(float(terms.fleet.node_type(node_type).gpus))
        usd = _least_usd(model, effort)
        for row in rows:
            row.changeRHS(0.0)
        if whole_usd is not None and usd is not None:
            found[node_type] = max(0.0, whole_usd - usd)
    return found


def _least_usd(model: NodeModel, effort: Effort) -> float | None:
    """None where time ran out."""
    if effort.over():
        return None
    answer = solver.run(model.model.lp, effort, integer=False)
    if answer.verdict is not Verdict.OPTIMAL or answer.objective is None:
        return None
    return answer.objective * model.scale_usd
