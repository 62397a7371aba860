"""A sized fleet: its nodes, the plan that stands on them, and what is proved of the cost."""

from dataclasses import dataclass

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.plan import Plan


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
