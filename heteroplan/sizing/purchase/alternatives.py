"""What else could be had: one GPU type, all rented, all bought, and the fleet of today."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Leaf, Network
from heteroplan.entities.offers import Offer, OfferKind
from heteroplan.entities.plan import Coverage, Plan
from heteroplan.entities.purchasing import Purchasing
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.errors import NoPlanError
from heteroplan.planning import make_plan
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.sizing.outcome import NoFleetError, Sized
from heteroplan.sizing.purchase.terms import Search, sized


class AlternativeKind(StrEnum):
    """What a size is compared with."""

    ONE_GPU_TYPE = "one_gpu_type"
    """Nodes of one GPU type alone, had in the cheapest ways."""
    ALL_RENTED = "all_rented"
    """Nodes by the hour alone."""
    ALL_PAID = "all_paid"
    """Nodes that are paid for all hours alone."""
    STANDING = "standing"
    """The nodes that the fleet has today."""
    TODAY = "today"
    """The nodes that each workload has to itself today."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to serve the same demand."""

    kind: AlternativeKind
    gpu: str = ""
    """Of one GPU type."""
    cost_usd: float | None = None
    """Of all its nodes, in the horizon; None where no such fleet was found."""
    covered: bool | None = None
    """Whether it serves all demand; False where that is proven, None where it is not known."""
    served_fraction: float | None = None
    nodes: tuple[tuple[str, int], ...] = ()
    """(node type, nodes)."""
    sized: Sized | None = None
    """Where it is a fleet of some of the same offers."""


def todo(terms: Purchasing) -> tuple[tuple[AlternativeKind, str], ...]:
    """Alternatives that differ from the size itself."""
    offers = terms.offers.offers
    gpu_of = {each.name: each.gpu.name for each in terms.fleet.node_types}
    gpus = list(dict.fromkeys(gpu_of[each.node_type] for each in offers))
    found = [(AlternativeKind.ONE_GPU_TYPE, gpu) for gpu in gpus] if len(gpus) > 1 else []
    new = [each for each in offers if each.kind is not OfferKind.EXISTING]
    if {each.hourly for each in new} == {True, False}:
        found += [(AlternativeKind.ALL_RENTED, ""), (AlternativeKind.ALL_PAID, "")]
    if any(each.kind is OfferKind.EXISTING for each in offers):
        found.append((AlternativeKind.STANDING, ""))
    if terms.today:
        found.append((AlternativeKind.TODAY, ""))
    return tuple(found)


def alternative(
    scenario: Scenario, terms: Purchasing, kind: AlternativeKind, gpu: str, search: Search
) -> Alternative:
    """One of `todo`."""
    if kind is AlternativeKind.STANDING:
        return _standing(scenario, terms, search)
    if kind is AlternativeKind.TODAY:
        return _today(scenario, terms, search)
    gpu_of = {each.name: each.gpu.name for each in terms.fleet.node_types}
    wanted: Mapping[AlternativeKind, Callable[[Offer], bool]] = {
        AlternativeKind.ONE_GPU_TYPE: lambda offer: gpu_of[offer.node_type] == gpu,
        AlternativeKind.ALL_RENTED: lambda offer: offer.hourly,
        AlternativeKind.ALL_PAID: lambda offer: not offer.hourly,
    }
    offers = tuple(
        each for each in terms.offers.offers if each.name in terms.kept or wanted[kind](each)
    )
    fewer = replace(terms, offers=replace(terms.offers, offers=offers))
    try:
        found = sized(scenario, fewer, search)
    except NoFleetError:
        return Alternative(kind, gpu, covered=False)
    except NoPlanError:
        return Alternative(kind, gpu)
    counts: dict[str, int] = {}
    for row in found.nodes:
        counts[row.node_type] = counts.get(row.node_type, 0) + row.nodes
    served = found.plan.totals.served_fraction
    covered = True if found.covered else None
    return Alternative(kind, gpu, found.cost_usd, covered, served, tuple(counts.items()), found)


def _standing(scenario: Scenario, terms: Purchasing, search: Search) -> Alternative:
    """All nodes that stand, at the prices of their offers, and what a plan on them serves."""
    hours = scenario.horizon.intervals * scenario.horizon.interval_hours
    offers = [each for each in terms.offers.offers if each.kind is OfferKind.EXISTING]
    usd = sum(each.usd_per_node_hour * (each.most_nodes or 0) for each in offers) * hours
    counts: dict[str, int] = {}
    for each in offers:
        counts[each.node_type] = counts.get(each.node_type, 0) + (each.most_nodes or 0)
    plan = _planned(replace(scenario, fleet=terms.fleet), search)
    return Alternative(
        kind=AlternativeKind.STANDING,
        cost_usd=usd,
        covered=None if plan is None else _covered(plan),
        served_fraction=None if plan is None else plan.totals.served_fraction,
        nodes=tuple(counts.items()),
    )


def _today(scenario: Scenario, terms: Purchasing, search: Search) -> Alternative:
    """Each workload on nodes of its own, as if they stood in one place of its affinity."""
    hours = scenario.horizon.intervals * scenario.horizon.interval_hours
    price = dict(_prices(terms))
    usd, asked, served = 0.0, 0.0, 0.0
    known: list[bool | None] = []
    planned = True
    counts: dict[str, int] = {}
    each_s = search.time_limit_s / max(1, len(terms.today))
    for workload in scenario.workloads:
        nodes = terms.today.get(workload.name, {})
        requests = sum(each.rps for each in workload.demand)
        asked += requests
        usd += sum(count * price[name] for name, count in nodes.items()) * hours
        for name, count in nodes.items():
            counts[name] = counts.get(name, 0) + count
        if not nodes:
            known.append(False)
            continue
        alone = replace(
            scenario, workloads=(workload,), fleet=_one_place(terms.fleet, nodes), current=None
        )
        plan = _planned(alone, replace(search, time_limit_s=each_s))
        planned = planned and plan is not None
        known.append(None if plan is None else _covered(plan))
        served += 0.0 if plan is None else requests * plan.totals.served_fraction
    return Alternative(
        kind=AlternativeKind.TODAY,
        cost_usd=usd,
        covered=False if False in known else None if None in known else True,
        served_fraction=None if not planned else served / asked if asked > 0 else 1.0,
        nodes=tuple(counts.items()),
    )


def _prices(terms: Purchasing) -> Iterator[tuple[str, float]]:
    """USD an hour of a node by type: of one that stands, or at the price of the fleet."""
    for shape in terms.fleet.node_types:
        standing = [
            offer.usd_per_node_hour
            for offer in terms.offers.offers
            if offer.kind is OfferKind.EXISTING and offer.node_type == shape.name
        ]
        yield shape.name, max(standing, default=shape.gpus * shape.usd_per_gpu_hour)


def _one_place(fleet: Fleet, nodes: Mapping[str, int]) -> Fleet:
    """The nodes on one leaf."""
    first = fleet.network.leaves[0]
    leaf = Leaf(first.name, first.spine, first.cluster, dict(nodes))
    types = tuple(each for each in fleet.node_types if each.name in nodes)
    return replace(fleet, node_types=types, network=Network((leaf,)), outages=())


def _planned(scenario: Scenario, search: Search) -> Plan | None:
    """The plan for cost; None where no plan was found."""
    wanted = replace(scenario, objective=Objective.COST)
    try:
        return make_plan(
            wanted,
            candidates_of(wanted),
            gap=1.0,
            time_limit_s=search.time_limit_s,
            stop=search.stop,
            compare=False,
        )
    except NoPlanError:
        return None


def _covered(plan: Plan) -> bool | None:
    return {Coverage.COVERED: True, Coverage.SHORT: False, Coverage.UNDECIDED: None}[plan.coverage]
