"""What nodes can be had for: bought, reserved, or rented by the hour."""

from dataclasses import dataclass
from enum import StrEnum


class OfferKind(StrEnum):
    """How a node is paid."""

    EXISTING = "existing"
    """Stands already; its price is what keeping it costs."""
    PURCHASE = "purchase"
    """Paid once, and written off over some years."""
    RESERVED = "reserved"
    """Paid for all hours of a term."""
    ON_DEMAND = "on_demand"
    """Paid by the hour that it runs."""
    SPOT = "spot"
    """By the hour, and may be taken away."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to have nodes of a type."""

    name: str
    node_type: str
    kind: OfferKind
    usd_per_node_hour: float
    """Of all hours of the horizon, or of those that a node runs (`hourly`). What is paid once is
    written off here already."""
    most_nodes: int | None = None
    """That can be had in all; None for as many as wanted."""
    leaves: tuple[str, ...] = ()
    """Where these nodes may stand; all leaves where empty."""
    interruptions_per_node_hour: float = 0.0
    """Of spot nodes."""
    most_share: float = 1.0
    """Of what is served of a workload, what may be lost where all these nodes are gone."""
    lead_time_days: float = 0.0
    startup_hours: float = 0.0
    """Until replicas serve on a node that comes in place of one taken away."""

    @property
    def hourly(self) -> bool:
        """Whether only hours in which a node runs are paid."""
        return self.kind in (OfferKind.ON_DEMAND, OfferKind.SPOT)

    @property
    def paid_per_serving(self) -> float:
        """Node-hours paid for one in which a node serves, on average: with interruptions.

        A serving node is taken away after 1 / rate hours on average; the next one is paid while
        its replicas start.
        """
        return 1.0 + self.interruptions_per_node_hour * self.startup_hours


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """What bounds a fleet beside what is offered."""

    budget_usd: float | None = None
    """Cost of the horizon at most."""
    rack_places: tuple[tuple[str, int], ...] = ()
    """(leaf, nodes that fit); leaves that are not named have no limit."""
    by_ports: frozenset[str] = frozenset()
    """Leaves of which ports connect so many nodes, and not racks hold them."""
    power_w: tuple[tuple[str, float], ...] = ()
    """(spine, watts); spines that are not named have no limit."""
    node_watts: tuple[tuple[str, float], ...] = ()
    """(node type, watts of a node at full load)."""


class LimitKind(StrEnum):
    """What keeps one more node from standing somewhere."""

    STANDING = "standing"
    """All nodes that stand on a leaf are in the fleet already."""
    MOST_NODES = "most_nodes"
    """Of an offer."""
    MOST_SHARE = "most_share"
    """Of an offer."""
    RACK_PLACES = "rack_places"
    """Of a leaf."""
    PORTS = "ports"
    """Of a leaf."""
    POWER_KW = "power_kw"
    """Of a spine."""


@dataclass(frozen=True, slots=True)
class UsedUp:
    """A limit that leaves no room for one more node."""

    kind: LimitKind
    of: str
    """Offer, leaf or spine."""


@dataclass(frozen=True, slots=True)
class Offers:
    """All that a fleet may be made of."""

    offers: tuple[Offer, ...]
    limits: SizeLimits = SizeLimits()
