"""All demand is served or counted as unserved."""

import numpy as np

from heteroplan.optimize.rules.mip import Box, Model, Terms
from heteroplan.optimize.rules.rule import Rule


class DemandRule(Rule):
    """Served and unserved requests add up to the demand."""

    kept_by_bound = True

    def define(self, model: Model, box: Box | None) -> None:
        """Σ_{decode, aggregated} x[p,k,t] + short[w,k,t] >= 1 [share] for each w, k, t with demand.

        An equality where resilience refers to what is served.
        """
        for w, work in enumerate(model.problem.workloads):
            for k in range(len(work.rps)):
                for t in np.flatnonzero(work.rps[k] > 0):
                    terms: Terms = [
                        (x, 1.0)
                        for p in model.problem.finishing(w)
                        if (x := model.x[p][k][t]) is not None
                    ]
                    missing = model.short[w][k][t]
                    if missing is not None:
                        terms.append((missing, 1.0))
                    sense = ">=" if work.resilience is None else "=="
                    model.add(terms, sense, 1.0, f"demand_{w}_{k}_{t}")
