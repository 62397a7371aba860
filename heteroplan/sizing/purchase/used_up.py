"""Which limits keep nodes out of a fleet that are worth more than they cost."""

from collections.abc import Iterable
from dataclasses import replace

from heteroplan.entities.offers import LimitKind, UsedUp
from heteroplan.entities.purchasing import Purchasing
from heteroplan.entities.scenario import Scenario
from heteroplan.sizing.outcome import Nodes
from heteroplan.sizing.potential import Offered
from heteroplan.sizing.site import Site


def limits_on(
    node_type: str,
    worth_usd_per_hour: float,
    scenario: Scenario,
    terms: Purchasing,
    nodes: Iterable[Nodes],
) -> tuple[UsedUp, ...]:
    """What leaves no room in a fleet for one more node of a type, at any price below its worth.

    Empty where there is room: such a fleet is not the cheapest.
    """
    site = Site(Offered.of(replace(scenario, fleet=terms.fleet), terms.offers))
    for row in nodes:
        site.add(site.offered.by_name[row.offer], row.leaf, row.nodes)
    cheaper = [
        each
        for each in site.offered.offers
        if each.node_type == node_type
        and each.name not in terms.kept
        and each.usd_per_node_hour * each.paid_per_serving < worth_usd_per_hour
    ]
    found: dict[UsedUp, None] = {}
    for offer in cheaper:
        limits = [site.used_up(offer, leaf) for leaf in site.offered.leaves(offer)]
        if None in limits and offer.most_share == 1.0:
            return ()
        if None in limits:
            limits = [UsedUp(LimitKind.MOST_SHARE, offer.name)]
        found |= dict.fromkeys(each for each in limits if each is not None)
    return tuple(found)
