"""What a size says in words and rows: the same on the terminal and on its page."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from heteroplan.entities.offers import LimitKind, OfferKind
from heteroplan.entities.purchasing import HOURS_PER_MONTH
from heteroplan.outputs.plan.document.plan_document import EgressPart
from heteroplan.outputs.shared.words import figure, signed_share, time_span
from heteroplan.outputs.size.document import (
    AlternativePart,
    NodesPart,
    NodeTypePart,
    QuarterPart,
    SizeDocument,
    WorthPart,
)
from heteroplan.sizing.purchase.alternatives import AlternativeKind
from heteroplan.sizing.purchase.worth import AS_MUCH, is_worth_more
from heteroplan.text import percent
from heteroplan.units import HOURS_PER_DAY, S_PER_HOUR

KINDS = {
    OfferKind.EXISTING: "stands already",
    OfferKind.PURCHASE: "buy",
    OfferKind.RESERVED: "reserve",
    OfferKind.ON_DEMAND: "rent by the hour",
    OfferKind.SPOT: "rent as spot",
}
LIMITS = {
    LimitKind.STANDING: "nodes that stand on",
    LimitKind.MOST_NODES: "most_nodes of",
    LimitKind.MOST_SHARE: "most_share of",
    LimitKind.RACK_PLACES: "rack places of",
    LimitKind.PORTS: "ports of",
    LimitKind.POWER_KW: "power of",
}
NODE_HEADS = ("do", "node type", "on leaf", "offer", ">nodes", ">USD a month", ">USD once")
TYPE_HEADS = ("node type", ">nodes", ">most GPUs held", "for", "full")
WORTH_HEADS = ("one more free", ">saves USD a month", ">costs USD a month", "so")
ALTERNATIVE_HEADS = ("instead", "nodes", ">USD a month", ">this saves", "serves")
QUARTER_HEADS = ("from", ">demand", "nodes at the end", ">USD a month", "serves", ">above bound")
ORDER_HEADS = ("order by", "serves from", "offer", "node type", "leaf", ">nodes", ">USD once")
POWER_HEADS = ("spine", ">full load kW", ">peak of the plan kW", ">limit kW")
SPARE_HEADS = ("node type", ">nodes", ">spares", ">enough", ">USD a month")
MOST_USES = 3
MOST_TYPES = 4
MOST_LIMITS = 3
_OF_BUDGET = "the budget of"
"""How limits begin that `sentences` tells in a month's USD."""
_ROUNDING = 1e-6
_NOTHING_PROVEN = 0.9995
_LEAST_SHOWN = 0.001
"""Share in percent of one digit."""


def headline(found: SizeDocument) -> str:
    """What the fleet costs, and how much cheaper one could be."""
    nodes = sum(each.nodes for each in found.nodes)
    usd = f"{found.cost_usd_per_month:,.0f} USD a month"
    serve = f"{nodes:,} node for {usd} serves" if nodes == 1 else f"{nodes:,} nodes for {usd} serve"
    if not found.covered:
        return (
            f"{serve} {most_of(found.served_fraction)} of the demand: "
            "no fleet that serves all of it was found."
        )
    return f"{serve} all demand; {gap_text(found.gap)}."


def gap_text(gap: float) -> str:
    """What is proven of the cost."""
    if gap <= 1e-6:
        return "it is proven that no fleet of these offers costs less"
    if gap >= _NOTHING_PROVEN:
        return "what a fleet costs at least was not proven in time"
    return f"it is proven that no fleet of these offers costs {_less(gap)} less"


def _less(gap: float) -> str:
    """A share that is proven of nothing smaller than is shown."""
    return percent(max(gap, _LEAST_SHOWN))


def unit_costs(found: SizeDocument) -> str:
    """Cost of a request and of tokens; empty where nothing is served."""
    if found.usd_per_1000_requests is None or found.usd_per_million_tokens is None:
        return ""
    output = found.usd_per_million_output_tokens or 0.0
    return (
        f"{figure(found.usd_per_1000_requests)} USD per 1,000 requests, "
        f"{figure(found.usd_per_million_tokens)} USD per million tokens, in and out "
        f"({figure(output)} per million output tokens)."
    )


def sentences(found: SizeDocument) -> Iterator[str]:
    """Budget, what comes late, what binds, and what goes back."""
    budget = found.budget_usd_per_month
    if budget is not None:
        yield _budget(found, budget)
    days = {each.offer: each.lead_time_days for each in found.nodes if each.lead_time_days > 0}
    for offer, late in days.items():
        yield f"{offer} serves {late:g} days after it is ordered."
    yield from _interruptions(found)
    for each in found.binding:
        if each.startswith(_OF_BUDGET):
            continue
        yield f"What binds: {each.rstrip('.')}."
    if found.egress is not None and found.egress.pairs:
        yield _egress(found.egress)
    back: dict[str, int] = defaultdict(int)
    for part in found.returned:
        back[part.node_type] += part.nodes
    if back:
        usd = sum(each.saved_usd_per_month for each in found.returned)
        counts = ", ".join(f"{nodes} {name}" for name, nodes in back.items())
        yield (
            f"Nodes that stand and are of no use: {counts}. Without them it is {usd:,.0f} USD a "
            "month less."
        )


def _egress(egress: EgressPart) -> str:
    """What crosses between regions a month, and what that costs."""
    days = HOURS_PER_MONTH / HOURS_PER_DAY
    price = "no price of all of it is known: give egress_usd_per_gb in the fleet"
    if egress.usd_a_day is not None:
        price = f"{egress.usd_a_day * days:,.0f} USD, which are in no cost here"
    return f"Egress between regions: {figure(egress.gb_a_day * days)} GB a month, {price}."


def _interruptions(found: SizeDocument) -> Iterator[str]:
    """How often spot nodes are taken away, and what that costs and loses."""
    spot: dict[str, list[NodesPart]] = defaultdict(list)
    for each in found.nodes:
        if each.kind is OfferKind.SPOT:
            spot[each.offer].append(each)
    for offer, parts in spot.items():
        usd = sum(each.restarts_usd_per_month for each in parts)
        times = figure(sum(each.interruptions_per_month for each in parts))
        yield (
            f"Nodes of {offer} are taken away {times} times a month on average; starting others "
            f"then is {usd:,.0f} USD of their cost. With all of them gone, at least "
            f"{percent(1.0 - parts[0].most_share)} of each workload is served."
        )


def least_usd_per_month(found: SizeDocument) -> float:
    """What serving all demand costs at least, as far as it is proven."""
    hours = found.horizon.intervals * found.horizon.interval_s / S_PER_HOUR
    return found.bound_usd / hours * HOURS_PER_MONTH


def is_over(found: SizeDocument, usd_per_month: float) -> bool:
    """Whether that is more than the budget, where there is one."""
    budget = found.budget_usd_per_month
    return budget is not None and usd_per_month > budget * (1 + _ROUNDING)


def _budget(found: SizeDocument, budget: float) -> str:
    allowed = f"the budget of {budget:,.0f} USD a month"
    least = least_usd_per_month(found)
    if is_over(found, found.cost_usd_per_month):
        return f"This is more than {allowed}."
    if not found.covered and is_over(found, least):
        return (
            f"To serve all costs {least:,.0f} USD a month at least, which is more than {allowed}: "
            "this fleet serves most for it."
        )
    left = budget - found.cost_usd_per_month
    return f"Of {allowed} {left:,.0f} USD are left."


def node_rows(found: SizeDocument) -> list[tuple[str, ...]]:
    """One row an offer and leaf."""
    return [
        (
            _what(each),
            each.node_type,
            each.leaf,
            "" if each.kind is OfferKind.EXISTING else each.offer,
            f"{each.nodes:,}",
            f"{each.cost_usd_per_month:,.0f}",
            f"{each.usd_once:,.0f}" if each.usd_once else "",
        )
        for each in found.nodes
    ]


def _what(each: NodesPart) -> str:
    if each.bought_out:
        return "buy out"
    if each.kind is OfferKind.EXISTING:
        return "stays" if each.kept else "keep"
    return KINDS[each.kind]


def type_rows(found: SizeDocument) -> list[tuple[str, ...]]:
    """One row a node type: what it is there for, and when all of it is in use."""
    return [
        (
            each.node_type,
            f"{each.nodes:,}",
            f"{each.peak_gpus:,} of {each.gpus:,}",
            uses_text(each),
            _full(found, each),
        )
        for each in found.node_types
    ]


def uses_text(each: NodeTypePart) -> str:
    """Such as `decode of chat 86 %, prefill of code 7 %`."""
    shown = [f"{use.role.value} of {use.workload} {percent(use.share)}" for use in each.uses]
    more = len(shown) - MOST_USES
    return ", ".join(shown[:MOST_USES]) + (f" and {more} more" if more > 0 else "")


def _full(found: SizeDocument, each: NodeTypePart) -> str:
    if each.first_full is None or each.last_full is None:
        return "never"
    if each.last_full - each.first_full + 1 >= found.horizon.intervals:
        return "always"
    return time_span(found.horizon, each.first_full, each.last_full)


def alternative_rows(found: SizeDocument) -> list[tuple[str, ...]]:
    """One row a fleet that the size is compared with."""
    return [
        (
            alternative_name(found, each),
            counts_text(each.nodes),
            "" if each.cost_usd_per_month is None else f"{each.cost_usd_per_month:,.0f}",
            "" if each.saved_fraction is None else signed_share(each.saved_fraction).lstrip("+"),
            _alternative_serves(each),
        )
        for each in found.alternatives
    ]


def _alternative_serves(each: AlternativePart) -> str:
    if each.cost_usd is not None:
        return served_text(each.covered, each.served_fraction)
    return "none in time" if each.covered is None else "none: proven"


def unknown_alternatives(found: SizeDocument) -> str:
    """Why it is not known of some fleets whether they serve all demand; empty where it is."""
    if all(each.covered is not None for each in found.alternatives):
        return ""
    return (
        "Where it is not known whether all demand is served, the time limit ended first: raise "
        "--time-limit."
    )


def alternative_name(found: SizeDocument, each: AlternativePart) -> str:
    """Such as `all of H100-SXM-80GB`, or `new ones of` it where others stay in any case."""
    what = "new ones" if any(row.kept for row in found.nodes) else "all"
    return {
        AlternativeKind.ONE_GPU_TYPE: f"{what} of {each.gpu}",
        AlternativeKind.ALL_RENTED: f"{what} by the hour",
        AlternativeKind.ALL_PAID: "nothing by the hour",
        AlternativeKind.STANDING: "what stands today",
        AlternativeKind.TODAY: "today's nodes of each workload",
    }[each.kind]


def served_text(covered: bool | None, fraction: float | None) -> str:
    """How much of the demand."""
    if covered:
        return "all"
    if fraction is None:
        return "not known" if covered is None else "not all"
    return f"{most_of(fraction)} at least" if covered is None else most_of(fraction)


def most_of(fraction: float) -> str:
    """A share that is not all, so never 100 %."""
    text = percent(fraction)
    return "> 99.9 %" if text.startswith("100") else text


def counts_text(nodes: dict[str, int]) -> str:
    """Such as `3 h100x8, 20 a100x8`."""
    shown = [f"{count:,} {name}" for name, count in nodes.items() if count]
    more = len(shown) - MOST_TYPES
    return ", ".join(shown[:MOST_TYPES]) + (f" and {more} more" if more > 0 else "")


def quarter_rows(found: SizeDocument) -> list[tuple[str, ...]]:
    """One row a quarter of the purchase plan."""
    return [
        (
            f"{each.start:%Y-%m-%d}",
            f"x {each.demand_factor:.2f}",
            counts_text(each.nodes) or "none",
            "" if each.cost_usd_per_month is None else f"{each.cost_usd_per_month:,.0f}",
            "all" if each.covered else "not all",
            _above(each),
        )[: len(quarter_heads(found))]
        for each in found.quarters
    ]


def quarter_heads(found: SizeDocument) -> tuple[str, ...]:
    """Without the bound of each quarter where none is proven."""
    each = any(quarter.bound_usd_per_month is not None for quarter in found.quarters)
    return QUARTER_HEADS if each else QUARTER_HEADS[:-1]


def purchases_text(found: SizeDocument) -> str:
    """What all quarters cost; empty where nothing is proven of them."""
    whole = found.purchases
    if whole is None:
        return ""
    usd = f"All quarters cost {whole.cost_usd:,.0f} USD"
    if not all(each.covered for each in found.quarters):
        return f"{usd}."
    if whole.gap <= 1e-6:
        return f"{usd}; it is proven that no plan of these offers costs less."
    return f"{usd}; it is proven that no plan of these offers costs {_less(whole.gap)} less."


def _above(each: QuarterPart) -> str:
    usd, bound = each.cost_usd_per_month, each.bound_usd_per_month
    if not usd or bound is None:
        return ""
    above = max(0.0, (usd - bound) / usd)
    return "not proven" if above >= _NOTHING_PROVEN else percent(above)


def order_rows(found: SizeDocument) -> list[tuple[str, ...]]:
    """One row an order, the first one first."""
    orders = [order for each in found.quarters for order in each.orders]
    return [
        (
            f"{each.order_by:%Y-%m-%d}",
            f"{each.serves_from:%Y-%m-%d}",
            each.offer,
            each.node_type,
            each.leaf,
            f"{each.nodes:,}",
            f"{each.usd_once:,.0f}" if each.usd_once else "",
        )
        for each in sorted(orders, key=lambda order: (order.order_by, order.serves_from))
    ]


def power_rows(found: SizeDocument) -> list[tuple[str, ...]]:
    """One row a spine with nodes."""
    return [
        (
            each.spine,
            f"{each.full_load_kw:,.1f}",
            "not known" if each.peak_kw is None else f"{each.peak_kw:,.1f}",
            "" if each.limit_kw is None else f"{each.limit_kw:,.1f}",
        )
        for each in found.power
    ]


def worth_rows(found: SizeDocument) -> list[tuple[str, ...]]:
    """One row a node type on offer: what one more would save, and what it costs."""
    return [
        (
            each.node_type,
            f"{each.worth_usd_per_month:,.0f}",
            f"{each.price_usd_per_month:,.0f}",
            _worth_it(each),
        )
        for each in found.worth
    ]


def _worth_it(each: WorthPart) -> str:
    worth, price = each.worth_usd_per_month, each.price_usd_per_month
    if is_worth_more(worth, price):
        return f"worth more, limited by {_used_up(each)}" if each.limits else "worth more"
    if worth >= price * (1 - AS_MUCH):
        return "worth its price"
    if worth <= price * AS_MUCH:
        return "of no use"
    return f"worth it at {percent(1 - worth / price)} less"


def without_worth(found: SizeDocument) -> str:
    """Node types of the fleet of which there was no time to tell; empty where all are told."""
    told = {each.node_type for each in found.worth}
    left = list(dict.fromkeys(row.node_type for row in found.nodes if row.node_type not in told))
    if not told or not left:
        return ""
    return f"There was no time to tell this of {_listed(left)}: raise --time-limit."


def _used_up(each: WorthPart) -> str:
    """Such as `power of a-s1 and a-s2, ports of b-s1-l1`."""
    places: dict[LimitKind, list[str]] = defaultdict(list)
    for limit in each.limits:
        places[limit.kind].append(limit.of)
    return ", ".join(f"{LIMITS[kind]} {_listed(names)}" for kind, names in places.items())


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_LIMITS
    if more > 0:
        return f"{', '.join(names[:MOST_LIMITS])} and {more} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def spare_rows(found: SizeDocument) -> list[tuple[str, ...]]:
    """One row a node type with nodes or spares."""
    return [
        (
            each.node_type,
            f"{each.nodes:,}",
            f"{each.spare_nodes:,}",
            f"{percent(each.confidence)} of the time",
            "" if each.cost_usd_per_month is None else f"{each.cost_usd_per_month:,.0f}",
        )
        for each in found.spares
        if each.nodes or each.spare_nodes
    ]


def short_quarters(found: SizeDocument) -> str:
    """Which quarters do not serve all demand; empty where all do."""
    short = [f"{each.start:%Y-%m-%d}" for each in found.quarters if not each.covered]
    if not short:
        return ""
    return (
        f"Not all demand is served in the quarters from {', '.join(short)}: what can be had until "
        "then is not enough, or no fleet was found in time."
    )
