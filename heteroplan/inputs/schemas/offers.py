"""What an offers file may hold: what nodes can be had for, and what bounds a fleet."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from heteroplan.inputs.schemas.base import (
    MAX_COUNT,
    Count,
    Label,
    Name,
    NotNegative,
    OrPercent,
    Positive,
    Share,
    Strict,
    Text,
)
from heteroplan.inputs.schemas.fleet import GpuTypeSpec, NodeTypeSpec

Years = Annotated[float, Field(gt=0, le=100)]
Days = Annotated[float, Field(ge=0, le=3660)]
NodeCount = Annotated[int, Field(ge=1, le=MAX_COUNT)]


class HourlySpec(Strict):
    """A price by the hour, of a node or of each of its GPUs."""

    usd_per_node_hour: NotNegative | None = None
    """Price of one node [USD/h]; or give `usd_per_gpu_hour`."""
    usd_per_gpu_hour: NotNegative | None = None
    """Price of one GPU [USD/h]; or give `usd_per_node_hour`."""

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if self.usd_per_node_hour is not None and self.usd_per_gpu_hour is not None:
            raise ValueError("usd_per_node_hour and usd_per_gpu_hour are given; keep one of them")
        return self

    @property
    def has_hourly(self) -> bool:
        """Whether there is such a price."""
        return self.usd_per_node_hour is not None or self.usd_per_gpu_hour is not None


class OfferSpec(HourlySpec):
    """One way to have nodes of a type.

    `purchase` is paid once and written off over `years`; what it costs by the hour (power, space,
    upkeep) comes on top. `reserved` is paid for all hours of a term of `years`, or once, or both.
    `on_demand` and `spot` are paid for the hours that a node runs; a `spot` node may be taken away.
    """

    name: Label
    """Name of the offer."""
    node_type: Label
    """Node type of the fleet, or of `node_types` here."""
    kind: Literal["purchase", "reserved", "on_demand", "spot"]
    """How it is paid: purchase, reserved, on_demand or spot."""
    usd_per_node: NotNegative | None = None
    """Paid once for a node [USD]."""
    years: Years | None = None
    """Time over which a purchase is written off, or term of a reservation."""
    most_nodes: Count | None = None
    """Most nodes that can be had; as many as wanted if not given."""
    places: list[Text] = Field([], max_length=10_000)
    """Leaves, spines or clusters where these nodes may stand; all if not given."""
    lead_time_days: Days = 0.0
    """Days from the order until a node serves."""
    interruptions_per_node_hour: NotNegative | None = None
    """How often a spot node is taken away [1/h]."""
    most_share: Share | None = None
    """Greatest share of a workload's requests that may be lost while all these nodes are gone."""

    @model_validator(mode="after")
    def _as_its_kind(self) -> Self:
        needed = {
            "purchase": ("usd_per_node", "years"),
            "reserved": ("years",),
            "on_demand": (),
            "spot": ("interruptions_per_node_hour", "most_share"),
        }[self.kind]
        lacking = [name for name in needed if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"{self.kind} needs {' and '.join(lacking)}; add it")
        only = {
            "usd_per_node": ("purchase", "reserved"),
            "years": ("purchase", "reserved"),
            "interruptions_per_node_hour": ("spot",),
            "most_share": ("spot",),
        }
        for name, kinds in only.items():
            if getattr(self, name) is not None and self.kind not in kinds:
                raise ValueError(f"{name} is for {' and '.join(kinds)} only; remove it")
        once = self.kind in ("purchase", "reserved") and self.usd_per_node is not None
        if not once and not self.has_hourly:
            raise ValueError("has no price; add usd_per_node_hour or usd_per_gpu_hour")
        return self


class ExistingSpec(HourlySpec):
    """Nodes that the fleet has: what keeping them costs, and whether they may go."""

    keep: bool = False
    """Whether all of them stay, whatever happens, such as under a running contract."""
    buyout_usd_per_node: NotNegative | None = None
    """Paid once to own a node that is leased [USD]."""
    buyout_years: Years | None = None
    """Time over which that is written off."""
    owned_usd_per_node_hour: NotNegative = 0.0
    """What a node costs by the hour after that, such as power and upkeep [USD/h]."""

    @model_validator(mode="after")
    def _whole_buyout(self) -> Self:
        if (self.buyout_usd_per_node is None) != (self.buyout_years is None):
            raise ValueError("buyout_usd_per_node and buyout_years go together; give both")
        if self.buyout_usd_per_node is None and "owned_usd_per_node_hour" in self.model_fields_set:
            raise ValueError("owned_usd_per_node_hour is for a buyout; add buyout_usd_per_node")
        return self


class SizeLimitsSpec(Strict):
    """What bounds a fleet beside what is offered."""

    budget_usd_per_month: Positive | None = None
    """Most that all nodes may cost a month of 30.4 days [USD]."""
    rack_places: dict[Name, Count] = Field({}, max_length=100_000)
    """Nodes that fit a leaf, by leaf."""
    ports: dict[Name, Count] = Field({}, max_length=100_000)
    """Network ports of a leaf switch for nodes, by leaf."""
    node_ports: dict[Name, NodeCount] = Field({}, max_length=1000)
    """Ports that a node takes, by node type."""
    power_kw: dict[Name, NotNegative] = Field({}, max_length=100_000)
    """Power for the nodes below a spine, by spine [kW]."""
    node_kw: dict[Name, Positive] = Field({}, max_length=1000)
    """Power of a node at full load, by node type [kW], such as 10.2 for a DGX H100."""


class SparesSpec(Strict):
    """How often nodes of a type fail, and how long until they are back."""

    failures_per_node_year: NotNegative
    """Failures of a node a year."""
    repair_hours: Annotated[float, Field(gt=0, le=87_660)]
    """Time until a failed node serves again [h]."""
    confidence: Annotated[float, Field(gt=0, lt=1), OrPercent()] = 0.99
    """Share of the time in which the spare nodes are enough."""


class GrowthSpec(Strict):
    """How demand grows, and how far to plan purchases."""

    per_month: Annotated[float, Field(gt=-1, le=10), OrPercent()]
    """Growth of all demand a month; 5 % is 0.05."""
    quarters: Annotated[int, Field(ge=1, le=40)] = 4
    """Quarters to plan, of three months each from the start of the horizon."""


class OffersFile(Strict):
    """An offers file, such as offers.yaml."""

    gpu_types: list[GpuTypeSpec] = Field([], max_length=1000)
    """GPU types that neither are built in nor stand in the fleet."""
    node_types: list[NodeTypeSpec] = Field([], max_length=1000)
    """Kinds of hosts that the fleet does not have yet."""
    offers: list[OfferSpec] = Field(min_length=1, max_length=1000)
    """What can be had."""
    from_nothing: bool = False
    """Whether the fleet's nodes are left out; its clusters, spines and leaves are the places."""
    existing: dict[Name, ExistingSpec] = Field({}, max_length=1000)
    """The fleet's nodes by type; at the price of the fleet, and free to go, if not given."""
    limits: SizeLimitsSpec = SizeLimitsSpec.model_validate({})
    """What bounds the fleet."""
    spares: dict[Name, SparesSpec] = Field({}, max_length=1000)
    """Failures by node type, for which spare nodes are added; of other types those that the fleet
    states (`failures`)."""
    growth: GrowthSpec | None = None
    """Growth of demand, for a purchase plan by quarter."""
    today: dict[Name, dict[Name, NodeCount]] = Field({}, max_length=10_000)
    """Nodes that each workload has to itself today, by node type: something to compare with."""
