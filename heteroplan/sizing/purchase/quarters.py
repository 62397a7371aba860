"""A purchase plan: the fleet of each quarter as demand grows, and what is ordered when.

A quarter's fleet serves the demand of its end. Nodes that were bought stay; a reservation ends
with its term. What takes longer to come than there is until a quarter begins cannot serve in it.
Quarters are sized one after the other, at the prices of a look ahead (`ahead`): so an order counts
what it costs and is worth in later ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from heteroplan.entities.offers import Offer, OfferKind
from heteroplan.entities.purchasing import Payment, Purchasing
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.sizing.outcome import Nodes, Sized
from heteroplan.sizing.purchase.ahead import MONTHS, Ahead, hours_of, months_later, price_in
from heteroplan.sizing.purchase.terms import Search, sized

MORE_TIME = 4.0
"""Times as long that a quarter is searched for, where there is no fleet of it."""
_BOUGHT = "bought"
_BUYING = (OfferKind.PURCHASE, OfferKind.RESERVED)


@dataclass(frozen=True, slots=True)
class Order:
    """Nodes to order."""

    offer: str
    node_type: str
    leaf: str
    nodes: int
    order_by: datetime
    serves_from: datetime
    usd_once: float
    """Paid once for all of them."""


@dataclass(frozen=True, slots=True)
class Quarter:
    """Three months of a purchase plan."""

    start: datetime
    end: datetime
    demand_factor: float
    """Of the scenario's demand, at the end of the quarter."""
    sized: Sized | None
    """None where no fleet was found."""
    orders: tuple[Order, ...]
    hours: float
    """From start to end [h]."""


@dataclass(frozen=True, slots=True)
class _Owned:
    """Nodes that were bought or reserved in an earlier quarter."""

    row: Nodes
    payment: Payment
    kind: OfferKind | None
    since: int

    def price(self, quarter: int) -> float | None:
        """USD an hour of a node in a quarter; None where its term is over."""
        return price_in(quarter, self.since, self.payment, self.kind)


class Planning:
    """A purchase plan in the making: quarters are planned in their order."""

    def __init__(self, scenario: Scenario, terms: Purchasing, ahead: Ahead | None = None) -> None:
        self._scenario, self._terms, self._standing = scenario, terms, terms
        self._ahead = ahead
        self._owned: list[_Owned] = []

    def quarter(self, number: int, search: Search) -> Quarter:
        """The quarter of a number, from 0, with what was bought in those before."""
        growth, first = self._terms.growth, self._scenario.horizon.start
        assert growth is not None
        start, end = (months_later(first, MONTHS * (number + i)) for i in (0, 1))
        factor = growth.factor(number)
        hours = hours_of(first, number)
        here = _terms(self._standing, self._owned, number, (start - first).days)
        if self._ahead is not None:
            stays = self._ahead.stays[number]
            here = replace(here, prices=self._ahead.prices[number], kept=here.kept | stays)
        found = _sized(self._scenario.scaled(factor), here, search)
        if found is None:
            return Quarter(start, end, factor, None, (), hours)
        new = [row for row in found.nodes if _kind(self._terms, row.offer) in _BUYING]
        self._owned += [
            _Owned(row, self._terms.payments[row.offer], _kind(self._terms, row.offer), number)
            for row in new
        ]
        self._standing = _without_returned(self._standing, found)
        orders = tuple(_order(self._terms, row, start) for row in new)
        return Quarter(start, end, factor, found, orders, hours)


def _sized(scenario: Scenario, terms: Purchasing, search: Search) -> Sized | None:
    """The fleet; with more time where there is none, as on a machine that does other work."""
    for times in (1.0, MORE_TIME):
        longer = replace(search, time_limit_s=times * search.time_limit_s)
        try:
            return sized(scenario, terms, longer)
        except NoPlanError:
            if search.stop():
                return None
    return None


def _terms(terms: Purchasing, owned: list[_Owned], quarter: int, days: int) -> Purchasing:
    """What can be had in a quarter that begins after some days, with what was bought before."""
    kept, offers = set(terms.kept), []
    taken: dict[str, int] = {}
    for i, each in enumerate(owned):
        taken[each.row.offer] = taken.get(each.row.offer, 0) + each.row.nodes
        price = each.price(quarter)
        if price is None:
            taken[each.row.offer] -= each.row.nodes
            continue
        name = f"{_BOUGHT} {i} {each.row.offer}"
        kept.add(name)
        offers.append(
            Offer(
                name=name,
                node_type=each.row.node_type,
                kind=OfferKind.EXISTING,
                usd_per_node_hour=price,
                most_nodes=each.row.nodes,
                leaves=(each.row.leaf,),
            )
        )
    for offer in terms.offers.offers:
        if offer.lead_time_days > days:
            continue
        most = offer.most_nodes
        left = None if most is None else max(0, most - taken.get(offer.name, 0))
        offers.append(replace(offer, most_nodes=left))
    return replace(terms, offers=replace(terms.offers, offers=tuple(offers)), kept=frozenset(kept))


def _without_returned(terms: Purchasing, found: Sized) -> Purchasing:
    """Nodes that stood and were not used are gone."""
    used: Mapping[str, int] = {row.offer: row.nodes for row in found.nodes}
    offers = tuple(
        replace(each, most_nodes=used.get(each.name, 0))
        if each.kind is OfferKind.EXISTING and each.name not in terms.kept
        else each
        for each in terms.offers.offers
    )
    return replace(terms, offers=replace(terms.offers, offers=offers))


def _kind(terms: Purchasing, offer: str) -> OfferKind | None:
    """None of what was bought in an earlier quarter."""
    return next((each.kind for each in terms.offers.offers if each.name == offer), None)


def _order(terms: Purchasing, row: Nodes, start: datetime) -> Order:
    offer = next(each for each in terms.offers.offers if each.name == row.offer)
    return Order(
        offer=row.offer,
        node_type=row.node_type,
        leaf=row.leaf,
        nodes=row.nodes,
        order_by=start - timedelta(days=offer.lead_time_days),
        serves_from=start,
        usd_once=row.nodes * terms.payments[row.offer].usd_per_node,
    )
