"""What replicas may handle: the SLO."""

from heteroplan.optimize.rules.mip import Box, Model, Terms
from heteroplan.optimize.rules.rule import Rule

TINY_LOAD = 1e-3
"""Replicas; a thousand times what a solver takes for an integer."""


class CapacityRule(Rule):
    """A pool serves no more requests than its capacity at the SLO."""

    kept_by_bound = True

    def define(self, model: Model, box: Box | None) -> None:
        """Σ_k load[p,k,t]·x[p,k,t] <= n[p,t] [replicas] for each pool: the SLO holds.

        And x[p,k,t] <= n[p,t] where the load is so small that a solver would take it for nothing.
        """
        for p, pool in enumerate(model.problem.pools):
            for t in range(model.problem.intervals):
                busy: Terms = [
                    (x, float(pool.load[k, t]))
                    for k, flow in enumerate(model.x[p])
                    if (x := flow[t]) is not None
                ]
                if busy:
                    model.add([*busy, (model.n[p][t], -1.0)], "<=", 0.0, f"capacity_{p}_{t}")
                for k, flow in enumerate(model.x[p]):
                    if (share := flow[t]) is not None and pool.load[k, t] < TINY_LOAD:
                        row = [(share, 1.0), (model.n[p][t], -1.0)]
                        model.add(row, "<=", 0.0, f"whole_{p}_{k}_{t}")
