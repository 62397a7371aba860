"""Numbers of nodes by offer: what they cost, and more or fewer of them."""

from collections.abc import Mapping, Sequence, Set
from math import ceil, inf

import numpy as np

from heteroplan.entities.offers import Offer, OfferKind
from heteroplan.entities.plan import Plan
from heteroplan.numerics.tolerances import ROUNDING, SOLVER_TOLERANCE
from heteroplan.optimize.program.problem import Ints, PoolSpec
from heteroplan.sizing.potential import Offered, Potential

FEWER = 0.6
"""Of the nodes of an offer that are left where too much of a workload stands on them."""
HOURLY_ROOM = 1.25
"""Nodes by the hour that a plan may choose from, in those of the program: the rest is not paid."""

type Counts = dict[str, int]
"""Offer -> nodes; of an hourly offer the most that run at a time."""


def usd_of(offered: Offered, counts: Counts) -> float:
    """What nodes that are paid anyway cost in the horizon [USD]."""
    return _usd(offered, offered.paid, counts)


def full_usd(offered: Offered, counts: Counts) -> float:
    """What all nodes cost if those by the hour ran all the time [USD]."""
    return _usd(offered, offered.offers, counts)


def _usd(offered: Offered, offers: Sequence[Offer], counts: Counts) -> float:
    return sum(offered.usd(offer) * counts.get(offer.name, 0) for offer in offers)


def with_room(offered: Offered, counts: Counts) -> Counts:
    """The nodes, all that stand for nothing more, and of those by the hour some to choose from."""
    more = dict(counts)
    for offer in offered.paid:
        if offer.kind is OfferKind.EXISTING and offer.usd_per_node_hour == 0.0:
            more[offer.name] = offer.most_nodes or 0
    for offer in offered.hourly:
        wanted = int(counts.get(offer.name, 0) * HOURLY_ROOM) + 1
        more[offer.name] = _allowed(offer, wanted)
    return more


def grown(offered: Offered, counts: Counts, factor: float) -> Counts:
    """The nodes of each offer in proportion, until all of them cost so many times as much.

    Hourly ones as if they ran all the time. Fewer where the factor is below 1. Of an offer that has
    no more nodes, the cheapest others of its node type; free nodes count at the lowest price of
    others.
    """
    usd = full_usd(offered, counts)
    usd += (factor - 1.0) * (usd if factor < 1.0 else _value_usd(offered, counts))
    more = {
        offer.name: _allowed(offer, int(counts.get(offer.name, 0) * factor))
        for offer in offered.offers
    }
    able = [offer for offer in offered.offers if counts.get(offer.name, 0) > 0]
    types = dict.fromkeys(offer.node_type for offer in able)
    while full_usd(offered, more) < usd:
        here = [each for each in able if more[each.name] < _most(each)] or [
            offer for each in types for offer in _open(offered, each, more)[:1]
        ]
        if not here:
            break
        least = min(here, key=lambda offer: more[offer.name] / max(1, counts.get(offer.name, 0)))
        more[least.name] += 1
    return more


def _value_usd(offered: Offered, counts: Counts) -> float:
    """What nodes cost, free ones at the lowest price of others."""
    prices = [usd for each in offered.offers if (usd := offered.usd(each)) > 0]
    return max(full_usd(offered, counts), min(prices, default=0.0) * sum(counts.values()))


def _open(offered: Offered, node_type: str, counts: Counts) -> list[Offer]:
    """Offers of a node type that more may be taken of, the cheapest first."""
    mine = [
        each
        for each in offered.offers
        if each.node_type == node_type and counts.get(each.name, 0) < _most(each)
    ]
    return sorted(mine, key=offered.usd)


def exchanged(offered: Offered, counts: Counts, least_usd: float) -> list[Counts]:
    """The nodes with one less of a paid offer, or with some of another one for it, that cost less
    by so much at least: as many as that leaves, or one for as few as pay for it."""
    found: list[Counts] = []
    for less in offered.paid:
        there, usd = counts.get(less.name, 0), offered.usd(less)
        if there > 0 and usd >= least_usd:
            found.append(counts | {less.name: there - 1})
        for more in offered.paid:
            if more is less or usd <= 0.0 or offered.usd(more) <= 0.0:
                continue
            few = max(1, ceil((offered.usd(more) + least_usd) / usd - ROUNDING))
            nodes = int((few * usd - least_usd) / offered.usd(more) + ROUNDING)
            now = counts.get(more.name, 0)
            if few <= there and _allowed(more, now + nodes) > now:
                changed = {less.name: there - few, more.name: _allowed(more, now + nodes)}
                found.append(counts | changed)
    return found


def with_lacking(potential: Potential, counts: Counts, plan: Plan, times: int) -> Counts:
    """The nodes, and so many times those of paid offers that would serve what a plan does not.

    Each stage of a workload that goes short in the engine that serves it for least, or all in
    engines of one node type, whichever nodes cost less.
    """
    offered = potential.offered
    bought = {offer.node_type for offer in offered.paid}
    ways = [_with_nodes(offered, counts, _lacking(potential, plan, bought), times)]
    for node_type in sorted(bought):
        lacking = _lacking(potential, plan, {node_type})
        ways.append(_with_nodes(offered, counts, lacking, times))
    able = [each for each in ways if each is not None and each != counts]
    return min(able, key=lambda each: usd_of(offered, each), default=counts)


def _with_nodes(
    offered: Offered, counts: Counts, nodes: dict[str, int] | None, times: int
) -> Counts | None:
    """The nodes and some of each type, of its cheapest offers that have any; None without them."""
    if nodes is None:
        return None
    more = dict(counts)
    for node_type, count in nodes.items():
        missing = times * count
        offers = [offer for offer in offered.paid if offer.node_type == node_type]
        for offer in sorted(offers, key=lambda each: each.usd_per_node_hour):
            now = more.get(offer.name, 0)
            more[offer.name] = _allowed(offer, now + missing)
            missing -= more[offer.name] - now
    return more


def _lacking(potential: Potential, plan: Plan, node_types: Set[str]) -> dict[str, int] | None:
    """Node type -> nodes of those that are lacking in any interval; None where they do not serve
    what goes short."""
    lacking = _lacking_at(potential, plan, node_types)
    if lacking is None:
        return None
    return {name: max(here.values()) for name, here in lacking.items()}


def _lacking_at(
    potential: Potential, plan: Plan, node_types: Set[str]
) -> dict[str, dict[int, int]] | None:
    """Node type -> by interval, nodes of those that are lacking; None where they do not serve what
    goes short."""
    program, fleet = potential.program, potential.offered.scenario.fleet
    names = [work.name for work in program.workloads]
    asked = {load.name: load.demand for load in plan.scenario.workloads}
    gpus: dict[str, dict[int, int]] = {}
    for short in plan.shortages:
        if short.workload not in names:
            continue
        w, t = names.index(short.workload), short.interval
        share = short.unserved_rps / asked[short.workload][t].rps
        pools = _cheapest(potential, w, t, node_types)
        if {stage for pool in pools for stage in pool.stages} != set(
            range(program.workloads[w].stages)
        ):
            return None
        for pool in pools:
            here = gpus.setdefault(pool.node_type, {})
            replicas = ceil(float(pool.mix_load[t]) * min(1.0, share) - SOLVER_TOLERANCE)
            here[t] = here.get(t, 0) + replicas * pool.gpus
    return {
        name: {t: ceil(count / fleet.node_type(name).gpus) for t, count in here.items()}
        for name, here in gpus.items()
    }


def with_more_hours(
    potential: Potential, needed: Mapping[str, Ints], plan: Plan
) -> dict[str, Ints] | None:
    """By hourly offer the nodes [T] needed, and those that a plan lacks when it goes short.

    Of the cheapest offer of a node type whose share is not limited. None where there are none.
    """
    offers = [each for each in potential.offered.hourly if each.most_share >= 1.0]
    lacking = _lacking_at(potential, plan, {each.node_type for each in offers})
    if not lacking:
        return None
    more = {name: count.copy() for name, count in needed.items()}
    for node_type, here in lacking.items():
        mine = [each for each in offers if each.node_type == node_type]
        least = min(mine, key=lambda each: each.usd_per_node_hour)
        for t, count in here.items():
            more[least.name][t] = _allowed(least, int(more[least.name][t]) + count)
    same = all((more[name] == count).all() for name, count in needed.items())
    return None if same else more


def _cheapest(potential: Potential, w: int, t: int, node_types: Set[str]) -> list[PoolSpec]:
    """Of a workload's pools on some node types one for each stage, that which serves it for least
    in an interval."""
    found: dict[int, PoolSpec] = {}
    for p in potential.program.workloads[w].pools:
        pool = potential.program.pools[p]
        if pool.node_type not in node_types or not np.isfinite(pool.mix_load[t]):
            continue
        for stage in pool.stages:
            known = found.get(stage)
            if known is None or _price(pool, t) < _price(known, t):
                found[stage] = pool
    return list({id(pool): pool for pool in found.values()}.values())


def _price(pool: PoolSpec, t: int) -> float:
    """Of each of the stages that a pool serves."""
    return float(pool.mix_load[t]) * pool.plain_cost / len(pool.stages)


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
        more[other.name] = _allowed(other, wanted)
    return more


def _most(offer: Offer) -> float:
    return inf if offer.most_nodes is None else offer.most_nodes


def _allowed(offer: Offer, nodes: int) -> int:
    """So many nodes, or as many as there are."""
    return nodes if offer.most_nodes is None else min(nodes, offer.most_nodes)
