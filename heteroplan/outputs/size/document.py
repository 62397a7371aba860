"""The JSON of `size --json` as a type: the nodes of a fleet, their cost, and what it is against."""

from typing import Literal

from heteroplan.entities.offers import LimitKind, OfferKind
from heteroplan.entities.workload import Role
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.outputs.plan.document.parts import (
    Amount,
    AmountOrNone,
    Count,
    DocumentPart,
    HorizonPart,
    Moment,
    Number,
    NumberOrNone,
)
from heteroplan.outputs.plan.document.plan_document import EgressPart
from heteroplan.sizing.purchase.alternatives import AlternativeKind

SCHEMA_VERSION: Literal[1] = 1


class NodesPart(DocumentPart):
    """Nodes of one offer on one leaf."""

    offer: Text
    kind: OfferKind
    node_type: Name
    gpu: Name
    leaf: Name
    spine: Name
    nodes: Count
    node_hours: Amount
    """That are paid in the horizon."""
    cost_usd: Amount
    """Of the horizon."""
    cost_usd_per_month: Amount
    usd_once: Amount
    """Paid once for all of them; `cost_usd` has the part of the horizon."""
    lead_time_days: Amount
    interruptions_per_month: Amount
    """Of spot nodes, all of them together, on average."""
    restarts_usd_per_month: Amount
    """Part of the cost: other nodes start after interruptions."""
    most_share: Amount
    """Of each workload's requests, what may be lost while all these nodes are gone."""
    kept: bool
    """Whether they stand already and stay in any case."""
    bought_out: bool
    """Whether they were leased and are bought, as that is cheaper."""


class UsePart(DocumentPart):
    """What uses GPUs of a node type."""

    workload: Name
    role: Role
    share: Amount
    """Of the GPU-hours that are held."""


class NodeTypePart(DocumentPart):
    """Nodes of a type, and what they are there for."""

    node_type: Name
    """As the plan has it: nodes that are rented beside nodes that are paid for all hours are a type
    of their own."""
    gpu: Name
    nodes: Count
    """That hold something at some time; those rented by the hour need not be there at once."""
    peak_gpus: Count
    """Most GPUs held at once."""
    gpus: Count
    first_full: Count | None
    """First interval of the longest time in which all but a part of a node are held; null where
    there is none."""
    last_full: Count | None
    """Last one."""
    uses: tuple[UsePart, ...]
    """Most first."""


class ReturnedPart(DocumentPart):
    """Nodes that stand today and are of no use."""

    node_type: Name
    leaf: Name
    nodes: Count
    saved_usd_per_month: Amount


class SparesPart(DocumentPart):
    """Nodes for failures, beside those of the plan."""

    node_type: Name
    nodes: Count
    """Without the spares."""
    spare_nodes: Count
    confidence: Amount
    """Share of the time in which they are enough."""
    cost_usd_per_month: AmountOrNone
    """At the cheapest offer that is paid for all hours; null where there is none."""


class UsedUpPart(DocumentPart):
    """A limit that leaves no room for one more node."""

    kind: LimitKind
    of: Text
    """Offer, leaf (rack places, ports, nodes that stand) or spine (power)."""


class WorthPart(DocumentPart):
    """One more node of a type."""

    node_type: Name
    gpu: Name
    worth_usd_per_month: Amount
    """By how much the bill falls if it is free."""
    price_usd_per_month: Amount
    """At the cheapest offer, all hours paid."""
    whole: bool
    """Whether nodes and replicas are whole in this; else they may be fractional."""
    limits: tuple[UsedUpPart, ...]
    """Which keep one out that is worth more than its price; empty where it is not, or where the
    fleet has room for it and is not the cheapest."""


class PowerPart(DocumentPart):
    """Power of the nodes below a spine."""

    spine: Name
    full_load_kw: Amount
    peak_kw: AmountOrNone
    """Greatest draw of the plan, by what GPUs do; null where a GPU's TDP is not known."""
    limit_kw: AmountOrNone


class AlternativePart(DocumentPart):
    """Another way to serve the same demand."""

    kind: AlternativeKind
    gpu: str
    """Of `one_gpu_type`; empty for others."""
    nodes: dict[str, int]
    """By node type."""
    cost_usd: AmountOrNone
    """Of the horizon; null where no such fleet was found."""
    cost_usd_per_month: AmountOrNone
    covered: bool | None
    """Whether it serves all demand: false where that is proven not to be, null where time ended
    before it was known."""
    served_fraction: AmountOrNone
    saved_fraction: NumberOrNone
    """Of its cost, by the size; null where one of the two does not serve all demand."""


class OrderPart(DocumentPart):
    """Nodes to order."""

    offer: Text
    node_type: Name
    leaf: Name
    nodes: Count
    order_by: Moment
    late: bool
    """Whether that is before the plan begins."""
    serves_from: Moment
    usd_once: Amount


class QuarterPart(DocumentPart):
    """Three months of the purchase plan."""

    start: Moment
    end: Moment
    demand_factor: Amount
    """Of the scenario's demand, at its end."""
    covered: bool
    cost_usd_per_month: AmountOrNone
    """At the end of the quarter; null where there is no fleet."""
    bound_usd_per_month: AmountOrNone
    """What no fleet of the offers costs less than, with what was bought before; null where a look
    ahead chose, whose bound is of all quarters."""
    nodes: dict[str, int]
    """By node type, those of earlier quarters with them."""
    orders: tuple[OrderPart, ...]


class PurchasesPart(DocumentPart):
    """All quarters of the purchase plan together."""

    cost_usd: Amount
    """What is paid once counts as far as it is written off in them."""
    bound_usd: Amount
    """Proven: no purchase plan of these offers that serves all demand costs less."""
    gap: Number
    """(cost - bound) / cost."""


class SizeDocument(DocumentPart):
    """A size. Costs of a month are those of 30.4 days like the horizon's."""

    schema_version: Literal[1] = SCHEMA_VERSION
    heteroplan_version: Text
    scenario: Name
    inputs_sha256: str
    horizon: HorizonPart
    covered: bool
    served_fraction: Amount
    cost_usd: Amount
    """Of all nodes, in the horizon."""
    cost_usd_per_month: Amount
    bound_usd: Amount
    """Proven: no fleet of these offers that covers the demand costs less in the horizon."""
    gap: Number
    """(cost - bound) / cost."""
    budget_usd_per_month: AmountOrNone
    requests: Amount
    """Served in the horizon."""
    usd_per_1000_requests: AmountOrNone
    """Served; null where there are none."""
    usd_per_million_tokens: AmountOrNone
    """Input and output tokens of served requests."""
    usd_per_million_output_tokens: AmountOrNone
    egress: EgressPart | None
    """Of the plan on the nodes, in no cost; null where no workload has an origin."""
    nodes: tuple[NodesPart, ...]
    node_types: tuple[NodeTypePart, ...]
    returned: tuple[ReturnedPart, ...]
    spares: tuple[SparesPart, ...]
    power: tuple[PowerPart, ...]
    worth: tuple[WorthPart, ...]
    """Of one more node of each type on offer; those that there was time for."""
    binding: tuple[str, ...]
    """Limits that a cheaper fleet would have to break."""
    alternatives: tuple[AlternativePart, ...]
    quarters: tuple[QuarterPart, ...]
    purchases: PurchasesPart | None
    """null where there are no quarters, one has no fleet, or nothing is proven of them."""
    notes: tuple[str, ...]
    """What was assumed."""
