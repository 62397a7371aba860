"""Supply leaf by leaf, written beside the nested rows of the program."""

from collections.abc import Mapping

import numpy as np
import pulp

from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.rules.mip import Model

type Standing = Mapping[tuple[int, str, int], pulp.LpVariable]
"""(pool, leaf, interval) -> GPUs that the pool holds on the leaf, a real number."""


def stand_on_leaves(model: Model, of: Scenario) -> Standing:
    """Σ_leaf g[p,leaf,t] = GPUs that pool p holds; Σ_p g[p,leaf,t] <= GPUs there, by node type."""
    problem, standing = model.problem, {}
    for p, pool in enumerate(problem.pools):
        below = [leaf.name for leaf in of.fleet.network.domains(pool.level)[pool.domain]]
        for t in range(problem.intervals):
            for name in below:
                standing[p, name, t] = model.lp.add_variable(f"g_{p}_{name}_{t}", 0)
            holding = [model.n[p][t], *_starting(model, p, t)]
            terms = [(standing[p, name, t], 1.0) for name in below]
            terms += [(each, -float(pool.gpus)) for each in holding]
            model.add(terms, "==", 0.0, f"stands_{p}_{t}")
    for leaf in of.fleet.network.leaves:
        for shape in of.fleet.node_types:
            for t in range(problem.intervals):
                terms = [
                    (held, 1.0)
                    for (p, at, during), held in standing.items()
                    if (at, during) == (leaf.name, t) and problem.pools[p].node_type == shape.name
                ]
                gpus = float(leaf.nodes.get(shape.name, 0) * shape.gpus)
                if terms:
                    model.add(terms, "<=", gpus, f"leaf_{leaf.name}_{shape.name}_{t}")
    return standing


def _starting(model: Model, p: int, t: int) -> list[pulp.LpVariable]:
    """Starts into one of the `lead` intervals after t, around the end of a cyclic day."""
    after = np.arange(t + 1, t + 1 + model.problem.pools[p].lead)
    if not model.problem.cyclic:
        after = after[after < model.problem.intervals]
    return [model.up[p][i % model.problem.intervals] for i in after]
