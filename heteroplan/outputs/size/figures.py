"""A size -> its document."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from heteroplan import __version__
from heteroplan.entities.offers import Offer, OfferKind, UsedUp
from heteroplan.entities.plan import Plan
from heteroplan.entities.purchasing import HOURS_PER_MONTH, Purchasing
from heteroplan.entities.scenario import Scenario
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.outputs.plan.document.egress import egress_part
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.size.document import (
    AlternativePart,
    NodesPart,
    NodeTypePart,
    OrderPart,
    PowerPart,
    PurchasesPart,
    QuarterPart,
    ReturnedPart,
    SizeDocument,
    SparesPart,
    UsedUpPart,
    UsePart,
    WorthPart,
)
from heteroplan.sizing.outcome import Sized
from heteroplan.sizing.purchase.ahead import Ahead
from heteroplan.sizing.purchase.alternatives import Alternative
from heteroplan.sizing.purchase.power import spine_power
from heteroplan.sizing.purchase.quarters import Order, Quarter
from heteroplan.sizing.purchase.spares import spares_of
from heteroplan.sizing.purchase.used_up import limits_on
from heteroplan.sizing.purchase.worth import Worth, is_worth_more


@dataclass(frozen=True, slots=True)
class Answer:
    """All that was found out about the size of a fleet."""

    scenario: Scenario
    terms: Purchasing
    sized: Sized
    alternatives: tuple[Alternative, ...] = ()
    quarters: tuple[Quarter, ...] = ()
    ahead: Ahead | None = None
    """The look ahead of the quarters; None where there is none."""
    worth: Worth | None = None
    """Of one more node of each type; None where there was no time."""

    @property
    def hours(self) -> float:
        """Length of the horizon [h]."""
        return self.scenario.horizon.intervals * self.scenario.horizon.interval_hours

    def monthly(self, amount: float) -> float:
        """Of a month, what is so much in the horizon, such as a cost."""
        return amount / self.hours * HOURS_PER_MONTH


def document_of(answer: Answer) -> SizeDocument:
    """The document."""
    found, terms = answer.sized, answer.terms
    requests, tokens, output = _served(found.plan)
    budget = terms.offers.limits.budget_usd
    return SizeDocument(
        heteroplan_version=__version__,
        scenario=answer.scenario.name,
        inputs_sha256=answer.scenario.inputs_sha256,
        horizon=HorizonPart.from_entity(answer.scenario.horizon),
        covered=found.covered,
        served_fraction=found.plan.totals.served_fraction,
        cost_usd=found.cost_usd,
        cost_usd_per_month=answer.monthly(found.cost_usd),
        bound_usd=found.bound_usd,
        gap=found.gap,
        budget_usd_per_month=None if budget is None else answer.monthly(budget),
        requests=requests,
        usd_per_1000_requests=_per(found.cost_usd, requests / 1000),
        usd_per_million_tokens=_per(found.cost_usd, tokens / 1e6),
        usd_per_million_output_tokens=_per(found.cost_usd, output / 1e6),
        egress=egress_part(found.plan),
        nodes=tuple(_nodes_parts(answer)),
        node_types=tuple(_node_type_parts(found.plan)),
        returned=tuple(_returned(answer)),
        spares=tuple(_spares(answer)),
        power=tuple(_power(answer)),
        worth=tuple(_worth(answer)),
        binding=tuple(_binding(answer)),
        alternatives=tuple(_alternative(answer, each) for each in answer.alternatives),
        quarters=tuple(_quarter(answer, each) for each in answer.quarters),
        purchases=_purchases(answer),
        notes=(*terms.notes, *_without_look_ahead(answer)),
    )


def _per(usd: float, units: float) -> float | None:
    return usd / units if units > 0 else None


def _served(plan: Plan) -> tuple[float, float, float]:
    """Requests, tokens and output tokens served in the horizon."""
    interval_s = plan.scenario.horizon.interval_s
    requests = tokens = output = 0.0
    for workload, made in zip(plan.scenario.workloads, plan.workloads, strict=True):
        for demand, served_rps in zip(workload.demand, made.served_rps, strict=True):
            here = served_rps * interval_s
            requests += here
            for kind in demand.classes:
                output += here * kind.share * kind.osl
                tokens += here * kind.share * (kind.isl + kind.osl)
    return requests, tokens, output


def _nodes_parts(answer: Answer) -> Iterable[NodesPart]:
    offers = {each.name: each for each in answer.terms.offers.offers}
    spine = {leaf.name: leaf.spine for leaf in answer.terms.fleet.network.leaves}
    order = {name: i for i, name in enumerate(offers)}
    for row in sorted(answer.sized.nodes, key=lambda each: order[each.offer]):
        offer = offers[row.offer]
        payment = answer.terms.payments.get(row.offer)
        leased = offer.kind is OfferKind.EXISTING and row.offer not in answer.terms.bought_out
        serving_hours = row.node_hours / offer.paid_per_serving
        interruptions = offer.interruptions_per_node_hour * serving_hours
        restarts_usd = (row.node_hours - serving_hours) * offer.usd_per_node_hour
        yield NodesPart(
            offer=row.offer,
            kind=offer.kind,
            node_type=row.node_type,
            gpu=answer.terms.fleet.node_type(row.node_type).gpu.name,
            leaf=row.leaf,
            spine=spine[row.leaf],
            nodes=row.nodes,
            node_hours=row.node_hours,
            cost_usd=row.cost_usd,
            cost_usd_per_month=answer.monthly(row.cost_usd),
            usd_once=0.0 if payment is None or leased else row.nodes * payment.usd_per_node,
            lead_time_days=offer.lead_time_days,
            interruptions_per_month=answer.monthly(interruptions),
            restarts_usd_per_month=answer.monthly(restarts_usd),
            most_share=offer.most_share,
            kept=row.offer in answer.terms.kept,
            bought_out=row.offer in answer.terms.bought_out,
        )


def _node_type_parts(plan: Plan) -> Iterable[NodeTypePart]:
    fleet = plan.scenario.fleet
    used: dict[str, set[str]] = defaultdict(set)
    for stay in plan.stays:
        used[plan.pools[stay.pool].node_type].update(stay.nodes)
    nodes = {name: len(names) for name, names in used.items()}
    held: dict[str, dict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
    for pool in plan.pools:
        gpus = sum(pool.replicas) * pool.gpus_per_replica
        held[pool.node_type][pool.workload, pool.role.value] += gpus
    use = {each.node_type: each for each in plan.supply}
    for shape in fleet.node_types:
        if shape.name not in nodes:
            continue
        mine = held[shape.name]
        total = sum(mine.values())
        here = use.get(shape.name)
        gpus = nodes[shape.name] * shape.gpus
        supply = [] if here is None else [min(each, gpus) for each in here.supply]
        full = None if here is None else _longest_full(here.held, supply, shape.gpus)
        yield NodeTypePart.model_validate(
            {
                "node_type": shape.name,
                "gpu": shape.gpu.name,
                "nodes": nodes[shape.name],
                "gpus": gpus,
                "peak_gpus": 0 if here is None else max(here.held),
                "first_full": None if full is None else full[0],
                "last_full": None if full is None else full[1],
                "uses": tuple(
                    UsePart.model_validate(
                        {"workload": name, "role": role, "share": gpu_hours / total}, strict=False
                    )
                    for (name, role), gpu_hours in sorted(mine.items(), key=lambda each: -each[1])
                    if gpu_hours > 0
                ),
            }
        )


def _longest_full(held: Sequence[int], supply: Sequence[int], gpus: int) -> tuple[int, int] | None:
    """First and last interval of the longest time in which less than a node is free."""
    best: tuple[int, int] | None = None
    first: int | None = None
    for t, (used, there) in enumerate(zip(held, supply, strict=True)):
        if used > 0 and there - used < gpus:
            first = t if first is None else first
            if best is None or t - first > best[1] - best[0]:
                best = (first, t)
        else:
            first = None
    return best


def _returned(answer: Answer) -> Iterable[ReturnedPart]:
    used = {row.offer: row.nodes for row in answer.sized.nodes}
    for offer in answer.terms.offers.offers:
        idle = (offer.most_nodes or 0) - used.get(offer.name, 0)
        if offer.kind is OfferKind.EXISTING and idle > 0:
            yield ReturnedPart(
                node_type=offer.node_type,
                leaf=offer.leaves[0],
                nodes=idle,
                saved_usd_per_month=idle * offer.usd_per_node_hour * HOURS_PER_MONTH,
            )


def _spares(answer: Answer) -> Iterable[SparesPart]:
    nodes: dict[str, int] = defaultdict(int)
    offers = {each.name: each for each in answer.terms.offers.offers}
    for row in answer.sized.nodes:
        if not offers[row.offer].hourly:
            nodes[row.node_type] += row.nodes
    for name, spare in spares_of(nodes, answer.terms.spares).items():
        price = _cheapest(answer.terms.offers.offers, name)
        yield SparesPart(
            node_type=name,
            nodes=nodes[name],
            spare_nodes=spare,
            confidence=answer.terms.spares[name].confidence,
            cost_usd_per_month=None if price is None else spare * price * HOURS_PER_MONTH,
        )


def _cheapest(offers: Iterable[Offer], node_type: str) -> float | None:
    """Lowest price of a new node that is paid for all hours [USD/h]."""
    new = (OfferKind.PURCHASE, OfferKind.RESERVED)
    return min(
        (
            each.usd_per_node_hour
            for each in offers
            if each.node_type == node_type and each.kind in new
        ),
        default=None,
    )


def _binding(answer: Answer) -> Iterable[str]:
    """In words, without limits on nodes of which one more is worth nothing."""
    worth_usd = {} if answer.worth is None else answer.worth.usd
    for each in answer.sized.binding:
        usd = worth_usd.get(each.node_type)
        if usd is None or usd > ROUNDING * answer.sized.cost_usd:
            yield each.words


def _worth(answer: Answer) -> Iterable[WorthPart]:
    if answer.worth is None:
        return
    for node_type, usd in answer.worth.usd.items():
        prices = [
            each.usd_per_node_hour * each.paid_per_serving
            for each in answer.terms.offers.offers
            if each.node_type == node_type and each.name not in answer.terms.kept
        ]
        if prices:
            limits: tuple[UsedUp, ...] = ()
            if is_worth_more(usd / answer.hours, min(prices)):
                limits = limits_on(
                    node_type, usd / answer.hours, answer.scenario, answer.terms, answer.sized.nodes
                )
            yield WorthPart(
                node_type=node_type,
                gpu=answer.terms.fleet.node_type(node_type).gpu.name,
                worth_usd_per_month=answer.monthly(usd),
                price_usd_per_month=min(prices) * HOURS_PER_MONTH,
                whole=answer.worth.whole,
                limits=tuple(map(UsedUpPart.from_entity, limits)),
            )


def _power(answer: Answer) -> Iterable[PowerPart]:
    limits = answer.terms.offers.limits
    watts = dict(limits.node_watts)
    plan = answer.sized.plan
    by_gpu = {
        (each.gpu.name, each.gpus): watts[each.name]
        for each in answer.terms.fleet.node_types
        if each.name in watts
    }
    of_plan = {
        each.name: watts.get(each.name, by_gpu.get((each.gpu.name, each.gpus)))
        for each in plan.scenario.fleet.node_types
    }
    known: Mapping[str, float] = {name: each for name, each in of_plan.items() if each is not None}
    for row in spine_power(plan, known, dict(limits.power_w)):
        if row.full_load_w > 0:
            yield PowerPart(
                spine=row.spine,
                full_load_kw=row.full_load_w / 1000,
                peak_kw=None if row.peak_w is None else row.peak_w / 1000,
                limit_kw=None if row.limit_w is None else row.limit_w / 1000,
            )


def _alternative(answer: Answer, each: Alternative) -> AlternativePart:
    usd, own = each.cost_usd, answer.sized.cost_usd
    comparable = usd is not None and usd > 0 and each.covered and answer.sized.covered
    return AlternativePart(
        kind=each.kind,
        gpu=each.gpu,
        nodes=dict(each.nodes),
        cost_usd=usd,
        cost_usd_per_month=None if usd is None else answer.monthly(usd),
        covered=each.covered,
        served_fraction=each.served_fraction,
        saved_fraction=(usd - own) / usd if comparable and usd is not None else None,
    )


def _quarter(answer: Answer, each: Quarter) -> QuarterPart:
    found = each.sized
    rows = () if found is None else found.nodes
    nodes = {
        shape.name: count
        for shape in answer.terms.fleet.node_types
        if (count := sum(row.nodes for row in rows if row.node_type == shape.name))
    }
    return QuarterPart(
        start=each.start,
        end=each.end,
        demand_factor=each.demand_factor,
        covered=found is not None and found.covered,
        cost_usd_per_month=None if found is None else answer.monthly(found.cost_usd),
        bound_usd_per_month=(
            None if found is None or answer.ahead is not None else answer.monthly(found.bound_usd)
        ),
        nodes=nodes,
        orders=tuple(_order(answer, order) for order in each.orders),
    )


def _purchases(answer: Answer) -> PurchasesPart | None:
    """All quarters together; None where one has no fleet, or nothing is proven of them."""
    if answer.ahead is None or any(each.sized is None for each in answer.quarters):
        return None
    cost_usd = sum(
        each.sized.cost_usd / answer.hours * each.hours for each in answer.quarters if each.sized
    )
    bound_usd = answer.ahead.bound_usd
    return PurchasesPart(
        cost_usd=cost_usd,
        bound_usd=bound_usd,
        gap=0.0 if cost_usd <= 0 else (cost_usd - bound_usd) / cost_usd,
    )


def _without_look_ahead(answer: Answer) -> Iterable[str]:
    if len(answer.quarters) > 1 and answer.ahead is None:
        yield (
            "Quarters are planned without a look ahead: there is a budget, or its time did not "
            "suffice (a longer --time-limit)."
        )


def _order(answer: Answer, order: Order) -> OrderPart:
    late = order.order_by < answer.scenario.horizon.start
    return OrderPart.from_entity(order, late=late)
