"""A sized fleet: its nodes and what they cost, the plan on it, and what is proved of the cost.

All hours are paid of nodes that are paid anyway, of others those in which they run. A node by the
hour runs from the start-up of its first replica until the last one has drained, as a whole,
whatever part of it is taken. Between two replicas it is given back where that saves anything.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

import numpy as np

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.offers import OfferKind
from heteroplan.entities.placement import Stay
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Horizon
from heteroplan.entities.workload import Engine
from heteroplan.errors import NoPlanError
from heteroplan.sizing.potential import Offered
from heteroplan.sizing.site import Built, Site, Standing
from heteroplan.units import s_to_hours

AS_CHEAP = 1e-3
"""Share by which prices of nodes that are called as cheap may differ."""


class NoFleetError(NoPlanError):
    """It is proven that no fleet of some offers serves all demand."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes of one offer on one leaf."""

    offer: str
    node_type: str
    leaf: str
    nodes: int
    node_hours: float
    """That are paid in the horizon."""
    cost_usd: float
    """Of the horizon."""


@dataclass(frozen=True, slots=True)
class Limit:
    """That a better fleet would have to break."""

    words: str
    node_type: str = ""
    """Of whose nodes there are no more; empty where it limits something else."""


@dataclass(frozen=True, slots=True)
class Sized:
    """The cheapest fleet found."""

    nodes: tuple[Nodes, ...]
    fleet: Fleet
    """With these nodes."""
    plan: Plan
    """On that fleet."""
    cost_usd: float
    """Of all nodes, in the horizon."""
    bound_usd: float
    """No fleet of these offers costs less in the horizon and covers the demand."""
    covered: bool
    binding: tuple[Limit, ...] = ()
    """What the fleet has used up."""

    @property
    def gap(self) -> float:
        """Of cost and bound, relative to the cost."""
        return 0.0 if self.cost_usd <= 0 else (self.cost_usd - self.bound_usd) / self.cost_usd


def binding(
    offered: Offered, standing: Standing, bound_usd: float, *, covered: bool
) -> tuple[Limit, ...]:
    """Limits that the fleet has used up."""
    site = Site(offered, dict(standing))
    found = [*_of_offers(offered, site), *_places(offered, site), *_power(offered, site)]
    budget_usd = offered.limits.budget_usd
    if budget_usd is not None and bound_usd > budget_usd:
        below = f"is below the {bound_usd:,.2f} USD that covering the demand costs at least"
        found.append(Limit(f"the budget of {budget_usd:,.2f} USD {below}"))
    elif budget_usd is not None and not covered:
        found.append(Limit(f"the budget of {budget_usd:,.2f} USD is spent"))
    return tuple(found)


def _of_offers(offered: Offered, site: Site) -> Iterable[Limit]:
    """Offers of which there are no more nodes, where no other one has some that are as cheap."""
    used_up = [each for each in offered.offers if (each.most_nodes or inf) <= site.count(each)]
    left = [each for each in offered.offers if each not in used_up and each.most_nodes != 0]
    standing: defaultdict[str, list[str]] = defaultdict(list)
    for offer in used_up:
        most_usd = offer.usd_per_node_hour * (1 + AS_CHEAP)
        if any(
            each.node_type == offer.node_type and each.usd_per_node_hour <= most_usd
            for each in left
        ):
            continue
        if offer.kind is OfferKind.EXISTING:
            standing[offer.node_type].append(f"on {offered.leaves(offer)[0]} {offer.most_nodes}")
        else:
            words = f"offer {offer.name} has no more than {offer.most_nodes} nodes"
            yield Limit(words, offer.node_type)
    for node_type, counts in standing.items():
        yield Limit(f"no more {node_type} stand: {', '.join(counts)}", node_type)


def _places(offered: Offered, site: Site) -> Iterable[Limit]:
    """Leaves that are full."""
    full = [each for each in offered.limits.rack_places if each[1] <= site.on(each[0])]
    for by_ports, words in ((False, "no more rack places"), (True, "no ports for more nodes")):
        counts = [
            f"on {leaf} {places}"
            for leaf, places in full
            if (leaf in offered.limits.by_ports) is by_ports
        ]
        if counts:
            yield Limit(f"{words}: {', '.join(counts)}")


def _power(offered: Offered, site: Site) -> Iterable[Limit]:
    """Spines that have too little power left for any node on offer."""
    left: list[str] = []
    watts = dict(offered.limits.node_watts)
    for spine, most_w in offered.limits.power_w:
        used_w = site.used_w(spine)
        needed_w = [
            watts[offer.node_type]
            for offer in offered.offers
            if any(site.spine_of[leaf] == spine for leaf in offered.leaves(offer))
        ]
        if used_w > 0 and needed_w and used_w + min(needed_w) > most_w:
            left_w = max(0.0, most_w - used_w)
            left.append(f"below {spine} {left_w / 1000:,.1f} of {most_w / 1000:,.1f} kW are left")
    if left:
        yield Limit(f"too little power for one more node: {', '.join(left)}")


type Node = tuple[str, str, str]
"""(leaf, node type, name)."""


def bill(offered: Offered, standing: Standing, built: Built, plan: Plan) -> tuple[Nodes, ...]:
    """The nodes of a fleet, by offer and leaf; of hourly offers those that ever run."""
    rows = [
        Nodes(
            offer=offer.name,
            node_type=offer.node_type,
            leaf=leaf,
            nodes=count,
            node_hours=count * offered.hours,
            cost_usd=count * offered.usd(offer),
        )
        for (name, leaf), count in standing.items()
        if count > 0 and not (offer := offered.by_name[name]).hourly
    ]
    by_leaf: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for (leaf, node_type, _), hours in node_hours(plan, built.hourly).items():
        by_leaf[built.hourly[node_type].name, leaf].append(hours)
    for (name, leaf), each in by_leaf.items():
        offer = offered.by_name[name]
        hours = sum(each)
        usd = hours * offer.usd_per_node_hour
        rows.append(Nodes(name, offer.node_type, leaf, len(each), hours, usd))
    order = [offer.name for offer in offered.offers]
    return tuple(sorted(rows, key=lambda row: order.index(row.offer)))


def node_hours(plan: Plan, node_types: Iterable[str]) -> dict[Node, float]:
    """Hours that each node of some types runs; those that never do are left out."""
    wanted, engines = set(node_types), _engines(plan)
    stays: defaultdict[Node, list[tuple[Stay, Engine]]] = defaultdict(list)
    for stay in plan.stays:
        pool = plan.pools[stay.pool]
        if pool.node_type in wanted:
            for name in stay.nodes:
                stays[stay.leaf, pool.node_type, name].append((stay, engines[_key(pool)]))
    return {node: running_hours(plan.scenario.horizon, here) for node, here in stays.items()}


def without_idle(offered: Offered, standing: Standing, plan: Plan) -> Standing:
    """Without nodes on which no replica ever stands, and that cost more than nothing.

    Of nodes alike on a leaf those of the dearest offers go. Those by the hour stay: hours in which
    nothing stands on them cost nothing.
    """
    used = Counter(
        (leaf, node_type)
        for leaf, node_type, _ in {
            (stay.leaf, plan.pools[stay.pool].node_type, name)
            for stay in plan.stays
            for name in stay.nodes
        }
    )
    left = dict(standing)
    by_price = sorted(standing, key=lambda at: offered.by_name[at[0]].usd_per_node_hour)
    for name, leaf in by_price:
        offer = offered.by_name[name]
        if not offer.hourly:
            in_use = min(standing[name, leaf], used[leaf, offer.node_type])
            used[leaf, offer.node_type] -= in_use
            if offer.usd_per_node_hour > 0:
                left[name, leaf] = in_use
    return left


def running_hours(horizon: Horizon, stays: Iterable[tuple[Stay, Engine]]) -> float:
    """Hours from start-ups to drains of the replicas on one node, idle times given back."""
    here = list(stays)
    serving = np.zeros(horizon.intervals, dtype=np.bool_)
    for stay, _ in here:
        serving[_times(horizon, stay)] = True
    hours = float(serving.sum()) * horizon.interval_hours
    for first, length in _gaps(serving, horizon.cyclic):
        after = (first + length) % horizon.intervals
        drain_s = max(
            (
                engine.drain_s
                for stay, engine in here
                if (stay.first + stay.intervals) % horizon.intervals == first
            ),
            default=0.0,
        )
        startup_s = max(
            (engine.startup_s for stay, engine in here if stay.first == after), default=0.0
        )
        hours += min(length * horizon.interval_hours, s_to_hours(drain_s + startup_s))
    return hours + _ends(horizon, here, serving)


def _ends(horizon: Horizon, here: list[tuple[Stay, Engine]], serving: np.ndarray) -> float:
    """Hours of the first start-up and the last drain of a day that is not cyclic."""
    if horizon.cyclic or serving.all():
        return 0.0
    first = min(stay.first for stay, _ in here)
    last = max(stay.first + stay.intervals for stay, _ in here)
    hours = 0.0
    if first > 0:
        hours += s_to_hours(max(e.startup_s for stay, e in here if stay.first == first))
    if last < horizon.intervals:
        ends = (e.drain_s for stay, e in here if stay.first + stay.intervals == last)
        hours += s_to_hours(max(ends))
    return hours


def _gaps(serving: np.ndarray, cyclic: bool) -> list[tuple[int, int]]:
    """(first interval, intervals) of each idle time between two times of service."""
    length = len(serving)
    starts = [t for t in range(length) if not serving[t] and serving[t - 1] and (cyclic or t > 0)]
    gaps = []
    for first in starts:
        idle = 1
        while idle < length and not serving[(first + idle) % length]:
            idle += 1
        if cyclic or first + idle < length:
            gaps.append((first, idle))
    return gaps


def _times(horizon: Horizon, stay: Stay) -> np.ndarray:
    times = np.arange(stay.first, stay.first + stay.intervals)
    if horizon.cyclic:
        return times % horizon.intervals
    return times[(times >= 0) & (times < horizon.intervals)]


def _engines(plan: Plan) -> dict[tuple[str, str, str], Engine]:
    return {
        (each.workload, each.engine.name, each.node_type): each.engine for each in plan.candidates
    }


def _key(pool: Pool) -> tuple[str, str, str]:
    return pool.workload, pool.engine, pool.node_type
