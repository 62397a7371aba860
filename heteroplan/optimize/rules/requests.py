"""What requests ask for: replicas that serve them within the SLO, every stage, all of them."""

import numpy as np

from heteroplan.optimize.rules.mip import Model, Terms
from heteroplan.optimize.rules.rule import Rule

TINY_LOAD = 1e-3
"""Replicas; a thousand times what a solver takes for an integer."""


class CapacityRule(Rule):
    """A pool serves no more requests than its capacity at the SLO."""

    kept_by_bound = True

    def define(self, model: Model) -> None:
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


class BalanceRule(Rule):
    """Prefill and decode of a group serve the same rate, as do both parts of a divided engine."""

    kept_by_bound = True

    def define(self, model: Model) -> None:
        """Σ_left x[p,k,t] = Σ_right x[p,k,t] [share] for each balance, k, t.

        KV made in a group is consumed in it, and what part 0 of a divided engine passes on, part 1
        on the same leaf takes.
        """
        for b, balance in enumerate(model.problem.balances):
            for k in range(len(model.problem.workloads[balance.workload].rps)):
                for t in range(model.problem.intervals):
                    terms: Terms = [
                        (x, sign)
                        for pools, sign in ((balance.left, 1.0), (balance.right, -1.0))
                        for p in pools
                        if (x := model.x[p][k][t]) is not None
                    ]
                    if terms:
                        name = f"balance_{b}_{k}_{t}"
                        model.balance_rows[b, k, t] = model.add(terms, "==", 0.0, name)


class DemandRule(Rule):
    """Served and unserved requests add up to the demand."""

    kept_by_bound = True

    def define(self, model: Model) -> None:
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
