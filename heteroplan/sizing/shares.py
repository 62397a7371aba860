"""How much of a workload stands on nodes of one offer, where an offer limits that (spot)."""

from collections.abc import Mapping

import numpy as np

from heteroplan.entities.capacity import mix_rps
from heteroplan.entities.offers import Offer
from heteroplan.entities.plan import Plan
from heteroplan.entities.workload import Role
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.program.problem import Floats
from heteroplan.sizing.offered import Offered
from heteroplan.sizing.program import Counts

FEWER = 0.6
"""Of the nodes of an offer that are left where too much of a workload stands on them."""


def too_much(plan: Plan, hourly: Mapping[str, Offer]) -> list[Offer]:
    """Offers on whose nodes more of a workload's capacity of a role stands than they allow, in any
    interval. `hourly` are offers by node type of the plan's fleet."""
    capacity = _capacity_rps(plan)
    total: dict[tuple[str, Role], Floats] = {}
    for (workload, role, _), rates in capacity.items():
        total[workload, role] = total.get((workload, role), 0.0 * rates) + rates
    return [
        offer
        for node_type, offer in hourly.items()
        if offer.most_share < 1.0
        and any(
            (rates > offer.most_share * total[workload, role] * (1 + ROUNDING)).any()
            for (workload, role, own), rates in capacity.items()
            if own == node_type
        )
    ]


def _capacity_rps(plan: Plan) -> dict[tuple[str, Role, str], Floats]:
    """(workload, role, node type) -> [T] rate that its replicas serve in the mix of classes."""
    candidates = {
        (each.workload, each.engine.name, each.node_type): each for each in plan.candidates
    }
    demand = {load.name: load.demand for load in plan.scenario.workloads}
    found: dict[tuple[str, Role, str], Floats] = {}
    for pool in plan.pools:
        own = candidates[pool.workload, pool.engine, pool.node_type]
        rates = np.array(
            [
                count
                * mix_rps(
                    (kind.share, rate)
                    for kind, rate in zip(at.classes, own.capacity_rps(t, count), strict=True)
                )
                for t, (count, at) in enumerate(
                    zip(pool.replicas, demand[pool.workload], strict=True)
                )
            ]
        )
        key = (pool.workload, pool.role, pool.node_type)
        found[key] = found.get(key, 0.0 * rates) + rates
    return found


def with_fewer(offered: Offered, counts: Counts, offer: Offer) -> Counts:
    """Part of the nodes of an offer, and as many more of the cheapest of their type without a limit
    of its share."""
    left = int(counts.get(offer.name, 0) * FEWER)
    more = counts | {offer.name: left}
    others = [
        each
        for each in offered.offers
        if each.node_type == offer.node_type and each.most_share >= 1.0
    ]
    if others:
        other = min(others, key=lambda each: (not each.hourly, each.usd_per_node_hour))
        wanted = counts.get(other.name, 0) + counts.get(offer.name, 0) - left
        limit = wanted if other.most_nodes is None else other.most_nodes
        more[other.name] = min(wanted, limit)
    return more
