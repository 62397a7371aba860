"""A sized fleet: its nodes, the plan that stands on them, and what is proved of the cost."""

from dataclasses import dataclass

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.offers import OfferKind
from heteroplan.entities.plan import Plan
from heteroplan.sizing.offered import Offered
from heteroplan.sizing.site import Site, Standing

NO_FLEET = (
    "no fleet of these offers was found; raise --time-limit",
    "the limits leave no fleet that serves all demand; raise most_nodes, rack_places, ports or "
    "power_kw, or offer other nodes",
)
"""Why there is none: that time did not suffice, or that limits are proven to leave none."""


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
    binding: tuple[str, ...] = ()
    """Limits that a better fleet would have to break, in words."""

    @property
    def gap(self) -> float:
        """Of cost and bound, relative to the cost."""
        return 0.0 if self.cost_usd <= 0 else (self.cost_usd - self.bound_usd) / self.cost_usd


def binding(
    offered: Offered, standing: Standing, bound_usd: float, *, covered: bool
) -> tuple[str, ...]:
    """Limits that the fleet has used up, in words."""
    site = Site(offered, dict(standing))
    found = [
        (
            f"no more than {offer.most_nodes} {offer.node_type} stand on {offered.leaves(offer)[0]}"
            if offer.kind is OfferKind.EXISTING
            else f"offer {offer.name} has no more than {offer.most_nodes} nodes"
        )
        for offer in offered.offers
        if offer.most_nodes is not None and 0 < offer.most_nodes <= site.count(offer)
    ]
    found += [
        f"leaf {leaf} has no more than {places} rack places"
        for leaf, places in offered.limits.rack_places
        if places <= sum(n for (_, at), n in standing.items() if at == leaf)
    ]
    budget_usd = offered.limits.budget_usd
    if budget_usd is not None and bound_usd > budget_usd:
        found.append(
            f"the budget of {budget_usd:,.2f} USD is below the {bound_usd:,.2f} USD that covering "
            "the demand costs at least"
        )
    elif budget_usd is not None and not covered:
        found.append(f"the budget of {budget_usd:,.2f} USD is spent")
    return tuple(found)
