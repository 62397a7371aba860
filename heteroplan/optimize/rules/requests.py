"""What requests ask for: replicas that serve them within the SLO, every stage, all of them."""

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.rules.mip import TINY_LOAD, Model, Terms
from heteroplan.optimize.rules.rule import Rule


class CapacityRule(Rule):
    """A pool serves no more requests than its capacity at the SLO."""

    kept_by_bound = True

    def define(self, model: Model) -> None:
        """Σ_k load[p,k,t]·x[p,k,t] <= n[p,t] [replicas] for each pool: the SLO holds.

        And x[p,k,t] <= n[p,t] where the load is so small that a solver would take it for nothing.
        With one flow pass[b,t] <= Σ n[p,t] / load[p,t] [share] on either side of balance b, in
        replicas of the pool there whose replicas serve least.
        """
        shares = model.shares.tolist()
        for b, t in model.passing:
            _define_passing(model, b, t, shares)
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


def _define_passing(model: Model, b: int, t: int, shares: list[list[float]]) -> None:
    balance = model.problem.balances[b]
    for side, pools in (("right", balance.right), ("left", balance.left)):
        able = [(p, share) for p in pools if (share := shares[p][t]) > 0]
        least = min(share for _, share in able)
        terms: Terms = [(model.n[p][t], share / least) for p, share in able]
        passing = (model.passing[b, t], -1.0 / least)
        row = model.add([*terms, passing], ">=", 0.0, f"capacity_{side}_{b}_{t}")
        model.balance_rows[b, 0, t] = row, least


class BalanceRule(Rule):
    """Prefill and decode of a group serve the same rate, as do both parts of a divided engine."""

    kept_by_bound = True

    def define(self, model: Model) -> None:
        """Σ_left x[p,k,t] = Σ_right x[p,k,t] [share] for each balance, k, t.

        KV made in a group is consumed in it, and what part 0 of a divided engine passes on, part 1
        on the same leaf takes. One flow needs no row.
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
                        model.balance_rows[b, k, t] = model.add(terms, "==", 0.0, name), 1.0


class DemandRule(Rule):
    """Served and unserved requests add up to the demand."""

    kept_by_bound = True

    def define(self, model: Model) -> None:
        """Σ_{decode, aggregated} x[p,k,t] + short[w,k,t] >= 1 [share] for each w, k, t with demand.

        An equality where resilience refers to what is served. With one flow Σ_b pass[b,t] in the
        place of decode, and Σ n[p,t] / load[p,t] in that of aggregated pools.
        """
        problem, shares = model.problem, model.shares.tolist()
        for w, work in enumerate(problem.workloads):
            finishing, balances = problem.finishing(w), problem.balances_of(w)
            alone = problem.members(w, Role.AGGREGATED)
            sense = ">=" if work.resilience is None else "=="
            for k, t in np.argwhere(work.rps > 0).tolist():
                served = [
                    *(model.x[p][k][t] for p in finishing),
                    *(model.passing.get((b, t)) for b in balances),
                    model.short[w][k][t],
                ]
                terms: Terms = [(each, 1.0) for each in served if each is not None]
                terms += [(model.n[p][t], shares[p][t]) for p in alone if shares[p][t] > 0]
                model.add(terms, sense, 1.0, f"demand_{w}_{k}_{t}")
