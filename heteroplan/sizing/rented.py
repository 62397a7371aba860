"""Nodes by the hour: intervals one by one, tied by the nodes that are paid all the time.

For nodes x[o] that are paid anyway, f_t(x) is the least cost of nodes that interval t rents beside
them: a small integer program. The least of Σ_o usd[o]·x[o] + Σ_t f_t(x) is what a fleet costs at
least. With prices mu[j,t] >= 0 of a node of type j that interval t takes,

    Σ_t min(rent of t + Σ_j mu[j,t]·nodes taken of j) + Σ_o most[o]·min(0, usd[o] - Σ_t mu[j(o),t])

bounds that from below: of any fleet, each interval may take no more than x[j] nodes, and paying mu
for them adds Σ_t mu[j,t]·x[j] at most. An offer without a limit needs Σ_t mu[j,t] <= usd[o]. Prices
are the duals of the program whose nodes may be fractional, improved by subgradient steps.
"""

from dataclasses import dataclass, replace
from math import inf
from time import monotonic

import numpy as np
import pulp

from heteroplan.numerics.tolerances import SOLVER_TOLERANCE
from heteroplan.optimize.formulation.model import build_model
from heteroplan.optimize.program.problem import Floats
from heteroplan.optimize.rules.mip import INTEGER, Model, Terms
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.sizing.offered import Offered
from heteroplan.sizing.potential import MANY_NODES, Potential
from heteroplan.sizing.program import Least, node_model

NODES = 2_000
"""Branch-and-bound nodes of one interval; counted, so that a run does not depend on the clock."""
RENT_GAP = 1e-3
"""To which one interval is solved."""
MASTER_SHARE = 0.3
"""Of the time, for the nodes that are paid anyway."""
MASTER_GAP = 2e-3
"""To which these are looked for."""


@dataclass(frozen=True, slots=True)
class Rent:
    """What one interval rents."""

    bound_usd: float
    usd: float
    taken: tuple[int, ...]
    """[node type] of those that are paid anyway."""
    rented: tuple[int, ...]
    """[hourly offer]"""


@dataclass(slots=True)
class IntervalModel:
    """The program of one interval."""

    offered: Offered
    model: Model
    scale_usd: float
    taken: list[pulp.LpVariable]
    rented: list[pulp.LpVariable]

    @classmethod
    def of(cls, potential: Potential, t: int) -> "IntervalModel":
        offered = potential.offered
        hours = offered.scenario.horizon.interval_hours
        model = build_model(potential.at([t]), allow_short=False)
        taken = [
            model.lp.add_variable(f"u_{j}", 0, MANY_NODES, INTEGER)
            for j in range(len(offered.node_types))
        ]
        rented = [
            model.lp.add_variable(f"y_{i}", 0, offer.most_nodes, INTEGER)
            for i, offer in enumerate(offered.hourly)
        ]
        for j, node_type in enumerate(offered.node_types):
            size = float(offered.scenario.fleet.node_type(node_type).gpus)
            terms: Terms = [
                (model.n[p][0], float(pool.gpus))
                for p, pool in enumerate(model.problem.pools)
                if pool.node_type == node_type
            ]
            terms.append((taken[j], -size))
            terms += [
                (y, -size)
                for y, offer in zip(rented, offered.hourly, strict=True)
                if offer.node_type == node_type
            ]
            model.add(terms, "<=", 0.0, f"nodes_{j}")
        prices = [offer.usd_per_node_hour * hours for offer in offered.hourly]
        return cls(offered, model, max(prices, default=1.0) or 1.0, taken, rented)

    def least(
        self, prices_usd: Floats, most: Floats | None, effort: Effort, *, integer: bool = True
    ) -> Rent | None:
        """The cheapest at prices [node type] of nodes taken, `most` [node type] of them."""
        hours = self.offered.scenario.horizon.interval_hours
        terms: Terms = [
            (u, float(price) / self.scale_usd)
            for u, price in zip(self.taken, prices_usd, strict=True)
        ]
        terms += [
            (y, offer.usd_per_node_hour * hours / self.scale_usd)
            for y, offer in zip(self.rented, self.offered.hourly, strict=True)
        ]
        for j, u in enumerate(self.taken):
            u.upBound = MANY_NODES if most is None else float(most[j])
        self.model.lp.setObjective(pulp.LpAffineExpression.from_list(terms))
        answer = solver.run(self.model.lp, effort, integer=integer)
        if answer.verdict is Verdict.INFEASIBLE or answer.bound is None or not answer.has_solution:
            return None
        value = answer.objective if answer.objective is not None else answer.bound
        return Rent(
            bound_usd=max(0.0, answer.bound * self.scale_usd * (1.0 - SOLVER_TOLERANCE)),
            usd=value * self.scale_usd,
            taken=tuple(round(u.varValue or 0.0) for u in self.taken),
            rented=tuple(round(y.varValue or 0.0) for y in self.rented),
        )


def rented(potential: Potential, effort: Effort) -> Least:
    """Nodes that are paid anyway and those that are rented beside them, with a bound."""
    everything = list(range(potential.program.intervals))
    model = node_model(potential, everything)
    prices = model.duals(effort)
    if prices is None:
        return Least(Verdict.LIMIT, 0.0, None, {})
    offered = potential.offered
    began, end = monotonic(), effort.deadline or inf
    found = Least(Verdict.LIMIT, prices.bound_usd, None, {})
    if offered.paid:
        until = began + MASTER_SHARE * (end - began)
        found = model.least(replace(effort, deadline=until, gap=MASTER_GAP))
    bound, rents = priced_rents(potential, prices.usd, effort)
    bound = max(bound, found.bound_usd, prices.bound_usd)
    if not offered.paid and all(each is not None for each in rents):
        counts = {
            offer.name: max(each.rented[i] for each in rents if each is not None)
            for i, offer in enumerate(offered.hourly)
        }
        usd = sum(each.usd for each in rents if each is not None)
        return Least(Verdict.OPTIMAL, bound, usd, counts)
    return replace(found, bound_usd=bound)


def priced_rents(
    potential: Potential, prices_usd: Floats, effort: Effort
) -> tuple[float, list[Rent | None]]:
    """The bound at prices [node type, T] of nodes taken, and what each interval rents at them.

    Intervals that time did not suffice for count nothing.
    """
    offered = potential.offered
    fair = _affordable(offered, prices_usd)
    bound, rents = _worth_at_most(offered, fair), list[Rent | None]()
    for t in range(potential.program.intervals):
        none = np.zeros(len(offered.node_types)) if not offered.paid else None
        found = None
        if not effort.over():
            model = IntervalModel.of(potential, t)
            found = model.least(fair[:, t], none, replace(effort, nodes=NODES, gap=RENT_GAP))
        rents.append(found)
        bound += 0.0 if found is None else found.bound_usd
    return bound, rents


def _affordable(offered: Offered, prices_usd: Floats) -> Floats:
    """Prices whose sum over the horizon no offer without a limit is below."""
    fair = prices_usd.copy()
    for j, node_type in enumerate(offered.node_types):
        limits = [
            offered.usd(offer)
            for offer in offered.paid
            if offer.node_type == node_type and offer.most_nodes is None
        ]
        total = float(fair[j].sum())
        if limits and total > min(limits):
            fair[j] *= min(limits) / total * (1.0 - SOLVER_TOLERANCE)
    return fair


def _worth_at_most(offered: Offered, prices_usd: Floats) -> float:
    """Σ_o most[o]·min(0, usd[o] - Σ_t mu[j(o),t]) of offers with a limit."""
    total = dict(zip(offered.node_types, prices_usd.sum(axis=1).tolist(), strict=True))
    limited = (offer for offer in offered.paid if offer.most_nodes is not None)
    worth = 0.0
    for offer in limited:
        worth += (offer.most_nodes or 0) * min(0.0, offered.usd(offer) - total[offer.node_type])
    return worth
