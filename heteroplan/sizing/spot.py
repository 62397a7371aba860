"""Spot nodes: what their interruptions cost, and what is left where all of an offer's are gone.

An interruption takes a node away; another one comes at once, on which replicas start. So that as
many nodes serve on average as are needed, 1 + interruptions a node-hour x hours of a start-up are
paid for each (`Offer.paid_per_serving`).

Of an offer with a share below 1 all nodes may be gone at once: the rest serves 1 - share of what is
served. In the program such an offer o has replicas of its own; for pool p in interval t:

    z[p,o,t]     replicas of the pool on nodes of the offer            >= 0

    Σ_o z[p,o,t] <= n[p,t]
    Σ_{p on j} gpus[p]·(n[p,t] - Σ_o z[p,o,t]) <= gpus[j]·(nodes of other offers of type j)
    Σ_{p on j} gpus[p]·z[p,o,t] <= gpus[j]·y[o,t]
    Σ_{p of w, stage} (n[p,t] - z[p,o,t]) / load[p,t] >= (1 - share[o])·(1 - short[w,k,t])

Every fleet within the shares meets these rows, so that the bound holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pulp

from heteroplan.entities.offers import Offer
from heteroplan.entities.plan import Plan
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.program.problem import Problem, ProgramResilience
from heteroplan.optimize.rules.mip import INTEGER, Model, Terms
from heteroplan.optimize.rules.resilience import load_of
from heteroplan.sizing.potential import Offered
from heteroplan.verify.plan_index import PlanIndex
from heteroplan.verify.topology import capacity_left


def limit_shares(
    model: Model,
    offered: Offered,
    i: int,
    rented: Mapping[str, pulp.LpVariable],
    paid: Mapping[str, Sequence[pulp.LpVariable]],
    *,
    whole: bool = False,
) -> dict[str, pulp.LpConstraint]:
    """Rows of the i-th interval of the model; by node type those that nodes of other offers ease.

    `rented` are the nodes of hourly offers, `paid` by node type those that are paid anyway.
    """
    pools, kind = model.problem.pools, INTEGER if whole else "Continuous"
    limited = [each for each in offered.hourly if each.most_share < 1.0]
    eased: dict[str, pulp.LpConstraint] = {}
    for j, node_type in enumerate(offered.node_types):
        mine = [each for each in limited if each.node_type == node_type]
        if not mine:
            continue
        size = float(offered.scenario.fleet.node_type(node_type).gpus)
        here = [p for p, pool in enumerate(pools) if pool.node_type == node_type]
        beside: Terms = [(model.n[p][i], float(pools[p].gpus)) for p in here]
        standing: dict[int, Terms] = {p: [(model.n[p][i], 1.0)] for p in here}
        for offer in mine:
            o = limited.index(offer)
            on_offer = {p: model.lp.add_variable(f"z_{p}_{o}_{i}", 0, None, kind) for p in here}
            held: Terms = [(z, float(pools[p].gpus)) for p, z in on_offer.items()]
            beside += [(z, -gpus) for z, gpus in held]
            row = [*held, (rented[offer.name], -size)]
            model.add(row, "<=", 0.0, f"on_offer_{o}_{i}")
            for p, z in on_offer.items():
                standing[p].append((z, -1.0))
            for w in range(len(model.problem.workloads)):
                leave_enough(model, i, w, 1.0 - offer.most_share, f"left_{o}", on_offer)
        for p, terms in standing.items():
            model.add(terms, ">=", 0.0, f"standing_{p}_{i}")
        beside += [(count, -size) for count in paid.get(node_type, ())]
        beside += [
            (rented[each.name], -size)
            for each in offered.hourly
            if each.node_type == node_type and each not in mine
        ]
        eased[node_type] = model.add(beside, "<=", 0.0, f"beside_offers_{j}_{i}")
    return eased


def leave_enough(
    model: Model,
    i: int,
    w: int,
    serve: float,
    name: str,
    gone: Mapping[int, pulp.LpVariable] = MappingProxyType({}),
) -> None:
    """Each stage of a workload has capacity for a share of the demand, without replicas `gone`."""
    problem = model.problem
    work = problem.workloads[w]
    asked = np.flatnonzero(work.rps[:, i] > 0).tolist()
    for stage in range(work.stages):
        serving = [p for p in work.pools if stage in problem.pools[p].stages]
        rates = {p: 1.0 / load_of(problem, p, i) for p in serving}
        left: Terms = [(model.n[p][i], rate) for p, rate in rates.items() if rate > 0]
        left += [(gone[p], -rate) for p, rate in rates.items() if rate > 0 and p in gone]
        for k in asked if left else ():
            short = model.short[w][k][i]
            terms = left if short is None else [*left, (short, serve)]
            model.add(terms, ">=", serve, f"{name}_{w}_{stage}_{k}_{i}")


def backed(problem: Problem, hourly: Mapping[str, Offer]) -> Problem:
    """The program of a plan that serves enough without the nodes of any one limited offer.

    `hourly` are offers by node type of its fleet; of several the least share counts for all.
    Workloads that are to survive another loss keep that: `too_much` looks at their plans.
    """
    limited = {name: each for name, each in hourly.items() if each.most_share < 1.0}
    serve = 1.0 - min((each.most_share for each in limited.values()), default=1.0)
    made = []
    for work in problem.workloads:
        gone = tuple(
            tuple(p for p in work.pools if problem.pools[p].node_type == name) for name in limited
        )
        if any(gone) and serve > 0.0 and work.resilience is None:
            work = replace(work, resilience=_AnyOffer(serve, tuple(filter(None, gone)), {}))
        made.append(work)
    return replace(problem, workloads=tuple(made))


class _AnyOffer(ProgramResilience):
    """The pools on any one of some offers may be gone; others stand on none of them."""

    @property
    def need(self) -> float:
        """No more than all demand: what is on no offer is never lost."""
        return 1.0


def too_much(plan: Plan, hourly: Mapping[str, Offer]) -> list[Offer]:
    """Offers without whose nodes some workload is served less than they allow, in any interval.

    `hourly` are offers by node type of the plan's fleet.
    """
    return [
        offer
        for node_type, offer in hourly.items()
        if offer.most_share < 1.0 and _is_short(plan, node_type, 1.0 - offer.most_share)
    ]


def _is_short(plan: Plan, without: str, serve: float) -> bool:
    index = PlanIndex(plan, 1.0)
    for load, made in zip(plan.scenario.workloads, plan.workloads, strict=True):
        own = [p for p, pool in enumerate(plan.pools) if pool.workload == load.name]
        for t, served_rps in enumerate(made.served_rps):
            left = {
                p: plan.pools[p].replicas[t] * (plan.pools[p].node_type != without) for p in own
            }
            if capacity_left(index, load, left, t) < serve * served_rps * (1 - ROUNDING):
                return True
    return False
