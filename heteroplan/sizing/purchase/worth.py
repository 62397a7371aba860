"""What one more node of each type is worth: by how much the bill falls if it costs nothing.

Of the program of nodes (`program`). With whole nodes a type is worth its price where the last node
of it is needed, less where a part of it would do. With fractional ones a type of which some are
bought is worth about what it costs, and one of which none are is worth less.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic

from heteroplan.entities.purchasing import Purchasing
from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.program import NodeModel, node_model
from heteroplan.sizing.purchase.terms import as_searched

WHOLE_SHARE = 0.7
"""Of the time, for whole nodes and replicas."""
WHOLE_GAP = 1e-3
"""To which their programs are solved."""
AS_MUCH = 0.005
"""Share by which a price may differ from a worth that is called the same."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Of one more node of each type."""

    usd: Mapping[str, float]
    """By node type on offer, in the horizon; those that there was time for."""
    whole: bool
    """Whether nodes and replicas are whole; else they may be fractional."""


def is_worth_more(worth_usd: float, price_usd: float) -> bool:
    """Whether a node is worth more than it costs, and not about as much."""
    return worth_usd > price_usd * (1.0 + AS_MUCH)


def node_worth(scenario: Scenario, terms: Purchasing, effort: Effort) -> Worth:
    """What is paid in any case is no part of the bill.

    Nodes and replicas are whole where there is time for that, and nothing is paid by the hour.
    """
    offered = Offered.of(replace(scenario, fleet=terms.fleet), as_searched(terms))
    potential = Potential.of(offered)
    if not potential.servable:
        return Worth({}, whole=False)
    every = list(range(potential.program.intervals))
    model = node_model(potential, every if offered.hourly else potential.busiest())
    if not offered.hourly and effort.deadline is not None:
        now = monotonic()
        until = now + WHOLE_SHARE * max(0.0, effort.deadline - now)
        found = _worth(model, replace(effort, deadline=until, gap=WHOLE_GAP), integer=True)
        if len(found) == len(offered.node_types):
            return Worth(found, whole=True)
    return Worth(_worth(model, effort, integer=False), whole=False)


def _worth(model: NodeModel, effort: Effort, *, integer: bool) -> dict[str, float]:
    """By node type; those that time sufficed for."""
    offered = model.offered
    found: dict[str, float] = {}
    without_usd = _least_usd(model, effort, integer)
    for j, node_type in enumerate(offered.node_types):
        rows = [*model.rows[j], *(each[node_type] for each in model.beside if node_type in each)]
        for row in rows:
            row.changeRHS(float(offered.scenario.fleet.node_type(node_type).gpus))
        usd = _least_usd(model, effort, integer)
        for row in rows:
            row.changeRHS(0.0)
        if without_usd is not None and usd is not None:
            found[node_type] = max(0.0, without_usd - usd)
    return found


def _least_usd(model: NodeModel, effort: Effort, integer: bool) -> float | None:
    """None where time ran out."""
    if effort.over():
        return None
    answer = solver.run(model.model.lp, effort, integer=integer)
    if answer.verdict is not Verdict.OPTIMAL or answer.objective is None:
        return None
    return answer.objective * model.scale_usd
