"""How a fleet is bought: offers, what stands already, spares, growth, and what runs today."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.offers import Offers

HOURS_PER_DAY = 24.0
HOURS_PER_YEAR = 8766.0
"""Of 365.25 days."""
HOURS_PER_MONTH = 729.6
"""Of 30.4 days."""


@dataclass(frozen=True, slots=True)
class Spares:
    """How often nodes of a type fail, and how long until they are back."""

    failures_per_node_year: float
    repair_hours: float
    confidence: float
    """Share of the time in which the spare nodes are enough."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How demand grows, and how far purchases are planned."""

    per_month: float
    """As a share."""
    quarters: int

    def factor(self, quarter: int) -> float:
        """Of demand at the end of a quarter, which are numbered from 0."""
        return float((1.0 + self.per_month) ** (3 * (quarter + 1)))


@dataclass(frozen=True, slots=True)
class Payment:
    """How the price of an offer by the hour comes about."""

    usd_per_node: float = 0.0
    """Paid once."""
    years: float | None = None
    """Over which that is written off, or a term lasts."""
    running_usd_per_node_hour: float = 0.0

    @property
    def usd_per_node_hour(self) -> float:
        """With what is paid once, written off evenly over all hours."""
        once = 0.0 if self.years is None else self.usd_per_node / (self.years * HOURS_PER_YEAR)
        return once + self.running_usd_per_node_hour


@dataclass(frozen=True, slots=True)
class Purchasing:
    """What a fleet may be made of, and what its size is compared with."""

    fleet: Fleet
    """Places, all node types on offer, and the nodes that stand already."""
    offers: Offers
    """With an offer for the nodes of each type that stand on each leaf."""
    payments: Mapping[str, Payment] = field(default_factory=dict, hash=False)
    """By offer."""
    kept: frozenset[str] = frozenset()
    """Offers whose nodes stay whatever happens: their price is paid in any case."""
    bought_out: frozenset[str] = frozenset()
    """Offers of leased nodes that are cheaper owned, and priced so."""
    spares: Mapping[str, Spares] = field(default_factory=dict, hash=False)
    """By node type."""
    growth: Growth | None = None
    today: Mapping[str, Mapping[str, int]] = field(default_factory=dict, hash=False)
    """Nodes that each workload has to itself today, by node type."""
    prices: Mapping[str, float] = field(default_factory=dict, hash=False)
    """By offer: USD of a node-hour that counts in a search, where that is not the price paid."""
    notes: tuple[str, ...] = ()
    """What was assumed, one sentence each."""
