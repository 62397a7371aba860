"""Offers of a scenario: which of its node types can be had how, and what they cost over it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.offers import Offer, OfferKind, Offers, SizeLimits
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import UsageError
from heteroplan.profiles.capacity.candidates import candidates_of

type Rate = Callable[[Scenario], Sequence[Candidate]]


@dataclass(frozen=True)
class Offered:
    """Offers beside the scenario that they are for."""

    scenario: Scenario
    offers: tuple[Offer, ...]
    limits: SizeLimits
    rate: Rate = candidates_of
    """What each engine serves on the nodes of a scenario."""

    @classmethod
    def of(cls, scenario: Scenario, offers: Offers, rate: Rate = candidates_of) -> "Offered":
        """Raises UsageError with everything that does not fit together."""
        problems = list(_problems(scenario, offers))
        if problems:
            raise UsageError(*problems)
        return cls(scenario, offers.offers, offers.limits, rate)

    @cached_property
    def hours(self) -> float:
        """Length of the horizon [h]."""
        return self.scenario.horizon.intervals * self.scenario.horizon.interval_hours

    @cached_property
    def by_name(self) -> dict[str, Offer]:
        return {each.name: each for each in self.offers}

    @cached_property
    def paid(self) -> tuple[Offer, ...]:
        """Offers of which every hour of the horizon is paid."""
        return tuple(each for each in self.offers if not each.hourly)

    @cached_property
    def hourly(self) -> tuple[Offer, ...]:
        """Offers of which the hours in which a node runs are paid."""
        return tuple(each for each in self.offers if each.hourly)

    @cached_property
    def node_types(self) -> tuple[str, ...]:
        """That are offered, in the order of the fleet."""
        offered = {each.node_type for each in self.offers}
        return tuple(
            shape.name for shape in self.scenario.fleet.node_types if shape.name in offered
        )

    @cached_property
    def places(self) -> dict[str, int | None]:
        """By leaf: nodes that it has room for; None for as many as wanted."""
        limited = dict(self.limits.rack_places)
        return {leaf.name: limited.get(leaf.name) for leaf in self.scenario.fleet.network.leaves}

    def gpus(self, offer: Offer) -> int:
        """Of a node."""
        return self.scenario.fleet.node_type(offer.node_type).gpus

    def leaves(self, offer: Offer) -> tuple[str, ...]:
        """Where nodes of an offer may stand, in the order of the fleet."""
        network = self.scenario.fleet.network
        return tuple(
            leaf.name for leaf in network.leaves if not offer.leaves or leaf.name in offer.leaves
        )

    def usd(self, offer: Offer) -> float:
        """Of a node for the horizon, all of its hours paid [USD]."""
        return offer.usd_per_node_hour * self.hours


def _problems(scenario: Scenario, offers: Offers) -> Iterator[str]:
    shapes = {shape.name for shape in scenario.fleet.node_types}
    leaves = {leaf.name for leaf in scenario.fleet.network.leaves}
    spines = {leaf.spine for leaf in scenario.fleet.network.leaves}
    if not offers.offers:
        yield "no offers: say at least one way to have nodes of a type"
    for name, times in Counter(each.name for each in offers.offers).items():
        if times > 1:
            yield f"offer {name}: {times} offers have this name; give each its own"
    for each in offers.offers:
        if each.node_type not in shapes:
            yield f"offer {each.name}: node_type {each.node_type} is none of the fleet's"
        for leaf in each.leaves:
            if leaf not in leaves:
                yield f"offer {each.name}: leaf {leaf} is none of the fleet's"
        if each.usd_per_node_hour < 0:
            yield f"offer {each.name}: a price below 0; write 0 or more"
        if each.kind is OfferKind.EXISTING and each.most_nodes is None:
            yield f"offer {each.name}: existing nodes are counted; give most_nodes"
    for leaf, _ in offers.limits.rack_places:
        if leaf not in leaves:
            yield f"rack_places: leaf {leaf} is none of the fleet's"
    for spine, _ in offers.limits.power_w:
        if spine not in spines:
            yield f"power_w: spine {spine} is none of the fleet's"
    watts = {name for name, _ in offers.limits.node_watts}
    offered = {each.node_type for each in offers.offers}
    for name in sorted(offered - watts) if offers.limits.power_w else ():
        yield f"power_w: the watts of a {name} are not known; give node_watts"
