"""A size under the terms of an offers file: what stays is paid in any case, and stays."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import monotonic

from heteroplan.clock import Progress, Stop, never, silent
from heteroplan.entities.fleet import Fleet, NodeType
from heteroplan.entities.network import Network
from heteroplan.entities.offers import Offer, OfferKind, Offers
from heteroplan.entities.purchasing import Purchasing
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.sizing.outcome import Nodes, Sized
from heteroplan.sizing.search import size

PREFERRED = 1e-6
"""Share by which the search counts a node that stands as cheaper: of two alike it stays."""

type Sizer = Callable[..., Sized]
"""`sizing.search.size`, or another with its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How long and how well fleets are looked for."""

    gap: float = 0.01
    time_limit_s: float = 60.0
    stop: Stop = never
    progress: Progress = silent
    sizer: Sizer = size


PAID_SHARE = 0.3
"""Of the time, for nodes that are paid for all hours alone, where others are offered as well."""


def sized(scenario: Scenario, terms: Purchasing, search: Search) -> Sized:
    """The cheapest fleet under some terms.

    Nodes that are kept cost nothing more in the search, as they are paid in any case; afterwards
    all of them stand in the fleet, and cost and bound hold what they cost. A search may end
    without a use for some. Where nodes are offered by the hour too, a search without them comes
    first, which is much shorter: the answer is no dearer than its. Where nothing is found within
    the budget, the answer is above it. At other prices than are paid
    nothing is proven. Raises NoPlanError and UsageError.
    """
    end = monotonic() + search.time_limit_s
    paid = tuple(each for each in terms.offers.offers if not each.hourly)
    first: Sized | None = None
    failed: list[NoPlanError] = []
    fewer = replace(terms, offers=replace(terms.offers, offers=paid))
    simple = replace(search, time_limit_s=PAID_SHARE * search.time_limit_s, progress=silent)
    both = bool(paid) and len(paid) < len(terms.offers.offers)
    if both and not terms.prices:
        first = _or_none(scenario, fewer, simple, failed)
    second = _within(scenario, terms, search, end, failed)
    if both and terms.prices and (second is None or not second.covered):
        first = _or_none(scenario, fewer, simple, failed)
    limits = terms.offers.limits
    if second is None and limits.budget_usd is not None and not search.stop():
        free = replace(terms.offers, limits=replace(limits, budget_usd=None))
        second = _within(scenario, replace(terms, offers=free), search, end, failed)
        if first is not None and second is not None and _serves(first):
            return replace(first, bound_usd=second.bound_usd)
    best = better(first, second)
    if best is None:
        raise failed[-1]
    if best is second:
        return best
    bound_usd = 0.0 if second is None else second.bound_usd
    return replace(best, bound_usd=min(bound_usd, best.cost_usd) if best.covered else bound_usd)


def _within(
    scenario: Scenario, terms: Purchasing, search: Search, end: float, failed: list[NoPlanError]
) -> Sized | None:
    """In the time until `end`, or in a share of all of it where that is over."""
    left_s = max(end - monotonic(), PAID_SHARE * search.time_limit_s)
    return _or_none(scenario, terms, replace(search, time_limit_s=left_s), failed)


def _serves(found: Sized) -> bool:
    return found.plan.totals.served_fraction > 0.0


def better(one: Sized | None, other: Sized | None) -> Sized | None:
    """The one that covers the demand, then the cheaper one, the second of two alike; of two that
    are short the one that serves more. None where both are."""
    found = [each for each in (other, one) if each is not None]

    def rank(each: Sized) -> tuple[float, float]:
        return -1.0 if each.covered else -each.plan.totals.served_fraction / 2, each.cost_usd

    return min(found, key=rank, default=None)


def _or_none(
    scenario: Scenario, terms: Purchasing, search: Search, failed: list[NoPlanError]
) -> Sized | None:
    """None where there is no fleet, for a reason that is added to `failed`."""
    try:
        return _sized(scenario, terms, search)
    except NoPlanError as error:
        failed.append(error)
        return None


def _sized(scenario: Scenario, terms: Purchasing, search: Search) -> Sized:
    hours = scenario.horizon.intervals * scenario.horizon.interval_hours
    offers = {each.name: each for each in terms.offers.offers}
    kept = {name: each for name, each in offers.items() if name in terms.kept}
    sunk_usd = sum(each.usd_per_node_hour * (each.most_nodes or 0) for each in kept.values())
    sunk_usd *= hours
    found = search.sizer(
        replace(scenario, fleet=terms.fleet),
        as_searched(terms, sunk_usd),
        gap=search.gap,
        time_limit_s=search.time_limit_s,
        stop=search.stop,
        progress=search.progress,
    )
    others = tuple(_paid(row, offers[row.offer]) for row in found.nodes if row.offer not in kept)
    stay = tuple(_row(each, hours) for each in kept.values())
    used = {(row.offer, row.leaf): row.nodes for row in found.nodes}
    idle = [
        (row.leaf, row.node_type, row.nodes - used.get((row.offer, row.leaf), 0)) for row in stay
    ]
    nodes = (*stay, *others)
    bound_usd = 0.0 if terms.prices else found.bound_usd + sunk_usd
    fleet = priced(with_nodes(found.fleet, terms.fleet, idle), nodes, terms.offers.offers)
    return replace(
        found,
        nodes=nodes,
        fleet=fleet,
        cost_usd=sum(row.cost_usd for row in nodes),
        bound_usd=bound_usd,
    )


def with_nodes(fleet: Fleet, whole: Fleet, more: Iterable[tuple[str, str, int]]) -> Fleet:
    """The fleet with more nodes (leaf, node type, nodes), whose types `whole` describes."""
    leaves = {leaf.name: dict(leaf.nodes) for leaf in fleet.network.leaves}
    types = {each.name: each for each in fleet.node_types}
    for leaf, name, nodes in more:
        if nodes > 0:
            leaves[leaf][name] = leaves[leaf].get(name, 0) + nodes
            types.setdefault(name, whole.node_type(name))
    network = Network(
        tuple(replace(each, nodes=leaves[each.name]) for each in fleet.network.leaves)
    )
    return replace(fleet, node_types=tuple(types.values()), network=network)


def priced(fleet: Fleet, nodes: Iterable[Nodes], offers: Iterable[Offer]) -> Fleet:
    """The fleet with each node type at the average price of its nodes that are paid for all hours;
    those of other node types stay."""
    hourly = {each.name for each in offers if each.hourly}
    rows = [row for row in nodes if row.offer not in hourly and row.node_hours > 0]

    def with_price(shape: NodeType) -> NodeType:
        mine = [row for row in rows if row.node_type == shape.name]
        if not mine:
            return shape
        usd = sum(row.cost_usd for row in mine) / sum(row.node_hours for row in mine)
        return replace(shape, usd_per_gpu_hour=usd / shape.gpus)

    return replace(fleet, node_types=tuple(map(with_price, fleet.node_types)))


def as_searched(terms: Purchasing, sunk_usd: float = 0.0) -> Offers:
    """Offers at the prices that count in a search: what is paid in any case, `sunk_usd` in all, is
    free and no part of the budget."""
    offers = tuple(
        replace(each, usd_per_node_hour=_price(terms, each)) for each in terms.offers.offers
    )
    limits = terms.offers.limits
    if limits.budget_usd is not None:
        limits = replace(limits, budget_usd=max(0.0, limits.budget_usd - sunk_usd))
    return replace(terms.offers, offers=offers, limits=limits)


def _price(terms: Purchasing, offer: Offer) -> float:
    if offer.name in terms.kept:
        return 0.0
    usd = terms.prices.get(offer.name, offer.usd_per_node_hour * offer.paid_per_serving)
    return usd * (1.0 - PREFERRED) if offer.kind is OfferKind.EXISTING else usd


def _paid(row: Nodes, offer: Offer) -> Nodes:
    """At the price of its offer, with the hours of nodes that start in place of others."""
    node_hours = row.node_hours * offer.paid_per_serving
    return replace(row, node_hours=node_hours, cost_usd=node_hours * offer.usd_per_node_hour)


def _row(offer: Offer, hours: float) -> Nodes:
    nodes = offer.most_nodes or 0
    node_hours = nodes * hours
    (leaf,) = offer.leaves
    return Nodes(
        offer=offer.name,
        node_type=offer.node_type,
        leaf=leaf,
        nodes=nodes,
        node_hours=node_hours,
        cost_usd=node_hours * offer.usd_per_node_hour,
    )
