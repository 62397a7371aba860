"""Resilience in the program: with any one domain or node lost, the rest serves its share.

In an emergency requests come in the workload's mix of classes, so one variable a pool says what
it could take on. Loads are in replicas, flows and capacities in shares of the demand.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pulp

from heteroplan.entities.workload import Role
from heteroplan.optimize.problem import Problem, PromiseSpec

if TYPE_CHECKING:
    from heteroplan.optimize.model import Model, Terms

LEAST_LOAD = 1e-3
"""Replicas; a smaller load is taken for this one, so that the solver sees it."""


def define_promise(model: "Model") -> None:
    """For each workload with a promise, and each lost domain or node:

        Σ_{finishing p that are left} z[p,t] >= serve·(1 - short[w,k,t])   for each k, t

    with z[p,t] >= 0 what pool p could take on: load[p,t]·z[p,t] <= n[p,t], balanced like flow.
    """
    problem = model.problem
    for w, work in enumerate(problem.works):
        if work.promise is None:
            continue
        for t in np.flatnonzero((work.rps > 0).any(axis=0)).tolist():
            spare = _define_spare(model, w, t)
            if work.promise.gone:
                _define_domain_loss(model, w, t, spare, work.promise)
            else:
                _define_node_loss(model, w, t, spare, work.promise)


type Spare = dict[int, pulp.LpVariable]
"""Pool -> z in one interval; no entry where it cannot serve the mix."""


def load_of(problem: Problem, p: int, t: int) -> float:
    """Replicas that all demand of interval t keeps busy; inf where a class cannot be served."""
    return max(LEAST_LOAD, float(problem.pools[p].mix_load[t]))


def _define_spare(model: "Model", w: int, t: int) -> Spare:
    problem = model.problem
    spare: Spare = {}
    for p in problem.works[w].pools:
        load = load_of(problem, p, t)
        if np.isfinite(load):
            spare[p] = model.lp.add_variable(f"spare_{p}_{t}", 0, 1)
            model.add([(spare[p], load), (model.n[p][t], -1.0)], "<=", 0.0, f"spare_most_{p}_{t}")
    for b, balance in enumerate(problem.balances):
        if balance.workload == w:
            terms: Terms = [
                (spare[p], sign)
                for pools, sign in ((balance.left, 1.0), (balance.right, -1.0))
                for p in pools
                if p in spare
            ]
            if terms:
                model.add(terms, "==", 0.0, f"spare_balance_{b}_{t}")
    return spare


def _define_domain_loss(model: "Model", w: int, t: int, spare: Spare, promise: PromiseSpec) -> None:
    for d, gone in enumerate(promise.gone):
        left: Terms = [
            (spare[p], 1.0) for p in model.problem.finishing(w) if p in spare and p not in gone
        ]
        _keep(model, w, t, left, promise, f"promise_{w}_{d}_{t}")


def _keep(model: "Model", w: int, t: int, left: "Terms", promise: PromiseSpec, name: str) -> None:
    """left >= serve·(1 - short[k]) for each class that asks for something."""
    for k in np.flatnonzero(model.problem.works[w].rps[:, t] > 0).tolist():
        short = model.short[w][k][t]
        terms = [*left, *([] if short is None else [(short, promise.serve)])]
        if not terms:
            terms = [(model.lp.add_variable(f"nothing_{name}_{k}", 0, 0), 1.0)]
        model.add(terms, ">=", promise.serve, f"{name}_{k}")


def _define_node_loss(model: "Model", w: int, t: int, spare: Spare, promise: PromiseSpec) -> None:
    """A node may hold lost[p] replicas of pool p: it takes min(lost[p], n[p,t]) of them.

    What it takes of several pools at once lies between those cases, and what is served is
    concave in the replicas, so that no mixture is worse than the worst of them.
    """
    problem = model.problem
    groups = problem.groups(w)
    finishing = [p for p in problem.finishing(w) if p in spare]
    for p in spare:
        lost = _define_lost(model, p, t, promise.lost[p])
        group = groups[problem.pools[p].group]
        name = f"promise_{w}_{p}_{t}"
        if any(problem.pools[q].part is not None for q in group):
            taken = (lost, -1.0 / load_of(problem, p, t))
            _keep(model, w, t, [*((spare[q], 1.0) for q in finishing), taken], promise, name)
            continue
        after = _define_pairs_after(model, p, t, [q for q in group if q in spare], lost)
        others: Terms = [
            (spare[q], 1.0)
            for q in finishing
            if q not in group or problem.pools[q].role is Role.AGGREGATED
        ]
        if problem.pools[p].role is Role.AGGREGATED:
            others.append((lost, -1.0 / load_of(problem, p, t)))
        _keep(model, w, t, [*others, (after, 1.0)], promise, name)


def _define_pairs_after(
    model: "Model", p: int, t: int, group: Sequence[int], lost: pulp.LpVariable
) -> pulp.LpVariable:
    """after <= capacity of prefill and of decode in the group when pool p has lost replicas."""
    problem = model.problem
    after = model.lp.add_variable(f"after_{p}_{t}", 0, 1)
    for role in (Role.PREFILL, Role.DECODE):
        side = [q for q in group if problem.pools[q].role is role]
        terms: Terms = [(after, 1.0)]
        terms += [(model.n[q][t], -1.0 / load_of(problem, q, t)) for q in side]
        if p in side:
            terms.append((lost, 1.0 / load_of(problem, p, t)))
        model.add(terms, "<=", 0.0, f"after_{role.value}_{p}_{t}")
    return after


def _define_lost(model: "Model", p: int, t: int, most_lost: int) -> pulp.LpVariable:
    """lost >= min(most_lost, n[p,t]): lost >= n - most·full and lost >= most_lost·full."""
    lost = model.lp.add_variable(f"lost_{p}_{t}", 0, most_lost)
    most = float(max(1, model.problem.pools[p].most[t]))
    full = model.lp.add_variable(f"full_{p}_{t}", 0, 1, "Integer")
    model.add([(lost, 1.0), (model.n[p][t], -1.0), (full, most)], ">=", 0.0, f"lost_few_{p}_{t}")
    model.add([(lost, 1.0), (full, -float(most_lost))], ">=", 0.0, f"lost_many_{p}_{t}")
    return lost
